"""Hypothesis profiles (HYPOTHESIS_PROFILE=dev, ci or deep) and a clean state for each test."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

import autograd as ag
from autograd.mode import CURRENT, State

_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("dev", max_examples=20, **_COMMON)
settings.register_profile("ci", max_examples=50, derandomize=True, **_COMMON)
settings.register_profile("deep", max_examples=500, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))


@pytest.fixture(autouse=True)
def fresh_state():
    """Every test starts with the library's defaults, whatever the one before it switched."""
    ag.set_default_dtype(ag.float32)
    CURRENT.set(State())
    ag.manual_seed(0)
    yield
    ag.set_default_dtype(ag.float32)
    CURRENT.set(State())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """With numba's NUMBA_DISABLE_JIT=1, skip what needs code that cannot be written in Python."""
    try:
        return (yield)
    except NotImplementedError as error:
        if "not usable in pure-python" not in str(error):
            raise
        pytest.skip("the tile, and what works with addresses, exist only compiled")
