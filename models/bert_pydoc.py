"""A small BERT reads Python's help: characters behind masks, then topics from a few labels.

Two things are asked of `models/bert.py`. Does it say what stands behind a mask better than counting
does, even than counting with both neighbours, P(c | left, right)? (Counting is told the true
neighbours, while the network has to do with what is not masked.) And does the pretrained network,
with a few labelled lines of each of eight topics, do better than the same network from random
weights, on average over several draws of those lines?

A network this small would spend most of its time on finding out that neighbours matter. So it
begins with a hint: the vectors of the places are waves (as in the transformer of document 002), and
queries and keys have the same weights at first, by which a place attends to similar places, those
nearby (Trockman and Kolter, "Mimetic initialization of self-attention layers", 2023).

Devlin, Chang, Lee and Toutanova 2019; documents 002 and 004.
"""

from __future__ import annotations

import numpy as np

import autograd as ag
import nn
import optim
from models import datasets
from models.bert import BertForMaskedLM, BertForSequenceClassification, SelfAttention
from models.training.claims import claims
from models.training.recipe import Recipe, cosine, section
from models.training.run import Run
from models.training.small import balanced, learn, measure
from nn.utils import clip_grad_norm_


def mask(tokens: np.ndarray, vocabulary: int, random: np.random.Generator, special: int = 4):
    """Choose 15% of the tokens; of these mask 80%, make 10% random ones, and leave 10%.

    Parameters
    ----------
    tokens : int array of shape (batch, time)
    vocabulary : int
    random : NumPy generator
    special : int, default 4
        Tokens below are never chosen, nor put anywhere; the last of them is the mask.

    Returns
    -------
    (masked, chosen)
        Arrays of that shape: the tokens to show, and bools.

    Examples
    --------
    >>> import numpy as np
    >>> from models.bert_pydoc import mask
    >>> shown, chosen = mask(np.full((50, 50), 7), 10, np.random.default_rng(0))
    >>> bool(0.1 < chosen.mean() < 0.2), set(shown[~chosen].tolist())
    (True, {7})
    """
    chosen = (random.random(tokens.shape) < 0.15) & (tokens >= special)
    way = random.random(tokens.shape)
    masked = np.where(chosen & (way < 0.8), special - 1, tokens)
    replaced = chosen & (way >= 0.8) & (way < 0.9)
    return np.where(replaced, random.integers(special, vocabulary, tokens.shape), masked), chosen


def begin_locally(model: BertForMaskedLM | BertForSequenceClassification) -> None:
    """Weights that suit a small network, waves for places, and queries that equal their keys."""
    with ag.no_grad():
        table = model.bert.embeddings.position_embeddings.weight
        places, size = table.shape
        wider = 1 / (0.02 * np.sqrt(size))  # the deviation 0.02 is made for states of 768
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter[:] = parameter * wider
        angles = np.arange(places)[:, None] / 100 ** (np.arange(0, size, 2) / size)
        waves = np.concatenate([np.sin(angles), np.cos(angles)], 1) * np.sqrt(2 / size)
        table[:] = ag.from_numpy(waves.astype(np.float32))
    for module in model.modules():
        if isinstance(module, SelfAttention):
            module.key.load_state_dict(module.query.state_dict())


class Counts:
    """P(c | left, right) and P(c | the two to the left) by counting in a text.

    Each is smoothed with `strength` imagined examples of what is known from less: of both
    neighbours' bigrams, or of the left one's, and those with characters alone.

    Parameters
    ----------
    text : int array of shape (length,)
    vocabulary : int
    strength : float, default 3

    Examples
    --------
    >>> import numpy as np
    >>> from models.bert_pydoc import Counts
    >>> counts = Counts(np.array([0, 1, 2] * 50), vocabulary=3)
    >>> counts.between(np.array([0, 1, 2, 0]), np.array([1])).round(1).tolist()
    [1.0]
    """

    def __init__(self, text: np.ndarray, vocabulary: int, strength: float = 3.0):
        self.strength, n = strength, vocabulary
        single = np.bincount(text, minlength=n) + 1.0
        self.single = single / single.sum()
        pairs = np.zeros((n, n))
        np.add.at(pairs, (text[:-1], text[1:]), 1)
        self.after, self.before = (self.smooth(p, self.single) for p in (pairs, pairs.T))
        triples = np.zeros((n, n, n))
        np.add.at(triples, (text[:-2], text[1:-1], text[2:]), 1)
        either = (self.after[:, None] + self.before[None]) / 2  # (left, right, c)
        self.both = self.smooth(triples.transpose(0, 2, 1), either)
        self.left = self.smooth(triples, self.after[None])

    def smooth(self, counts: np.ndarray, prior: np.ndarray) -> np.ndarray:
        total = counts.sum(-1, keepdims=True)
        return (counts + self.strength * prior) / (total + self.strength)

    def between(self, text: np.ndarray, places: np.ndarray) -> np.ndarray:
        """The chance of what stands at these places of a text, given both neighbours."""
        return self.both[text[places - 1], text[places + 1], text[places]]

    def following(self, text: np.ndarray, places: np.ndarray) -> np.ndarray:
        """The same given the two before."""
        return self.left[text[places - 2], text[places - 1], text[places]]


