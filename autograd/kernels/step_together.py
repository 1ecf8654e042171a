"""Optimiser updates of whole groups of parameters in one call; one at a time, see `step`.

Compiled even if the parameters are few and small: there are many steps, and NumPy needs a dozen
calls for each parameter in each of them.
"""

from __future__ import annotations

from autograd.kernels.choose import compiled, may_compile


def together(name: str, rows: list[tuple], options: tuple[float, ...]) -> list[int]:
    """Update the parameters of those rows that suit; return the numbers of the others."""
    if not may_compile(rows[0][0]):
        return list(range(len(rows)))
    return compiled("step").together(name, rows, options)
