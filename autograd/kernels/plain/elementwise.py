"""Sums, differences and products, elementwise."""

from __future__ import annotations


def add(x, y):
    """x + y."""
    return x + y


def sub(x, y):
    """x - y."""
    return x - y


def mul(x, y):
    """x * y."""
    return x * y


def accumulate(total, x) -> None:
    """total += x."""
    total += x
