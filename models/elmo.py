"""ELMo: words in context from two language models, and a BiLSTM with attention that reads them.

A word's meaning is in its neighbourhood. So let one LSTM read a text forwards and learn to predict
the next word, and another read it backwards and predict the one before; for that no labels are
needed. What their layers hold at a word is what the word means *here*. A task mixes the layers to
its own taste,

    ELMo_k = gamma * sum_j s_j h_kj        (s = softmax of learned numbers, h_k0 the word itself)

and puts a network of its own on top: here a bidirectional LSTM over these vectors and word vectors
of the task's own. Attention pools its states, a_k = softmax_k(v . tanh(W h_k)), to one vector for a
line, beside which stands the largest value of each state. `models/elmo_pydoc.py` trains it.

Words are read by their letters too, so that one which nobody has met still says something:
"casefolding" looks like "casefold".

Peters et al., "Deep contextualized word representations", NAACL 2018; letters by convolutions, from
Kim et al., "Character-aware neural language models", AAAI 2016; the word vectors are the output's
weights as well, after Press and Wolf, "Using the output embedding to improve language models", EACL
2017. BiLSTM+ELMo+Attn is a row in document 004's table of GLUE (Wang et al. 2018), below GPT and
BERT.
"""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

import autograd as ag
import nn
from nn import functional as F

LETTERS = 18  # of a word that are read, with its start and end


