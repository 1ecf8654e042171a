"""gradcheck: compare derivatives with finite differences, to first order and to second.

The Jacobian of each output with respect to each input is computed twice: once by central
differences, ``(f(x + eps) - f(x - eps)) / (2 eps)``, one element of x at a time; once by the
backward pass, one element of the output at a time. Rows are elements of the input, columns of the
output.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from autograd.engine import grad
from autograd.errors import DtypeError
from autograd.mode import enable_grad
from autograd.tensor import Tensor, wrap


class GradcheckError(RuntimeError):
    """A derivative that disagrees with finite differences, or that is not the same every time."""


def gradcheck(func: Callable, inputs, *, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3,
              raise_exception: bool = True, nondet_tol: float = 0.0,
              check_undefined_grad: bool = True, check_grad_dtypes: bool = False,
              check_batched_grad: bool = False, check_batched_forward_grad: bool = False,
              check_forward_ad: bool = False, check_backward_ad: bool = True,
              fast_mode: bool = False, masked: bool | None = None) -> bool:  # fmt: skip
    """Check the gradients of `func` at `inputs` against central differences.

    Parameters
    ----------
    func : callable
        Takes the inputs, returns a tensor or a tuple of them. It must be smooth at the inputs and
        return the same value each time.
    inputs : Tensor or sequence
        Checked where they require grad, which must be in float64; others are passed through.
    eps, atol, rtol : float
        Step of the differences; allowed is ``|analytical - numerical| <= atol + rtol*|numerical|``.
    raise_exception : bool, default True
        Raise on a mismatch; otherwise return False.
    nondet_tol : float, default 0.0
        By how much two backward passes may differ.
    check_undefined_grad : bool, default True
        Check, for several outputs, that no gradient for an output means the same as a zero one.
    check_grad_dtypes : bool, default False
        Check that gradients have the dtype of their input.
    fast_mode : bool, default False
        Compare one random projection of each Jacobian instead of all its elements.

    Raises
    ------
    GradcheckError
        Says which output and input disagree, both Jacobians, and where they differ most.

    Examples
    --------
    >>> import autograd as ag
    >>> x = ag.tensor([0.5, 2.0], dtype=ag.float64, requires_grad=True)
    >>> ag.gradcheck(lambda x: x * x * x, x)
    True
    """
    _refuse(
        "gradcheck",
        check_batched_grad=check_batched_grad,
        check_batched_forward_grad=check_batched_forward_grad,
        check_forward_ad=check_forward_ad,
        masked=masked,
    )
    if not check_backward_ad:
        raise NotImplementedError(
            "gradcheck(check_backward_ad=False): there is no other derivative here"
        )
    check = _Check(func, inputs, eps, atol, rtol, nondet_tol)
    try:
        with enable_grad():
            check.run(fast_mode, check_undefined_grad, check_grad_dtypes)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(func: Callable, inputs, grad_outputs=None, *, eps: float = 1e-6,
                  atol: float = 1e-5, rtol: float = 1e-3, gen_non_contig_grad_outputs: bool = False,
                  raise_exception: bool = True, nondet_tol: float = 0.0,
                  check_undefined_grad: bool = True, check_grad_dtypes: bool = False,
                  check_batched_grad: bool = False, check_fwd_over_rev: bool = False,
                  check_rev_over_rev: bool = True, fast_mode: bool = False,
                  masked: bool = False) -> bool:  # fmt: skip
    """Check the gradients of `func`'s gradients, with respect to its inputs and to `grad_outputs`.

    Parameters
    ----------
    grad_outputs : Tensor or sequence of Tensor, optional
        Where to take the second derivative; default: fixed random vectors.
    gen_non_contig_grad_outputs : bool, default False
        Give those random vectors gaps in memory.

    See `gradcheck` for everything else.

    Examples
    --------
    >>> import autograd as ag
    >>> x = ag.tensor([0.5, 2.0], dtype=ag.float64, requires_grad=True)
    >>> ag.gradgradcheck(lambda x: x * x * x, x)
    True
    """
    _refuse("gradgradcheck", check_fwd_over_rev=check_fwd_over_rev)
    if not check_rev_over_rev:
        raise NotImplementedError("gradgradcheck(check_rev_over_rev=False) would check nothing")
    inputs = _as_tuple(inputs)
    if grad_outputs is None:
        with enable_grad():
            outputs = _differentiable(func(*inputs))
        grad_outputs = _random_like(outputs, gen_non_contig_grad_outputs)
    grad_outputs = _as_tuple(grad_outputs)
    count = len(inputs)

    def gradient(*values):
        inputs, vectors = values[:count], values[count:]
        wanted = [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]
        outputs = _differentiable(func(*inputs))
        found = grad(outputs, wanted, vectors, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(
        gradient,
        (*inputs, *grad_outputs),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        fast_mode=fast_mode,
        masked=masked,
    )


def _refuse(caller: str, **unsupported) -> None:
    for name, value in unsupported.items():
        if value:
            raise NotImplementedError(f"{caller}({name}={value}) is not supported")


class _Check:
    """One run of `gradcheck`: the function, its inputs, and the tolerances."""

    def __init__(self, func, inputs, eps, atol, rtol, nondet_tol):
        self.func, self.inputs = func, _as_tuple(inputs)
        self.eps, self.atol, self.rtol, self.nondet_tol = eps, atol, rtol, nondet_tol
        self.checked = [
            i for i, x in enumerate(self.inputs) if isinstance(x, Tensor) and x.requires_grad
        ]
        if not self.checked:
            raise ValueError("gradcheck expected at least one input tensor with requires_grad=True")
        for i in self.checked:
            if self.inputs[i].dtype != np.float64:
                raise DtypeError(
                    f"gradcheck expected float64 inputs, got {self.inputs[i].dtype} for input {i}: "
                    "finite differences need the digits; convert it with .double()"
                )

    def run(self, fast: bool, check_undefined: bool, check_dtypes: bool) -> None:
        outputs = _tensors(self.func(*self.inputs))
        positions = [i for i, out in enumerate(outputs) if out.requires_grad]
        if not positions:
            self._expect_constant()
            return
        for o in positions:
            if outputs[o].dtype != np.float64:
                raise DtypeError(
                    f"gradcheck expected float64 outputs, got {outputs[o].dtype} for output {o}"
                )
        compare = self._compare_projection if fast else self._compare_jacobians
        compare(outputs, positions, check_dtypes)
        if check_undefined and len(positions) > 1:
            self._check_undefined(outputs, positions)

    def _compare_jacobians(self, outputs, positions, check_dtypes: bool) -> None:
        """Every element of every Jacobian."""
        analytical = {o: self._analytical(outputs[o], o, check_dtypes) for o in positions}
        for k, i in enumerate(self.checked):
            numerical = self._numerical(i, positions)
            for o in positions:
                expected = numerical[o].reshape(analytical[o][k].shape)  # empty ones have no rows
                if not self._close(analytical[o][k], expected):
                    raise GradcheckError(self._mismatch(i, o, expected, analytical[o][k]))

    def _compare_projection(self, outputs, positions, check_dtypes: bool) -> None:
        """For each pair, one number ``v.J.u`` with random u, v."""
        rng = np.random.default_rng(0)
        along = [rng.normal(size=self.inputs[i].shape) for i in self.checked]
        changes = [
            self._difference(i, u, positions) for i, u in zip(self.checked, along, strict=True)
        ]
        for o in positions:
            v = rng.normal(size=outputs[o].shape)
            rows = self._pull(outputs[o], v, o, check_dtypes)
            for i, u, change, row in zip(self.checked, along, changes, rows, strict=True):
                numerical = np.vdot(v, change[o])
                allowed = self.atol * np.abs(u).sum() * np.abs(v).sum() + self.rtol * abs(numerical)
                # NaN compares as false, so it fails.
                if not abs(np.vdot(row, u) - numerical) <= allowed:
                    self._compare_jacobians(outputs, [o], check_dtypes)  # to show where
                    raise GradcheckError(
                        f"output {o}, input {i}: a random projection of the Jacobian is "
                        f"{numerical} numerically and {np.vdot(row, u)} analytically"
                    )

    def _check_undefined(self, outputs, positions) -> None:
        """A gradient for one output only must equal explicit zeros for the others."""
        several = [outputs[o] for o in positions]
        for k, o in enumerate(positions):
            seeds = [np.zeros(out.shape) for out in several]
            seeds[k] = np.random.default_rng(k).normal(size=outputs[o].shape)
            with_zeros = self._pull(several, seeds, o, False)
            without = self._pull(outputs[o], seeds[k], o, False)
            for i, a, b in zip(self.checked, with_zeros, without, strict=True):
                if not self._close(a, b):
                    raise GradcheckError(
                        "backward treats a missing output gradient differently from a zero one: "
                        f"with a gradient for output {o} alone, the gradient of input {i} is\n{b}\n"
                        f"with explicit zeros for the other outputs it is\n{a}"
                    )

    def _expect_constant(self) -> None:
        """No output is differentiable: then none may depend on the inputs."""
        for i in self.checked:
            for o, jacobian in self._numerical(i, None).items():
                if not self._close(np.zeros_like(jacobian), jacobian):
                    raise GradcheckError(
                        f"output {o} does not require grad, but its numerical gradient with "
                        f"respect to input {i} is not zero:\n{jacobian}"
                    )

    # -- the two Jacobians -------------------------------------------------------------------------

    def _numerical(self, i: int, positions) -> dict[int, np.ndarray]:
        """By output number: the Jacobian with respect to input `i`, by central differences."""
        rows: dict[int, list] = {o: [] for o in positions or ()}
        shape = self.inputs[i].shape
        step = np.zeros(shape)
        for place in np.ndindex(shape):
            step[place] = 1.0
            for o, change in self._difference(i, step, positions).items():
                rows.setdefault(o, []).append(change.ravel())
            step[place] = 0.0
        return {o: np.array(found) for o, found in rows.items()}

    def _difference(self, i: int, direction: np.ndarray, positions) -> dict[int, np.ndarray]:
        """The derivative of the outputs along a direction of input `i`."""
        above, below = self._value(i, self.eps * direction), self._value(i, -self.eps * direction)
        chosen = range(len(above)) if positions is None else positions
        return {
            o: (above[o] - below[o]) / (2 * self.eps) for o in chosen if above[o].dtype.kind == "f"
        }

    def _value(self, i: int, change: np.ndarray) -> list[np.ndarray]:
        """The outputs with input `i` changed; in the same tensor, as a closure may hold it."""
        tensor = self.inputs[i]
        kept = tensor.array
        tensor.array = kept.copy(order="K")
        tensor.array += change
        try:
            # Copies: an output may be a view of the input.
            return [out.array.copy() for out in _tensors(self.func(*self.inputs))]
        finally:
            tensor.array = kept

    def _analytical(self, output: Tensor, o: int, check_dtypes: bool) -> list[np.ndarray]:
        """For each checked input: the Jacobian of `output`, by backward passes."""
        columns = []
        seed = np.zeros(output.shape)
        for place in np.ndindex(output.shape):
            seed[place] = 1.0
            columns.append(self._pull(output, seed, o, check_dtypes))
            seed[place] = 0.0
        jacobians = []
        for k, i in enumerate(self.checked):
            size = self.inputs[i].numel()
            jacobian = np.zeros((size, len(columns)))
            for j, column in enumerate(columns):
                jacobian[:, j] = column[k].ravel()
            jacobians.append(jacobian)
        return jacobians

    def _pull(self, outputs, seeds, o: int, check_dtypes: bool) -> list[np.ndarray]:
        """The gradient of each checked input, zeros if none; twice, to see that it repeats."""
        inputs = [self.inputs[i] for i in self.checked]

        def once():
            vectors = [wrap(np.array(s)) for s in (seeds if isinstance(seeds, list) else [seeds])]
            return grad(outputs, inputs, vectors, retain_graph=True, allow_unused=True)

        first, second = once(), once()
        found = []
        for i, x, a, b in zip(self.checked, inputs, first, second, strict=True):
            if a is None:
                found.append(np.zeros(x.shape))
                continue
            if not np.allclose(a.array, b.array, rtol=0.0, atol=self.nondet_tol, equal_nan=True):
                raise GradcheckError(
                    f"the backward pass is not deterministic: for output {o} and input {i}, two "
                    f"runs differ by {np.abs(a.array - b.array).max()}; allowed is "
                    f"nondet_tol={self.nondet_tol}"
                )
            if check_dtypes and a.dtype != x.dtype:
                raise GradcheckError(
                    f"input {i} is {x.dtype}, its gradient for output {o} is {a.dtype}"
                )
            found.append(a.array)
        return found

    # -- judging -----------------------------------------------------------------------------------

    def _close(self, analytical: np.ndarray, numerical: np.ndarray) -> bool:
        return np.allclose(analytical, numerical, rtol=self.rtol, atol=self.atol)

    def _mismatch(self, i: int, o: int, numerical: np.ndarray, analytical: np.ndarray) -> str:
        difference = np.abs(analytical - numerical)
        row, column = np.unravel_index(
            np.argmax(difference), difference.shape
        )  # NaN counts as largest
        first, second = (_tensors(self.func(*self.inputs)) for _ in range(2))
        hint = ""
        if not np.array_equal(first[o].array, second[o].array, equal_nan=True):
            hint = (
                "\nfunc is not deterministic: two calls with the same inputs gave different values"
            )
        return (
            f"Jacobian mismatch for output {o} with respect to input {i}\n"
            f"numerical:\n{numerical}\nanalytical:\n{analytical}\n"
            f"largest difference {difference[row, column]:.3g}, for element {row} of the input and "
            f"element {column} of the output: {numerical[row, column]:.8g} numerically, "
            f"{analytical[row, column]:.8g} analytically{hint}"
        )


def _as_tuple(value) -> tuple:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def _tensors(result) -> list[Tensor]:
    """The tensors among what a function returned."""
    found = [item for item in _as_tuple(result) if isinstance(item, Tensor)]
    if not found and not isinstance(result, (tuple, list)):
        raise ValueError(f"gradcheck expected func to return tensors, got {type(result).__name__}")
    return found


def _differentiable(result) -> list[Tensor]:
    return [out for out in _tensors(result) if out.requires_grad]


def _random_like(outputs: list[Tensor], gaps: bool) -> tuple:
    """Fixed random vectors shaped like the outputs, to weigh their gradients with."""
    rng = np.random.default_rng(0)
    vectors = []
    for out in outputs:
        array = rng.normal(size=out.shape)
        if gaps and array.ndim:
            array = np.repeat(array, 2, axis=-1)[..., ::2]
        vectors.append(wrap(array).requires_grad_())
    return tuple(vectors)
