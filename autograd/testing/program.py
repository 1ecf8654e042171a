"""Random programs: functions of tensors with views, in-place writes and branches, as source.

A program uses methods and operators only, so the same text runs on the tensors of any library that
has PyTorch's. Its values stay small and its functions smooth, so finite differences can judge it;
it writes only where nothing is kept for the backward pass, so it is never refused.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from autograd.testing.strategies import numbers, seeds

SHAPES = ((3,), (2, 3), (2, 1), (2, 2, 3))


class Program(NamedTuple):
    """A function of tensors that returns one number, as text, and arrays to call it with."""

    inputs: tuple[np.ndarray, ...]
    body: tuple[str, ...]  # one line each; the last one returns

    @property
    def source(self) -> str:
        """The program as a Python function named ``program``."""
        names = ", ".join(f"x{i}" for i in range(len(self.inputs)))
        return "\n    ".join([f"def program({names}):", *self.body]) + "\n"

    def __call__(self, *tensors):
        """Run it on tensors of any library with PyTorch's methods."""
        found: dict[str, Any] = {}
        exec(self.source, found)  # the text was written below, from nothing but our own words
        return found["program"](*tensors)

    def __repr__(self) -> str:
        arrays = "".join(f"x{i} = np.array({x.tolist()})\n" for i, x in enumerate(self.inputs))
        return f"\n{arrays}{self.source}"


@st.composite
def programs(draw, max_ops: int = 50, inplace: bool = True) -> Program:
    """Programs of up to `max_ops` operations.

    Examples
    --------
    >>> import autograd as ag
    >>> from hypothesis import given
    >>> @given(programs(max_ops=5))
    ... def test(program):
    ...     inputs = [ag.tensor(x, requires_grad=True) for x in program.inputs]
    ...     assert program(*inputs).numel() == 1
    >>> test()
    """
    rng = np.random.default_rng(draw(seeds))
    shapes = draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3))
    writer = _Writer(draw)
    for i, shape in enumerate(shapes):
        writer.new(f"x{i} * 1.0", shape)  # leaves are not written to
    moves = [writer.unary, writer.binary, writer.reduction, writer.view, writer.branch]
    if inplace:
        moves += [writer.view, writer.copy, writer.write, writer.write, writer.assign]
    for _ in range(draw(st.integers(1, max_ops))):
        draw(st.sampled_from(moves))()
    inputs = tuple(numbers(rng, shape, (-1.0, 1.0)) for shape in shapes)
    return Program(inputs, (*writer.lines, writer.result()))


class _Variable(NamedTuple):
    name: str
    shape: tuple[int, ...]
    memory: int  # views have the number of what they look into


class _Writer:
    """Writes a program line by line, keeping account of shapes and of shared memory."""

    def __init__(self, draw):
        self.draw = draw
        self.lines: list[str] = []
        self.variables: list[_Variable] = []
        self.kept: set[int] = set()  # memory that a backward pass will read again

    def new(self, expression: str, shape: tuple, memory: int | None = None) -> None:
        """Write an assignment to a new variable."""
        number = len(self.variables)
        name = f"t{number}"
        self.lines.append(f"{name} = {expression}")
        self.variables.append(_Variable(name, shape, number if memory is None else memory))

    def pick(self, accept=lambda variable: True) -> Any:
        """A variable so far that is accepted, or None; the newest ones are the simplest."""
        found = [v for v in reversed(self.variables) if accept(v)]
        return self.draw(st.sampled_from(found)) if found else None

    def keep(self, *variables: _Variable) -> None:
        self.kept.update(v.memory for v in variables)

    # -- one line each -----------------------------------------------------------------------------

    def unary(self) -> None:
        a = self.pick()
        function = self.draw(st.sampled_from(["sin()", "tanh()", "cos()", "sigmoid()", "neg()"]))
        self.new(f"{a.name}.{function}", a.shape)
        self.keep(a, self.variables[-1])  # some keep their input, some their output

    def binary(self) -> None:
        a = self.pick()
        b = self.pick(lambda b: _broadcast(a.shape, b.shape) is not None)
        forms = ["{} * {}", "({} + {}) * 0.5", "{} - 0.5 * {}", "{} / (2.0 + {}.cos())"]
        form = self.draw(st.sampled_from(forms))
        shape = np.broadcast_shapes(a.shape, b.shape)
        self.new(form.format(a.name, b.name), shape)
        self.keep(a, b)

    def reduction(self) -> None:
        a = self.pick(lambda a: a.shape)
        if a is None:
            return
        dim, keep = self.draw(st.integers(0, len(a.shape) - 1)), self.draw(st.booleans())
        name = self.draw(st.sampled_from(["mean", "sum"]))
        shape = list(a.shape)
        shape[dim : dim + 1] = [1] if keep else []
        self.new(f"{a.name}.{name}({dim}, keepdim={keep})", tuple(shape))

    def view(self) -> None:
        a = self.pick(lambda a: a.shape)
        if a is None:
            return
        shape, size = a.shape, a.shape[0]
        forms = [
            (f"{a.name}[{self.draw(st.integers(-size, size - 1))}]", shape[1:]),
            (f"{a.name}[..., ::2]", (*shape[:-1], (shape[-1] + 1) // 2)),
            (f"{a.name}[..., 1:]", (*shape[:-1], shape[-1] - 1)),
            (f"{a.name}.unsqueeze(-1)", (*shape, 1)),
            (f"{a.name}.transpose(0, -1)", (shape[-1], *shape[1:-1], size)[: len(shape)]),
        ]
        usable = [f for f in forms if 0 not in f[1] and len(f[1]) < 4]
        expression, shape = self.draw(st.sampled_from(usable))
        self.new(expression, shape, a.memory)

    def copy(self) -> None:
        a = self.pick()
        self.new(f"{a.name}.clone()", a.shape)

    def branch(self) -> None:
        a = self.pick()
        ways = f"{a.name} * 0.5 if {a.name}.sum().item() > 0.1 else {a.name}.sin()"
        self.new(ways, a.shape)
        self.keep(a)

    def _writable(self) -> Any:
        return self.pick(lambda a: a.memory not in self.kept)

    def _operand(self, a: _Variable) -> Any:
        def fits(b):
            return b.memory != a.memory and _broadcast(a.shape, b.shape) == a.shape

        return self.pick(fits)

    def write(self) -> None:
        a = self._writable()
        if a is None:
            return
        b = self._operand(a)
        forms = ["{}.mul_(0.5)", "{}.neg_()", "{}.zero_()"]
        if b is not None:
            forms += ["{}.mul_({})", "{}.add_({}, alpha=0.5)", "{}.copy_({})", "{}.sub_({})"]
        form = self.draw(st.sampled_from(forms))
        self.lines.append(form.format(a.name, b.name if b else ""))
        if b is not None and form == "{}.mul_({})":
            self.keep(b)

    def assign(self) -> None:
        a = self.pick(lambda a: a.shape and a.memory not in self.kept)
        b = a and self.pick(lambda b: b.memory != a.memory and b.shape == a.shape[1:])
        if b:
            self.lines.append(f"{a.name}[{self.draw(st.integers(0, a.shape[0] - 1))}] = {b.name}")

    def result(self) -> str:
        """The line that returns: every variable counts, so that every write is seen."""
        weights = (f"{v.name}.mean() * {1 + i % 3}" for i, v in enumerate(self.variables))
        return "return " + " + ".join(weights)


def _broadcast(a: tuple, b: tuple) -> tuple | None:
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        return None
