"""Values as source: by which variable an array is known, or which constant it is."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from autograd.recording.source import VARIABLE, listed
from autograd.versions import owner

_LITERAL = (bool, int, type(None), type(...))


class Names:
    """Which variable holds which object; objects are told apart by identity, so all are kept.

    Attributes
    ----------
    constants : dict
        Objects that the source refers to by name, since they have no literal.
    values : dict
        The object that each variable holds.
    uses : int
        How often `source` wrote a variable.
    """

    def __init__(self) -> None:
        self.constants: dict[str, Any] = {}
        self.uses = 0
        self.values: dict[str, Any] = {}
        self._names: dict[int, str] = {}
        self._constants: dict[int, str] = {}
        self._memory: set[int] = set()  # owners of the memory of variables
        self._given: set[int] = set()  # those of arguments among them
        self._alive: list[Any] = []
        self._fresh = itertools.count()

    def enter(self, value: Any, name: str) -> None:
        """Say that a variable holds this object."""
        self._names[id(value)], self.values[name] = name, value
        self._alive.append(value)  # also if the variable gets another name
        if isinstance(value, np.ndarray):
            self._memory.add(id(owner(value)))
            if name[0] == "x":
                self._given.add(id(owner(value)))

    def keep(self, value: Any) -> None:
        """Say that an array was made from nothing that varies, or a tuple of such."""
        for part in value if isinstance(value, (tuple, list)) else (value,):
            if isinstance(part, np.ndarray):
                self._names.setdefault(id(part), "")
                self._alive.append(part)

    def result(self, value: Any, unpacked: bool) -> str:
        """New variables for what a step returns: the left side of its assignment."""
        if not unpacked:
            name = f"v{next(self._fresh)}"
            if value is not None:
                self.enter(value, name)
            return name
        return listed(self.result(part, unpacked=False) for part in value)

    def forget(self) -> None:
        """Let go of all arrays but the constants."""
        for table in (self.values, self._names, self._memory, self._alive):
            table.clear()  # type: ignore[attr-defined]

    def knows(self, array: np.ndarray) -> bool:
        """Whether it is known where this array comes from."""
        return id(array) in self._names

    def is_captured(self, array: np.ndarray) -> bool:
        """Whether this is the array of a tensor captured from outside."""
        return self._names.get(id(array), "")[:1] == "p"

    def varies(self, value: Any) -> bool:
        """Whether a variable holds this object, or the memory that it looks into."""
        name = self._names.get(id(value))
        if name is None and isinstance(value, np.ndarray):
            return id(owner(value)) in self._memory
        return bool(name)

    def may_be_written(self, array: np.ndarray) -> bool:
        """Whether an array looks into a value, or a tensor from outside: each replay has its own,
        or is to change that.
        """
        return id(owner(array)) in self._memory and id(owner(array)) not in self._given

    def call(self, args: tuple, keywords: dict) -> str:
        """The arguments of a call."""
        named = (f"{name}={self.source(value)}" for name, value in keywords.items())
        return ", ".join((*map(self.source, args), *named))

    def source(self, value: Any) -> str:
        """An expression for a value: a variable, a literal, or the name of a constant."""
        name = self._names.get(id(value))
        if name:
            self.uses += 1
            return name
        kind = type(value)
        if kind in _LITERAL or (kind is float and math.isfinite(value)):
            return repr(value)
        if kind is str and not VARIABLE.search(value):  # which would be taken for one
            return repr(value)
        before = self.uses
        if kind in (tuple, list):
            parts = [self.source(part) for part in value]
            if kind is list:
                return f"[{', '.join(parts)}]"
            return f"({listed(parts)})" if parts else "()"
        if kind is dict:
            text = ", ".join(f"{self.source(k)}: {self.source(v)}" for k, v in value.items())
            if self.uses != before:
                return f"{{{text}}}"
        return self.constant(value)

    def constant(self, value: Any) -> str:
        """The name of an object that is the same at every replay."""
        name = self._constants.get(id(value))
        if name is None:
            name = self._constants[id(value)] = f"c{len(self.constants)}"
            self.constants[name] = value
        return name
