"""Hypothesis strategies for the generated tests: those of `autograd.testing`, and its cases."""

from autograd.testing.cases import Case, cases, sample
from autograd.testing.strategies import *  # noqa: F403 - its __all__ is the list

__all__ = ["Case", "cases", "sample"]
