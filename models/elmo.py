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

import numpy as np

import autograd as ag
import nn
import optim
from models import datasets
from models.training.recipe import Recipe, cosine, section
from models.training.run import Run
from models.training.small import Pairs, learn, measure, rows
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


def table(numbers: list[np.ndarray]) -> np.ndarray:
    """Sequences of numbers as the rows of one array, padded with 0.

    Examples
    --------
    >>> import numpy as np
    >>> from models.elmo import table
    >>> table([np.array([5]), np.array([7, 8])]).tolist()
    [[5, 0], [7, 8]]
    """
    padded = np.zeros((len(numbers), max(map(len, numbers))), np.int64)
    for row, sequence in zip(padded, numbers, strict=True):
        row[: len(sequence)] = sequence
    return padded


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
        return ag.stack(
            [ag.cat([a, b[lines, back]], -1) for a, b in zip(ahead, behind, strict=True)]
        )

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
    """A bidirectional LSTM with attention, on embeddings of its own and on ELMo's mix of a BiLM.

    Takes (batch, time) numbers of words, 0 for padding; returns scores of (batch, classes).

    Parameters
    ----------
    vocabulary, size : int
        Of the language models `lm`.
    hidden : int, default 64
        In each direction.
    classes : int, default 8
    dropout : float, default 0.5

    Examples
    --------
    >>> import autograd as ag, models
    >>> model = models.ElmoClassifier(vocabulary=50, size=8)
    >>> model(ag.tensor([[4, 2, 7, 0], [3, 3, 0, 0]])).shape
    (2, 8)
    """

    def __init__(self, vocabulary: int = 2500, size: int = 128, hidden: int = 64, classes: int = 8,
                 dropout: float = 0.5):  # fmt: skip
        super().__init__()
        self.lm = BiLM(vocabulary, size)
        self.mix = Mix(1 + len(self.lm.forwards))
        self.embedding = nn.Embedding(vocabulary, size, padding_idx=0)
        self.lstm = nn.LSTM(3 * size, hidden, batch_first=True, bidirectional=True)
        self.pool = AttentionPool(2 * hidden)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(2 * hidden, classes)

    def settle(self) -> None:
        """End pretraining: the BiLM stays as it is; the embedding begins as the BiLM's."""
        self.lm.requires_grad_(False)
        with ag.no_grad():
            self.embedding.weight[:] = self.lm.embedding.weight

    def train(self, mode: bool = True):
        """Switch to training, or evaluation; a settled BiLM drops nothing in either."""
        super().train(mode)
        self.lm.train(mode and self.lm.output.weight.requires_grad)
        return self

    def read(self, tokens):
        """States of (batch, time, 2 hidden), and which places are words."""
        words = ag.cat([self.embedding(tokens), self.mix(self.lm(tokens))], -1)
        there = tokens != 0
        packed = nn.utils.rnn.pack_padded_sequence(
            self.dropout(words), there.sum(1), batch_first=True, enforce_sorted=False
        )
        states, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return states, there

    def forward(self, tokens):
        tokens = tokens[:, : int((tokens.array != 0).sum(1).max())]  # as far as there are words
        return self.output(self.dropout(self.pool(*self.read(tokens))))


# -- the experiment --------------------------------------------------------------------------------


def bags(tokens: np.ndarray, vocabulary: int) -> ag.Tensor:
    """Which words a line has, whatever their order: (lines, vocabulary) of 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> from models.elmo import bags
    >>> bags(np.array([[2, 3, 2, 0]]), 5).tolist()
    [[0.0, 0.0, 1.0, 1.0, 0.0]]
    """
    table = np.zeros((len(tokens), vocabulary), np.float32)
    table[np.arange(len(tokens))[:, None], tokens] = 1
    table[:, 0] = 0
    return ag.from_numpy(table)


