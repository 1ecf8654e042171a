"""L-BFGS: a quasi-Newton method for losses without noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd import kernels
from autograd.mode import enable_grad, no_grad
from autograd.tensor import wrap
from autograd.versions import wrote
from optim.line_search import Point, strong_wolfe
from optim.optimizer import Optimizer
from optim.options import in_range


class LBFGS(Optimizer):
    """Limited-memory BFGS (Nocedal 1980): an inverse Hessian learnt from the last gradients.

    Each `step` is up to `max_iter` iterations and needs a closure that computes the loss again. All
    parameters are one vector, in one group.

    Parameters
    ----------
    params : iterable
        See `Optimizer`.
    lr : float or Tensor, default 1
        How far to go along the direction, or where the line search begins.
    max_iter : int, default 20
        Iterations in a step.
    max_eval : int, optional
        Evaluations of the closure in a step. Default: a quarter more than `max_iter`.
    tolerance_grad : float, default 1e-7
        End when no element of the gradient is larger.
    tolerance_change : float, default 1e-9
        End when neither the loss nor a parameter changes more.
    history_size : int, default 100
        How many past steps to learn from.
    line_search_fn : {None, "strong_wolfe"}
        None: go a distance of `lr`.

    Examples
    --------
    >>> import autograd as ag, optim
    >>> x = ag.tensor([-1.0, 2.0], requires_grad=True)
    >>> optimizer = optim.LBFGS([x], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
    ...     loss.backward()
    ...     return loss
    >>> for _ in range(3):
    ...     loss = optimizer.step(closure)
    >>> x.detach().round(decimals=3)
    tensor([1., 1.])
    """

    def __init__(self, params, lr=1, max_iter=20, max_eval=None, tolerance_grad=1e-7,
                 tolerance_change=1e-9, history_size=100, line_search_fn=None):  # fmt: skip
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)

    def check(self, options) -> None:
        """Raise ValueError if an option is out of range."""
        in_range("lr", options["lr"])
        if options["line_search_fn"] not in (None, "strong_wolfe"):
            raise ValueError(
                f"line_search_fn expected None or 'strong_wolfe', got {options['line_search_fn']!r}"
            )

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add the one group of parameters there may be."""
        if self.param_groups:
            raise ValueError("LBFGS has one group: all parameters are one vector to it")
        super().add_param_group(param_group)

    def step(self, closure: Callable | None = None):
        """Iterate; returns the loss the first call of `closure` gave.

        Parameters
        ----------
        closure : callable
            Clears the gradients, computes the loss, calls ``backward`` and returns the loss.
        """
        if closure is None:
            raise TypeError(
                "LBFGS.step() needs a closure that clears the gradients, computes the loss, calls "
                "backward() and returns the loss: it is evaluated several times a step"
            )
        with no_grad(), np.errstate(all="ignore"):
            return self._iterate(closure)

    def _iterate(self, closure: Callable):
        group = self.param_groups[0]
        lr, max_iter, max_eval = float(group["lr"]), group["max_iter"], group["max_eval"]
        memory = _Memory(self.state[group["params"][0]])
        first_loss, loss, gradient = self._evaluate(closure)
        evaluations = 1
        memory.state["func_evals"] += 1
        if _largest(gradient) <= group["tolerance_grad"]:
            return first_loss
        for iteration in range(1, max_iter + 1):
            t = memory.look(gradient, group["history_size"]) * lr
            memory.loss, memory.t = loss, t
            slope = float(gradient.dot(memory.direction))
            if slope > -group["tolerance_change"]:
                break
            before, evaluated = loss, 0
            if group["line_search_fn"] is not None:
                here = Point(0.0, loss, gradient, slope)
                found, evaluated = self._search(closure, here, t, max_eval - evaluations, memory)
                t, loss, gradient = found.t, found.loss, found.gradient
                memory.t = t
                self._move(t, memory.direction)
            else:
                self._move(t, memory.direction)
                if iteration < max_iter:  # after the last there is no use for it
                    _, loss, gradient = self._evaluate(closure)
                    evaluated = 1
            evaluations += evaluated
            memory.state["func_evals"] += evaluated
            if (
                evaluations >= max_eval
                or _largest(gradient) <= group["tolerance_grad"]
                or _largest(memory.direction * t) <= group["tolerance_change"]
                or abs(loss - before) < group["tolerance_change"]
            ):
                break
        memory.save()
        return first_loss

    def _search(self, closure, here: Point, t: float, trials: int, memory: _Memory):
        """The line search from `here` along the direction; leaves the parameters where they are."""
        params, direction = self.param_groups[0]["params"], memory.direction
        arrays = [param.array.copy() for param in params]

        def evaluate(t: float) -> Point:
            self._move(t, direction)
            _, loss, gradient = self._evaluate(closure)
            for param, array in zip(params, arrays, strict=True):
                param.array[...] = array
                wrote(param.array, "LBFGS.step")
            return Point(t, loss, gradient, float(gradient.dot(direction)))

        tolerance = self.param_groups[0]["tolerance_change"]
        return strong_wolfe(evaluate, here, t, _largest(direction), tolerance, trials)

    def _evaluate(self, closure: Callable) -> tuple[Any, float, np.ndarray]:
        """The closure's loss, as it is and as a number, and all gradients as one vector."""
        with enable_grad():
            loss = closure()
        parts = [
            np.zeros(param.numel(), param.dtype) if param.grad is None else param.grad.array.ravel()
            for param in self.param_groups[0]["params"]
        ]
        return loss, float(loss), np.concatenate(parts)

    def _move(self, t: float, direction: np.ndarray) -> None:
        start = 0
        for param in self.param_groups[0]["params"]:
            part = direction[start : start + param.numel()].reshape(param.shape)
            param.array[...] += (t * part).astype(param.dtype, copy=False)
            wrote(param.array, "LBFGS.step")
            start += param.numel()


class _Memory:
    """What is remembered from iteration to iteration, kept under PyTorch's names in `state`."""

    def __init__(self, state: dict[str, Any]):
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        self.state = state
        self.direction: np.ndarray = _array(state.get("d"))
        self.previous: np.ndarray = _array(state.get("prev_flat_grad"))
        self.t = float(state.get("t") or 0.0)
        self.loss = state.get("prev_loss")
        self.changes = [_array(change) for change in state.get("old_dirs") or ()]
        self.steps = [_array(step) for step in state.get("old_stps") or ()]
        self.inverses = [float(inverse) for inverse in state.get("ro") or ()]
        self.scale = float(state.get("H_diag") or 1.0)

    def look(self, gradient: np.ndarray, size: int) -> float:
        """Set the direction to go from a new gradient, and return how far to try to go.

        At first that is down the gradient, and not far; then the whole quasi-Newton step.
        """
        self.state["n_iter"] += 1
        if self.state["n_iter"] == 1:
            self.direction, self.previous = -gradient, gradient.copy()
            self.changes, self.steps, self.inverses, self.scale = [], [], [], 1.0
            return min(1.0, 1.0 / float(np.abs(gradient).sum()))
        self._learn(gradient - self.previous, self.direction * self.t, size)
        self.direction = kernels.step_newton.direction(
            gradient, self.changes, self.steps, self.inverses, self.scale
        )
        self.previous = gradient.copy()
        return 1.0

    def _learn(self, change: np.ndarray, step: np.ndarray, size: int) -> None:
        product = float(change.dot(step))
        if product <= 1e-10:  # no curvature to speak of: the estimate would not stay positive
            return
        pairs: tuple[tuple[list[Any], Any], ...] = (
            (self.changes, change),
            (self.steps, step),
            (self.inverses, 1.0 / product),
        )
        for kept, new in pairs:
            if len(kept) == size:
                kept.pop(0)
            kept.append(new)
        self.scale = product / float(change.dot(change))

    def save(self) -> None:
        """Put everything into the state."""
        self.state.update(
            d=wrap(self.direction),
            t=self.t,
            old_dirs=[wrap(change) for change in self.changes],
            old_stps=[wrap(step) for step in self.steps],
            ro=list(self.inverses),
            H_diag=self.scale,
            prev_flat_grad=wrap(self.previous),
            prev_loss=self.loss,
        )


def _array(value) -> np.ndarray:
    return np.empty(0) if value is None else value.array


def _largest(vector: np.ndarray) -> float:
    return float(np.abs(vector).max(initial=0.0))
