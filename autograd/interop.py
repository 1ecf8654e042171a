"""Working with other libraries: einops on tensors.

What needs no adapter: NumPy (its functions answer for tensors, `numpy.from_dlpack` and
`autograd.from_dlpack` share memory) and jaxtyping, which reads ``shape`` and ``dtype``:
``Float[autograd.Tensor, "batch features"]``.
"""

from __future__ import annotations

import functools
import sys

import numpy as np

from autograd.op import OPS
from autograd.tensor import Tensor, wrap


@functools.cache
def register_einops() -> None:
    """Teach einops what a Tensor is. Happens by itself if einops was imported before autograd.

    Examples
    --------
    >>> import autograd as ag
    >>> import einops  # doctest: +SKIP
    >>> ag.interop.register_einops()  # doctest: +SKIP
    >>> einops.rearrange(ag.zeros(2, 3), "a b -> (b a)").shape  # doctest: +SKIP
    (6,)
    """
    from einops._backends import AbstractBackend

    def apply(name, *args, **keywords):
        return OPS[name].function(*args, **keywords)

    class AutogradBackend(AbstractBackend):
        """einops looks for subclasses of its backend whose framework is imported."""

        framework_name = "autograd"

        def is_appropriate_type(self, tensor):
            return isinstance(tensor, Tensor)

        def from_numpy(self, x):
            return wrap(x)

        def to_numpy(self, x):
            return x.detach().numpy()

        def arange(self, start, stop):
            return wrap(np.arange(start, stop))

        def shape(self, x):
            return x.shape

        def reshape(self, x, shape):
            return apply("reshape", x, shape)

        def transpose(self, x, axes):
            return apply("permute", x, tuple(axes))

        def reduce(self, x, operation, axes):
            if operation in ("min", "max"):  # PyTorch's min and max return indices too
                operation = f"a{operation}"
            if operation in ("sum", "mean", "amin", "amax"):
                return apply(operation, x, dim=tuple(axes))
            for axis in sorted(axes, reverse=True):  # prod, any and all take one axis
                x = apply(operation, x, dim=axis)
            return x

        def stack_on_zeroth_dimension(self, tensors):
            return apply("stack", tensors)

        def add_axis(self, x, new_position):
            return apply("unsqueeze", x, new_position)

        def add_axes(self, x, n_axes, pos2len):
            repeats = [-1] * n_axes
            for position, length in pos2len.items():
                x = self.add_axis(x, position)
                repeats[position] = length
            return apply("expand", x, tuple(repeats))

        def tile(self, x, repeats):
            return apply("tile", x, tuple(repeats))

        def concat(self, tensors, axis):
            return apply("cat", tensors, dim=axis)

        def is_float_type(self, x):
            return x.is_floating_point()

        def einsum(self, pattern, *x):
            return apply("einsum", pattern, *x)

    # einops keeps no reference to a class until it is used; the table of subclasses is weak.
    register_einops.backend = AutogradBackend  # type: ignore[attr-defined]


if "einops" in sys.modules:
    register_einops()
