"""Plans: for an op and a pattern of inputs that want gradients, what to keep and how to pull back.

A plan is worked out once and shared by all nodes of that pattern.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd.node import Node, Output
from autograd.tensor import wrap

if TYPE_CHECKING:
    from autograd.op import Op, Rule


class Plan:
    """Reads an op's gradients off a node, for the inputs whose positions are in `live`."""

    materialize = True  # rules of several outputs get zeros for those without a gradient

    def __init__(self, op: Op, live: tuple[int, ...]):
        self.op, self.name, self.live = op, op.title, live
        # Of a view of a part: adds the gradient of the part to that of the whole, in place.
        self.add_part = op.add_part
        self.keep: list[tuple[str, Any]] = []  # (kind, which) of each item a node saves
        rules = dict.fromkeys(self._rules())
        self.joint = any(len(rule.inputs) > 1 for rule in rules)
        self.calls = [self._bind([rule]) for rule in rules]
        names = tuple(op.inputs[i] for i in live) if op.together else ()
        together = op.together.get(names)
        self.all_calls = self._bind([together]) if together else self._bind(list(rules), "[{}]")
        if self.joint:
            (rule,) = rules  # an op has either one joint rule or one rule per input
            self.order = tuple(op.inputs.index(name) for name in rule.inputs)
            self.all_needs = tuple(i in live for i in self.order)
            self.picks = [self.order.index(i) for i in live]
        if op.reference is not None:
            self.reference_slots = [self._slot("input", i) for i in range(len(op.inputs))]
        self.keeps = self._keeper()

    def pull(self, node: Node, g, saved, useful) -> list:
        """The gradient of each live input given `g`; None for those outside the set `useful`."""
        params = node.params
        if self.joint:
            needs = self.all_needs
            if useful is not None:
                wanted = {i for i, p in zip(self.live, node.parents, strict=True) if p in useful}
                needs = tuple(i in wanted for i in self.order)
            grads = self.calls[0](g, saved, params, needs)
            return [grads[i] for i in self.picks]
        if useful is None:
            return self.all_calls(g, saved, params, None)
        return [
            call(g, saved, params, None) if parent in useful else None
            for call, parent in zip(self.calls, node.parents, strict=True)
        ]

    def reattach(self, node: Node) -> list:
        """What the node kept, as tensors in the graph, so that rules can be differentiated."""
        parents = dict(zip(self.live, node.parents, strict=True))
        values: list = []
        for (kind, which), value in zip(self.keep, node.saved, strict=True):
            if kind == "out" and isinstance(value, tuple):
                value = tuple(wrap(v, Output(node, i)) for i, v in enumerate(value))
            elif kind == "out":
                value = wrap(value, node)
            elif kind != "shape" and isinstance(value, np.ndarray):
                value = wrap(value, parents.get(which) if kind == "input" else None)
            values.append(value)
        return values

    def _rules(self) -> list[Rule]:
        """The rule of each live input."""
        return [self.op.rules[self.op.inputs[i]] for i in self.live]

    def _bind(self, rules: list[Rule], form: str = "{}") -> Callable:
        """One call of each rule, each argument read from where the node keeps it.

        It is written out as source once per plan, as dataclasses do with __init__: looping over
        argument names at every backward would cost more than most rules do.
        """
        calls = ", ".join(
            f"rule{i}({', '.join(self._argument(name) for name in rule.arguments)})"
            for i, rule in enumerate(rules)
        )
        names = {f"rule{i}": rule.function for i, rule in enumerate(rules)}
        return eval(f"lambda g, saved, params, needs: {form.format(calls)}", names)

    def _argument(self, name: str) -> str:
        op = self.op
        if name in ("g", "needs"):
            return name
        if name in op.params:
            return f"params[{name!r}]"
        if name == "out":
            return f"saved[{self._slot('out', 0)}]"
        if name in op.residuals:
            return f"saved[{self._slot('residual', op.residuals.index(name))}]"
        stem = name.removesuffix("_shape")
        if stem in op.inputs:
            return self._input("input" if stem == name else "shape", op.inputs.index(stem))
        allowed = ["g", "out", "needs", "<input>_shape", *op.inputs, *op.residuals, *op.params]
        raise TypeError(
            f"a rule of op {op.name!r} asks for {name!r}; it may ask for {', '.join(allowed)}"
        )

    def _input(self, kind: str, index: int) -> str:
        return f"saved[{self._slot(kind, index)}]"

    def _slot(self, kind: str, which: int) -> int:
        if (kind, which) not in self.keep:
            self.keep.append((kind, which))
        return self.keep.index((kind, which))

    def _keeper(self) -> Callable:
        """A function of a call's arguments, arrays and results giving what its node keeps.

        Those are the nodes of the live inputs, their shapes and dtypes, and what the rules need.
        """
        source = {
            "input": "arrays[{}]",
            "shape": "shape(arrays[{}])",
            "out": "out",
            "residual": "residuals[{}]",
        }
        nodes = ", ".join(f"args[{i}]._node" for i in self.live)
        shapes = ", ".join(f"(arrays[{i}].shape, arrays[{i}].dtype)" for i in self.live)
        saved = "".join(source[kind].format(which) + ", " for kind, which in self.keep)
        items = f"[{nodes}], [{shapes}], ({saved})"
        return eval(f"lambda args, arrays, out, residuals: ({items})", {"shape": _shape_of})


def _shape_of(array) -> tuple[int, ...]:
    # NumPy's own function takes ten times as long to find out that an array is one.
    return array.shape if type(array) is np.ndarray else np.shape(array)


class VariadicPlan(Plan):
    """The plan of an op on a list of arrays: its rule sees whole lists and returns one."""

    def __init__(self, op: Op, live: tuple[int, ...], count: int):
        self.count = count
        super().__init__(op, live)

    def pull(self, node: Node, g, saved, useful) -> list:
        wanted = set(self.live)
        if useful is not None:
            wanted = {i for i, p in zip(self.live, node.parents, strict=True) if p in useful}
        needs = [i in wanted for i in range(self.count)]
        grads = self.calls[0](g, saved, node.params, needs)
        return [grads[i] for i in self.live]

    def _rules(self) -> list[Rule]:
        return list(self.op.rules.values())

    def _input(self, kind: str, index: int) -> str:
        return f"[{', '.join(f'saved[{self._slot(kind, i)}]' for i in range(self.count))}]"
