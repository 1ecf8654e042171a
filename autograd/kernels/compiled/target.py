"""What the processor offers: the width of its vectors, how many it holds, and so the tile.

The width is read from the CPU's features; the environment variable ``NUMBAGRAD_VECTOR_BITS``
forces a narrower one, by which one machine tests the code that others will run.
"""

from __future__ import annotations

import os
import platform
from typing import NamedTuple

from numba.core.codegen import get_host_cpu_features


class Target(NamedTuple):
    """The processor, as far as kernels care."""

    features: str  # LLVM's names, as numba knows them
    bits: int  # of the widest vectors
    registers: int  # how many vectors are held at once

    @property
    def tile(self) -> tuple[int, int]:
        """Rows, and vectors a row, of the part of a product that is kept in registers.

        Beside the sums stand the vectors of one row of b and one element of a. At least eight sums
        must be under way, or the multipliers wait for each other; more rows mean fewer loads.
        """
        return (14, 2) if self.registers == 32 else (6, 2)


def read() -> Target:
    """Read the processor and the environment."""
    features = get_host_cpu_features()
    has = features.split(",")
    widest = 512 if "+avx512f" in has else 256 if "+avx2" in has else 128
    bits = min(widest, int(os.environ.get("NUMBAGRAD_VECTOR_BITS", widest)))
    many = bits == 512 or platform.machine() in ("aarch64", "arm64")
    return Target(features, bits, 32 if many else 16)


TARGET = read()
