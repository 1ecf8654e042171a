"""Short trainings on tensors in memory, for experiments that compare many of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import autograd as ag
import nn
from models.training.recipe import graded

Pairs = tuple[ag.Tensor, ag.Tensor]  # inputs and class numbers, row by row


def rows(pairs: Pairs, chosen) -> Pairs:
    """The examples with these numbers.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.training.small import rows
    >>> rows((ag.tensor([5.0, 6.0, 7.0]), ag.tensor([0, 1, 2])), [2, 0])
    (tensor([7., 5.]), tensor([2, 0]))
    """
    inputs, targets = (ag.from_numpy(part.array[np.asarray(chosen)]) for part in pairs)
    return inputs, targets


def balanced(pairs: Pairs, each: int) -> tuple[Pairs, Pairs]:
    """Draw `each` examples of every class; returns them, and the others.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.training.small import balanced
    >>> few, others = balanced((ag.arange(6), ag.tensor([0, 0, 0, 1, 1, 1])), 1)
    >>> few[1], others[1]
    (tensor([0, 1]), tensor([0, 0, 1, 1]))
    """
    targets, random = pairs[1].array, ag.default_generator().numpy
    places = [np.flatnonzero(targets == c) for c in np.unique(targets)]
    chosen = np.concatenate([random.permutation(place)[:each] for place in places])
    return rows(pairs, chosen), rows(pairs, np.setdiff1d(np.arange(len(targets)), chosen))


def minibatches(pairs: Pairs, size: int) -> Iterator[Pairs]:
    """Go once through the examples in random order; what is left over makes no batch."""
    order = ag.default_generator().numpy.permutation(len(pairs[1]))
    size = min(size, len(order))
    for start in range(0, len(order) - size + 1, size):
        yield rows(pairs, order[start : start + size])


def learn(
    model: nn.Module,
    pairs: Pairs,
    optimizer: Any,
    epochs: int,
    batch_size: int = 32,
    *,
    penalty: Callable[[nn.Module], Any] | None = None,
    augment: Callable[[Any], Any] | None = None,
    after_step: Callable[[], None] | None = None,
    after_epoch: Callable[[], bool] | None = None,
) -> None:
    """Train a classifier.

    Parameters
    ----------
    penalty : callable, optional
        ``penalty(model)`` is added to the loss.
    augment : callable, optional
        Changes the inputs of every batch.
    after_step : callable, optional
    after_epoch : callable, optional
        True ends the training.
    """
    for _ in range(epochs):
        model.train()
        for inputs, targets in minibatches(pairs, batch_size):
            loss, _ = graded(model(augment(inputs) if augment else inputs), targets)
            if penalty is not None:
                loss = loss + penalty(model)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if after_step is not None:
                after_step()
        if after_epoch is not None and after_epoch():
            break


def measure(model: nn.Module, pairs: Pairs) -> dict[str, float]:
    """The loss and accuracy of a classifier on these examples, in evaluation mode."""
    model.eval()
    with ag.no_grad():
        loss, metrics = graded(model(pairs[0]), pairs[1])
    return {"loss": loss.item(), **metrics}
