"""Optimiser updates of whole groups of parameters in one call; one at a time, see `step`.

Compiled even if the parameters are few and small: there are many steps, and NumPy needs a dozen
calls for each parameter in each of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd.kernels.choose import compiled, may_compile


class Update:
    """The update of one group, step after step: what stays the same is worked out once.

    Parameters
    ----------
    name : {"sgd", "adam", "rmsprop", "adagrad"}
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.tables: Any = None

    def __call__(
        self, rows: list[tuple], grads: list[np.ndarray], options: tuple[float, ...]
    ) -> list[int]:
        """Update the parameters of those rows that suit; return the numbers of the others."""
        if not may_compile(rows[0][0]):
            return list(range(len(rows)))
        if self.tables is None:
            self.tables = compiled("step").Tables(self.name)
        return self.tables.update(rows, grads, options)

    def __reduce__(self):
        # The tables are addresses, which mean nothing in a copy: it starts without.
        return Update, (self.name,)
