"""GPT: a stack of attention that reads a text from left to right, and writes on.

A token's vector asks all that came before it (itself included) what they hold, and takes a mean of
their values, weighted by how well their keys answer its query, in several heads at once:

    attention(Q, K, V) = softmax(Q K^T / sqrt(d) + mask) V

where the mask hides what comes later. A block adds to each vector first what attention found, then
what a small network of two layers makes of it; each reads the vectors through a layer norm, and
nothing stands in the way of the sum itself, along which gradients go back undisturbed:

    x = x + attention(norm(x)),    x = x + network(norm(x))

Nothing is passed on from step to step as in `models/rnn.py`: all places of a text are learned at
once. The price is that the order must be told (each place has a vector, added to the token's), and
that no more can be seen than there are places. When writing, keys and values of what was read are
kept, so that a new token costs one pass for itself only.

Radford et al., "Improving language understanding by generative pre-training" (2018), and "Language
models are unsupervised multitask learners" (2019, GPT-2), whose names and arrangement `GPT` has, so
that its published weights load. Document 004 lists GPT in its GLUE table; document 002 describes
attention and its heads. It leaves out the division by sqrt(d), without which the softmax of many
dimensions picks one key and learns no more; and where it says that a place surely attends most to
itself, the picture that the recipe draws shows heads which look elsewhere.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

import autograd as ag
import nn
from models import datasets
from models.datasets.tokens import tokenizer
from models.training.language import TEXT, next_piece, with_tokens, write_characters
from models.training.pretraining import adamw, warm_cosine
from models.training.recipe import Recipe, section
from models.training.run import Run
from nn import functional as F
from nn.utils import plots


class Conv1D(nn.Module):
    """A linear layer with its weight the other way round, (inputs, outputs), as GPT-2 names it.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.gpt import Conv1D
    >>> layer = Conv1D(3, 5)
    >>> layer.weight.shape, layer(ag.zeros(2, 3)).shape
    ((3, 5), (2, 5))
    """

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.weight = nn.Parameter(ag.empty(inputs, outputs))
        self.bias = nn.Parameter(ag.zeros(outputs))
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, x):
        return F.linear(x, self.weight.T, self.bias)

    def extra_repr(self) -> str:
        return ", ".join(map(str, self.weight.shape))


class Attention(nn.Module):
    """Every place looks at itself and at those before it, in several heads."""

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.c_attn = Conv1D(width, 3 * width)
        self.c_proj = Conv1D(width, width)
        self.attn_dropout, self.resid_dropout = nn.Dropout(dropout), nn.Dropout(dropout)

    def project(self, x):
        """Queries, keys and values, each of shape (batch, heads, time, width / heads)."""
        batch, time, _ = x.shape
        parts = self.c_attn(x).reshape(batch, time, 3, self.heads, -1)
        return parts.permute(2, 0, 3, 1, 4).unbind()

    def forward(self, x, past=None):
        query, key, value = self.project(x)
        mask = None
        if past is not None:
            key, value = (ag.cat(pair, 2) for pair in zip(past, (key, value), strict=True))
            mask = lower(query.shape[2], key.shape[2])
        mixed = F.scaled_dot_product_attention(
            query, key, value, mask, self.attn_dropout.p if self.training else 0.0,
            is_causal=past is None,
        )  # fmt: skip
        mixed = mixed.transpose(1, 2).flatten(2)  # the heads side by side again
        return self.resid_dropout(self.c_proj(mixed)), (key, value)


class MLP(nn.Module):
    """What a block makes of each vector by itself."""

    def __init__(self, width: int, dropout: float):
        super().__init__()
        self.c_fc = Conv1D(width, 4 * width)
        self.c_proj = Conv1D(4 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return self.dropout(self.c_proj(F.gelu(self.c_fc(x), approximate="tanh")))


class Block(nn.Module):
    """Attention, then the network, each added to what it reads through a norm."""

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads, dropout)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = MLP(width, dropout)

    def forward(self, x, past=None):
        found, kept = self.attn(self.ln_1(x), past)
        x = x + found
        return x + self.mlp(self.ln_2(x)), kept


class Seen(NamedTuple):
    """What `GPT.read` has read: the tokens, and every block's keys and values for them."""

    tokens: ag.Tensor  # (batch, time)
    kept: list[tuple[ag.Tensor, ag.Tensor]]  # each (batch, heads, time, width / heads)


