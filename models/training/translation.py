"""What recipes that write one sequence from another thing share: their objective, and decoding.

The models have

- ``model(source, target)``: teacher forcing. Scores of shape (batch, time - 1, vocabulary) for what
  follows each token of `target` but the last, each computed from the true tokens before it; without
  a target, for what could come first;
- ``model.begin(source)``: a state, a tree (lists, tuples, dicts) of tensors whose first dimension
  is the batch;
- ``model.step(tokens, state)``: reads one more token each, int64 of shape (batch,), and returns
  scores (batch, vocabulary) of the next one, and the new state. What has been computed for earlier
  tokens is in the state and never computed again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import autograd as ag
import nn
from models.datasets import BEGIN, END, PAD, Alphabet, framed, unframed
from models.training.recipe import UsageError
from nn import functional as F

Step = Callable[[ag.Tensor, Any], tuple[ag.Tensor, Any]]


# -- learning --------------------------------------------------------------------------------------


def dictated(model: nn.Module, batch, smoothing: float = 0.0) -> tuple[Any, dict[str, float]]:
    """The objective: cross entropy of each true token after the true tokens before it.

    Its metrics are the part of the tokens that are the likeliest ones, and as ``exact`` the part of
    the sequences of which every token is. That is the part which greedy decoding gets exactly
    right: as long as it has written what is true, it goes on from what teacher forcing has read.

    Parameters
    ----------
    model : Module
    batch : (source, target)
        See `models.datasets.framed` for the targets.
    smoothing : float, default 0.0
        Share of each target's probability that goes to all tokens alike (label smoothing).

    Examples
    --------
    >>> import autograd as ag
    >>> from models.training.translation import dictated
    >>> from nn import functional as F
    >>> def certain(source, target):  # knows what comes, and for the second text ends too late
    ...     return 9 * F.one_hot(ag.tensor([[4, 2], [4, 4]]), 5).float()
    >>> dictated(certain, (None, ag.tensor([[1, 4, 2], [1, 4, 2]])))[1]
    {'exact': 0.5, 'tokens': 0.75}
    """
    source, target = batch
    wanted = target[:, 1:]
    scores = model(source, target)
    loss = F.cross_entropy(
        scores.flatten(0, 1), wanted.flatten(), ignore_index=PAD, label_smoothing=smoothing
    )
    counted = wanted.array != PAD
    right = scores.array.argmax(-1) == wanted.array
    exact = (right | ~counted).all(1)
    return loss, {"exact": float(exact.mean()), "tokens": float(right[counted].mean())}


def opening(source) -> ag.Tensor:
    """The target of a model that is given none: it scores what could come first.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.training.translation import opening
    >>> opening(ag.zeros(2, 7))
    tensor([[1, 2],
            [1, 2]], shape=(2, 2))
    """
    return ag.tensor([[BEGIN, END]] * len(source))


# -- decoding --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Text:
    """What a decoder wrote: its tokens, the last of them END if it came to one, and their score."""

    tokens: tuple[int, ...]
    score: float  # the logarithm of their probability

    @property
    def ended(self) -> bool:
        return self.tokens[-1:] == (END,)


def greedy(step: Step, state: Any, count: int, longest: int) -> list[Text]:
    """Write `count` texts at once, at each place the likeliest token.

    Parameters
    ----------
    step : callable
    state : tree of tensors
        See the head of this file.
    count : int
        The size of the batch.
    longest : int
        A text that has not come to its END after so many tokens stops there.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.training.translation import greedy
    >>> from nn import functional as F
    >>> follows = ag.tensor([0, 3, 0, 4, 2])  # 3 the beginning, 4 that, and then the end
    >>> def step(tokens, state):
    ...     return 9 * F.one_hot(follows[tokens], 5), state
    >>> [text] = greedy(step, (), count=1, longest=9)
    >>> text.tokens
    (3, 4, 2)
    """
    written: list[list[int]] = [[] for _ in range(count)]
    sums, last = np.zeros(count), np.full(count, BEGIN)
    while (last != END).any() and len(written[0]) < longest:
        scores, state = _log_probabilities(step, last, state)
        going = last != END
        chosen = np.where(going, scores.argmax(1), END)
        sums += np.where(going, scores[np.arange(count), chosen], 0)
        for text, token in zip(written, chosen, strict=True):
            text.append(int(token))
        last = chosen
    return [
        Text(tuple(text[: text.index(END) + 1] if END in text else text), float(total))
        for text, total in zip(written, sums, strict=True)
    ]


def beam_search(step: Step, state: Any, width: int, longest: int) -> Text:
    """Search for the likeliest text, going on with the `width` likeliest beginnings at each place.

    What greedy decoding finds is where the search starts from: the result is never less likely, and
    a beginning that is less likely already is dropped, since tokens only ever lower a score. With
    as many beginnings as there are, this finds the likeliest text of all.

    Parameters
    ----------
    step : callable
    state : tree of tensors
        Of a batch of one.
    width : int
        1 is greedy decoding.
    longest : int

    Examples
    --------
    >>> import autograd as ag
    >>> from models.training.translation import beam_search, greedy
    >>> chances = ag.full((5, 5), 1e-9)
    >>> chances[1, [3, 4]] = ag.tensor([0.6, 0.4])  # 3 is the better beginning,
    >>> chances[3, [2, 3, 4]] = ag.tensor([0.4, 0.3, 0.3])  # but nothing good comes of it
    >>> chances[4, 2] = 1.0
    >>> step = lambda tokens, state: (chances[tokens].log(), state)
    >>> greedy(step, (), 1, 9)[0].tokens, beam_search(step, (), 2, 9).tokens
    ((3, 2), (4, 2))
    """
    if width < 1:
        raise UsageError(f"a beam is at least 1 wide, got {width}")
    [best] = greedy(step, state, 1, longest)
    beams = [Text((BEGIN,), 0.0)]
    for _ in range(longest if width > 1 else 0):
        scores, state = _log_probabilities(step, np.array([b.tokens[-1] for b in beams]), state)
        totals = scores + np.array([[b.score] for b in beams])
        going, rows = [], []
        for place in np.argsort(-totals, axis=None, kind="stable")[:width]:
            row, token = divmod(int(place), totals.shape[1])
            text = Text((*beams[row].tokens, token), float(totals[row, token]))
            if text.score <= best.score and best.ended:
                break  # so are all that follow
            if text.ended:
                best = Text(text.tokens[1:], text.score)
            else:
                going.append(text)
                rows.append(row)
        if not going:
            break
        beams, state = going, _rows(state, np.array(rows))
    return best


def _log_probabilities(step: Step, last: np.ndarray, state: Any) -> tuple[np.ndarray, Any]:
    """The logarithms of the next tokens' probabilities, in float64, and the new state."""
    with ag.no_grad():
        scores, state = step(ag.from_numpy(last.astype(np.int64)), state)
        return F.log_softmax(scores.to(ag.float64), -1).array, state


def _rows(state: Any, rows: np.ndarray) -> Any:
    """A state whose texts are those with these numbers, in every tensor of the tree."""
    if isinstance(state, ag.Tensor):
        return state[rows]
    if isinstance(state, dict):
        return {name: _rows(part, rows) for name, part in state.items()}
    return type(state)(_rows(part, rows) for part in state)


def translate(model: nn.Module, text: str, letters: Alphabet, width: int, longest: int) -> str:
    """What a trained model makes of a text, by beam search.

    Raises
    ------
    UsageError
        If the text is empty, or has characters that the model does not know.
    """
    if not text.strip():
        raise UsageError("there is nothing to translate: give a text as the prompt")
    try:
        source = ag.from_numpy(framed([text], letters))
    except ValueError as error:
        raise UsageError(str(error)) from None
    with ag.no_grad():
        state = model.begin(source)
    return unframed(beam_search(model.step, state, width, longest).tokens, letters)
