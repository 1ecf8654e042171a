"""A program: a recorded run as source, a forward function and the backward ones that belong to it.

What is written is plain Python on arrays, to be read as well as run (`Compiled.source`):

    def forward(x0, x1):
        v0 = linear(x0, p0, p1)
        v1 = mse_loss(v0, x1, reduction='mean')
        return (v1,), [v0, x1, x0, p0]

Variables are `x` for arguments, `p` for tensors captured from outside, `v` for values, `d` for
gradients, `c` for constants.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from autograd.errors import GraphError
from autograd.mode import CURRENT
from autograd.node import Node, Output
from autograd.recording import effects
from autograd.recording.forms import TENSOR, NoForm, filled, form_of
from autograd.recording.fusing import fused, useful
from autograd.recording.recorder import Recorder, Step
from autograd.recording.source import Functions, Line, function_of, listed
from autograd.recording.training import Backward
from autograd.recording.walk import HELPERS, Graph, Unrecordable, is_walked
from autograd.tensor import Tensor, wrap
from autograd.versions import owner, version

RETURNED = (type(None), bool, int, float, str)  # beside tensors; they come from shapes


class Program:
    """One recorded run, ready to be replayed.

    Parameters
    ----------
    function : callable
        What was recorded.
    recorder : Recorder
    result : Tensor or nest of tensors
        What the run returned.
    inputs : list of Tensor
        What it was given.
    outside : list
        Values of the variables that the function takes from outside.
    """

    def __init__(self, function, recorder: Recorder, result, inputs: list[Tensor], outside: list):
        self.name = name_of(function)
        self.outside, self.changes = outside, effects.changes
        self.looked_at, self.acts = recorder.looked_at, recorder.acts
        self.captured = [(tensor, tensor.array, tensor._node) for tensor in recorder.captured]
        if any(getattr(node, "seq", 0) > recorder.start for _, _, node in self.captured):
            raise Unrecordable("it gives a tensor from outside a history")
        outs: list[Tensor] = []
        try:
            self.form = form_of(result, outs, RETURNED)
        except NoForm as problem:
            raise Unrecordable(f"it returns something {problem}") from None
        if recorder.reason:
            raise Unrecordable(recorder.reason)
        names, functions = recorder.names, Functions(arrays, *HELPERS)
        variables = [self._variable(out.array, recorder, inputs) for out in outs]
        # The graph: which outputs have gradients, and which leaves get them.
        self.roots = [
            i for i, out in enumerate(outs) if out.node is not None and not is_walked(out.node)
        ]
        ends = [each.node for each in inputs]
        roots = [outs[i].node for i in self.roots]
        self.graph = Graph(roots, ends, names, recorder.start, functions)
        place = self.graph.place
        self.live = [i for i, end in enumerate(ends) if end in place]
        self.leaves = [node for _, _, node in self.captured if node in place]
        self.places = {i: place[outs[i].node] for i in self.roots}
        leaves = [inputs[i] for i in self.live]
        leaves += [tensor for tensor, _, node in self.captured if node in place]
        self.wanted = [place[leaf.node] for leaf in leaves]
        self.shapes = [(leaf.shape, leaf.dtype) for leaf in leaves]
        self.outputs = None if self.form is TENSOR else [(out.shape, out.dtype) for out in outs]
        self.plan = Replay(self)
        # The source.
        needed = [*variables, *self.graph.saved]
        steps = fused(useful(recorder.steps, needed), needed, names.constants)
        lines = [_line(step, functions) for step in steps]
        arguments = ", ".join(f"x{i}" for i in range(len(inputs)))
        captured = {f"p{i}": array for i, (_, array, _) in enumerate(self.captured)}
        self.source, self.forward = function_of(
            "forward", arguments, lines, f"({listed(variables)}), [{', '.join(self.graph.saved)}]",
            functions.by_name | names.constants | captured,
        )  # fmt: skip
        for step in steps:
            if isinstance(step.function, Backward):
                name = functions.name(step.function, step.name)
                self.source += "\n\n" + step.function.source.replace("backward", name, 1)
        self.backwards: dict[tuple, Callable] = {}
        self.graph.forget()

    def _variable(self, array: np.ndarray, recorder: Recorder, inputs: list[Tensor]) -> str:
        """The variable of a result; it must be new, for then no one can write into it unseen."""
        name = recorder.names.source(array)
        theirs = {id(owner(each.array)) for each in (*inputs, *recorder.captured)}
        if name[0] != "v" or id(owner(array)) in theirs:
            raise Unrecordable("it returns an argument, a view of one, or a constant")
        return name

    def holds(self, outside: list) -> bool:
        """Whether what the run depended on, beside its arguments, is as it was."""
        if effects.changes != self.changes or len(outside) != len(self.outside):
            return False
        for now, then in zip(outside, self.outside, strict=True):
            if now is not then:
                return False
        for tensor, array, node in self.captured:
            if tensor.array is not array or tensor._node is not node:
                return False
        return all(version(array) == number for array, number in self.looked_at)

    def __call__(self, tensors: list[Tensor]):
        """Replay it on other arguments of the same form: there is one node for all of it."""
        outs, saved = self.forward(*[tensor.array for tensor in tensors])
        node = None
        if self.roots:
            parents = [*[tensors[i].node for i in self.live], *self.leaves]
            layer = CURRENT.get().layer
            node = Node(self.plan, parents, self.shapes, saved, None, layer, self.outputs)
        if self.form is TENSOR:
            return wrap(outs[0], node)
        wrapped = [
            wrap(out, Output(node, i) if node is not None and i in self.places else None)
            for i, out in enumerate(outs)
        ]
        return filled(self.form, iter(wrapped))

    def pull(self, g, saved: list) -> list:
        """The gradients of what the result depends on, given those of the result."""
        slots = [g] if self.outputs is None else g
        given = tuple(i for i, slot in enumerate(slots) if slot is not None)
        backward = self.backwards.get(given)
        if backward is None:
            source, backward = self.graph.backward([self.places[i] for i in given], self.wanted)
            self.backwards[given] = backward
            self.source += f"\n\n{source}"
        return backward([slots[i] for i in given], saved)


class Replay:
    """Stands where an op's plan stands on the node of a replayed run."""

    op = add_part = None
    materialize = False

    def __init__(self, program: Program) -> None:
        self.program, self.name = program, program.name

    def pull(self, node: Node, g, saved: list, useful) -> list:
        """Run the backward program."""
        state = CURRENT.get()
        if state.grad:
            raise GraphError(
                f"{self.name} was compiled, and a replay is no graph that create_graph=True could "
                "differentiate once more: call the function that was given to compile()"
            )
        # It forgets what was saved as it goes: without retain_graph nobody else holds that.
        return self.program.pull(g, list(saved) if state.retain else saved)

    def reattach(self, node: Node) -> list:
        """What was saved; not needed by `pull`, which then refuses."""
        return node.saved


def name_of(function: Callable) -> str:
    """What a function or module is called in messages."""
    return getattr(function, "__name__", None) or type(function).__name__


def _line(step: Step, functions: Functions) -> Line:
    call = f"{functions.name(step.function, step.name)}({step.args})"
    # NumPy gives numbers where arrays without dimensions are meant.
    return Line(step.target, f"arrays({call})" if step.scalars else call)


def arrays(result):
    """NumPy numbers among what a forward returned, as arrays."""
    if isinstance(result, (tuple, list)):
        return type(result)(np.asarray(x) if isinstance(x, np.generic) else x for x in result)
    return np.asarray(result)