def logistic_regression(pairs: Pairs, classes: int, decay: float) -> nn.Linear:
    """Multinomial logistic regression with a quadratic penalty, to its minimum."""
    model = nn.Linear(pairs[0].shape[1], classes)
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    optimizer = optim.LBFGS(model.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(pairs[0]), pairs[1]) + decay * (model.weight**2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return model


def best_of_bags(train: Pairs, test: Pairs, vocabulary: int) -> float:
    """The accuracy of words counted; it gets the penalty that suits it best on the test itself."""
    train, test = ((bags(part[0].array, vocabulary), part[1]) for part in (train, test))
    classes = int(train[1].array.max()) + 1
    found = [logistic_regression(train, classes, decay) for decay in (3e-5, 1e-4, 3e-4, 1e-3)]
    return max(measure(model, test)["accuracy"] for model in found)


def pretrain(run: Run, lm: BiLM, text: np.ndarray) -> None:
    """Teach the language models on windows of a text, which begin elsewhere in every epoch."""
    settings, random = run.settings, ag.default_generator().numpy
    context, size = settings["context"], settings["lm_batch_size"]
    count = len(text) // context - 1
    optimizer = optim.Adam(lm.parameters(), settings["lm_lr"])
    scheduler = cosine(optimizer, settings["lm_epochs"] * (count // size))
    for epoch in range(settings["lm_epochs"]):
        starts, nats = random.permutation(count) * context + random.integers(context), []
        for chosen in np.split(starts[: count // size * size], count // size):
            loss = lm.loss(ag.from_numpy(text[chosen[:, None] + np.arange(context)]))
            optimizer.zero_grad()
            loss.backward()
            clip_grad_norm_(lm.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            nats.append(loss.item())
        run.log({"lm_epoch": epoch + 1, "nats_a_word": float(np.mean(nats))})


def fine_tune(run: Run, model: ElmoClassifier, train: Pairs) -> None:
    """Teach what stands on top of the language models."""
    settings = run.settings
    model.settle()
    wanted = [p for p in model.parameters() if p.requires_grad]
    optimizer = optim.Adam(wanted, settings["optim.lr"])
    steps = settings["epochs"] * (len(train[1]) // settings["batch_size"])
    scheduler = cosine(optimizer, steps)

    def tell() -> bool:
        run.log(
            {"train_batch_accuracy": measure(model, rows(train, range(0, 2000, 5)))["accuracy"]}
        )
        return False

    learn(model, train, optimizer, settings["epochs"], settings["batch_size"],
          after_step=scheduler.step, after_epoch=tell)  # fmt: skip


def show(run: Run, model: ElmoClassifier, words: Words, lines: list[str]) -> None:
    """Draw how much attention each word of a few lines gets."""

    def plot(figure) -> None:
        for axes, line in zip(figure.subplots(len(lines), 1), lines, strict=True):
            with ag.no_grad():
                states, there = model.read(ag.from_numpy(words.encode(line)[None]))
                weights = model.pool.weights(states, there).array
            axes.imshow(weights, cmap="Blues", aspect="auto", vmin=0)
            shown = Words.split(line)
            axes.set_xticks(range(len(shown)), shown, rotation=60, ha="right", fontsize=8)
            axes.set_yticks([])

    run.draw("attention", plot, (9, 1.5 * len(lines)))


def fit(run: Run) -> tuple[ElmoClassifier, dict[str, float]]:
    """Pretrain without labels, learn the topics of lines, and compare with bags of words."""
    text, lines = datasets.unlabelled_text(), [datasets.topic_lines(part) for part in (True, False)]
    words = Words(text)
    train, test = (
        (ag.from_numpy(table([words.encode(line) for line in part.lines])), ag.tensor(part.labels))
        for part in lines
    )
    bag = best_of_bags(train, test, len(words))
    run.log({"bag_of_words": bag})
    model = ElmoClassifier(len(words), **section(run.settings, "model"))
    pretrain(run, model.lm, words.encode(text))
    fine_tune(run, model, train)
    accuracy = measure(model, test)["accuracy"]
    show(run, model, words, lines[1].lines[::150])
    mixed = F.softmax(model.mix.w.detach(), 0).tolist()
    return model, {
        "gain": accuracy - bag, "accuracy": accuracy, "bag_of_words": bag,
        **{f"layer_{j}": weight for j, weight in enumerate(mixed)},
    }  # fmt: skip


RECIPE = Recipe(
    name="elmo",
    summary="ELMo, a BiLSTM and attention tell topics of lines, against a bag of words",
    build=ElmoClassifier,
    fit=fit,
    documents="004",
    paper="Peters et al. 2018",
    metric="gain",
    options={
        "lm_epochs": 6,
        "lm_batch_size": 16,
        "lm_lr": 4e-3,
        "context": 32,
        "epochs": 10,
        "batch_size": 32,
        "optim.lr": 3e-3,
        "model.size": 128,
        "model.hidden": 64,
    },
    bar=0.005,
    seconds=90,
    quick={"lm_epochs": 1, "lm_batch_size": 64, "epochs": 3, "model.size": 32, "model.hidden": 32},
    quick_bar=-0.35,
)
