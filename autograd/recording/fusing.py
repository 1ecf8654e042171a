"""Fewer steps than the recorded run took.

An operation of which nothing is used is left out. ReLU is left to the kernel that computes what it
is of: a product or convolution that is done with a number has it in a register; to raise it to zero
there costs nothing, while a step of its own would read and write it all once more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from autograd.op import OPS
from autograd.recording.recorder import Step
from autograd.recording.source import VARIABLE


def useful(steps: list[Step], needed: Iterable[str]) -> list[Step]:
    """The steps but those ops of which nothing is used; the variables `needed` are, after them."""
    ops, used, kept = {op.forward for op in OPS.values()}, set(needed), []
    for step in reversed(steps):
        if step.function not in ops or not used.isdisjoint(VARIABLE.findall(step.target)):
            used.update(VARIABLE.findall(step.args))
            kept.append(step)
    return kept[::-1]


def fused(steps: list[Step], needed: Iterable[str], constants: dict[str, Any]) -> list[Step]:
    """The steps with each ReLU in the step before it where that can do it."""
    kernels = {op.forward: op.with_relu for op in OPS.values() if op.with_relu is not None}
    uses = Counter(variable for step in steps for variable in VARIABLE.findall(step.args))
    uses.update(needed)
    shorter: list[Step] = []
    for step in steps:
        last = shorter[-1] if shorter else None
        if last is not None and last.function in kernels and _is_relu(step, last, uses, constants):
            target = last.target if _writes(step) else step.target
            function = kernels[last.function]
            shorter[-1] = Step(target, f"{last.name}_relu", function, last.args, False)
        else:
            shorter.append(step)
    return shorter


def _is_relu(step: Step, last: Step, uses: Counter, constants: dict[str, Any]) -> bool:
    """Whether a step is ReLU of what the last one returned, and nothing else needs that."""
    relu = OPS["relu"]
    if _writes(step):
        target, _, change, *_ = step.args.split(", ")
        return target == last.target and constants.get(change) is relu.overwrite
    return step.function is relu.forward and step.args == last.target and uses[last.target] == 1


def _writes(step: Step) -> bool:
    """Whether a step puts a result over a value."""
    return step.name == "put_over"
