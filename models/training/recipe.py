"""A recipe: everything needed to train one model well, as data.

`models.training.loop` cooks it. A recipe's settings are one flat dict with dotted names
(``epochs``, ``optim.lr``, ``model.hidden``, ``data.size``), so that a command line, a TOML file and
a checkpoint can all speak of the same thing, and a name that is misspelt can be noticed.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import nn
import optim
from nn import functional as F


class UsageError(ValueError):
    """A wish that cannot be met as it was put: an unknown name, a value of the wrong type."""


class Examples(Protocol):
    """What a recipe's `data` makes: a data set of known length."""

    def __getitem__(self, index): ...

    def __len__(self) -> int: ...


def classify(model: nn.Module, batch) -> tuple[Any, dict[str, float]]:
    """The objective of a classifier: the cross entropy of a batch, and the part it gets right.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> from models.training.recipe import classify
    >>> loss, metrics = classify(nn.Identity(), (ag.tensor([[9.0, 0.0]]), ag.tensor([0])))
    >>> metrics
    {'accuracy': 1.0}
    """
    inputs, targets = batch
    return graded(model(inputs), targets)


def graded(logits, targets) -> tuple[Any, dict[str, float]]:
    """The cross entropy of a classifier's answers, and the part of them that is right.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.training.recipe import graded
    >>> graded(ag.tensor([[9.0, 0.0], [9.0, 0.0]]), ag.tensor([0, 1]))[1]
    {'accuracy': 0.5}
    """
    right = logits.array.argmax(1) == targets.array
    return F.cross_entropy(logits, targets), {"accuracy": float(right.mean())}


def cosine(optimizer, steps: int):
    """Let the learning rate fall to zero along half a cosine over all steps (SGDR's first arc)."""
    return optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)


