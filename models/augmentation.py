"""Data augmentation: more examples for nothing.

The best way to generalise better is more data; the cheapest data are changed copies of what one
has, where the change leaves the label true. Some changes suit anything: Gaussian noise, and samples
of a generative model. Others belong to a kind of data: images are cropped, mirrored, turned and
partly erased, words in sentences are replaced by others. What leaves a label true depends on the
labels: a mirrored 2 is no digit, but upside down 0, 1, 3 and 8 are what they were, so flips are
tried on those.

Each way trains the same network on a few examples, with as many steps as it is trained without,
over several seeds. The generative model is made from the same few examples: normal distributions
about each of them with the covariance of all, so that what varies in one digit's writing varies in
the others'.

Deep Learning Background and Basics, data augmentation; Simard, Steinkraus and Platt (2003); Zhong
et al. (2020) on erasing; Wei and Zou (2019) on words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

import autograd as ag
import nn
import optim
from models import datasets, transforms
from models.regularisation import SmallConvNet
from models.training.claims import claims
from models.training.recipe import Recipe
from models.training.run import Run
from models.training.small import Pairs, balanced, learn, measure, rows

SYMMETRIC = (0, 1, 3, 8)  # digits that look the same upside down


class ClassDensity(nn.Module):
    """A generative model: ``x = an example of the class + h L noise``, with one L for all classes.

    A kernel density estimate (Parzen 1962). ``L L^T`` is the covariance within the classes, drawn
    towards its diagonal by `shrinkage`, so that few examples are enough.

    Parameters
    ----------
    inputs, targets : Tensor
        Examples of shape (N, ...) and their class numbers.
    bandwidth : float, default 0.5
        The h: 0 repeats the examples, 1 forgets which one it was.
    shrinkage : float, default 0.1

    Examples
    --------
    >>> import autograd as ag
    >>> from models.augmentation import ClassDensity
    >>> points = ag.tensor([[0.0, 1.0], [0.0, 3.0], [9.0, 1.0], [9.0, 3.0]])
    >>> model = ClassDensity(points, ag.tensor([0, 0, 1, 1]), bandwidth=0.0)
    >>> model.sample(ag.tensor([1, 1, 0]))[:, 0]
    tensor([9., 9., 0.])
    """

    def __init__(self, inputs: ag.Tensor, targets: ag.Tensor, bandwidth=0.5, shrinkage=0.1):
        super().__init__()
        flat, labels = inputs.flatten(1).array.astype(np.float64), targets.array
        self.places = {int(c): np.flatnonzero(labels == c) for c in np.unique(labels)}
        rest = np.concatenate([flat[p] - flat[p].mean(0) for p in self.places.values()])
        covariance = rest.T @ rest / len(rest)
        own = np.diag(np.diag(covariance) + 1e-6)
        factor = np.linalg.cholesky((1 - shrinkage) * covariance + shrinkage * own)
        self.inputs = nn.Buffer(inputs)
        self.factor = nn.Buffer(ag.tensor(bandwidth * factor).to(inputs.dtype))

    def sample(self, targets: ag.Tensor) -> ag.Tensor:
        """An example of each of these classes."""
        random = ag.default_generator().numpy
        chosen = [random.choice(self.places[c]) for c in targets.tolist()]
        noise = ag.randn(len(chosen), len(self.factor)).to(self.factor.dtype)
        return self.inputs[chosen] + (noise @ self.factor.T).reshape(-1, *self.inputs.shape[1:])


WAYS: dict[str, transforms.Transform] = {
    "noise": transforms.GaussianNoise(sigma=0.25),
    "crop": transforms.RandomResizedCrop(8, scale=(0.7, 1), ratio=(0.85, 1.18)),
    "rotation": transforms.RandomRotation(20),
    "erasing": transforms.RandomErasing(p=0.7, scale=(0.05, 0.25)),
    "flip": transforms.RandomVerticalFlip(),
}


def gain_on_digits(way: str, settings: Mapping[str, Any]) -> tuple[float, float]:
    """Accuracy on validation without and with one way of augmenting, from the same beginning."""
    digits = datasets.digits(normalise=False).tensors
    if way == "flip":
        digits = rows(digits, np.flatnonzero(np.isin(digits[1].array, SYMMETRIC)))
    few, validation = balanced(digits, settings["each"])
    more, augment = few, None
    if way == "samples":
        model, targets = ClassDensity(*few), few[1].array.repeat(settings["samples"])
        made = model.sample(ag.from_numpy(targets)).array
        more = (
            ag.from_numpy(np.concatenate([few[0].array, made])),
            ag.from_numpy(np.concatenate([few[1].array, targets])),
        )
    else:
        augment = WAYS[way].batch
    start = {name: t.clone() for name, t in SmallConvNet().state_dict().items()}
    accuracies = []
    for pairs, change in ((few, None), (more, augment)):
        net = SmallConvNet()
        net.load_state_dict(start)
        descent = optim.Adam(net.parameters(), settings["optim.lr"])
        epochs = settings["epochs"] * len(few[1]) // len(pairs[1])  # as many steps for both
        learn(net, pairs, descent, epochs, settings["batch_size"], augment=change)
        accuracies.append(measure(net, validation)["accuracy"])
    return accuracies[0], accuracies[1]


# -- words -----------------------------------------------------------------------------------------


def sentences(topics: int = 6, words: int = 8) -> tuple[list[list[str]], list[int]]:
    """Pieces of Python's longest help topics, each of so many words, and their topics' numbers.

    Examples
    --------
    >>> from models.augmentation import sentences
    >>> texts, labels = sentences(topics=2, words=5)
    >>> len(texts[0]), sorted(set(labels))
    (5, [0, 1])
    """
    from pydoc_data.topics import topics as pages

    texts, labels = [], []
    for label, name in enumerate(sorted(pages, key=lambda name: -len(pages[name]))[:topics]):
        found = re.findall("[a-z]+", datasets.ascii_fold(pages[name]).lower())
        pieces = [found[i : i + words] for i in range(0, len(found) - words + 1, words)]
        texts += pieces
        labels += [label] * len(pieces)
    return texts, labels


class WordBag(nn.Module):
    """Classify texts, rows of word numbers, by the mean of their words' vectors.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.augmentation import WordBag
    >>> WordBag(vocabulary=9, classes=3)(ag.tensor([[1, 2, 8]])).shape
    (1, 3)
    """

    def __init__(self, vocabulary: int, classes: int, width: int = 32):
        super().__init__()
        self.embedding = nn.EmbeddingBag(vocabulary, width)
        self.output = nn.Linear(width, classes)

    def forward(self, x):
        return self.output(self.embedding(x))


def numbered(texts: list[list[str]], labels: list[int]) -> tuple[Pairs, int]:
    """Texts as rows of word numbers, with the size of the vocabulary."""
    numbers: dict[str, int] = {}
    coded = [[numbers.setdefault(word, len(numbers)) for word in text] for text in texts]
    return (ag.tensor(coded), ag.tensor(labels)), len(numbers)


def gain_on_words(settings: Mapping[str, Any]) -> tuple[float, float]:
    """Accuracy on validation without and with words replaced at random."""
    pairs, vocabulary = numbered(*sentences())
    few, validation = balanced(pairs, settings["each_text"])
    swap = transforms.RandomWordReplacement(range(vocabulary), settings["replaced"])

    def replaced(texts):
        return ag.tensor([swap(row) for row in texts.tolist()])

    start = ag.get_rng_state()
    accuracies = []
    for change in (None, replaced):
        ag.set_rng_state(start)
        net = WordBag(vocabulary, int(pairs[1].max()) + 1)
        descent = optim.Adam(net.parameters(), settings["optim.lr"])
        learn(net, few, descent, settings["epochs"], settings["batch_size"], augment=change)
        accuracies.append(measure(net, validation)["accuracy"])
    return accuracies[0], accuracies[1]


# -- the experiment --------------------------------------------------------------------------------


def fit(run: Run) -> tuple[nn.Module, dict[str, float]]:
    """Try every way over all seeds."""
    settings, table = run.settings, {}
    for way in (*WAYS, "samples", "words"):
        pairs = []
        for seed in range(settings["seeds"]):
            ag.manual_seed(1000 * run.seed + seed)
            pairs.append(
                gain_on_words(settings) if way == "words" else gain_on_digits(way, settings)
            )
        table[way] = np.array(pairs)
        without, augmented = table[way].mean(0)
        run.log({"augmentation": way, "without": without, "with": augmented})
    run.draw("gains", lambda figure: draw_gains(figure, table))
    run.draw("examples", draw_examples, (8, 6))
    gains = {way: float((pairs[:, 1] - pairs[:, 0]).mean()) for way, pairs in table.items()}
    statements = claims(**{f"{way}_raises_accuracy": gain > 0 for way, gain in gains.items()})
    return SmallConvNet(), {**{f"gain_{w}": gain for w, gain in gains.items()}, **statements}


def draw_gains(figure, table: Mapping[str, np.ndarray]) -> None:
    """Validation accuracy without and with each way: means and every seed."""
    axes = figure.subplots()
    for place, pairs in enumerate(table.values()):
        axes.plot(place + np.array([-0.15, 0.15]), pairs.T, "-", color="gray", lw=0.6)
        for side, color in ((0, "C1"), (1, "C0")):
            mark = axes.plot(place + 0.3 * side - 0.15, pairs[:, side].mean(), "o", color=color)[0]
            if not place:
                mark.set_label(("without", "with augmentation")[side])
    axes.set_xticks(range(len(table)), list(table))
    axes.set_ylabel("validation accuracy")
    axes.legend()


def draw_examples(figure) -> None:
    """One digit as each way changes it."""
    images, labels = datasets.digits(normalise=False).tensors
    made = ClassDensity(images, labels).sample(ag.full((8,), 3, dtype=ag.int64))
    three = images.array[np.flatnonzero(labels.array == 3)[:1]].repeat(8, 0)
    shown = {name: way.batch(three) for name, way in WAYS.items()} | {"samples": made.array}
    for row, (name, changed) in zip(figure.subplots(len(shown), 8), shown.items(), strict=True):
        for axes, image in zip(row, changed, strict=True):
            axes.imshow(image[0], cmap="gray_r", vmin=0, vmax=1)
            axes.set(xticks=[], yticks=[])
        row[0].set_ylabel(name)


RECIPE = Recipe(
    name="augmentation",
    summary="data augmentation: seven ways to make more of few examples",
    build=SmallConvNet,
    fit=fit,
    documents="000, 002",
    paper="Simard, Steinkraus, Platt 2003; Zhong et al. 2020",
    metric="claims",
    options={
        "seeds": 5,
        "epochs": 150,
        "batch_size": 20,
        "each": 6,
        "samples": 10,
        "each_text": 60,
        "replaced": 0.3,
        "optim.lr": 3e-3,
    },
    bar=1.0,
    seconds=60,
    quick={"seeds": 1, "epochs": 100},
    quick_bar=0.5,
)
