"""The operations' reference, written from the op table: one entry an op, one page a family."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autograd import conventions
from autograd.op import OPS, Op


def families() -> dict[str, list[Op]]:
    """The public ops by the file they are defined in, in the order they stand there."""
    found: dict[str, list[Op]] = {}
    for record in OPS.values():
        if record.space != "internal":
            found.setdefault(record.forward.__module__.rpartition(".")[2], []).append(record)
    return found


def entry(record: Op) -> str:
    """One op's entry: where it is found, its signature, its text, and what its rules keep.

    Examples
    --------
    >>> from autograd.op import OPS
    >>> print(entry(OPS["exp"]).splitlines()[0])
    ### `exp(input)`
    """
    signature = ", ".join(
        _parameter(p) for p in inspect.signature(record.forward).parameters.values()
    )
    return "\n".join(
        [
            f"### `{record.name}({signature})`",
            "",
            *facts(record),
            *_derivative(record),
            "",
            _text(record),
            "",
        ]
    )


def _derivative(record: Op) -> Iterator[str]:
    """The rules as they are written, and what they say where there is no derivative."""
    rules = conventions.formulas(record)
    if rules:
        yield from ("", "```python", *rules, "```")
    kinks = list(conventions.kinks(record))
    if kinks:
        yield from ("", *kinks)


def _parameter(parameter: inspect.Parameter) -> str:
    stars: dict[Any, str] = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}
    star = stars.get(parameter.kind, "")
    default = "" if parameter.default is parameter.empty else f"={parameter.default!r}"
    return f"{star}{parameter.name}{default}"


def _text(record: Op) -> str:
    return inspect.getdoc(record.forward) or "(no description)"


def facts(record: Op) -> Iterator[str]:
    """Sentences: under which names it is found, and what its rules keep until backward."""
    places = {
        "autograd": ["autograd"],
        "nn": ["nn.functional"],
        "both": ["autograd", "nn.functional"],
        "linalg": ["autograd.linalg"],
        "special": ["autograd.special"],
    }
    names = [f"`{place}.{record.public_name}`" for place in places[record.space]]
    if record.method:
        names.append(f"`Tensor.{record.name}`")
    if record.numpy is not None:
        names.append(f"`numpy.{record.numpy.__name__}` on tensors")
    yield f"Available as {', '.join(names)}."
    if record.composite:
        yield "Composed of other operations."
    elif record.rules:
        kept = {n for rule in record.rules.values() for n in rule.arguments} - {"g", "needs"}
        kept -= set(record.params)
        what = ", ".join(f"`{name}`" for name in sorted(kept)) or "nothing"
        yield f"Differentiable in {', '.join(f'`{n}`' for n in record.rules)}; keeps {what}."
    else:
        yield "Not differentiable."


def page(family: str) -> str:
    """The page of one family, as Markdown."""
    try:
        records = families()[family]
    except KeyError:
        known = ", ".join(sorted(families()))
        raise KeyError(f"there is no op and no family {family!r}; families: {known}") from None
    return f"# {family}\n\n" + "\n".join(entry(record) for record in records)


def write(directory: str | Path) -> list[Path]:
    """Write one page a family, and an index of all names; returns the files."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    index, written = ["# Operations", ""], []
    for family, records in sorted(families().items()):
        written.append(directory / f"{family}.md")
        written[-1].write_text(page(family))
        names = ", ".join(f"`{record.name}`" for record in records)
        index.append(f"- [{family}]({family}.md): {names}")
    written.append(directory / "README.md")  # index.md is the family of indexing
    written[-1].write_text("\n".join(index) + "\n")
    return written


def main(name: str | None, out: str | None = None) -> int:
    """Print one op's entry, one family's page, or all pages; or write all into a directory."""
    if out is not None:
        print(f"{len(write(out))} pages written to {out}")
    elif name in OPS:
        print(entry(OPS[name]))
    elif name is not None:
        try:
            print(page(name))
        except KeyError as error:
            raise SystemExit(error.args[0]) from None
    else:
        print("\n".join(page(family) for family in families()))
    return 0