@dataclass(frozen=True)
class Recipe:
    """How to train one model.

    Attributes
    ----------
    name, summary : str
        What the command line calls it, and a line that says what it is.
    documents, paper : str
        Where it is described: numbers of the lecture documents, and authors and year.
    build : callable
        ``build(**model settings)`` makes the module.
    data : callable, optional
        ``data(train, **data settings)`` makes the data set to train on, or to test on; an
        experiment that makes its own has none.
    optimiser : callable
        ``optimiser(parameters, **optim settings)``.
    scheduler : callable, optional
        ``scheduler(optimiser, steps)``; it is stepped after every batch.
    objective : callable
        ``objective(model, batch)`` gives the loss and a dict of metrics, averages over the batch.
    metric : str
        The metric the best weights are chosen by on the validation part, and that `bar` is about.
    higher_is_better : bool
    bar : float
        What a run with these settings reaches on the test part.
    seconds : float
        How long that may take on two cores, with kernels compiled.
    quick, quick_bar : dict, float
        Settings for a run of a few seconds, which the tests make, and what it reaches.
    epochs, batch_size : int
    validation : float
        The part of the training data that is held out to choose the best weights.
    patience : int
        Stop after so many epochs without a better metric; 0 never stops early.
    clip : float
        Scale gradients down to this norm; 0 leaves them alone.
    augment : callable, optional
        Applied to the inputs of training examples only; see `models.transforms`.
    options : dict
        Further settings, named ``model.x``, ``data.x`` or ``optim.x``, with their defaults.
    complete : callable, optional
        ``complete(settings)`` returns the settings with those filled in that follow from others,
        such as the alphabet of the text to learn from.
    fit : callable, optional
        ``fit(run)`` replaces the training loop, for models that learn in another way and for
        experiments. It returns the model and a dict of further results, and may `Run.log` its
        progress and `Run.draw` pictures.
    show : callable, optional
        ``show(run, model)`` draws what is worth seeing after training, with `Run.draw`.
    sample : callable, optional
        ``sample(model, settings, generator, **wishes)`` makes something new with a trained model:
        text, or images of shape (count, channels, height, width) between 0 and 1. Its keywords are
        what ``python -m models sample`` can be asked for: `prompt`, `length`, `temperature`,
        `top_k`, `top_p`, `count`.
    """

    name: str
    summary: str
    build: Callable[..., nn.Module]
    data: Callable[..., Examples] | None = None
    documents: str = ""
    paper: str = ""
    optimiser: Callable[..., Any] = optim.Adam
    scheduler: Callable[..., Any] | None = cosine
    objective: Callable[..., Any] = classify
    metric: str = "accuracy"
    higher_is_better: bool = True
    bar: float | None = None
    seconds: float = 60.0
    quick: Mapping[str, Any] = field(default_factory=dict)
    quick_bar: float | None = None
    epochs: int = 10
    batch_size: int = 64
    validation: float = 0.1
    patience: int = 0
    clip: float = 0.0
    augment: Callable | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    complete: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None
    fit: Callable[..., tuple[nn.Module, dict[str, float]]] | None = None
    show: Callable[..., None] | None = None
    sample: Callable[..., Any] | None = None

    @property
    def defaults(self) -> dict[str, Any]:
        """Every setting of this recipe with its default."""
        names = ("epochs", "batch_size", "validation", "patience", "clip")
        own = {} if self.fit else {name: getattr(self, name) for name in names}
        return {**own, **self.options}

    def settings(self, *changes: Mapping[str, Any]) -> dict[str, Any]:
        """The defaults with `changes`, later ones winning; every name and type is checked.

        Values that are strings are read as the type of the default.
        """
        result = self.defaults
        for change in changes:
            for given, value in change.items():
                name = self.find(given)
                result[name] = _convert(name, value, self.defaults[name])
        return self.complete(result) if self.complete else result

    def reached(self, metrics: Mapping[str, float], bar: float | None = None) -> bool | None:
        """Whether metrics of the test part meet the bar (or another one).

        None without a bar, and for data on which the recipe's metric cannot be measured.
        """
        bar = self.bar if bar is None else bar
        if bar is None or self.metric not in metrics:
            return None
        value = metrics[self.metric]
        return value >= bar if self.higher_is_better else value <= bar

    def examples(self, train: bool, settings: Mapping[str, Any]) -> Examples:
        """The data set to train on, or to test on, that the settings ask for."""
        if self.data is None:
            raise UsageError(f"{self.name} is an experiment without a data set: only train it")
        return self.data(train, **section(settings, "data"))

    def find(self, name: str) -> str:
        """The full name of a setting; its last part is enough where only one has it."""
        known = list(self.defaults)
        if name in known:
            return name
        ending = [full for full in known if full.rpartition(".")[2] == name]
        if len(ending) == 1:
            return ending[0]
        near = difflib.get_close_matches(name, [*known, *(k.rpartition(".")[2] for k in known)], 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UsageError(
            f"{self.name} has no setting {name!r}{hint}; there are {', '.join(sorted(known))}"
        )


def section(settings: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The settings whose names begin with ``name.``, without it: keywords for a call.

    Examples
    --------
    >>> from models.training.recipe import section
    >>> section({"epochs": 3, "optim.lr": 0.1}, "optim")
    {'lr': 0.1}
    """
    head = name + "."
    return {key.removeprefix(head): v for key, v in settings.items() if key.startswith(head)}


def flatten(tree: Mapping[str, Any], head: str = "") -> dict[str, Any]:
    """Nested tables, as in a TOML file, as one dict with dotted names.

    Examples
    --------
    >>> from models.training.recipe import flatten
    >>> flatten({"epochs": 3, "optim": {"lr": 0.1}})
    {'epochs': 3, 'optim.lr': 0.1}
    """
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{head}{key}.")
        else:
            flat[head + key] = value
    return flat


def _convert(name: str, value: Any, default: Any) -> Any:
    """`value`, perhaps typed on a command line, in the type of the default."""
    if isinstance(value, str) and not isinstance(default, str):
        value = _read(value)
    expected = type(default)
    if default is None or (isinstance(value, expected) and not isinstance(value, bool)):
        return value
    if expected is bool and (isinstance(value, bool) or value in (0, 1)):
        return bool(value)
    if expected is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if expected is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if expected in (tuple, list) and isinstance(value, (tuple, list)):
        return expected(value)
    raise UsageError(f"{name} expected {expected.__name__}, got {value!r} (default: {default!r})")


def _read(text: str) -> Any:
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    if text.lower() in words:
        return words[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
