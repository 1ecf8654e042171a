"""Answers the questions programs ask before they decide for a GPU: there is none."""

from __future__ import annotations


def is_available() -> bool:
    """Return False."""
    return False


def device_count() -> int:
    """Return 0."""
    return 0


def manual_seed(seed: int) -> None:
    """Do nothing: there are no GPU generators to seed."""


def manual_seed_all(seed: int) -> None:
    """Do nothing: there are no GPU generators to seed."""