class GPT(nn.Module):
    """Score the next token at every place of a text.

    Parameters
    ----------
    vocabulary : int
        How many different tokens there are.
    positions : int, default 128
        How many tokens can be seen at once.
    width : int, default 128
        Numbers for a token between blocks; a multiple of `heads`.
    layers, heads : int, default 4
        Blocks, and heads of each.
    dropout : float, default 0.0

    Raises
    ------
    ValueError
        If `width` is not a multiple of `heads`.

    Examples
    --------
    >>> import autograd as ag, models
    >>> models.GPT(vocabulary=96)(ag.zeros(2, 10, dtype=ag.int64)).shape
    (2, 10, 96)
    """

    def __init__(
        self,
        vocabulary: int,
        positions: int = 128,
        width: int = 128,
        layers: int = 4,
        heads: int = 4,
        dropout: float = 0.0,
    ):
        super().__init__()
        if width % heads:
            raise ValueError(f"GPT expected a width that {heads} heads can share, got {width}")
        self.positions = positions
        blocks = [Block(width, heads, dropout) for _ in range(layers)]
        self.transformer = nn.ModuleDict({
            "wte": nn.Embedding(vocabulary, width),
            "wpe": nn.Embedding(positions, width),
            "drop": nn.Dropout(dropout),
            "h": nn.ModuleList(blocks),
            "ln_f": nn.LayerNorm(width),
        })  # fmt: skip
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        self.lm_head.weight = self.transformer.wte.weight  # a token is read and written alike
        for table in (self.transformer.wte, self.transformer.wpe):
            nn.init.normal_(table.weight, std=0.02)
        for block in blocks:  # 2 * layers sums, each of which would make the variance grow
            for last in (block.attn.c_proj, block.mlp.c_proj):
                nn.init.normal_(last.weight, std=0.02 / math.sqrt(2 * layers))

    def forward(self, tokens):
        """Scores of (batch, time, vocabulary) for int tokens of (batch, time)."""
        if tokens.ndim != 2 or not 0 < tokens.shape[1] <= self.positions:
            raise ValueError(
                f"GPT expected tokens of shape (batch, time) with 1 to {self.positions} steps, got "
                f"{list(tokens.shape)}: GPT.read goes through longer ones"
            )
        return self._extend(tokens, None)[0]

    def read(self, tokens, state: Seen | None = None):
        """Scores of (batch, time, vocabulary) for further tokens, and what has been seen then.

        The text may be of any length. When all positions are taken, the later half of them is read
        again as a beginning, since a vector of a position cannot be moved to another.
        """
        if tokens.ndim != 2 or not tokens.shape[1]:
            raise ValueError(
                "GPT.read expected tokens of shape (batch, time), at least one step, got "
                f"{list(tokens.shape)}"
            )
        scores = []
        while tokens.shape[1]:
            if state is not None and state.tokens.shape[1] == self.positions:
                later = state.tokens[:, self.positions - self.positions // 2 :]
                state = self._extend(later, None)[1] if self.positions > 1 else None
            room = self.positions - (0 if state is None else state.tokens.shape[1])
            found, state = self._extend(tokens[:, :room], state)
            scores.append(found)
            tokens = tokens[:, room:]
        return ag.cat(scores, 1), state

    def _extend(self, tokens, state: Seen | None):
        """Scores for tokens that follow those of `state`; there is room for all of them."""
        t = self.transformer
        before = 0 if state is None else state.tokens.shape[1]
        x = t.drop(t.wte(tokens) + t.wpe(ag.arange(before, before + tokens.shape[1])))
        kept = []
        for i, block in enumerate(t.h):
            x, pair = block(x, None if state is None else state.kept[i])
            kept.append(pair)
        seen = tokens if state is None else ag.cat((state.tokens, tokens), 1)
        return self.lm_head(t.ln_f(x)), Seen(seen, kept)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict=True, assign=False):
        """As `Module.load_state_dict`; the names may also be those of GPT-2's published files."""
        result = super().load_state_dict(named_as_here(state_dict), strict, assign)
        self.lm_head.weight = self.transformer.wte.weight  # `assign` took one for each name
        return result


def lower(rows: int, columns: int) -> ag.Tensor:
    """Which of `columns` places each of the last `rows` may see: bool of that shape.

    Examples
    --------
    >>> from models.gpt import lower
    >>> lower(2, 4).tolist()
    [[True, True, True, False], [True, True, True, True]]
    """
    return ag.from_numpy(np.tri(rows, columns, columns - rows, dtype=bool))


def gpt2(dropout: float = 0.1) -> GPT:
    """The smallest GPT-2: 12 blocks of width 768, 124,439,808 parameters.

    `models.load_weights` reads its published weights, ``model.safetensors``, and
    `datasets.BytePairs.read` its tokens, ``merges.txt``.

    Examples
    --------
    >>> import models
    >>> model = models.gpt2()  # doctest: +SKIP
    >>> models.load_weights(model, "gpt2/model.safetensors")  # doctest: +SKIP
    <All keys matched successfully>
    """
    return GPT(50257, positions=1024, width=768, layers=12, heads=12, dropout=dropout)


