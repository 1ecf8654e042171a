"""Encoder-decoder: one recurrent network reads, another writes.

The two sequences may differ in length and in order: document 004's "Last summer, I went to
Yellowstone National Park" is "I went to Yellowstone National Park last summer" in another order,
document 003 translates "How are you" (many to many, where the reading ends before the writing
begins). Here dates are translated, ``Sunday, the 3rd of May 1998`` to ``1998-05-03``, letter by
letter: the year comes last and has to be written first.

The encoder, a GRU in both directions, leaves a state behind every letter. The plain decoder gets
the last of them, and everything it will write has to fit into that one vector (Sutskever et al.
2014; Cho et al. 2014). With attention it may look back at all of them, at each step at a mean whose
weights are computed from where it stands:

    weights a_tj = softmax over j of score(s, m_j)        context c_t = sum over j of a_tj m_j

    Luong:     score = s_t^T W m_j, with the new state s_t; c_t and s_t together give the output
    Bahdanau:  score = v^T tanh(W s_{t-1} + U m_j), with the old; c_t is read beside the input

Luong's can be computed for all places of a dictated text at once, Bahdanau's goes step by step.

All of them learn to copy the likely (the years begin with 19 or 20); what the plain decoder is slow
to learn is to keep every digit. After ten epochs it gets nine dates in ten right as a whole
(`seq2seq_plain`), with attention it is all but all of them after six (`seq2seq`).

Sutskever, Vinyals and Le, "Sequence to sequence learning with neural networks" (2014); Bahdanau,
Cho and Bengio, "Neural machine translation by jointly learning to align and translate" (2015);
Luong, Pham and Manning, "Effective approaches to attention-based neural machine translation"
(2015); documents 003 and 004.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

import autograd as ag
import nn
from models import datasets
from models.datasets import DATE_CHARACTERS, MARKS, PAD
from models.training.recipe import Recipe
from models.training.run import Run
from models.training.translation import dictated, greedy, opening, translate
from nn import functional as F
from nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

VOCABULARY = len(DATE_CHARACTERS) + MARKS


class Encoder(nn.Module):
    """Read sequences of different lengths in both directions.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.seq2seq import Encoder
    >>> memory, last = Encoder(9, 4, 6)(ag.tensor([[1, 5, 2], [1, 2, 0]]))
    >>> memory.shape, last.shape
    ((2, 3, 6), (2, 6))
    """

    def __init__(self, vocabulary: int, embedding: int, hidden: int):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.gru = nn.GRU(embedding, hidden // 2, batch_first=True, bidirectional=True)

    def forward(self, source):
        """States (batch, time, hidden) of all places, and (batch, hidden) of both ends."""
        lengths = (source.array != PAD).sum(1)
        packed = pack_padded_sequence(
            self.embedding(source), lengths, batch_first=True, enforce_sorted=False
        )
        states, last = self.gru(packed)  # padding is never read
        memory, _ = pad_packed_sequence(states, batch_first=True, total_length=source.shape[1])
        return memory, last.transpose(0, 1).flatten(1)


class PlainDecoder(nn.Module):
    """Write from the encoder's last state alone."""

    def __init__(self, vocabulary: int, embedding: int, hidden: int):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.gru = nn.GRU(embedding, hidden, batch_first=True)
        self.output = nn.Linear(hidden, vocabulary)

    def forward(self, tokens, memory, padding, state):
        """Read (batch, time) tokens after what `state` has seen.

        Returns scores (batch, time, vocabulary), the state (batch, hidden) after the last token,
        and the weights (batch, time, places), None where there is no attention.
        """
        states, last = self.gru(self.embedding(tokens), state[None])
        return self.output(states), last[0], None


class LuongDecoder(PlainDecoder):
    """Look at what was read after each step of one's own."""

    def __init__(self, vocabulary: int, embedding: int, hidden: int):
        super().__init__(vocabulary, embedding, hidden)
        self.score = nn.Linear(hidden, hidden, bias=False)
        self.combine = nn.Linear(2 * hidden, hidden)

    def forward(self, tokens, memory, padding, state):
        states, last = self.gru(self.embedding(tokens), state[None])
        scores = self.score(states) @ memory.transpose(1, 2)  # (batch, time, places)
        weights = F.softmax(scores.masked_fill(padding[:, None], -np.inf), -1)
        seen = ag.cat([weights @ memory, states], -1)
        return self.output(F.tanh(self.combine(seen))), last[0], weights


class BahdanauDecoder(nn.Module):
    """Look at what was read before each step, and read what was seen there beside the token."""

    def __init__(self, vocabulary: int, embedding: int, hidden: int):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.W = nn.Linear(hidden, hidden, bias=False)
        self.U = nn.Linear(hidden, hidden)
        self.v = nn.Linear(hidden, 1, bias=False)
        self.cell = nn.GRUCell(embedding + hidden, hidden)
        self.output = nn.Linear(2 * hidden, vocabulary)

    def forward(self, tokens, memory, padding, state):
        """As `PlainDecoder.forward`."""
        keys, seen, looked = self.U(memory), [], []
        for embedded in self.embedding(tokens).unbind(1):
            scores = self.v(F.tanh(self.W(state)[:, None] + keys))[..., 0]  # (batch, places)
            weights = F.softmax(scores.masked_fill(padding, -np.inf), -1)
            context = (weights[:, None] @ memory)[:, 0]
            state = self.cell(ag.cat([embedded, context], 1), state)
            seen.append(ag.cat([context, state], 1))
            looked.append(weights)
        return self.output(ag.stack(seen, 1)), state, ag.stack(looked, 1)


