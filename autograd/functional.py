"""Functional calculus: derivatives of functions, as `torch.autograd.functional` has them.

Everything here is made of two moves. `pull_back` is the backward pass: a vector times the Jacobian.
`push_forward`, the Jacobian times a vector, is two backward passes: the first one's result is
linear in the vector it was given, whatever that vector is, and the derivative of that linear map is
the transpose of the transposed Jacobian.

The Hessian is the Jacobian of the gradient, so its products are the same two moves on a gradient.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from autograd.engine import grad
from autograd.errors import ArgumentError, GraphError, ShapeError
from autograd.mode import enable_grad
from autograd.op import OPS
from autograd.tensor import Tensor, wrap

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def vjp(func: Callable, inputs, v=None, create_graph: bool = False, strict: bool = False):
    """Return ``func(*inputs)`` and the product of `v` with the Jacobian of `func`.

    Parameters
    ----------
    func : callable
        Takes tensors, returns a tensor or a tuple of them.
    inputs : Tensor or tuple of Tensor
    v : Tensor or tuple of Tensor, optional
        Shaped like the outputs; may be left out if the output is a single element.
    create_graph : bool, default False
        Record the computation, so that the results can be differentiated again.
    strict : bool, default False
        Raise if an output does not depend on an input, instead of returning zeros for it.

    Examples
    --------
    >>> import autograd as ag
    >>> x = ag.tensor([1.0, 2.0])
    >>> ag.functional.vjp(lambda x: x * x, x, ag.tensor([1.0, 10.0]))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    with enable_grad():
        at = _Point("vjp", func, inputs, create_graph, strict)
        v = at.vector(v, at.outputs, "output", _is_tuple(at.raw))
        found = pull_back(at.outputs, at.inputs, v, create_graph)
        return at.value(), at.like_inputs(at.filled(found, at.inputs, "output"))


def jvp(func: Callable, inputs, v=None, create_graph: bool = False, strict: bool = False):
    """Return ``func(*inputs)`` and the product of the Jacobian of `func` with `v`.

    `v` is shaped like the inputs, and may be left out if the input is a single element. Costs two
    backward passes: if every output matters, prefer `vjp`. See `vjp` for the other parameters.

    Examples
    --------
    >>> import autograd as ag
    >>> x = ag.tensor([1.0, 2.0])
    >>> ag.functional.jvp(lambda x: (x * x).sum(), x, ag.tensor([1.0, 10.0]))
    (tensor(5.), tensor(42.))
    """
    with enable_grad():
        at = _Point("jvp", func, inputs, create_graph, strict)
        v = at.vector(v, at.inputs, "input", at.several)
        at.expect_dependence(at.outputs, "output")
        found = push_forward(at.outputs, at.inputs, v, create_graph)
        filled = at.filled(found, at.outputs, "output")
        return at.value(), filled if _is_tuple(at.raw) else filled[0]


def jacobian(func: Callable, inputs, create_graph: bool = False, strict: bool = False,
             vectorize: bool = False, strategy: str = "reverse-mode"):  # fmt: skip
    """Return the Jacobian of `func` at `inputs`.

    For one input and one output, a tensor of shape ``output.shape + input.shape``; a tuple over the
    inputs if these are a tuple; and a tuple of either over the outputs if these are.

    Parameters
    ----------
    vectorize : bool, default False
        Not supported: there is no batching transform here.
    strategy : {"reverse-mode", "forward-mode"}
        One backward pass for each element of the outputs, or two for the whole and one more for
        each element of the inputs: the choice for few inputs and many outputs.

    See `vjp` for the other parameters.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.functional.jacobian(lambda x: x * x, ag.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]], shape=(2, 2))
    """
    _refuse_vectorize("jacobian", vectorize)
    _known_strategy("strategy", strategy)
    with enable_grad():
        at = _Point("jacobian", func, inputs, create_graph, strict)
        build = _by_rows if strategy == "reverse-mode" else _by_columns
        rows = tuple(at.like_inputs(build(at, output)) for output in at.outputs)
        return rows if _is_tuple(at.raw) else rows[0]


def hessian(func: Callable, inputs, create_graph: bool = False, strict: bool = False,
            vectorize: bool = False, outer_jacobian_strategy: str = "reverse-mode"):  # fmt: skip
    """Return the Hessian of a function with one element as its value.

    For one input a tensor of shape ``input.shape + input.shape``; for a tuple of inputs a tuple of
    tuples, whose ``[i][j]`` differentiates by input i and then by input j. See `jacobian` for the
    parameters; `outer_jacobian_strategy` is how the gradient is differentiated.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.functional.hessian(lambda x: (x**3).sum(), ag.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]], shape=(2, 2))
    """
    _refuse_vectorize("hessian", vectorize)
    _known_strategy("outer_jacobian_strategy", outer_jacobian_strategy)
    several, inputs = isinstance(inputs, tuple), _tensors(inputs, "inputs", "hessian")

    def gradient(*values):
        at = _Point("hessian", func, values, True, strict)
        _expect_scalar(at, "hessian")
        found = pull_back(at.outputs, at.inputs, [_ones(at.outputs[0])], True)
        return at.filled(found, at.inputs, "output")

    rows = jacobian(gradient, inputs, create_graph, strict, strategy=outer_jacobian_strategy)
    return rows if several else rows[0][0]