def named_as_here(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Weights of GPT-2 under the names they have in `GPT`.

    Published files leave out ``transformer.`` and the output weights, which are the tokens'
    vectors, and some hold the causal masks.

    Raises
    ------
    ValueError
        If there are output weights, and they differ from the tokens' vectors.

    Examples
    --------
    >>> from models.gpt import named_as_here
    >>> list(named_as_here({"wte.weight": 1, "h.0.attn.bias": 2}))
    ['transformer.wte.weight', 'lm_head.weight']
    """
    bare = not any(name.startswith("transformer.") for name in weights)
    here = {
        f"transformer.{name}" if bare and not name.startswith("lm_head.") else name: value
        for name, value in weights.items()
        if not re.search(r"\bh\.\d+\.attn\.(masked_)?bias$", name)
    }
    tokens, output = "transformer.wte.weight", "lm_head.weight"
    if tokens in here and not np.array_equal(here.setdefault(output, here[tokens]), here[tokens]):
        raise ValueError(
            f"{output} differs from {tokens}: this model has one set of weights for both, and "
            "cannot hold what was trained with two"
        )
    return here


# -- the recipe ------------------------------------------------------------------------------------


def attention_maps(model: GPT, tokens) -> list[np.ndarray]:
    """How much every place attends to every other: for each block (batch, heads, time, time).

    Examples
    --------
    >>> import autograd as ag, models
    >>> from models.gpt import attention_maps
    >>> maps = attention_maps(models.GPT(vocabulary=5), ag.tensor([[0, 1, 2]]))
    >>> len(maps), maps[0].shape, maps[0][0, 0, 0].tolist()
    (4, (1, 4, 3, 3), [1.0, 0.0, 0.0])
    """
    maps: list[np.ndarray] = []

    def watch(attention: Attention, args) -> None:
        query, key, _ = attention.project(args[0])
        scores = query @ key.mT / math.sqrt(query.shape[-1])
        hidden = ~lower(*scores.shape[-2:])
        maps.append(F.softmax(scores.masked_fill(hidden, -math.inf), -1).array)

    handles = [block.attn.register_forward_pre_hook(watch) for block in model.transformer.h]
    try:
        with ag.no_grad():
            model(tokens)
    finally:
        for handle in handles:
            handle.remove()
    return maps


def show_attention(run: Run, model: nn.Module) -> None:
    """Draw what each head of each block attends to, where the test part is most varied."""
    assert isinstance(model, GPT)
    letters = tokenizer(**section(run.settings, "data"))
    windows = run.recipe.examples(False, run.settings)
    beginnings = [windows[i][0][:32] for i in range(len(windows))]
    tokens = max(beginnings, key=lambda window: len(set(window.tolist())))
    labels = [shown(letters.decode([token])) for token in tokens.tolist()]
    maps = attention_maps(model, tokens[None])

    heads = maps[0].shape[1]
    run.draw(
        "attention",
        lambda figure: plots.attention(np.concatenate(maps), labels, labels, figure),
        (2.4 * heads, 2.4 * len(maps)),
    )


def shown(token: str) -> str:
    """A token as a label, in letters that every font has.

    Examples
    --------
    >>> from models.gpt import shown
    >>> shown(" a"), shown("\\n")
    ('\u00b7a', '\\\\n')
    """
    return ascii(token)[1:-1].replace(" ", "\u00b7").replace("$", r"\$")


RECIPE = Recipe(
    name="gpt",
    summary="GPT: a transformer that predicts the next character, or byte pair, of a text",
    build=GPT,
    data=datasets.pieces,
    objective=next_piece,
    metric="nats",
    higher_is_better=False,
    documents="002, 004",
    paper="Radford 2018, 2019",
    complete=with_tokens,
    sample=write_characters,
    show=show_attention,
    optimiser=adamw,
    scheduler=warm_cosine,
    epochs=10,
    batch_size=16,
    clip=1.0,
    options={
        **TEXT,
        "data.merges": 0,  # how many byte pairs to learn; 0 reads characters
        "data.pairs": "",
        "optim.lr": 4e-3,
        "optim.weight_decay": 0.1,
        "model.positions": 0,  # 0: as many as a window has
        "model.width": 128,
        "model.layers": 4,
        "model.heads": 4,
        "model.dropout": 0.0,
    },
    bar=1.75,
    seconds=300,
    quick={"epochs": 1, "model.width": 64, "model.layers": 2, "data.context": 64},
    quick_bar=2.4,
)
