"""The transformer: a sequence is read, and another written, by attention alone.

No state is handed from place to place, so that all places can be worked on at once (document 002:
what made recurrent networks slow to train is gone). From the vector of each place three others are
made, by matrices that are learned: a query, a key and a value. The scores, query times key, tell
how much each place matters to each other; a softmax makes weights of them, and what the place gets
is the mean of the values under these weights:

    Attention(Q, K, V) = softmax(Q K^T / sqrt(d)) V

(document 002 leaves out the root, without which the scores of wide vectors are so large that the
softmax picks one place and passes no gradient to the others.) Several such heads, each with
matrices of its own, look for different things; their results are put side by side. Six layers of
this, each followed by a small network for each place, are the encoder. The decoder's six may look
only at what has been written (a mask hides the rest), and consult what the encoder made. The order
of the places, which attention cannot see, is added to the vectors as waves of different lengths.

Each part ends in LayerNorm(x + part(x)), as the paper has it, and this is why the learning rate has
to start small. On its way back every normalisation scales the gradient down, so that with random
weights the layers near the output have much larger gradients than those below: in the decoder of
this recipe, at the first step, the sixth small network's is some four to seven times the first
one's. At the same time Adam's first steps have full length whatever the gradient, since its
averages know of few yet. Together they throw the upper layers far off before the lower ones have
anything to say (Xiong et al. 2020, who put the normalisation inside the sum instead and need no
warm-up). The paper's schedule,

    rate = d^-0.5 min(step^-0.5, step warmup^-1.5)

rises in a line until step `warmup` and falls with the root of the steps from there. How high it
gets matters as much: with the formula as it stands and a rise of 400 steps, to 0.006, this network
forgot in its second epoch what it had learned in the first.

Vaswani et al., "Attention is all you need" (2017); Xiong et al., "On layer normalization in the
transformer architecture" (2020); document 002.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

import autograd as ag
import nn
import optim
from models import datasets
from models.datasets import DATE_CHARACTERS, PAD
from models.seq2seq import VOCABULARY, sample
from models.training.recipe import Recipe
from models.training.run import Run
from models.training.translation import dictated, greedy, opening
from nn import functional as F
from nn.utils import plots


def waves(length: int, width: int, first: int = 0) -> np.ndarray:
    """The paper's positional encoding, float32 of shape (length, width), from place `first` on.

        PE(p, 2i) = sin(p / 10000^(2i / width))        PE(p, 2i + 1) = cos(p / 10000^(2i / width))

    A step from p to p + k turns each pair (sine, cosine) by an angle that depends on k only, so a
    linear map can tell how far apart two places are.

    Examples
    --------
    >>> from models.transformer import waves
    >>> waves(3, 4).round(2).tolist()[1]
    [0.8399999737739563, 0.5400000214576721, 0.009999999776482582, 1.0]
    """
    places = np.arange(first, first + length)[:, None]
    angles = places / 10000 ** (np.arange(0, width, 2) / width)
    return np.stack([np.sin(angles), np.cos(angles)], -1).reshape(length, width).astype("float32")


def rate(step: int, width: int, warmup: int) -> float:
    """The paper's learning rate at a step, counted from 1 (section 5.3, equation 3).

    Examples
    --------
    >>> from models.transformer import rate
    >>> [round(rate(step, width=64, warmup=400), 5) for step in (1, 200, 400, 1600)]
    [2e-05, 0.00313, 0.00625, 0.00313]
    """
    return width**-0.5 * min(step**-0.5, step * warmup**-1.5)


# -- the parts -------------------------------------------------------------------------------------


class Attention(nn.Module):
    """Let each place of one sequence read another, or its own, in several heads.

    Parameters
    ----------
    width : int
        Numbers for a place, which the heads divide among them.
    heads : int

    Examples
    --------
    >>> import autograd as ag
    >>> from models.transformer import Attention
    >>> attention, x, memory = Attention(8, heads=2), ag.ones(1, 3, 8), ag.ones(1, 5, 8)
    >>> attention(x, attention.read(memory)).shape
    (1, 3, 8)
    """

    def __init__(self, width: int, heads: int):
        super().__init__()
        if width % heads:
            raise ValueError(f"width expected a multiple of the {heads} heads, got {width}")
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def split(self, x):
        """(batch, time, width) as (batch, heads, time, width / heads)."""
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def read(self, memory):
        """The keys and the values of what is to be looked at."""
        return self.split(self.key(memory)), self.split(self.value(memory))

    def forward(self, x, read, mask=None):
        """What each place of x makes of keys and values; `mask` is true where it may look."""
        keys, values = read
        mixed = F.scaled_dot_product_attention(self.split(self.query(x)), keys, values, mask)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def weights(self, x, read, mask=None):
        """The weights, (batch, heads, time, places), with which `forward` takes the mean."""
        queries, (keys, _) = self.split(self.query(x)), read
        scores = queries @ keys.transpose(-2, -1) / math.sqrt(keys.shape[-1])
        return F.softmax(scores if mask is None else scores.masked_fill(~mask, -np.inf), -1)


class Residual(nn.Module):
    """LayerNorm(x + part(x)): what is around every part of a layer, with dropout of the part."""

    def __init__(self, width: int, dropout: float):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, part):
        return self.norm(x + self.dropout(part))


def feed_forward(width: int, inner: int) -> nn.Sequential:
    """The small network for each place: max(0, x W_1 + b_1) W_2 + b_2."""
    return nn.Sequential(nn.Linear(width, inner), nn.ReLU(), nn.Linear(inner, width))


class EncoderLayer(nn.Module):
    """Attention to one's own sequence, then the small network."""

    def __init__(self, width: int, heads: int, inner: int, dropout: float):
        super().__init__()
        self.attention = Attention(width, heads)
        self.feed_forward = feed_forward(width, inner)
        self.after_attention, self.after_feed_forward = (Residual(width, dropout) for _ in range(2))

    def forward(self, x, mask):
        x = self.after_attention(x, self.attention(x, self.attention.read(x), mask))
        return self.after_feed_forward(x, self.feed_forward(x))


