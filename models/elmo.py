"""ELMo: words in context from two language models, and a BiLSTM with attention that reads them.

A word's meaning is in its neighbourhood. So let one LSTM read a text forwards and learn to predict
the next word, and another read it backwards and predict the one before; for that no labels are
needed. What their layers hold at a word is what the word means *here*. A task mixes the layers to
its own taste,

    ELMo_k = gamma * sum_j s_j h_kj        (s = softmax of learned numbers, h_k0 the word itself)

and puts a network of its own on top: here a bidirectional LSTM, whose states are pooled by
attention, a_k = softmax_k(v . tanh(W h_k)), to one vector for a line. The task is to tell which
topic of Python's help a line is from, out of eight; words counted without their order (a bag of
words, classified by multinomial logistic regression) are what it has to beat.

Peters et al., "Deep contextualized word representations", NAACL 2018; the GLUE benchmark's baseline
BiLSTM+ELMo+Attn (Wang et al. 2018) stands in document 004's table, below GPT and BERT.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import numpy as np

import autograd as ag
import nn
import optim
from models import datasets
from models.training.recipe import Recipe, cosine, section
from models.training.run import Run
from models.training.small import Pairs, learn, measure, minibatches
from nn import functional as F
from nn.utils import clip_grad_norm_


class Words:
    """The words a model knows, in order of their frequency; a rare one is 1, padding is 0.

    A word is a run of letters, digits and underscores, or any other single character.

    Examples
    --------
    >>> from models.elmo import Words
    >>> words = Words("to be or not to be", least=2)
    >>> words.encode("To be? Or not.").tolist(), len(words)
    ([2, 3, 1, 1, 1, 1], 4)
    """

    def __init__(self, text: str, least: int = 2):
        counted = Counter(self.split(text)).most_common()
        known = [word for word, count in counted if count >= least]
        self.numbers = {word: number for number, word in enumerate(known, 2)}

    @staticmethod
    def split(text: str) -> list[str]:
        """The words of a text, in small letters."""
        return re.findall(r"\w+|[^\w\s]", text.lower())

    def encode(self, text: str) -> np.ndarray:
        """The numbers of a text's words, int64 of shape (words,)."""
        return np.array([self.numbers.get(word, 1) for word in self.split(text)], np.int64)

    def __len__(self) -> int:
        return len(self.numbers) + 2


def rows(numbers: Iterable[np.ndarray]) -> np.ndarray:
    """Sequences of numbers as the rows of one array, padded with 0."""
    numbers = list(numbers)
    table = np.zeros((len(numbers), max(map(len, numbers))), np.int64)
    for row, sequence in zip(table, numbers, strict=True):
        row[: len(sequence)] = sequence
    return table


class BiLM(nn.Module):
    """Two language models over one vocabulary: one reads forwards, one backwards.

    Parameters
    ----------
    vocabulary : int
    size : int
        Numbers for a word, and in a state.
    layers : int, default 2
    dropout : float, default 0.2

    Examples
    --------
    >>> import autograd as ag, models
    >>> model = models.BiLM(vocabulary=50, size=8)
    >>> model(ag.tensor([[4, 2, 7, 0]])).shape  # of each layer, both directions side by side
    (3, 1, 4, 16)
    """

    def __init__(self, vocabulary: int, size: int = 128, layers: int = 2, dropout: float = 0.2):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, size, padding_idx=0)
        nn.init.normal_(self.embedding.weight, std=0.1)
        self.forwards = self._stack(size, layers)
        self.backwards = self._stack(size, layers)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(size, vocabulary)  # shared by the two, as the embedding is

    @staticmethod
    def _stack(size: int, layers: int) -> nn.ModuleList:
        return nn.ModuleList([nn.LSTM(size, size, batch_first=True) for _ in range(layers)])

    def read(self, stack: nn.ModuleList, tokens) -> list[ag.Tensor]:
        """The states of all layers, (batch, time, size) each, the embedding as the lowest."""
        states = [self.dropout(self.embedding(tokens))]
        for layer in stack:
            states.append(self.dropout(layer(states[-1])[0]))
        return states

    def forward(self, tokens):
        """What each layer holds at each place, both directions: (1 + layers, batch, time, 2 size).

        `tokens` are of shape (batch, time), 0 where a line has ended.
        """
        back = turned(tokens.array)
        ahead = self.read(self.forwards, tokens)
        behind = self.read(self.backwards, ag.from_numpy(np.take_along_axis(tokens.array, back, 1)))
        lines = np.arange(len(back))[:, None]
        return ag.stack([ag.cat([a, b[lines, back]], -1) for a, b in zip(ahead, behind)])

    def loss(self, tokens):
        """The mean cross entropy, in nats a word, of the next words and of those before.

        `tokens` are (batch, time) without padding.
        """
        ahead = self.output(self.read(self.forwards, tokens[:, :-1])[-1])
        behind = self.output(self.read(self.backwards, tokens.flip(1)[:, :-1])[-1])
        return (
            F.cross_entropy(ahead.flatten(0, 1), tokens[:, 1:].flatten())
            + F.cross_entropy(behind.flatten(0, 1), tokens.flip(1)[:, 1:].flatten())
        ) / 2