class Words:
    """The words a model knows, in order of their frequency; a rare one is 1, padding is 0.

    A word is a run of letters, digits and underscores, or any other single character. Known or
    not, it can be read by its letters.

    Parameters
    ----------
    text : str
    least : int, default 2
        How often a word must be in the text to be known.

    Examples
    --------
    >>> from models.elmo import Words
    >>> words = Words("to be or not to be", least=2)
    >>> tokens = words.encode("To be? Or not.")
    >>> tokens[:, 0].tolist(), len(words)
    ([2, 3, 1, 1, 1, 1], 4)
    >>> bytes(tokens[0, 1:5].tolist()).decode()  # between a start and an end, ASCII's own
    '\\x02to\\x03'
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
        """A row for each word, int64: its number, and its first letters (ASCII, padded with 0)."""
        split = self.split(text)
        tokens = np.zeros((len(split), 1 + LETTERS), np.int64)
        for row, word in zip(tokens, split, strict=True):
            spelt = f"\x02{word[: LETTERS - 2]}\x03".encode("ascii")
            row[0], row[1 : 1 + len(spelt)] = self.numbers.get(word, 1), list(spelt)
        return tokens

    def __len__(self) -> int:
        return len(self.numbers) + 2


def table(numbers: list[np.ndarray]) -> np.ndarray:
    """Sequences, of numbers or of rows of numbers, as one array, padded with 0.

    Examples
    --------
    >>> import numpy as np
    >>> from models.elmo import table
    >>> table([np.array([5]), np.array([7, 8])]).tolist()
    [[5, 0], [7, 8]]
    """
    padded = np.zeros((len(numbers), max(map(len, numbers)), *numbers[0].shape[1:]), np.int64)
    for row, sequence in zip(padded, numbers, strict=True):
        row[: len(sequence)] = sequence
    return padded


class Spelling(nn.Module):
    """A vector for a word from its letters: convolutions of some widths, the largest of each.

    Takes letters of shape (..., LETTERS), ASCII, and returns (..., size).

    Examples
    --------
    >>> import autograd as ag
    >>> from models.elmo import Spelling, Words
    >>> letters = Words("").encode("to be or not to be")[:, 1:]
    >>> vectors = Spelling(size=8)(ag.from_numpy(letters))
    >>> vectors.shape, bool((vectors[0] == vectors[4]).all())  # "to" is "to"
    ((6, 8), True)
    """

    def __init__(self, size: int, letter: int = 16, channels: int = 64, widths=(2, 3, 4)):
        super().__init__()
        self.embedding = nn.Embedding(128, letter, padding_idx=0)
        self.convolutions = nn.ModuleList([nn.Conv1d(letter, channels, w) for w in widths])
        self.output = nn.Linear(channels * len(widths), size)
        nn.init.normal_(self.output.weight, std=0.01)  # beside a word's number it begins softly

    def forward(self, letters):
        # A text has few different words: each of them, as a string of bytes, is spelt once.
        flat = letters.array.reshape(-1, letters.shape[-1])
        strings = flat.astype(np.uint8).view(f"S{flat.shape[1]}")[:, 0]
        _, first, places = np.unique(strings, return_index=True, return_inverse=True)
        spelt = self.embedding(ag.from_numpy(flat[first])).transpose(1, 2)
        found = [F.relu(convolution(spelt)).amax(-1) for convolution in self.convolutions]
        return self.output(ag.cat(found, -1))[places.reshape(letters.shape[:-1])]


class BiLM(nn.Module):
    """Two language models over one vocabulary: one reads forwards, one backwards.

    They share the vectors of words, each a number's and a spelling's sum, and the output.

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
    >>> from models.elmo import Words
    >>> words = Words("to be or not to be")
    >>> model = models.BiLM(len(words), size=8)
    >>> model(ag.from_numpy(words.encode("to be")[None])).shape  # layers, both directions abreast
    (3, 1, 2, 16)
    """

    def __init__(self, vocabulary: int, size: int = 128, layers: int = 2, dropout: float = 0.2):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, size, padding_idx=0)
        nn.init.normal_(self.embedding.weight, std=0.1)
        self.spelling = Spelling(size)
        self.forwards = self._stack(size, layers)
        self.backwards = self._stack(size, layers)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(size, vocabulary)
        self.output.weight = self.embedding.weight

    @staticmethod
    def _stack(size: int, layers: int) -> nn.ModuleList:
        return nn.ModuleList([nn.LSTM(size, size, batch_first=True) for _ in range(layers)])

    def read(self, stack: nn.ModuleList, tokens) -> list[ag.Tensor]:
        """The states of all layers, (batch, time, size) each, the embedding as the lowest."""
        words = self.embedding(tokens[..., 0]) + self.spelling(tokens[..., 1:])
        states = [self.dropout(words)]
        for layer in stack:
            states.append(self.dropout(layer(states[-1])[0]))
        return states

    def forward(self, tokens):
        """What each layer holds at each place, both directions: (1 + layers, batch, time, 2 size).

        `tokens` are rows of `Words.encode`, (batch, time, 1 + LETTERS), 0 where a line has ended.
        """
        back = turned(tokens.array[..., 0])
        ahead = self.read(self.forwards, tokens)
        lines = np.arange(len(back))[:, None]
        behind = self.read(self.backwards, ag.from_numpy(tokens.array[lines, back]))
        return ag.stack(
            [ag.cat([a, b[lines, back]], -1) for a, b in zip(ahead, behind, strict=True)]
        )

    def loss(self, tokens):
        """The mean cross entropy, in nats a word, of the next words and of those before.

        `tokens` are (batch, time, 1 + LETTERS) without padding.
        """
        ahead = self.output(self.read(self.forwards, tokens[:, :-1])[-1])
        behind = self.output(self.read(self.backwards, tokens.flip(1)[:, :-1])[-1])
        numbers = tokens[..., 0]
        return (
            F.cross_entropy(ahead.flatten(0, 1), numbers[:, 1:].flatten())
            + F.cross_entropy(behind.flatten(0, 1), numbers.flip(1)[:, 1:].flatten())
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
    """gamma * sum_j s_j norm(h_j) over layers h of shape (layers, ...), with s = softmax(w).

    norm makes the mean of a vector 0 and its variance 1, since layers may differ much in size
    (the paper's section 3.2 recommends it); gamma begins small, as the task's own vectors are.
    """

    def __init__(self, layers: int):
        super().__init__()
        self.w = nn.Parameter(ag.zeros(layers))
        self.gamma = nn.Parameter(ag.full((), 0.1))

    def forward(self, h):
        normed = F.layer_norm(h, h.shape[-1:])
        return self.gamma * ag.tensordot(F.softmax(self.w, 0), normed, 1)


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
    """A bidirectional LSTM with attention, on vectors of its own and on ELMo's mix of a BiLM.

    Takes rows of `Words.encode`, (batch, time, 1 + LETTERS), 0 for padding; returns scores of
    (batch, classes).

    Parameters
    ----------
    vocabulary, size : int
        Of the language models `lm`; `size` of the task's own word vectors too.
    hidden : int, default 64
        In each direction.
    classes : int, default 8
    dropout : float, default 0.5
        Of what the LSTM reads, and of what the output reads.
    forget : float, default 0.3
        The part of the words whose own vectors are, in training, that of a rare word.
    elmo : bool, default True
        False leaves ELMo out: what remains knows its own word vectors only.

    Examples
    --------
    >>> import autograd as ag, models
    >>> from models.elmo import Words, table
    >>> words = Words("to be or not to be")
    >>> model = models.ElmoClassifier(len(words), size=8)
    >>> lines = table([words.encode("to be or not"), words.encode("be")])
    >>> model(ag.from_numpy(lines)).shape
    (2, 8)
    """

    def __init__(self, vocabulary: int = 2500, size: int = 128, hidden: int = 64, classes: int = 8,
                 dropout: float = 0.5, forget: float = 0.3, elmo: bool = True):  # fmt: skip
        super().__init__()
        self.lm = BiLM(vocabulary, size) if elmo else None
        self.mix = Mix(1 + len(self.lm.forwards)) if self.lm else None
        self.embedding = nn.Embedding(vocabulary, size, padding_idx=0)
        nn.init.normal_(self.embedding.weight, std=0.1)
        inputs = 3 * size if elmo else size
        self.lstm = nn.LSTM(inputs, hidden, batch_first=True, bidirectional=True)
        self.pool = AttentionPool(2 * hidden)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(4 * hidden, classes)
        self.forget = forget

    def settle(self) -> None:
        """End pretraining: the BiLM stays as it is."""
        if self.lm:
            self.lm.requires_grad_(False)

    def train(self, mode: bool = True):
        """Switch to training, or evaluation; a settled BiLM drops nothing in either."""
        super().train(mode)
        if self.lm:
            self.lm.train(mode and self.lm.output.weight.requires_grad)
        return self

    def own(self, numbers):
        """The task's own vectors of words; in training it has forgotten some of them."""
        if self.training:
            chances = ag.default_generator().numpy.random(numbers.shape)
            numbers = numbers.masked_fill(ag.from_numpy(chances < self.forget), 1)
        return self.embedding(numbers)

    def read(self, tokens):
        """States of (batch, time, 2 hidden), and which places are words."""
        there = tokens[..., 0] != 0
        words = self.own(tokens[..., 0])
        if self.lm and self.mix:
            words = ag.cat([words, self.mix(self.lm(tokens))], -1)
        packed = nn.utils.rnn.pack_padded_sequence(
            self.dropout(words), there.sum(1), batch_first=True, enforce_sorted=False
        )
        states, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return states, there

    def forward(self, tokens):
        longest = int((tokens.array[..., 0] != 0).sum(1).max())
        states, there = self.read(tokens[:, :longest])
        largest = states.masked_fill(~there[..., None], -np.inf).amax(1)
        return self.output(self.dropout(ag.cat([self.pool(states, there), largest], -1)))
