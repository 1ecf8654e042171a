"""Testing, public: hypothesis strategies for tensors, and `certify`, which holds an op to its word.

Needs ``pip install numbagrad[test]``; nothing of it is loaded before its first use.
"""

from __future__ import annotations

_LATER = {
    "CertificationError": "autograd.testing.certification",
    "Case": "autograd.testing.cases",
    "Program": "autograd.testing.program",
    "arrays": "autograd.testing.strategies",
    "broadcastable": "autograd.testing.strategies",
    "certify": "autograd.testing.certification",
    "conv_geometries": "autograd.testing.strategies",
    "index_expressions": "autograd.testing.strategies",
    "layouts": "autograd.testing.strategies",
    "pool_geometries": "autograd.testing.strategies",
    "programs": "autograd.testing.program",
    "shapes": "autograd.testing.strategies",
    "tensors": "autograd.testing.strategies",
}
__all__ = list(_LATER)


def __getattr__(name: str):
    if name not in _LATER:
        raise AttributeError(f"module 'autograd.testing' has no attribute {name!r}")
    from importlib import import_module

    globals()[name] = getattr(import_module(_LATER[name]), name)
    return globals()[name]


def __dir__():
    return sorted({*globals(), *_LATER})
