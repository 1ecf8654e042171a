"""Reverse-mode automatic differentiation on NumPy arrays, with PyTorch's names and semantics.

``import autograd as ag``: tensors, operations and the backward pass. Layers are in `nn`, optimisers
in `optim`, complete architectures in `models`.
"""

from __future__ import annotations

__version__ = "0.1.0"
__numbagrad__ = True  # how nn, optim and models know this package from another one called autograd

import sys as _sys

from autograd import cuda as cuda
from autograd import linalg as linalg
from autograd import ops as _ops  # noqa: F401 - fills the op table and gives Tensor its methods
from autograd import special as special
from autograd.creation import *  # noqa: F403 - its __all__ is the list of its public functions
from autograd.device import device as device
from autograd.dtypes import *  # noqa: F403
from autograd.engine import backward as backward
from autograd.engine import grad as grad
from autograd.errors import ArgumentError as ArgumentError
from autograd.errors import DtypeError as DtypeError
from autograd.errors import GraphError as GraphError
from autograd.errors import ShapeError as ShapeError
from autograd.function import Function as Function
from autograd.hooks import RemovableHandle as RemovableHandle
from autograd.kernels.threads import get_num_threads as get_num_threads
from autograd.kernels.threads import set_num_threads as set_num_threads
from autograd.layout import *  # noqa: F403
from autograd.memory_format import *  # noqa: F403
from autograd.mode import detect_anomaly as detect_anomaly
from autograd.mode import enable_grad as enable_grad
from autograd.mode import inference_mode as inference_mode
from autograd.mode import is_anomaly_enabled as is_anomaly_enabled
from autograd.mode import is_grad_enabled as is_grad_enabled
from autograd.mode import is_inference_mode_enabled as is_inference_mode_enabled
from autograd.mode import no_grad as no_grad
from autograd.mode import set_detect_anomaly as set_detect_anomaly
from autograd.mode import set_grad_enabled as set_grad_enabled
from autograd.mode import strict_dtypes as strict_dtypes
from autograd.op import OPS as OPS
from autograd.op import op as op
from autograd.ops.in_place import celu_ as celu_
from autograd.ops.in_place import relu_ as relu_
from autograd.ops.in_place import rrelu_ as rrelu_
from autograd.ops.in_place import selu_ as selu_
from autograd.ops.in_place import threshold_ as threshold_
from autograd.random import *  # noqa: F403
from autograd.tensor import Tensor as Tensor

# Every public op is a name of this module; the table says which.
globals().update(
    {name: record.function for name, record in OPS.items() if record.space in ("autograd", "both")}
)

# What stands on top of the engine is loaded when it is first asked for: importing stays cheap.
_LATER = {
    "GradcheckError": "autograd.gradient_check",
    "compile": "autograd.recording.compiled",
    "draw": "autograd.graph",
    "explore": "autograd.graph_page",
    "functional": "autograd.functional",
    "gradcheck": "autograd.gradient_check",
    "gradgradcheck": "autograd.gradient_check",
    "interop": "autograd.interop",
    "load": "autograd.serialize",
    "load_checkpoint": "autograd.serialize",
    "make_dot": "autograd.graph",
    "memory_report": "autograd.memory",
    "profiler": "autograd.profiler",
    "save": "autograd.serialize",
    "save_checkpoint": "autograd.serialize",
    "testing": "autograd.testing",
    "utils": "autograd.utils.data",
}


def __getattr__(name: str):
    if name not in _LATER:
        raise AttributeError(f"module 'autograd' has no attribute {name!r}")
    from importlib import import_module

    module = import_module(_LATER[name])
    if not _LATER[name].startswith(f"autograd.{name}"):  # importing a module has set its name
        globals()[name] = getattr(module, name)
    return globals()[name]


def __dir__():
    return sorted({*globals(), *_LATER})


if "einops" in _sys.modules:  # it came first, so it will be used
    from autograd import interop as interop