DECODERS = {"none": PlainDecoder, "luong": LuongDecoder, "bahdanau": BahdanauDecoder}


class Seq2Seq(nn.Module):
    """An encoder, and a decoder with one kind of attention or none.

    Parameters
    ----------
    vocabulary : int
        How many different tokens there are, on both sides.
    embedding, hidden : int
        Numbers for a token, and in a state; `hidden` is even, half for each direction.
    attention : {"luong", "bahdanau", "none"}

    Examples
    --------
    >>> import autograd as ag, models
    >>> source, target = ag.tensor([[1, 5, 4, 2], [1, 3, 2, 0]]), ag.tensor([[1, 6, 2], [1, 7, 2]])
    >>> models.Seq2Seq(vocabulary=8)(source, target).shape
    (2, 2, 8)
    """

    def __init__(
        self,
        vocabulary: int = VOCABULARY,
        embedding: int = 32,
        hidden: int = 128,
        attention: str = "luong",
    ):
        super().__init__()
        if attention not in DECODERS:
            raise ValueError(f"attention expected one of {', '.join(DECODERS)}, got {attention!r}")
        if hidden % 2:
            raise ValueError(f"hidden expected an even number, half a direction, got {hidden}")
        self.encoder = Encoder(vocabulary, embedding, hidden)
        self.decoder = DECODERS[attention](vocabulary, embedding, hidden)

    def begin(self, source):
        """What decoding starts from: the states read, where they are padding, and the last."""
        memory, last = self.encoder(source)
        return memory, source == PAD, last

    def step(self, tokens, state):
        """Scores (batch, vocabulary) of what follows (batch,) tokens, and the new state."""
        memory, padding, last = state
        scores, last, _ = self.decoder(tokens[:, None], memory, padding, last)
        return scores[:, 0], (memory, padding, last)

    def forward(self, source, target=None):
        """Scores of what follows each token of `target` but the last; without one, of the first."""
        target = opening(source) if target is None else target
        return self.decoder(target[:, :-1], *self.begin(source))[0]


def sample(
    model: nn.Module,
    settings: Mapping[str, Any],
    generator: ag.Generator,
    prompt: str = "Sunday, the 3rd of May 1998",
) -> str:
    """The translation of a date; without random numbers, it is the likeliest."""
    return translate(model, prompt, DATE_CHARACTERS, width=5, longest=30)


def show_attention(run: Run, model: nn.Module) -> None:
    """Draw where the decoder looked while it wrote a few dates."""
    texts, _ = zip(*datasets.date_pairs(False, 4, run.settings["data.to"]), strict=True)
    source = ag.from_numpy(datasets.framed(texts, DATE_CHARACTERS))
    with ag.no_grad():
        start = model.begin(source)
        written = [text.tokens for text in greedy(model.step, start, len(texts), 30)]
        answers = [datasets.unframed(tokens, DATE_CHARACTERS) for tokens in written]
        target = ag.from_numpy(datasets.framed(answers, DATE_CHARACTERS))
        weights = model.decoder(target[:, :-1], *start)[2]
    if weights is None:
        return  # no attention, no picture

    def plot(figure) -> None:
        for axes, text, answer, map_ in zip(
            figure.subplots(2, 2).flat, texts, answers, weights.array, strict=True
        ):
            axes.imshow(map_[: len(answer) + 1, : len(text) + 2], cmap="Greys", vmin=0, vmax=1)
            axes.set_xticks(range(len(text) + 2), ["^", *text, "$"])  # the marks of both ends
            axes.set_yticks(range(len(answer) + 1), [*answer, "$"])

    run.draw("attention", plot, (11, 6))


RECIPE = Recipe(
    name="seq2seq",
    summary="recurrent encoder and decoder with attention that translate dates to ISO form",
    build=Seq2Seq,
    data=datasets.dates,
    objective=dictated,
    metric="exact",
    documents="003, 004",
    paper="Bahdanau et al. 2015, Luong et al. 2015",
    sample=sample,
    show=show_attention,
    epochs=6,
    clip=1.0,
    options={
        "optim.lr": 3e-3,
        "model.embedding": 32,
        "model.hidden": 128,
        "model.attention": "luong",
        "data.count": 20000,
        "data.to": "iso",
    },
    bar=0.98,
    seconds=60,
    quick={"epochs": 10, "model.hidden": 64, "data.count": 2000, "optim.lr": 1e-2},
    quick_bar=0.5,
)
BACK = replace(
    RECIPE,
    name="seq2seq_back",
    summary="the same network, from the ISO form to words",
    epochs=4,
    options={**RECIPE.options, "data.to": "words"},
    quick_bar=0.3,
)
PLAIN = replace(
    RECIPE,
    name="seq2seq_plain",
    summary="encoder and decoder without attention: all is said by one vector",
    paper="Sutskever et al. 2014, Cho et al. 2014",
    metric="tokens",  # whole dates it gets wrong too often to choose weights by them
    show=None,
    epochs=10,
    options={**RECIPE.options, "model.attention": "none"},
    bar=0.97,
    quick_bar=0.65,
)
RECIPES = (PLAIN, RECIPE, BACK)