def turned(tokens: np.ndarray) -> np.ndarray:
    """The places of each row in reverse order, padding staying where it is.

    Examples
    --------
    >>> import numpy as np
    >>> from models.elmo import turned
    >>> turned(np.array([[5, 6, 7, 0]])).tolist()
    [[2, 1, 0, 3]]
    """
    places, lengths = np.arange(tokens.shape[1]), (tokens != 0).sum(1, keepdims=True)
    return np.where(places < lengths, lengths - 1 - places, places)


class Mix(nn.Module):
    """gamma * sum_j s_j h_j over layers h of shape (layers, ...), with s = softmax(w)."""

    def __init__(self, layers: int):
        super().__init__()
        self.w = nn.Parameter(ag.zeros(layers))
        self.gamma = nn.Parameter(ag.ones(()))

    def forward(self, h):
        return self.gamma * ag.tensordot(F.softmax(self.w, 0), h, 1)


class AttentionPool(nn.Module):
    """One vector for a line: the mean of its states, weighted by softmax(v . tanh(W h))."""

    def __init__(self, size: int):
        super().__init__()
        self.W = nn.Linear(size, size)
        self.v = nn.Linear(size, 1, bias=False)

    def weights(self, h, there):
        """How much each place counts, (batch, time); `there` is False for padding."""
        scores = self.v(F.tanh(self.W(h))).squeeze(-1)
        return F.softmax(scores.masked_fill(~there, -np.inf), -1)

    def forward(self, h, there):
        return (self.weights(h, there)[:, None] @ h).squeeze(1)


class ElmoClassifier(nn.Module):
    """A bidirectional LSTM with attention, on word embeddings and on ELMo's mix of a frozen BiLM.

    Takes (batch, time) numbers of words, 0 for padding; returns scores of (batch, classes).

    Parameters
    ----------
    lm : BiLM
    hidden : int, default 64
        In each direction.
    classes : int, default 8
    dropout : float, default 0.5

    Examples
    --------
    >>> import autograd as ag, models
    >>> model = models.ElmoClassifier(models.BiLM(50, 8))
    >>> model(ag.tensor([[4, 2, 7, 0], [3, 3, 0, 0]])).shape
    (2, 8)
    """

    def __init__(self, lm: BiLM, hidden: int = 64, classes: int = 8, dropout: float = 0.5):
        super().__init__()
        self.lm = lm.requires_grad_(False)
        size = lm.embedding.embedding_dim
        self.mix = Mix(1 + len(lm.forwards))
        self.embedding = nn.Embedding(*lm.embedding.weight.shape, padding_idx=0)
        self.embedding.load_state_dict(lm.embedding.state_dict())
        self.embedding.requires_grad_(True)
        self.lstm = nn.LSTM(3 * size, hidden, batch_first=True, bidirectional=True)
        self.pool = AttentionPool(2 * hidden)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(2 * hidden, classes)

    def read(self, tokens):
        """States of (batch, time, 2 hidden), and which places are words."""
        self.lm.eval()  # what it knows stays as it is
        there = tokens != 0
        packed = nn.utils.rnn.pack_padded_sequence(
            self.dropout(ag.cat([self.embedding(tokens), self.mix(self.lm(tokens))],-1)), there.sum(1), True, enforce_sorted=False
        )
        h, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], True, total_length=tokens.shape[1])
        return h, there

    def forward(self, tokens):
        return self.output(self.dropout(self.pool(*self.read(tokens))))
