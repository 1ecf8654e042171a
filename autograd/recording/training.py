"""Backward passes that a recorded function makes itself, as a whole training step does."""

from __future__ import annotations

import numpy as np

from autograd.accumulate import deliver
from autograd.engine import run_hooks
from autograd.recording.expressions import Names
from autograd.recording.source import Functions
from autograd.recording.walk import HELPERS, Graph, Unrecordable
from autograd.tensor import Leaf


class Backward:
    """One backward pass written down: called, it does it again, and gradients arrive at leaves.

    Parameters
    ----------
    roots : list
        The nodes where it starts.
    arguments : list
        The nodes of what the function is given, beyond which nothing is known.
    names : Names
    start : int
        When the recording began.

    Attributes
    ----------
    saved : list of str
        The variables that it needs.
    source : str
    """

    def __init__(self, roots: list, arguments: list, names: Names, start: int) -> None:
        graph = Graph(roots, arguments, names, start, Functions(*HELPERS))
        if not graph.ends.isdisjoint(graph.place):
            raise Unrecordable("it computes gradients of an argument")
        self.leaves = [node for node in graph.place if type(node) is Leaf]
        if any(leaf.seq > start for leaf in self.leaves):
            raise Unrecordable("it computes gradients of a tensor that it makes")
        self.saved = graph.saved
        places = [[graph.place[node] for node in nodes] for nodes in (roots, self.leaves)]
        self.source, self.function = graph.backward(*places)

    @np.errstate(all="ignore")  # as in the engine
    def __call__(self, seeds: list, saved: list) -> None:
        grads = self.function(seeds, saved)
        for leaf in reversed(self.leaves):
            g = grads.pop()  # no longer in the list: one that nobody else knows is kept as it is
            if leaf.hooks:
                g = run_hooks(leaf, g)
            deliver(leaf, g)


def kept(*values) -> list:
    """Values that a backward pass needs, in a list from which it takes them."""
    return list(values)