class DecoderLayer(nn.Module):
    """Attention to what has been written, then to what was read, then the small network."""

    def __init__(self, width: int, heads: int, inner: int, dropout: float):
        super().__init__()
        self.attention = Attention(width, heads)
        self.consult = Attention(width, heads)
        self.feed_forward = feed_forward(width, inner)
        self.after_attention, self.after_consult, self.after_feed_forward = (
            Residual(width, dropout) for _ in range(3)
        )

    def forward(self, x, written, mask, memory, memory_mask):
        """`written` and `memory` are keys and values, as `Attention.read` gives them."""
        x = self.after_attention(x, self.attention(x, written, mask))
        x = self.after_consult(x, self.consult(x, memory, memory_mask))
        return self.after_feed_forward(x, self.feed_forward(x))


class Transformer(nn.Module):
    """The whole of it: tokens in, scores of the next tokens out.

    One matrix of (vocabulary, width) embeds the tokens on both sides and scores them at the end.
    The layers compute what those of `nn.Transformer` do from the same weights; that has one more
    normalisation behind each stack, which the paper has not.

    Parameters
    ----------
    vocabulary : int
        How many different tokens there are, on both sides.
    width, heads, inner : int
        Numbers for a place (even), heads, and hidden units of the small network; 512, 8 and 2048 in
        the paper's base model.
    layers : int, default 6
        Of the encoder, and of the decoder.
    dropout : float
        Of each part's result, and of the embedded tokens.

    Examples
    --------
    >>> import autograd as ag, models
    >>> source, target = ag.tensor([[1, 5, 4, 2], [1, 3, 2, 0]]), ag.tensor([[1, 6, 2], [1, 7, 2]])
    >>> models.Transformer(vocabulary=8, width=16)(source, target).shape
    (2, 2, 8)
    """

    def __init__(
        self,
        vocabulary: int = VOCABULARY,
        width: int = 64,
        heads: int = 4,
        inner: int = 256,
        layers: int = 6,
        dropout: float = 0.1,
    ):
        super().__init__()
        self.width = width
        self.embedding = nn.Embedding(vocabulary, width)
        self.dropout = nn.Dropout(dropout)
        sizes = (width, heads, inner, dropout)
        self.encoder = nn.ModuleList(EncoderLayer(*sizes) for _ in range(layers))
        self.decoder = nn.ModuleList(DecoderLayer(*sizes) for _ in range(layers))
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.xavier_uniform_(parameter)
        nn.init.normal_(self.embedding.weight, std=width**-0.5)  # of length 1, for both its uses

    def embed(self, tokens, first: int = 0):
        """Vectors (batch, time, width) for tokens at places from `first` on."""
        places = ag.from_numpy(waves(tokens.shape[1], self.width, first))
        vectors = self.embedding(tokens) * math.sqrt(self.width)
        return self.dropout(vectors + places.to(vectors.dtype))

    def begin(self, source):
        """What decoding starts from.

        Returns for each decoder layer the keys and values of what it has written, none yet, and of
        what it consults; and where that may be looked at.
        """
        visible = (source != PAD)[:, None, None]  # for all heads and all places
        x = self.embed(source)
        for layer in self.encoder:
            x = layer(x, visible)
        nothing = x[:, :0]
        caches = [(layer.attention.read(nothing), layer.consult.read(x)) for layer in self.decoder]
        return caches, visible

    def continued(self, tokens, state):
        """Scores (batch, time, vocabulary) after each of some more tokens, and the new state."""
        caches, visible = state
        done, count = caches[0][0][0].shape[2], tokens.shape[1]
        past = ag.ones(count, done + count, dtype=ag.bool).tril(done)  # hides what comes later
        x, grown = self.embed(tokens, done), []
        for layer, (written, memory) in zip(self.decoder, caches, strict=True):
            new = layer.attention.read(x)
            written = tuple(ag.cat(pair, 2) for pair in zip(written, new, strict=True))
            x = layer(x, written, past, memory, visible)
            grown.append((written, memory))
        return F.linear(x, self.embedding.weight), (grown, visible)

    def step(self, tokens, state):
        """Scores (batch, vocabulary) of what follows (batch,) tokens, and the new state."""
        scores, state = self.continued(tokens[:, None], state)
        return scores[:, 0], state

    def forward(self, source, target=None):
        """Scores of what follows each token of `target` but the last; without one, of the first."""
        target = opening(source) if target is None else target
        return self.continued(target[:, :-1], self.begin(source))[0]


