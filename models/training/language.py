"""What recipes of language models share: their objective, their settings, and how they write.

A language model gives a score to each token that could come next. Learning makes the score of the
one that did come high (the mean of its negative logarithm, in nats a token, is the loss); writing
draws from the scores, token after token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

import autograd as ag
import nn
from models.datasets import Alphabet, read_text
from models.training.recipe import UsageError
from nn import functional as F


def next_token(model: nn.Module, batch) -> tuple[Any, dict[str, float]]:
    """The objective: cross entropy of (batch, time, vocabulary) scores, in nats a token.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> from models.training.language import next_token
    >>> loss, metrics = next_token(nn.Embedding(3, 8), (ag.tensor([[0, 1]]), ag.tensor([[1, 2]])))
    >>> loss.shape, list(metrics)
    ((), ['nats'])
    """
    inputs, targets = batch
    loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
    return loss, {"nats": loss.item()}


def with_alphabet(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings completed by what follows from the text: its alphabet, and how large that is.

    For `Recipe.complete`, with ``data.alphabet`` (empty until then) and ``model.vocabulary`` among
    the settings.
    """
    alphabet = settings["data.alphabet"]
    if not alphabet:
        alphabet = Alphabet.of(read_text(settings["data.name"])).characters
    return {**settings, "data.alphabet": alphabet, "model.vocabulary": len(alphabet)}


def write(
    step: Callable[[np.ndarray, Any], tuple[ag.Tensor, Any]],
    prompt: np.ndarray,
    length: int,
    *,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    generator: ag.Generator | None = None,
) -> Iterator[int]:
    """Draw `length` tokens that follow a prompt, one after the other.

    Parameters
    ----------
    step : callable
        ``step(tokens, state)`` reads further tokens, an int64 array of shape (count,), after what
        `state` has seen (None at first), and returns the scores of what could come next, of shape
        (vocabulary,), and the new state.
    prompt : int64 array of shape (count,)
        At least one token.
    length : int
    temperature, top_k, top_p : float, int, float
        See `draw`.
    generator : Generator, optional

    Examples
    --------
    >>> import autograd as ag, numpy as np
    >>> from models.training.language import write
    >>> def count(tokens, state):
    ...     return ag.tensor(np.eye(10, dtype="float32")[(tokens[-1] + 1) % 10]), None
    >>> list(write(count, np.array([7]), 4, temperature=0))
    [8, 9, 0, 1]
    """
    tokens, state = prompt, None
    for _ in range(length):
        with ag.no_grad():
            scores, state = step(tokens, state)
        token = draw(scores, temperature, top_k, top_p, generator)
        yield token
        tokens = np.array([token], np.int64)


def draw(
    scores: ag.Tensor,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    generator: ag.Generator | None = None,
) -> int:
    """Draw one token from its scores.

    Parameters
    ----------
    scores : Tensor of shape (vocabulary,)
        Logarithms of probabilities, up to a constant.
    temperature : float, default 1.0
        Scores are divided by it: below 1 likely tokens become likelier, at 0 the likeliest is
        taken.
    top_k : int, default 0
        Only the k likeliest tokens may come; 0 lets all (Fan, Lewis and Dauphin 2018).
    top_p : float, default 1.0
        Only the fewest tokens that together have at least this probability may come (Holtzman et
        al. 2020, nucleus sampling).
    generator : Generator, optional

    Raises
    ------
    UsageError
        If the temperature or top_k is negative, or top_p is not above 0 and at most 1.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.training.language import draw
    >>> draw(ag.tensor([0.0, 2.0, 1.0]), top_k=1)
    1
    """
    if not (temperature >= 0 and top_k >= 0 and 0 < top_p <= 1):
        raise UsageError(
            "expected temperature >= 0, top_k >= 0 and 0 < top_p <= 1, got "
            f"{temperature}, {top_k} and {top_p}"
        )
    values = scores.array.astype(np.float64)
    if temperature == 0 or top_k == 1:
        return int(values.argmax())
    order = np.argsort(-values, kind="stable")
    order = order[: top_k or None]
    powers = np.exp((values[order] - values[order[0]]) / temperature)
    parts = np.cumsum(powers / powers.sum())
    count = min(np.searchsorted(parts, top_p) + 1, len(parts))
    at = ag.rand(1, generator=generator, dtype=ag.float64).item() * parts[count - 1]
    return int(order[min(np.searchsorted(parts[:count], at, side="right"), count - 1)])