def vhp(func: Callable, inputs, v=None, create_graph: bool = False, strict: bool = False):
    """Return ``func(*inputs)``, one element, and the product of `v` with its Hessian.

    `v` is shaped like the inputs. See `vjp` for the parameters.

    Examples
    --------
    >>> import autograd as ag
    >>> x = ag.tensor([1.0, 2.0])
    >>> ag.functional.vhp(lambda x: (x**3).sum(), x, ag.tensor([1.0, 1.0]))
    (tensor(9.), tensor([ 6., 12.]))
    """
    return _hessian_product("vhp", pull_back, func, inputs, v, create_graph, strict)


def hvp(func: Callable, inputs, v=None, create_graph: bool = False, strict: bool = False):
    """Return ``func(*inputs)``, one element, and the product of its Hessian with `v`.

    The Hessian is symmetric, so this is `vhp` by a longer way, which also exists in PyTorch.

    Examples
    --------
    >>> import autograd as ag
    >>> x = ag.tensor([1.0, 2.0])
    >>> ag.functional.hvp(lambda x: (x**3).sum(), x, ag.tensor([1.0, 1.0]))
    (tensor(9.), tensor([ 6., 12.]))
    """
    return _hessian_product("hvp", push_forward, func, inputs, v, create_graph, strict)


# -- the two moves ---------------------------------------------------------------------------------


def pull_back(outputs, inputs, v, create_graph: bool = False) -> tuple[Tensor | None, ...]:
    """The products of `v` with the Jacobian, one an input; None where nothing depends on it.

    Examples
    --------
    >>> import autograd as ag
    >>> x = ag.tensor(3.0, requires_grad=True)
    >>> pull_back([x * x], [x], [ag.tensor(1.0)])
    (tensor(6.),)
    """
    pairs = [(out, w) for out, w in zip(outputs, v, strict=True) if out.requires_grad]
    if not pairs:
        return (None,) * len(inputs)
    outs, weights = zip(*pairs, strict=True)
    return grad(
        outs, inputs, weights, retain_graph=True, create_graph=create_graph, allow_unused=True
    )


def push_forward(outputs, inputs, v, create_graph: bool = False) -> tuple[Tensor | None, ...]:
    """The products of the Jacobian with `v`, one an output; None where it depends on no input.

    Examples
    --------
    >>> import autograd as ag
    >>> x = ag.tensor(3.0, requires_grad=True)
    >>> push_forward([x * x], [x], [ag.tensor(1.0)])
    (tensor(6.),)
    """
    weights = [wrap(np.zeros_like(out.array)).requires_grad_() for out in outputs]
    pulled = pull_back(outputs, inputs, weights, create_graph=True)
    pairs = [(g, w) for g, w in zip(pulled, v, strict=True) if g is not None]
    return pull_back([g for g, _ in pairs], weights, [w for _, w in pairs], create_graph)


def _hessian_product(caller, move, func, inputs, v, create_graph, strict):
    with enable_grad():
        at = _Point(caller, func, inputs, create_graph, strict)
        _expect_scalar(at, caller)
        v = at.vector(v, at.inputs, "input", at.several)
        gradient = pull_back(at.outputs, at.inputs, [_ones(at.outputs[0])], create_graph=True)
        gradient = at.filled(gradient, at.inputs, "output", again=True)
        at.expect_dependence(gradient, "gradient")
        found = move(gradient, at.inputs, v, create_graph)
        return at.value(), at.like_inputs(at.filled(found, at.inputs, "gradient"))


def _by_rows(at: _Point, output: Tensor) -> tuple[Tensor, ...]:
    """For each input the Jacobian of one output: a backward pass for each of its elements."""
    rows: list[tuple] = []
    for place in np.ndindex(output.shape):
        found = pull_back([output], at.inputs, [_one_at(output, place)], at.create_graph)
        rows.append(at.filled(found, at.inputs, "output"))
    return tuple(
        _stacked([row[i] for row in rows], output, x, dim=0) for i, x in enumerate(at.inputs)
    )


def _by_columns(at: _Point, output: Tensor) -> tuple[Tensor, ...]:
    """The same, a pass for each element of the inputs, through the transposed Jacobian."""
    weight = wrap(np.zeros_like(output.array)).requires_grad_()
    pulled = pull_back([output], at.inputs, [weight], create_graph=True)
    jacobians = []
    for i, (x, g) in enumerate(zip(at.inputs, pulled, strict=True)):
        columns: list[Tensor] = []
        for place in np.ndindex(x.shape):
            found: tuple = (None,)
            if g is not None:
                found = pull_back([g], [weight], [_one_at(x, place)], at.create_graph)
            columns += at.filled(found, [output], "output", number=i)
        jacobians.append(_stacked(columns, output, x, dim=-1))
    return tuple(jacobians)


