"""Linear algebra, as `torch.linalg`: ``linalg.inv`` is the op ``linalg_inv`` of the table."""

from __future__ import annotations

from autograd import ops as _ops  # noqa: F401 - fills the table
from autograd.errors import LinAlgError as LinAlgError
from autograd.op import functions_of

globals().update(functions_of("linalg"))

_COMPLEX = {"eig": "eigh", "eigvals": "eigvalsh"}  # left out, and what there is for real results


def __getattr__(name: str):
    hint = f": its results are complex; see {_COMPLEX[name]}" if name in _COMPLEX else ""
    raise AttributeError(f"module 'autograd.linalg' has no attribute {name!r}{hint}")
