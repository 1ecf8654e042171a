"""Reverse-mode automatic differentiation on NumPy arrays, with PyTorch's names and semantics.

``import autograd as ag``: tensors, operations and the backward pass. Layers are in `nn`, optimisers
in `optim`, complete architectures in `models`.
"""

from __future__ import annotations

__version__ = "0.1.0"
__numbagrad__ = True  # how nn, optim and models know this package from another one called autograd

from autograd import dtypes as _dtypes
from autograd import ops as _ops
from autograd.creation import *  # noqa: F403 - its __all__ is the list of its public functions
from autograd.dtypes import *  # noqa: F403
from autograd.engine import backward, grad
from autograd.errors import DtypeError, GraphError, ShapeError
from autograd.function import Function
from autograd.mode import (
    detect_anomaly,
    enable_grad,
    inference_mode,
    is_anomaly_enabled,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_detect_anomaly,
    set_grad_enabled,
    strict_dtypes,
)
from autograd.op import OPS, op
from autograd.hooks import RemovableHandle as _RemovableHandle  # noqa: F401 - gives Tensor backward()
from autograd.random import *  # noqa: F403
from autograd.tensor import Tensor

# Every public op is a name of this module; the table says which.
globals().update(
    {name: record.function for name, record in OPS.items() if record.space in ("autograd", "both")}
)
