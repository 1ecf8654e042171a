"""Refuse to run on another library's `autograd`: imported first by `nn`, `optim` and `models`.

HIPS's package on PyPI has the same import name. If that one comes first on the path, nothing here
can work, and the error should say so rather than complain about some missing attribute.
"""

import autograd

if not getattr(autograd, "__numbagrad__", False):
    raise ImportError(
        "nn, optim and models need the package autograd of the distribution numbagrad, but "
        f"`import autograd` found another one at {getattr(autograd, '__file__', None)}. "
        "Use an environment of its own, or: pip uninstall autograd, then "
        "pip install --force-reinstall numbagrad"
    )
