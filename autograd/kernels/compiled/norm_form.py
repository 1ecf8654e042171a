"""How the kernels of normalisation see an array: axes in the order of memory, merged by kind."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from autograd.kernels.compiled.arrays import empty

# Of an array without weights: the kinds of its axes, by which share a mean (R) or not (K).
UNWEIGHTED = {
    "": "", "K": "s", "R": "p", "KR": "sp", "RK": "pg", "RKR": "pgp", "KRK": "spg", "KRKR": "spgm",
}  # fmt: skip


class Form(NamedTuple):
    """How the kernels see an array."""

    order: tuple[int, ...]  # its axes as they lie in memory
    usual: bool  # the last axis innermost, and so on
    in_line: bool  # the weights are in the same order either way: one axis of theirs has a length
    back: tuple[int, ...]  # the inverse
    kind: str
    shape: tuple[int, ...]
    vector: int  # the number of weights
    means: tuple[int, ...]  # the shape of the means, with the axes in the order of memory

    def view(self, array):
        """The array as a kernel takes it; a copy if its memory lies otherwise."""
        return self._ordered(array, self.usual, self.shape)

    def means_of(self, array, shape):
        """Means or variances in the order of memory."""
        return self._ordered(array, len(self.means) - self.means.count(1) <= 1, shape)

    def _ordered(self, array, already, shape):
        if already and array.flags.c_contiguous:
            return array.reshape(shape)
        return np.ascontiguousarray(array.transpose(self.order)).reshape(shape)

    def empty(self, like, shape):
        """A new array, of `shape` in the order of memory, and that memory."""
        memory = empty(shape, like.dtype)
        return memory if self.usual else memory.transpose(self.back), memory


@functools.lru_cache(1024)
def find_form(shape, strides, axes, weights) -> Form:
    """The form of an array of which `axes` share a mean; `weights` is the shape of its weights.

    Each axis is of one of four kinds: s(ample) and g(roup) have means of their own, p(lace) and
    m(ember) share one; g and m have weights of their own.
    """
    ndim = len(shape)
    shared = {axis % ndim for axis in axes}
    own = None if weights is None else (1,) * (ndim - len(weights)) + weights
    by_memory = sorted(range(ndim), key=lambda axis: -abs(strides[axis]))
    for order in (tuple(by_memory), tuple(range(ndim))):
        kinds, sizes = "", []
        for axis in order:
            if shape[axis] == 1:
                continue
            if own is None:
                kind = "KR"[axis in shared]
            else:
                kind = ("sg", "pm")[axis in shared][own[axis] > 1]
            if kinds.endswith(kind):
                sizes[-1] *= shape[axis]
            else:
                kinds, sizes = kinds + kind, [*sizes, shape[axis]]
        found = _view(UNWEIGHTED.get(kinds, "none") if own is None else kinds, sizes)
        if found:
            means = tuple(1 if axis in shared else shape[axis] for axis in order)
            usual = order == tuple(range(ndim))
            in_line = usual or own is None or sum(n > 1 for n in own) <= 1
            back = tuple(np.argsort(order).tolist())
            return Form(order, usual, in_line, back, *found, means)
    raise ValueError(f"no kernel normalises {shape} over {axes} with weights of shape {weights}")


def _view(kinds, sizes):
    """The kernel for axes of these kinds, the shape it wants and the number of weights, or None."""
    size = dict(zip(kinds, sizes, strict=False))
    s, g, m, p = (size.get(kind, 1) for kind in "sgmp")
    if kinds in ("m", "sm"):
        return "rows", (s, m), m
    if kinds in ("pg", "pm", "pgm", "spg", "spm", "spgm"):
        return "columns", (s, p, g * m), g * m
    if kinds == "pgp":
        return "planes", (sizes[0], g, 1, sizes[2]), g
    if kinds in (
        "",
        "s",
        "g",
        "p",
        "sp",
        "sg",
        "gp",
        "sgp",
        "mp",
        "smp",
        "gmp",
        "sgmp",
        "gm",
        "sgm",
    ):
        return "planes", (1, s * g, m, p), g * m
    return None


def vector_of(form, given, value, like) -> np.ndarray:
    """Weights in the order of memory; `value` for all if none are given."""
    if given is None:
        return np.full(form.vector, value, like.dtype)
    if form.in_line and given.flags.c_contiguous:
        return given.reshape(-1)
    lead = (1,) * (len(form.order) - given.ndim)
    return np.ascontiguousarray(given.reshape(lead + given.shape).transpose(form.order)).reshape(-1)


def like_of(form, vector, given) -> np.ndarray:
    """The gradient of weights in the shape of `given`."""
    if form.in_line:
        return vector.reshape(given.shape)
    lead = (1,) * (len(form.order) - given.ndim)
    shape = [(lead + given.shape)[axis] for axis in form.order]
    return vector.reshape(shape).transpose(form.back).reshape(given.shape)
