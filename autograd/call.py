"""What happens when an op is called: unwrap, run the forward on arrays, record a node.

`make_function` turns a record into the function users call. Ops that make one array from arrays,
and nothing else, get a short path: it is the library's hottest code, each line is paid per op.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import NoReturn

import numpy as np

from autograd.errors import ArgumentError, DtypeError, GraphError, LinAlgError, ShapeError
from autograd.mode import CURRENT
from autograd.node import Node, Output
from autograd.op import MATRICES, NUMPY, Op
from autograd.plan import Plan, VariadicPlan
from autograd.promotion import settled
from autograd.tensor import Tensor, method, wrap
from autograd.view import note_view


def make_function(record: Op) -> Callable:
    """The public function of an op."""
    call = _simple(record) if record.simple else _general(record)
    return functools.wraps(record.forward)(call)


def _simple(record: Op) -> Callable:
    arity, prepare, defaults = len(record.inputs), record.prepare, record.defaults_of_params
    forward = record.forward if record.leading else _by_name(record)
    # How many arguments need no sorting: all arrays, and the rest is not given.
    direct = arity if record.leading and record.optional else -1
    rules, plans, view = record.rules, record.plans, record.kind == "view"

    def call(*args, **keywords):
        params = defaults
        if keywords or len(args) != direct:
            args, params = record.bind(args, keywords)
        if type(args[0]) is np.ndarray and settled(args):  # as rules call it in a backward pass
            try:
                return forward(*args, **params)
            except Exception as error:
                fail(record, error, args)
        arrays, mask, wrapped = unwrap(args)
        given = arrays
        try:
            if prepare is not None and not settled(arrays):
                args = prepare(args)
                arrays, mask, wrapped = unwrap(args)
            out = forward(*arrays, **params)
        except Exception as error:
            fail(record, error, arrays)
        if not wrapped:
            return out
        if type(out) is not np.ndarray:
            out = np.asarray(out)
        state = CURRENT.get()
        if state.strict:
            refuse_widening(record, given, out)
        node = None
        if mask and state.grad and rules:
            plan = plans.get(mask) or _plan(record, mask, args, mask)
            parents, shapes, saved = plan.keeps(args, arrays, out, ())
            node = Node(plan, parents, shapes, saved, params, state.layer)
            if state.anomaly:
                node.fingerprint()
        tensor = wrap(out, node)
        if view:
            note_view(tensor, args[0], record.function, params)
        return tensor

    return call


def unwrap(args) -> tuple[list, int, bool]:
    """The arrays in `args`, a bit for each one that wants gradients, and if any was a Tensor."""
    arrays, mask, bit, wrapped = [], 0, 1, False
    for a in args:
        if isinstance(a, Tensor):
            wrapped = True
            if a._view is not None:
                a._view.sync(a)
            if a._node is not None:
                mask |= bit
            a = a.array
        arrays.append(a)
        bit += bit
    return arrays, mask, wrapped


def _general(record: Op) -> Callable:
    """Ops on lists of arrays, or with residuals or several outputs."""
    outputs = len(record.outputs)
    forward = record.forward if record.leading else _by_name(record)

    def full(*args, **keywords):
        """The op's output (a tuple if there are several), and the tuple of its residuals."""
        args, params = record.bind(args, keywords)
        if record.variadic:
            args = tuple(args[0])
        given = args
        arrays, mask, wrapped = unwrap(args)
        try:
            if record.prepare is not None and not (arrays and settled(arrays)):
                args = tuple(record.prepare(args))
                arrays, mask, wrapped = unwrap(args)
            result = forward(*([arrays] if record.variadic else arrays), **params)
        except Exception as error:
            fail(record, error, arrays)
        if outputs:
            outs, residuals = result[:outputs], result[outputs:]
        elif record.residuals:
            outs, residuals = result[0], result[1:]
        else:
            outs, residuals = result, ()
        if wrapped and CURRENT.get().strict:
            for out in outs if outputs else (outs,):
                refuse_widening(record, given, out)
        return (
            record_call(record, args, arrays, mask, outs, residuals, params) if wrapped else outs
        ), residuals

    def call(*args, **keywords):
        return full(*args, **keywords)[0]

    call.full = full  # type: ignore[attr-defined]
    return call


def make_composite(record: Op) -> Callable:
    """The public function of a composite: the one given, but what fails inside it names it too."""
    function, respelled = record.forward, not MATRICES.isdisjoint(record.positional)

    @functools.wraps(function)
    def call(*args, **keywords):
        if keywords and respelled:
            keywords = {record.spelled(name): value for name, value in keywords.items()}
        try:
            return function(*args, **keywords)
        except Exception as error:
            _name_first(record, error)
            raise

    return call