def pretrain(run: Run, model: BertForMaskedLM, text: np.ndarray) -> None:
    """Fill in what is masked, on pieces of a text that begin anywhere."""
    settings, random = run.settings, ag.default_generator().numpy
    vocabulary, places = model.bert.embeddings.word_embeddings.num_embeddings, 80
    optimizer = optim.Adam(model.parameters(), settings["lr"])
    scheduler = cosine(optimizer, settings["steps"])
    nats = []
    model.train()
    for step in range(1, settings["steps"] + 1):
        starts = random.integers(0, len(text) - places, settings["batch_size"])
        pieces = np.pad(text[starts[:, None] + np.arange(places)], ((0, 0), (1, 1)))
        pieces[:, 0], pieces[:, -1] = 1, 2  # start and end
        shown, chosen = mask(pieces, vocabulary, random)
        loss = model.loss(*(ag.from_numpy(array) for array in (shown, pieces, chosen)))
        optimizer.zero_grad()
        loss.backward()
        clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        nats.append(loss.item())
        if step % max(settings["steps"] // 10, 1) == 0:
            run.log({"step": step, "train_nats": float(np.mean(nats))})
            nats = []


def fill_in(model: BertForMaskedLM, counts: Counts, lines: np.ndarray, newline: int):
    """Nats a masked character on unseen lines, all chosen ones masked: BERT's, and by counting."""
    chosen = mask(lines, len(counts.single), np.random.default_rng(0))[1]
    shown = np.where(chosen, 3, lines)
    model.eval()
    with ag.no_grad():
        loss = model.loss(*(ag.from_numpy(array) for array in (shown, lines, chosen)))
    # In the text that was counted lines begin and end with a newline, and an empty one is between.
    text = np.pad(np.where(lines < 3, newline, lines), ((0, 0), (1, 0)), constant_values=newline)
    places = np.flatnonzero(np.pad(chosen, ((0, 0), (1, 0))))
    text = text.ravel()
    return {
        "nats": loss.item(),
        "trigram": float(-np.log(counts.between(text, places)).mean()),
        "left_trigram": float(-np.log(counts.following(text, places)).mean()),
        "unigram": float(-np.log(counts.single[text[places]]).mean()),
    }


def read_topics(run: Run, pretrained: BertForMaskedLM, sizes, train, test) -> dict[str, float]:
    """Mean accuracies from a few labels of each topic: fine-tuned, and from random weights."""
    settings = run.settings
    scores: dict[str, list[float]] = {"fine_tuned": [], "from_scratch": []}
    for trial in range(settings["trials"]):
        for name, found in scores.items():
            ag.manual_seed(run.seed + trial)
            few, _ = balanced(train, settings["labels_each"])  # the same for both
            model = BertForSequenceClassification(8, **sizes)
            begin_locally(model)
            if name == "fine_tuned":  # all but what makes one state of many is known
                model.bert.load_state_dict(pretrained.bert.state_dict(), strict=False)
            optimizer = optim.Adam(model.parameters(), settings["fine_lr"])
            learn(model, few, optimizer, settings["fine_epochs"], 16)
            found.append(measure(model, test)["accuracy"])
            run.log({"trial": trial + 1, name: found[-1]})
    return {name: float(np.mean(found)) for name, found in scores.items()}


def small_bert(size: int = 128, layers: int = 3, heads: int = 4, vocabulary: int = 98):
    """A BERT for lines of characters, with weights to begin with as `begin_locally` makes them."""
    model = BertForMaskedLM(**sizes(size, layers, heads, vocabulary))
    begin_locally(model)
    return model


def sizes(size: int, layers: int, heads: int, vocabulary: int) -> dict:
    """The parameters of `Bert` for that."""
    return {
        "vocab_size": vocabulary, "hidden_size": size, "num_hidden_layers": layers,
        "num_attention_heads": heads, "intermediate_size": 4 * size,
        "max_position_embeddings": 82, "dropout": 0.0,
    }  # fmt: skip


def fit(run: Run) -> tuple[nn.Module, dict[str, float]]:
    """Pretrain, compare with counting, fine-tune, compare with random weights."""
    alphabet = datasets.reading_alphabet()
    text = alphabet.encode(datasets.unlabelled_text())
    parts = [datasets.topic_lines(train) for train in (True, False)]
    tables = [datasets.padded(part.lines, alphabet) for part in parts]
    train, test = (
        (ag.from_numpy(table), ag.tensor(part.labels))
        for table, part in zip(tables, parts, strict=True)
    )
    shape = section(run.settings, "model")
    model = small_bert(**shape, vocabulary=len(alphabet))
    pretrain(run, model, text)
    newline = int(alphabet.encode("\n")[0])
    found = fill_in(model, Counts(text, len(alphabet)), tables[1], newline)
    run.log(dict(found))
    found |= read_topics(run, model, sizes(**shape, vocabulary=len(alphabet)), train, test)
    held = claims(
        masked_characters_better_than_single_ones=found["nats"] < found["unigram"],
        better_than_a_trigram_from_the_left=found["nats"] < found["left_trigram"],
        better_than_a_trigram_of_both_neighbours=found["nats"] < found["trigram"],
        fine_tuned_beats_from_scratch=found["fine_tuned"] > found["from_scratch"],
    )
    return model, {**held, **found}


RECIPE = Recipe(
    name="bert",
    summary="BERT: fills in masked characters, then learns topics from a few labels",
    build=small_bert,
    fit=fit,
    documents="002, 004",
    paper="Devlin, Chang, Lee, Toutanova 2019",
    metric="claims",
    options={
        "steps": 6000,
        "batch_size": 16,
        "lr": 2e-3,
        "trials": 3,
        "labels_each": 10,
        "fine_epochs": 15,
        "fine_lr": 5e-4,
        "model.size": 128,
        "model.layers": 3,
        "model.heads": 4,
    },
    bar=1.0,
    seconds=300,
    quick={"steps": 150, "trials": 1, "fine_epochs": 3, "model.size": 32, "model.layers": 2},
    quick_bar=0.25,
)
