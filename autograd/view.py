"""Views: tensors that look into another tensor's memory, and how they keep up with writes to it.

A view remembers its base and the chain of ops that leads from the base to it. When something writes
in place, only the base gets a new node; each view notices, the next time it is asked, that its base
has a newer node than it was made from, and replays its chain to get a node of its own.

A base that is itself given another shape in place, by ``t_()`` say, becomes a view of what it was:
a tensor that only views still know (`autograd.inplace.relayout`). Earlier views follow it there.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable

from autograd.mode import CURRENT, enable_grad
from autograd.node import Node, Output
from autograd.tensor import Leaf, Tensor
from autograd.versions import owner


class View:
    __slots__ = ("_base", "base_node", "chain", "of_itself", "tracked")

    def __init__(self, base: Tensor, chain: tuple, tracked: bool):
        self._base = base
        self.base_node: Node | Leaf | None = base._node
        self.chain = chain  # of (function, keywords), from the base to the view
        self.tracked = tracked  # False if made under no_grad: it then has no history to follow
        self.of_itself = False  # True if the base is what the tensor was before `relayout`

    @property
    def base(self) -> Tensor:
        """The tensor whose memory it is, never a view itself."""
        while (above := self._base._view) is not None:
            self._base = above.base
        return self._base

    def sync(self, view: Tensor) -> None:
        """Give `view` a node made from its base's present one, if the base was rebased since."""
        node = self.base._node
        if node is self.base_node or not self.tracked or node is None or type(node) is Leaf:
            return
        self.base_node = node
        with enable_grad():
            new = replay(self.chain, self.base)._node
        move_retained(view, new)
        view._node = new


def move_retained(tensor: Tensor, node) -> None:
    """Let `retain_grad` follow the tensor to its new node."""
    old = tensor._node
    if isinstance(old, (Node, Output)) and old.retained is not None:
        old.retained = None
        if node is not None:
            node.retained = weakref.ref(tensor)


def replay(chain: tuple, base):
    """Apply a view's chain to its base, or to a tensor or array of the same shape."""
    for function, keywords in chain:
        base = function(base, **keywords)
    return base


def note_view(view: Tensor, base: Tensor, function: Callable, keywords: dict) -> None:
    """Mark `view` as looking into `base`, if the op that made it did not copy."""
    if owner(view.array) is not owner(base.array):
        return
    above = base._view
    root, chain = (base, ()) if above is None else (above.base, above.chain)
    tracked = CURRENT.get().grad and (above is None or above.tracked)
    view._view = View(root, (*chain, (function, keywords)), tracked)