def _stacked(parts: list, output: Tensor, x: Tensor, dim: int) -> Tensor:
    """Rows or columns as one tensor; there are none of an empty tensor."""
    shape = output.shape + x.shape
    if not parts:
        return wrap(np.zeros(shape, x.dtype))
    return OPS["stack"].function(parts, dim=dim).reshape(shape)


def _one_at(like: Tensor, place: tuple) -> Tensor:
    array = np.zeros(like.shape, like.dtype)
    array[place] = 1
    return wrap(array)


def _ones(like: Tensor) -> Tensor:
    return wrap(np.ones(like.shape, like.dtype))


# -- arguments and results -------------------------------------------------------------------------


class _Point:
    """Where a function is differentiated: its inputs as fresh variables, and its outputs there."""

    def __init__(self, caller: str, func, inputs, create_graph: bool, strict: bool):
        self.caller, self.create_graph, self.strict = caller, create_graph, strict
        self.several = isinstance(inputs, tuple)
        self.inputs = tuple(
            # A graph that goes on behind the inputs must be reached through them.
            OPS["expand"].function(x, x.shape)
            if create_graph and x.requires_grad
            else x.detach().requires_grad_()
            for x in _tensors(inputs, "inputs", caller)
        )
        self.raw = func(*self.inputs)
        self.outputs = _tensors(self.raw, "outputs of func", caller)
        for i, output in enumerate(self.outputs):
            if strict and not output.requires_grad:
                raise GraphError(
                    f"{caller}(strict=True): output {i} of the function does not depend on the "
                    "inputs, or not by differentiable operations"
                )

    def vector(self, v, like: tuple, what: str, several: bool) -> tuple:
        """The vector of a product, checked; a one where there is only one element."""
        if v is None:
            if len(like) != 1 or like[0].numel() != 1:
                shapes = ", ".join(str(x.shape) for x in like)
                raise ShapeError(
                    f"{self.caller}() needs v, shaped like the {what} {shapes}: it may be left out "
                    f"only if the {what} is a single element"
                )
            return (_ones(like[0]),)
        v = _tensors(v, "v", self.caller)
        if [x.shape for x in v] != [x.shape for x in like]:
            raise ShapeError(
                f"{self.caller}() expected v like the {what}: {[x.shape for x in like]}, "
                f"got {[x.shape for x in v]}"
            )
        return v

    def expect_dependence(self, outputs, what: str) -> None:
        """Under `strict`: raise for an input that no output depends on."""
        if self.strict:
            found = pull_back(outputs, self.inputs, [_ones(out) for out in outputs])
            self.filled(found, self.inputs, what, again=False)

    def filled(self, found, like, what: str, again: bool | None = None, number=None) -> tuple:
        """Zeros for what depends on nothing.

        Under `strict` an error; and so is what is constant, if it is to be differentiated `again`.
        """
        again = self.create_graph if again is None else again
        result = []
        for i, (g, x) in enumerate(zip(found, like, strict=True)):
            i = i if number is None else number
            if self.strict and g is None:
                raise GraphError(
                    f"{self.caller}(strict=True): the {what} does not depend on input {i}"
                )
            if self.strict and again and not g.requires_grad:
                raise GraphError(
                    f"{self.caller}(strict=True): the derivative of the {what} by input {i} is "
                    "constant, it cannot be differentiated again"
                )
            result.append(wrap(np.zeros(x.shape, x.dtype)) if g is None else g)
        return tuple(result)

    def value(self):
        """The function's value, cut from its graph unless that was asked for."""
        outputs = self.outputs if self.create_graph else tuple(x.detach() for x in self.outputs)
        return outputs if _is_tuple(self.raw) else outputs[0]

    def like_inputs(self, found: tuple):
        """A tuple if the inputs were one, else its only element."""
        return found if self.several else found[0]


def _is_tuple(value) -> bool:
    return isinstance(value, tuple)


def _tensors(value, what: str, caller: str) -> tuple[Tensor, ...]:
    values = value if _is_tuple(value) else (value,)
    for i, item in enumerate(values):
        if not isinstance(item, Tensor):
            raise TypeError(
                f"{caller}() expected a Tensor or a tuple of them as {what}, "
                f"got {type(item).__name__} at position {i}"
            )
    return values


def _expect_scalar(at: _Point, caller: str) -> None:
    if _is_tuple(at.raw) or at.outputs[0].numel() != 1:
        shapes = [x.shape for x in at.outputs]
        raise ShapeError(
            f"{caller}() expected a function that returns one tensor with one element, got {shapes}"
        )


def _known_strategy(name: str, strategy: str) -> None:
    if strategy not in ("reverse-mode", "forward-mode"):
        raise ArgumentError(f"{name} is 'reverse-mode' or 'forward-mode', got {strategy!r}")


def _refuse_vectorize(caller: str, vectorize: bool) -> None:
    if vectorize:
        raise NotImplementedError(
            f"{caller}(vectorize=True) is not supported: rows are computed one by one"
        )
