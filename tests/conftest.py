"""Hypothesis profiles, a clean state for each test, and what can only be tested compiled.

The profile is that which HYPOTHESIS_PROFILE or --hypothesis-profile names: dev, ci or deep; few
where kernels are plain Python, which is slow.
"""

from __future__ import annotations

import os

import numba
import pytest
from hypothesis import HealthCheck, settings
from numba.core import ccallback, extending

import autograd as ag
from autograd.mode import CURRENT, State

_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("dev", max_examples=20, **_COMMON)
settings.register_profile("ci", max_examples=50, derandomize=True, **_COMMON)
settings.register_profile("deep", max_examples=500, **_COMMON)
settings.register_profile("few", max_examples=5, derandomize=True, **_COMMON)
_USUAL = "few" if numba.config.DISABLE_JIT else "ci" if os.environ.get("CI") else "dev"
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", _USUAL))


@pytest.fixture(autouse=True)
def fresh_state():
    """Every test starts with the library's defaults, whatever the one before it switched."""
    ag.set_default_dtype(ag.float32)
    CURRENT.set(State())
    ag.manual_seed(0)
    yield
    ag.set_default_dtype(ag.float32)
    CURRENT.set(State())


def _skip(intrinsic, *args, **keywords):
    pytest.skip(f"{intrinsic} exists only compiled")


if numba.config.DISABLE_JIT:  # kernels are plain Python then, but for those that need machine code
    extending._Intrinsic.__call__ = _skip
    ccallback.CFunc.compile = _skip

# Those that try the polynomials of mathematics.py, in whose place Python calls NumPy's functions.
ONLY_COMPILED = {
    "test_functions_of_float32_are_off_by_three_units_in_the_last_place_at_most",
    "test_functions_of_infinities_nan_and_zero",
}


def pytest_collection_modifyitems(items) -> None:
    """Skip, where kernels are plain Python, what is only there compiled."""
    if numba.config.DISABLE_JIT:
        for item in items:
            if item.name in ONLY_COMPILED:
                item.add_marker(pytest.mark.skip(reason="tries code that exists only compiled"))
