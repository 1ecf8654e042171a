"""A small BERT reads Python's help: characters behind masks, then the topics of lines.

Two things are asked of `models/bert.py`. Does it say what stands behind a mask better than counting
does: than a trigram, P(c | the two before), and even P(c | left, right)? (Counting is told the true
neighbours, while the network has to do with what is not masked.) And does the pretrained network,
with some labelled lines of each of eight topics, do better than the same network from random
weights, on average over several draws of those lines? The metric, `lead`, is the smaller of the two
advantages: nats below the trigram's, and part of the lines that only the pretrained network gets
right.

From random weights a network this small would spend its time on finding out that neighbours matter.
So it is told: queries and keys of its first layer begin such that each head looks a place or two to
the left or right (`begin_locally`; that attention should begin as it looks in trained networks is
an idea of Trockman and Kolter, "Mimetic initialization of self-attention layers", 2023). And while
it learns it has to fill in twice as much as the paper's 15%, from which small networks gain (Wettig
et al., "Should you mask 15% in masked language modeling?", 2023). The test is of 15%.

Devlin, Chang, Lee and Toutanova 2019; documents 002 and 004.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import autograd as ag
import nn
import optim
from models import datasets
from models.bert import BertForMaskedLM, BertForSequenceClassification
from models.datasets.topics import LONGEST
from models.training.language import draw
from models.training.pretraining import adamw, warm_cosine
from models.training.recipe import Recipe, UsageError, section
from models.training.run import Run
from models.training.small import balanced, learn, measure
from nn import functional as F
from nn.utils import clip_grad_norm_

START, END, HIDDEN = 1, 2, 3  # tokens that are no characters; 0 is padding
SPECIAL = 4  # how many of them there are


def mask(tokens: np.ndarray, vocabulary: int, random: np.random.Generator, share: float = 0.15):
    """Choose 15% of the tokens; of these mask 80%, make 10% random ones, and leave 10%.

    Parameters
    ----------
    tokens : int array of shape (batch, time)
    vocabulary : int
    random : NumPy generator
    share : float, default 0.15
        How much to choose. The first four tokens, which are no characters, are never chosen.

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
    chosen = (random.random(tokens.shape) < share) & (tokens >= SPECIAL)
    way = random.random(tokens.shape)
    masked = np.where(chosen & (way < 0.8), HIDDEN, tokens)
    replaced = chosen & (way >= 0.8) & (way < 0.9)
    return np.where(replaced, random.integers(SPECIAL, vocabulary, tokens.shape), masked), chosen


def waves(places: int, size: int) -> np.ndarray:
    """Vectors of places, (places, size): sines and cosines of size / 2 different waves.

    As in the transformer of document 002, but with frequencies (i + 1/2) 2 pi / size, by which any
    two of the first `size` vectors are orthogonal, and each has the length 1: a place resembles no
    other, not even the next.

    Examples
    --------
    >>> import numpy as np
    >>> from models.bert_pydoc import waves
    >>> vectors = waves(5, 8)
    >>> bool(abs(vectors @ vectors.T - np.eye(5)).max() < 1e-12)
    True
    """
    turns = np.arange(places)[:, None] * frequencies(size)
    return np.concatenate([np.sin(turns), np.cos(turns)], 1) * np.sqrt(2 / size)