# -- the recipe ------------------------------------------------------------------------------------


def adam(parameters, width: int, warmup: int, lr: float = 1.0) -> optim.Adam:
    """The paper's optimiser: its second average is short (0.98), and `schedule` sets the rate.

    `lr` is a factor before the schedule's formula, which is computed from `width` and `warmup`.
    """
    group = {"params": list(parameters), "width": width, "warmup": warmup}
    return optim.Adam([group], lr=lr, betas=(0.9, 0.98), eps=1e-9)


def schedule(optimizer, steps: int):
    """The paper's rate for an optimiser of `adam`; how many steps there are does not matter."""
    group = optimizer.param_groups[0]
    width, warmup = group["width"], group["warmup"]
    return optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step + 1, width, warmup))


def with_width(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The schedule is computed from the width of the model."""
    return {**settings, "optim.width": settings["model.width"]}


def attention_maps(model: Transformer, source, target) -> dict[str, list[np.ndarray]]:
    """The weights of every attention while a target is dictated.

    Returns for ``encoder``, ``decoder`` and ``cross`` an array (batch, heads, time, places) of each
    layer.
    """
    kinds = {
        "encoder": [layer.attention for layer in model.encoder],
        "decoder": [layer.attention for layer in model.decoder],
        "cross": [layer.consult for layer in model.decoder],
    }
    maps: dict[str, list[np.ndarray]] = {kind: [] for kind in kinds}

    def watch(kind, attention):
        def note(module, inputs, output):
            maps[kind].append(attention.weights(*inputs).array)

        return attention.register_forward_hook(note)

    watched = [watch(kind, attention) for kind, all_ in kinds.items() for attention in all_]
    with ag.no_grad():
        model(source, target)
    for hook in watched:
        hook.remove()
    return maps


def show_attention(run: Run, model: Transformer) -> None:
    """Draw all heads of all layers while one date is translated."""
    [(text, _)] = datasets.date_pairs(False, 1, run.settings["data.to"])
    source = ag.from_numpy(datasets.framed([text], DATE_CHARACTERS))
    with ag.no_grad():
        [written] = greedy(model.step, model.begin(source), 1, 30)
    answer = datasets.unframed(written.tokens, DATE_CHARACTERS)
    target = ag.from_numpy(datasets.framed([answer], DATE_CHARACTERS))
    read, wrote = ["^", *text, "$"], ["^", *answer]
    axes_of = {"encoder": (read, read), "decoder": (wrote, wrote), "cross": (wrote, read)}
    for kind, layers in attention_maps(model, source, target).items():
        plot = partial(plots.attention, np.concatenate(layers), *axes_of[kind])
        run.draw(f"attention_{kind}", plot, (3.5 * layers[0].shape[1], 2.2 * len(layers)))


RECIPE = Recipe(
    name="transformer",
    summary="six layers of attention that read and six that write translate dates to ISO form",
    build=Transformer,
    data=datasets.dates,
    optimiser=adam,
    scheduler=schedule,
    objective=partial(dictated, smoothing=0.1),
    metric="exact",
    documents="002",
    paper="Vaswani et al. 2017",
    complete=with_width,
    sample=sample,
    show=show_attention,
    epochs=13,
    options={
        "optim.lr": 0.25,  # the peak is then about that of the paper's 4000 steps of warm-up
        "optim.warmup": 300,
        "optim.width": 64,
        "model.width": 64,
        "model.heads": 4,
        "model.inner": 256,
        "model.layers": 6,
        "model.dropout": 0.0,  # the paper has 0.1; dates do not run out
        "data.count": 20000,
        "data.to": "iso",
    },
    bar=0.99,
    seconds=300,
    quick={
        "epochs": 8,
        "batch_size": 32,
        "optim.lr": 1.0,
        "optim.warmup": 150,
        "model.layers": 1,
        "data.count": 2000,
    },
    quick_bar=0.2,
)
