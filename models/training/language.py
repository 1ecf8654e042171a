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
from models.datasets import Alphabet, BytePairs
from models.datasets.tokens import tokenizer
from models.training.recipe import UsageError, section
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


def next_piece(model: nn.Module, batch) -> tuple[Any, dict[str, float]]:
    """The objective: cross entropy of a token, and as a metric that of a character.

    A token may stand for several characters; only nats a character can be compared between ways to
    cut a text into tokens.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> from models.training.language import next_piece
    >>> batch = ag.tensor([[0, 1]]), ag.tensor([[1, 2]]), ag.tensor([8])
    >>> loss, metrics = next_piece(nn.Embedding(3, 8), batch)
    >>> round(metrics["nats"] / loss.item(), 6)
    0.25
    """
    inputs, targets, characters = batch
    loss, _ = next_token(model, (inputs, targets))
    return loss, {"nats": loss.item() * targets.numel() / characters.sum().item()}


TEXT = {"data.name": "pydoc", "data.context": 128, "data.alphabet": "", "model.vocabulary": 0}
"""The settings every model of characters has; the last two follow from the text."""


def with_alphabet(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings completed by what follows from the text: its alphabet, and how large that is.

    For `Recipe.complete`, with ``data.alphabet`` (empty until then) and ``model.vocabulary`` among
    the settings.
    """
    letters = tokenizer(**section(settings, "data"))
    assert isinstance(letters, Alphabet)
    return {**settings, "data.alphabet": letters.characters, "model.vocabulary": len(letters)}


def with_tokens(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings completed by what follows from the text and the way to cut it into tokens.

    For `Recipe.complete`: ``data.alphabet`` or ``data.pairs``, ``model.vocabulary``, and where it
    is 0 ``model.positions``.
    """
    letters = tokenizer(**section(settings, "data"))
    held = (
        {"data.pairs": letters.pairs}
        if isinstance(letters, BytePairs)
        else {"data.alphabet": letters.characters}
    )
    positions = settings["model.positions"] or settings["data.context"]
    return {
        **settings, **held, "model.vocabulary": len(letters), "model.positions": positions,
    }  # fmt: skip


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


def write_characters(
    model: nn.Module,
    settings: Mapping[str, Any],
    generator: ag.Generator,
    prompt: str = "\n",
    length: int = 500,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
) -> str:
    """A prompt, continued by `length` characters, or byte pairs: for `Recipe.sample`.

    Which they are is for the settings to say; see `write_text`, and `datasets.tokens.tokenizer`.
    """
    letters = tokenizer(**section(settings, "data"))
    return write_text(model, letters, generator, prompt, length, temperature, top_k, top_p)


def write_text(
    model: nn.Module,
    letters: Alphabet | BytePairs,
    generator: ag.Generator,
    prompt: str,
    length: int,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
) -> str:
    """A prompt, continued by `length` tokens, whose text `letters` knows.

    The model has ``read(tokens, state)``: (batch, time) tokens and what was seen before them to
    (batch, time, vocabulary) scores and what has been seen after them.
    """
    if not prompt:
        raise UsageError("the prompt is empty: give at least one character to begin with")

    def step(tokens: np.ndarray, state: Any) -> tuple[ag.Tensor, Any]:
        scores, state = model.read(ag.from_numpy(tokens[None]), state)
        return scores[0, -1], state

    given = letters.encode(prompt)
    written = write(
        step, given, length, temperature=temperature, top_k=top_k, top_p=top_p, generator=generator
    )
    return letters.decode([*given, *written])


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
    count = min(int(np.searchsorted(parts, top_p)) + 1, len(parts))
    at = ag.rand(1, generator=generator, dtype=ag.float64).item() * parts[count - 1]
    place = int(np.searchsorted(parts[:count], at, side="right"))
    return int(order[min(place, count - 1)])