def frequencies(size: int) -> np.ndarray:
    return 2 * np.pi / size * (np.arange(size // 2) + 0.5)


def ahead(size: int, offset: int) -> np.ndarray:
    """The rotation that moves every place by `offset`: waves[t] @ rotation = waves[t + offset].

    Examples
    --------
    >>> from models.bert_pydoc import ahead, waves
    >>> bool(abs(waves(9, 8)[:-2] @ ahead(8, 2) - waves(9, 8)[2:]).max() < 1e-12)
    True
    """
    cos, sin = (np.diag(f(offset * frequencies(size))) for f in (np.cos, np.sin))
    return np.block([[cos, -sin], [sin, cos]])


def begin_locally(model: BertForMaskedLM | BertForSequenceClassification) -> None:
    """Weights that suit a small network, and heads of the first layer that see its neighbours.

    A head's query is what its key is one place to the left (the first head), one to the right (the
    second), two to the left, and so on. So query and key have the largest product at that distance.
    """
    with ag.no_grad():
        table = model.bert.embeddings.position_embeddings.weight
        places, size = table.shape
        wider = 1 / (0.02 * np.sqrt(size))  # the deviation 0.02 is made for states of 768
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter[:] = parameter * wider
        table[:] = ag.from_numpy(waves(places, size).astype(np.float32))
        first = model.bert.encoder.layer[0].attention.self
        sharp = 2 * first.key.weight.array.reshape(first.heads, -1, size)  # a head sees one place
        first.key.weight[:] = ag.from_numpy(sharp.reshape(size, size))
        offsets = [(-1) ** (head + 1) * (head // 2 + 1) for head in range(first.heads)]
        moved = [key @ ahead(size, k).T for key, k in zip(sharp, offsets, strict=True)]
        first.query.weight[:] = ag.from_numpy(np.concatenate(moved).astype(np.float32))


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
    vocabulary = model.bert.embeddings.word_embeddings.num_embeddings
    optimizer = adamw(model.parameters(), settings["lr"], settings["weight_decay"])
    scheduler = warm_cosine(optimizer, settings["steps"])
    nats = []
    model.train()
    for step in range(1, settings["steps"] + 1):
        starts = random.integers(0, len(text) - LONGEST, settings["batch_size"])
        pieces = text[starts[:, None] + np.arange(LONGEST)]
        pieces = np.pad(pieces, ((0, 0), (1, 1)), constant_values=((0, 0), (START, END)))
        shown, chosen = mask(pieces, vocabulary, random, settings["share"])
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


def hide(lines: np.ndarray, vocabulary: int) -> tuple[np.ndarray, np.ndarray]:
    """The lines to test on, all that is chosen masked, and what was chosen: always the same."""
    chosen = mask(lines, vocabulary, np.random.default_rng(0))[1]
    return np.where(chosen, HIDDEN, lines), chosen


def fill_in(model: BertForMaskedLM, counts: Counts, lines: np.ndarray, newline: int):
    """Nats a masked character on unseen lines: BERT's, and by counting."""
    shown, chosen = hide(lines, len(counts.single))
    model.eval()
    with ag.no_grad():
        loss = model.loss(*(ag.from_numpy(array) for array in (shown, lines, chosen)))
    # In the text that was counted lines begin and end with a newline, and an empty one is between.
    text = np.pad(
        np.where(lines < HIDDEN, newline, lines), ((0, 0), (1, 0)), constant_values=newline
    )
    places = np.flatnonzero(np.pad(chosen, ((0, 0), (1, 0))))
    text = text.ravel()
    return {
        "nats": loss.item(),
        "trigram": float(-np.log(counts.following(text, places)).mean()),
        "trigram_of_both_sides": float(-np.log(counts.between(text, places)).mean()),
        "unigram": float(-np.log(counts.single[text[places]]).mean()),
    }


def show(run: Run, model: BertForMaskedLM, lines: np.ndarray, alphabet: datasets.Alphabet) -> None:
    """Draw lines with the likeliest character at each mask, and below it the true one if missed."""
    shown, chosen = hide(lines, len(alphabet))
    with ag.no_grad():
        guesses = model(ag.from_numpy(shown)).array.argmax(-1)

    def plot(figure) -> None:
        axes = figure.subplots()
        axes.set(xlim=(0, lines.shape[1]), ylim=(2 * len(lines), -1))
        axes.set_axis_off()
        for (row, place), token in np.ndenumerate(lines):
            if token < SPECIAL:
                continue
            guess, masked = guesses[row, place], chosen[row, place]
            colour = "black" if not masked else "tab:green" if guess == token else "tab:red"
            texts = [(0.0, guess if masked else token, colour)]
            if masked and guess != token:
                texts.append((0.8, token, "gray"))
            for below, number, colour in texts:
                letter = alphabet.decode([number])
                letter = "\u00b7" if letter.isspace() and masked else letter
                axes.text(place, 2 * row + below, letter, color=colour,
                          family="monospace", fontsize=8, parse_math=False)  # fmt: skip

    run.draw("filled_in", plot, (9, 0.4 * len(lines)))


def read_topics(run: Run, pretrained: BertForMaskedLM, sizes, train, test) -> dict[str, float]:
    """Mean accuracies with some labels of each topic: fine-tuned, and from random weights."""
    settings = run.settings
    rates = {"fine_tuned": settings["fine_lr"], "from_scratch": settings["scratch_lr"]}
    scores: dict[str, list[float]] = {"fine_tuned": [], "from_scratch": []}
    for trial in range(settings["trials"]):
        for name, found in scores.items():
            ag.manual_seed(run.seed + trial)
            few, _ = balanced(train, settings["labels_each"])  # the same for both
            model = BertForSequenceClassification(8, **sizes)
            begin_locally(model)
            if name == "fine_tuned":  # all but what makes one state of many is known
                model.bert.load_state_dict(pretrained.bert.state_dict(), strict=False)
            optimizer = optim.Adam(model.parameters(), rates[name])
            scheduler = warm_cosine(optimizer, settings["fine_epochs"] * (len(few[1]) // 16))
            learn(model, few, optimizer, settings["fine_epochs"], 16, after_step=scheduler.step)
            found.append(measure(model, test)["accuracy"])
            run.log({"trial": trial + 1, name: found[-1]})
    return {name: float(np.mean(found)) for name, found in scores.items()}


def sizes(size: int, layers: int, heads: int, vocabulary: int) -> dict:
    """The parameters of `Bert` for lines of characters."""
    return {
        "vocab_size": vocabulary, "hidden_size": size, "num_hidden_layers": layers,
        "num_attention_heads": heads, "intermediate_size": 4 * size,
        "max_position_embeddings": LONGEST + 2, "dropout": 0.0,
    }  # fmt: skip


def small_bert(size: int = 128, layers: int = 3, heads: int = 4, vocabulary: int = 98):
    """A BERT for lines of characters, with weights to begin with as `begin_locally` makes them."""
    model = BertForMaskedLM(**sizes(size, layers, heads, vocabulary))
    begin_locally(model)
    return model


def with_alphabet(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings completed by the alphabet of this Python's help, and its size."""
    characters = settings["alphabet"] or datasets.reading_alphabet().characters
    return {**settings, "alphabet": characters, "model.vocabulary": len(characters)}


def fit(run: Run) -> tuple[nn.Module, dict[str, float]]:
    """Pretrain, compare with counting, fine-tune, compare with random weights."""
    alphabet = datasets.Alphabet(run.settings["alphabet"])
    text = alphabet.encode(datasets.unlabelled_text())
    parts = [datasets.topic_lines(train) for train in (True, False)]
    tables = [datasets.padded(part.lines, alphabet) for part in parts]
    train, test = (
        (ag.from_numpy(table), ag.tensor(part.labels))
        for table, part in zip(tables, parts, strict=True)
    )
    shape = section(run.settings, "model")
    model = small_bert(**shape)
    pretrain(run, model, text)
    newline = int(alphabet.encode("\n")[0])
    found = fill_in(model, Counts(text, len(alphabet)), tables[1], newline)
    run.log(dict(found))
    show(run, model, tables[1][::50], alphabet)
    found |= read_topics(run, model, sizes(**shape), train, test)
    lead = min(found["trigram"] - found["nats"], found["fine_tuned"] - found["from_scratch"])
    return model, {"lead": lead, **found}


def fill_masks(
    model: nn.Module,
    settings: Mapping[str, Any],
    generator: ag.Generator,
    prompt: str = "The retu?n val?e of this fun?tion is a str??g.",
    temperature: float = 0.0,
    top_k: int = 0,
    top_p: float = 1.0,
) -> str:
    """A prompt with every ? filled in, one after the other, the one that is surest first.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.bert_pydoc import RECIPE, fill_masks, small_bert
    >>> settings = RECIPE.settings({"model.size": 16})
    >>> model = small_bert(16, vocabulary=settings["model.vocabulary"]).eval()
    >>> text = fill_masks(model, settings, ag.Generator(), prompt="I?e i? co?d")
    >>> len(text), text[0], "?" in text[1:3]
    (11, 'I', False)
    """
    if "?" not in prompt:
        raise UsageError(f"nothing to fill in: expected a prompt with a ? or more, got {prompt!r}")
    alphabet = datasets.Alphabet(settings["alphabet"])
    tokens = datasets.padded([prompt.replace("?", alphabet.characters[HIDDEN])], alphabet)
    while (hidden := np.flatnonzero(tokens[0] == HIDDEN)).size:
        with ag.no_grad():
            scores = model(ag.from_numpy(tokens))[0, :, SPECIAL:]
        surest = hidden[F.softmax(scores, -1).array.max(1)[hidden].argmax()]
        tokens[0, surest] = SPECIAL + draw(scores[surest], temperature, top_k, top_p, generator)
    return alphabet.decode(tokens[0, 1 : len(prompt) + 1])


RECIPE = Recipe(
    name="bert",
    summary="BERT: fills in masked characters, then learns topics of lines from some labels",
    build=small_bert,
    fit=fit,
    complete=with_alphabet,
    sample=fill_masks,
    documents="002, 004",
    paper="Devlin, Chang, Lee, Toutanova 2019",
    metric="lead",
    options={
        "steps": 1800,
        "batch_size": 16,
        "lr": 2e-3,
        "weight_decay": 0.01,
        "share": 0.3,
        "trials": 2,
        "labels_each": 100,
        "fine_epochs": 6,
        "fine_lr": 1e-3,
        "scratch_lr": 5e-4,  # of 1.5e-3, 1e-3 and 5e-4 the one that suits random weights best
        "alphabet": "",
        "model.size": 128,
        "model.layers": 3,
        "model.heads": 4,
        "model.vocabulary": 0,
    },
    bar=0.1,
    seconds=300,
    quick={
        "steps": 150,
        "lr": 3e-3,
        "trials": 1,
        "labels_each": 10,
        "fine_epochs": 2,
        "model.layers": 1,
    },
    quick_bar=-1.0,
)
