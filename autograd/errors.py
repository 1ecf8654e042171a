"""Exceptions: each is also the builtin (and PyTorch's RuntimeError) a caller expects to catch."""

from __future__ import annotations

import numpy as np


class ArgumentError(ValueError, RuntimeError):
    """An argument that an operation cannot work with."""


class LinAlgError(ArgumentError, np.linalg.LinAlgError):
    """A matrix that has no inverse, no Cholesky factor, or whose iteration does not converge."""


class ShapeError(ArgumentError):
    """Shapes that do not fit together."""


class DtypeError(TypeError, RuntimeError):
    """A dtype an operation does not take, or a promotion that strict mode forbids."""


class GraphError(RuntimeError):
    """A backward pass that cannot be walked: released nodes, overwritten values, missing links."""