def _name_first(record: Op, error: Exception) -> None:
    """Begin an exception's message with the name of a composite, after the layer if that is said.

    Its author did where the message is one written for it.
    """
    layer, text = CURRENT.get().layer, str(error)
    start = f"in {layer}: " if layer else ""
    said = text.removeprefix(start)
    if error.args == (text,) and not re.match(rf"(\w+\.)?{record.public_name}\b", said):
        error.args = (f"{start}{record.title}: {said}",)


def _by_name(record: Op) -> Callable:
    """The forward of an op whose arrays do not come first, as in gather(input, dim, index)."""
    function, names = record.forward, record.inputs

    def forward(*arrays, **values):
        values.update(zip(names, arrays, strict=True))
        return function(**values)

    return forward


def record_call(record: Op, args, arrays, mask, outs, residuals, params):
    """Wrap the outputs of a call, with a node if any input wants gradients (a bit in `mask`)."""
    several = bool(record.outputs)
    outs = tuple(np.asarray(out) for out in outs) if several else np.asarray(outs)
    state = CURRENT.get()
    node = None
    if mask and state.grad and record.rules:
        key = len(args), mask
        plan = record.plans.get(key) or _plan(record, mask, args, key)
        outputs = [(out.shape, out.dtype) for out in outs] if several else None
        parents, shapes, saved = plan.keeps(args, arrays, outs, residuals)
        node = Node(plan, parents, shapes, saved, params, state.layer, outputs)
        if state.anomaly:
            node.fingerprint()
    if several:
        return tuple(wrap(out, node and Output(node, i)) for i, out in enumerate(outs))
    return wrap(outs, node)


def _plan(record: Op, mask: int, args, key):
    """Work out, once per pattern of inputs that want gradients, what to keep and what to call."""
    live = tuple(i for i in range(len(args)) if mask >> i & 1)
    if record.variadic:
        plan: Plan = VariadicPlan(record, live, len(args))
    else:
        for i in live:
            if record.inputs[i] not in record.rules:
                raise GraphError(
                    f"{record.name} is not differentiable with respect to {record.inputs[i]!r}, "
                    "but that tensor requires grad: pass it with .detach()"
                )
        plan = Plan(record, live)
    record.plans[key] = plan
    return plan


def refuse_widening(record: Op, given, out) -> None:
    """Under strict dtypes: raise if float32 comes in and float64 goes out that nobody wanted."""
    if "dtype" in record.params:
        return
    if out.dtype == np.float64 and any(getattr(a, "dtype", None) == np.float32 for a in given):
        raise DtypeError(
            f"{record.name} would silently compute in float64 because one operand is float64: "
            "convert it with .float() (strict dtypes are on)"
        )


def refuse_widened_gradient(name: str, g, dtype, found) -> None:
    """Under strict dtypes: raise if a rule turned a float32 gradient into float64."""
    given = g if isinstance(g, (tuple, list)) else (g,)
    wide = any(each is not None and each.dtype == np.float64 for each in given)
    if dtype == np.float32 and found == np.float64 and not wide:
        raise DtypeError(
            f"the derivative of {name} computes in float64 for a float32 gradient: "
            "make the constants of its rule float32 (strict dtypes are on)"
        )


KNOWN = (
    ShapeError,
    ArgumentError,
    DtypeError,
    GraphError,
    IndexError,
    TypeError,
    NotImplementedError,
)


def fail(record: Op, error: Exception, arrays) -> NoReturn:
    """Raise `error` again, saying which op and layer failed, and what it was given."""
    given = ", ".join(
        f"{a.dtype}{list(a.shape)}" if isinstance(a, np.ndarray) else type(a).__name__
        for a in arrays
    )
    layer = CURRENT.get().layer
    message = f"{f'in {layer}: ' if layer else ''}{record.title}({given}): {error}"
    if isinstance(error, np.linalg.LinAlgError):  # NumPy's, from a kernel
        raise LinAlgError(message) from error
    for kind in KNOWN:
        if isinstance(error, kind):
            raise kind(message) from error
    if isinstance(error, ValueError):  # NumPy's, most of which are about shapes and say so
        raise (ShapeError if "shape" in str(error) else ArgumentError)(message) from error
    error.add_note(message)
    raise error


@method
def __array_ufunc__(self, ufunc, how, *inputs, **keywords):
    """Answer for a NumPy ufunc called on tensors."""
    function = NUMPY.get(ufunc)
    if function is None or how != "__call__" or keywords.get("out") is not None:
        return NotImplemented
    return function(*inputs, **keywords)


@method
def __array_function__(self, function, types, args, kwargs):
    """Answer for a NumPy function called on tensors."""
    ours = NUMPY.get(function)
    if ours is None:
        return NotImplemented
    record = getattr(ours, "op", None)
    if record is not None and record.kind == "reduce" and len(args) > 2:
        # There NumPy's positions mean other things (dtype, out) than PyTorch's.
        raise TypeError(f"np.{function.__name__} on a tensor takes all but the axis by keyword")
    return ours(*args, **kwargs)
