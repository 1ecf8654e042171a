"""No kernel without a twin: every public one is called somewhere in the tests of kernels."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from pathlib import Path

from autograd.kernels import plain


def public_kernels() -> set[tuple[str, str]]:
    """The functions that the modules in NumPy define, as (module, name)."""
    found = set()
    for module in pkgutil.iter_modules(plain.__path__):
        place = f"{plain.__name__}.{module.name}"
        for name, value in vars(importlib.import_module(place)).items():
            home = getattr(value, "__module__", None) == place
            if home and inspect.isfunction(value) and not name.startswith("_"):
                found.add((module.name, name))
    return found


def mentioned() -> set[tuple[str, str]]:
    """What the tests write as ``module.name``, under whatever name they import the module."""
    found = set()
    for path in Path(__file__).parent.glob("test_*kernels*.py"):
        tree = ast.parse(path.read_text())
        known = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == plain.__name__:
                known |= {alias.asname or alias.name: alias.name for alias in node.names}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                owner, _, module = ast.unparse(node.value).rpartition(".")
                if owner == "kernels":  # all of them, imported under this name
                    found.add((module, node.attr))
                elif not owner and module in known:  # np.linalg.solve is none of ours
                    found.add((known[module], node.attr))
    return found


def test_every_kernel_has_a_twin():
    missing = sorted(f"{module}.{name}" for module, name in public_kernels() - mentioned())
    assert not missing, f"compare with a plain loop in tests/test_kernels_*.py: {missing}"
