"""What is switched on: gradient recording, anomaly detection, and the layer now running.

One immutable record per thread of execution, held in a context variable: reading it is a single
look-up on the hot path, and threads and asyncio tasks never see each other's switches.
"""

from __future__ import annotations

from contextlib import ContextDecorator
from contextvars import ContextVar
from typing import Any, NamedTuple


class State(NamedTuple):
    grad: bool = True
    inference: bool = False
    anomaly: bool = False  # look for NaN in gradients and for arrays changed behind our back
    strict: bool = False  # refuse any op that turns float32 into float64
    retain: bool = False  # in a backward pass: nodes keep what they saved, for another one
    layer: str | None = None  # path of the module whose forward is running


CURRENT: ContextVar[State] = ContextVar("autograd_state", default=State())  # noqa: B039 - immutable


class _Switch(ContextDecorator):
    """Changes some fields of the state inside a `with` block or a decorated function."""

    def __init__(self, **changes: Any):
        self.changes = changes
        self.before: list[State] = []  # a stack, so that one instance may be entered again

    def __enter__(self):
        state = CURRENT.get()
        self.before.append(state)
        CURRENT.set(state._replace(**self.changes))
        return self

    def __exit__(self, *exc_info) -> None:
        CURRENT.set(self.before.pop())


class no_grad(_Switch):
    """Stop recording the graph inside a block or a decorated function.

    Examples
    --------
    >>> import autograd as ag
    >>> x = ag.ones(2, requires_grad=True)
    >>> with ag.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    def __new__(cls, function=None):
        # `@no_grad` without parentheses decorates at once, as in PyTorch.
        return super().__new__(cls) if function is None else cls()(function)

    def __init__(self) -> None:
        super().__init__(grad=False)


class enable_grad(_Switch):
    """Record the graph inside a block, also within `no_grad`.

    Examples
    --------
    >>> import autograd as ag
    >>> with ag.no_grad(), ag.enable_grad():
    ...     ag.is_grad_enabled()
    True
    """

    def __init__(self) -> None:
        super().__init__(grad=True)


class inference_mode(_Switch):
    """Like `no_grad`, and visible as `is_inference_mode_enabled`.

    Examples
    --------
    >>> import autograd as ag
    >>> with ag.inference_mode():
    ...     ag.is_grad_enabled()
    False
    """

    def __init__(self, mode: bool = True):
        super().__init__(**({"grad": False, "inference": True} if mode else {"inference": False}))


class set_grad_enabled(_Switch):
    """Switch recording on or off: at once as a call, or for the length of a `with` block.

    Examples
    --------
    >>> import autograd as ag
    >>> with ag.set_grad_enabled(False):
    ...     ag.is_grad_enabled()
    False
    """

    def __init__(self, mode: bool):
        super().__init__(grad=bool(mode))
        state = CURRENT.get()
        self._at_call: State | None = state
        CURRENT.set(state._replace(grad=bool(mode)))

    def __enter__(self):
        super().__enter__()
        if self._at_call is not None:  # leaving the block restores what was before the call
            self.before[-1], self._at_call = self._at_call, None
        return self


class detect_anomaly(_Switch):
    """Find the op that produced a NaN gradient, or whose saved array was changed from outside.

    Inside the block every gradient is checked for NaN as it is made, and every array an op keeps is
    fingerprinted, so that a write through a NumPy array sharing its memory is an error too.

    Examples
    --------
    >>> import autograd as ag
    >>> x = ag.zeros(1, requires_grad=True)
    >>> with ag.detect_anomaly():
    ...     y = (x * 0).sqrt() * 0
    ...     y.sum().backward()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    autograd.errors.GraphError: sqrt returned a NaN gradient ...
    """

    def __init__(self, mode: bool = True, check_nan: bool = True):
        if not check_nan:
            raise NotImplementedError("detect_anomaly(check_nan=False) has nothing left to detect")
        super().__init__(anomaly=bool(mode))


class strict_dtypes(_Switch):
    """Refuse, inside the block, any op that computes float64 from a float32 input.

    Examples
    --------
    >>> import autograd as ag
    >>> with ag.strict_dtypes():
    ...     ag.ones(2) + ag.ones(2, dtype=ag.float64)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    autograd.errors.DtypeError: add would silently compute in float64 ...
    """

    def __init__(self, mode: bool = True):
        super().__init__(strict=bool(mode))


def is_grad_enabled() -> bool:
    """Tell whether operations are being recorded."""
    return CURRENT.get().grad


def is_inference_mode_enabled() -> bool:
    """Tell whether an `inference_mode` block is active."""
    return CURRENT.get().inference


def is_anomaly_enabled() -> bool:
    """Tell whether a `detect_anomaly` block is active."""
    return CURRENT.get().anomaly


def set_detect_anomaly(mode: bool) -> None:
    """Switch anomaly detection on or off from here on."""
    CURRENT.set(CURRENT.get()._replace(anomaly=bool(mode)))
