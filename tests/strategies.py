"""Hypothesis strategies for the generated tests: those of `autograd.testing`."""

from autograd.testing.strategies import *  # noqa: F403 - its __all__ is the list
