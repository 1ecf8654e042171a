"""Functions that stay functions: compiled once, and so rounding alike wherever they are called.

Where sums may be reordered, the compiler orders them as suits the code around: a kernel with
threads and one without would differ in the last digit.
"""

from __future__ import annotations

from numba import config, types
from numba.extending import intrinsic


@intrinsic
def apart(typingctx):
    """Within a function: it is not to be merged into its callers."""

    def codegen(context, builder, signature, arguments):
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), codegen


if config.DISABLE_JIT:  # kernels are plain Python then

    def apart():
        pass
