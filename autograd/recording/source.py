"""Writing functions as Python source: assignments, short names, each variable dropped when done."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

VARIABLE = re.compile(r"\b[xpvd]\d+\b")


class Line(NamedTuple):
    """One assignment; `target` may be several variables, or empty for a call alone."""

    target: str
    value: str

    def __str__(self) -> str:
        return f"{self.target} = {self.value}" if self.target else self.value


def function_of(
    name: str, parameters: str, lines: list[Line], result: str, names: dict[str, Any]
) -> tuple[str, Callable]:
    """Write and compile a function that forgets each variable after its last use."""
    last: dict[str, int] = {}
    for i, line in enumerate(lines):
        for variable in VARIABLE.findall(str(line)):
            last[variable] = i
    spared = {*VARIABLE.findall(result), *(v for v in last if v[0] == "p")}
    text = [f"def {name}({parameters}):"]
    for i, line in enumerate(lines):
        text.append(f"    {line}")
        mentioned = dict.fromkeys(VARIABLE.findall(str(line)))
        done = [v for v in mentioned if last[v] == i and v not in spared]
        if done and i + 1 < len(lines):
            text.append(f"    del {', '.join(done)}")
    source = "\n".join([*text, f"    return {result}", ""])
    made: dict[str, Any] = dict(names)
    exec(compile(source, f"<recorded {name}>", "exec"), made)
    return source, made[name]


def listed(variables: Iterable[str]) -> str:
    """Expressions as the inside of a tuple, which may be one side of an assignment."""
    found = list(variables)
    return f"{found[0]}," if len(found) == 1 else ", ".join(found)


class Functions:
    """Short names in the source for the functions it calls; `helpers` are known by their own."""

    def __init__(self, *helpers: Callable) -> None:
        self.by_name: dict[str, Any] = {helper.__name__: helper for helper in helpers}
        self._names: dict[int, str] = {}

    def name(self, function: Callable, wish: str) -> str:
        """The name of a function: as wished, or with a number if another one has that."""
        known = self._names.get(id(function))
        if known is None:
            wish = re.sub(r"\W", "_", wish)
            known, count = wish, 1
            while known in self.by_name or keyword.iskeyword(known) or VARIABLE.match(known):
                count += 1
                known = f"{wish}_{count}"
            self._names[id(function)], self.by_name[known] = known, function
        return known
