"""The API reference, written anew at each build from the op table and what the packages export.

Nothing here lists operations, layers or models: what is public is on a page, grouped by the file it
is defined in. `pages` returns the text of all pages, `write` puts them where Sphinx finds them.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from textwrap import indent
from types import ModuleType
from typing import Any

import generated
from docstrings import mark_formulas

import autograd
import models
import nn
from autograd import conventions
from autograd import reference as op_reference
from autograd.op import OPS, Op
from autograd.tensor import Tensor

# Where an operation is described, by the space it is public in.
PLACES = {
    "autograd": "autograd",
    "both": "autograd",
    "nn": "nn.functional",
    "linalg": "autograd.linalg",
    "special": "autograd.special",
}
# The names of `autograd` that are no operations, by the files they come from.
ENGINE = {
    "Creating tensors": ["autograd.creation", "autograd.layout"],
    "Random numbers": ["autograd.random"],
    "Gradients": ["autograd.engine", "autograd.gradient_check", "autograd.hooks"],
    "Modes": ["autograd.mode"],
    "Own operations": ["autograd.op", "autograd.function"],
    "Pictures and reports": ["autograd.graph", "autograd.graph_page", "autograd.memory"],
    "Files": ["autograd.serialize"],
    "Threads": ["autograd.kernels.threads"],
    "Errors": ["autograd.errors"],
    "Activations in place": ["autograd.ops.in_place"],
}
# What those hand out and is not in `autograd` itself.
HANDED_OUT = {
    "Pictures and reports": ["autograd.graph.Graph", "autograd.memory.MemoryReport"],
    "Files": ["autograd.serialize.CheckpointError"],
}
# Modules shown whole, a page each: section -> (title, module).
WHOLE = {
    "engine": [
        ("Functional calculus", "autograd.functional"),
        ("Profiler", "autograd.profiler"),
        ("Testing", "autograd.testing"),
        ("TensorBoard files", "autograd.utils.tensorboard"),
        ("Other libraries", "autograd.interop"),
        ("CUDA, which is not here", "autograd.cuda"),
    ],
    "layers": [("Initialisation", "nn.init"), ("Helpers", "nn.utils")],
    "optimisers": [
        ("Optimisers", "optim"),
        ("Schedules", "optim.lr_scheduler"),
        ("Averaged weights", "optim.swa_utils"),
    ],
    "data": [
        ("Loading", "autograd.utils.data"),
        ("Data sets", "models.datasets"),
        ("Transforms", "models.transforms"),
    ],
}
HELPERS = (
    "nn.utils.checkpoint", "nn.utils.live", "nn.utils.parametrizations", "nn.utils.parametrize",
    "nn.utils.plots", "nn.utils.prune", "nn.utils.rnn", "nn.utils.stateless",
)  # fmt: skip
SECTIONS = {
    "engine": ("Tensors and gradients", "`import autograd as ag`: the tensor and the engine."),
    "operations": ("Operations", "Every operation of the table, with its derivative as written."),
    "layers": ("Layers", "`import nn`: modules, losses, initialisation and helpers."),
    "optimisers": ("Optimisers", "`import optim`: optimisers, schedules, averages of weights."),
    "data": ("Data", "Loaders, data sets and transforms."),
    "models": ("Models", "`import models`: one architecture, or one experiment, a file."),
}
ROUTINE = {"forward", "extra_repr", "reset_parameters"}  # methods that every layer has


def pages() -> dict[str, str]:
    """The text of every page, as reStructuredText, by its path without a suffix."""
    sections = {
        "engine": dict(_engine_pages()),
        "operations": dict(_operation_pages()),
        "layers": dict(_layer_pages()),
        "optimisers": {},
        "data": {},
        "models": dict(_model_pages()),
    }
    for section, modules in WHOLE.items():
        for title, name in modules:
            submodules = HELPERS if name == "nn.utils" else ()
            sections[section][_slug(name)] = _module_page(title, name, submodules)
    written = {"index": _index()}
    for section, found in sections.items():
        title, about = SECTIONS[section]
        toctree = _toctree(f"{section}/{slug}" for slug in found)
        extra = _names_by_family() if section == "operations" else ""
        written[section] = f"{_title(title)}{about}\n\n{extra}{toctree}"
        written |= {f"{section}/{slug}": text for slug, text in found.items()}
    return written


def write(directory: str | Path) -> None:
    """Write the pages, and delete those of what is gone."""
    directory = Path(directory)
    texts = {directory / f"{name}.rst": text for name, text in pages().items()}
    generated.write(texts, directory.rglob("*.rst"))


# -- pieces of reStructuredText --------------------------------------------------------------------


def _title(text: str, mark: str = "=") -> str:
    return f"{text}\n{mark * len(text)}\n\n"


def _slug(text: str) -> str:
    return text.lower().replace(" ", "-").replace(",", "")


def _toctree(documents: Iterable[str], depth: int = 1) -> str:
    lines = "".join(f"   {document}\n" for document in documents)
    return f".. toctree::\n   :maxdepth: {depth}\n\n{lines}\n"


def _code(lines: Iterable[str]) -> str:
    return ".. code-block:: python\n\n" + indent("\n".join(lines), "   ") + "\n"


def _item(path: str, below: str = "") -> str:
    """The entry of something public, by its full name, with a text below its docstring."""
    module, _, name = path.rpartition(".")
    value = getattr(importlib.import_module(module), name)
    if inspect.isclass(value):
        kind = "autoexception" if issubclass(value, Exception) else "autoclass"
        options = f"   :members: {', '.join(own)}\n" if (own := _own_methods(value)) else ""
    elif callable(value):
        kind, options = "autofunction", ""
    else:
        return f".. py:data:: {path}\n\n   {_meaning(value)}\n\n"
    return f".. {kind}:: {path}\n{options}\n{indent(below, '   ')}\n"


def _items(paths: Iterable[str]) -> str:
    """The entries of what is on a page, below a line of links to them."""
    paths = list(paths)
    return _links({path.rpartition(".")[2]: path for path in paths}) + "".join(map(_item, paths))


def _links(targets: dict[str, str]) -> str:
    """Links to entries, by what they are called here; none to a page's only one."""
    if len(targets) < 2:
        return ""
    return ", ".join(f":py:obj:`{name} <{path}>`" for name, path in targets.items()) + "\n\n"


def _meaning(value: Any) -> str:
    shown = repr(value)
    plain = len(shown) < 80 and " at 0x" not in shown
    return f"``{shown}``" if plain else f"An object of the class ``{type(value).__name__}``."


def _own_methods(value: type) -> list[str]:
    """The public methods and properties a class defines itself, but for those of every layer."""
    return [
        name
        for name, member in vars(value).items()
        if not name.startswith("_")
        and (
            inspect.isfunction(member) or isinstance(member, (property, classmethod, staticmethod))
        )
        and inspect.getdoc(member)
        and name not in ROUTINE
        and not (value is Tensor and name.removesuffix("_") in OPS)
    ]


def _merged(names: Iterable[str]) -> Callable[[str], str]:
    """Which page a file's names stand on: `loss_margin` on that of `loss`, if there is one."""
    known = set(names)

    def page(name: str) -> str:
        parts = name.split("_")
        stems = ("_".join(parts[:count]) for count in range(1, len(parts) + 1))
        return next(stem for stem in stems if stem in known)

    return page


def _heading(module: str) -> str:
    """A page's title: how its file begins its first line, if that is short."""
    first, *_ = (inspect.getdoc(importlib.import_module(module)) or "").splitlines()
    called = re.split(r"[:;(]|, and |\. |\.$", first)[0].strip()
    if len(called) > 48 or "`" in called:
        called = module.rpartition(".")[2].replace("_", " ")
    return called[0].upper() + called[1:]


def _about(module: str) -> str:
    """What a file says of itself."""
    lines = (inspect.getdoc(importlib.import_module(module)) or "").splitlines()
    mark_formulas(lines)
    return "\n".join(lines) + "\n\n"


def public_names(module: ModuleType) -> list[str]:
    """The names a module hands out: those it lists, else those it defines or imports as public."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    inside = getattr(module, "__path__", None) is not None  # a package shows what its files define
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not inspect.ismodule(value)
        and getattr(value, "__module__", "__future__").startswith(module.__name__ + "." * inside)
    ]


# -- the sections ----------------------------------------------------------------------------------


def _index() -> str:
    text = (
        "What every name does, with its shapes, its errors and an example that the tests run. The "
        "pages are written from the library itself when the site is built: operations from the op "
        "table, the rest from what the packages export.\n\n"
        "Names, parameters and defaults are PyTorch's where PyTorch has the thing. "
        "``python -m autograd coverage`` lists what is missing or differs from the PyTorch you "
        "have installed.\n\n"
    )
    return _title("API reference") + text + _toctree(SECTIONS, 2)


def _module_page(title: str, name: str, submodules: Iterable[str] = ()) -> str:
    module = importlib.import_module(name)
    text = _title(title) + f".. automodule:: {name}\n\n"
    text += _items(
        f"{name}.{each}"
        for each in public_names(module)
        if not inspect.ismodule(getattr(module, each))
    )
    for submodule in submodules:
        inner = importlib.import_module(submodule)
        text += _title(submodule, "-") + f".. automodule:: {submodule}\n\n"
        text += _items(f"{submodule}.{each}" for each in public_names(inner))
    return text


def engine_names() -> list[str]:
    """The public names of `autograd` that are neither operations nor modules."""
    return [
        name
        for name in dir(autograd)
        if not name.startswith("_")
        and name not in OPS
        and name != "annotations"
        and not inspect.ismodule(getattr(autograd, name))
    ]


def _engine_pages() -> Iterator[tuple[str, str]]:
    yield "tensor", _tensor_page()
    rest = set(engine_names()) - {"Tensor"}
    for title, files in ENGINE.items():
        homes = {name: getattr(getattr(autograd, name), "__module__", None) for name in rest}
        names = [n for file in files for n in sorted(rest) if homes[n] == file]
        rest -= set(names)
        paths = [f"autograd.{name}" for name in names] + HANDED_OUT.get(title, [])
        yield _slug(title), _title(title) + _items(paths)
    title = "Dtypes, layouts and other names"
    yield "dtypes", _title(title) + _items(f"autograd.{name}" for name in sorted(rest))


def _tensor_page() -> str:
    methods = sorted(name for name in dir(Tensor) if name.removesuffix("_") in OPS)
    records = {name: OPS.get(name) or OPS[name.removesuffix("_")] for name in methods}
    links = _links({n: described_at(r) for n, r in records.items() if r.space != "internal"})
    return (
        _title("Tensor")
        + _item("autograd.Tensor")
        + _title("Methods that are operations", "-")
        + "Each is described where the function is, whose first argument the tensor is. Those that "
        f"end in ``_`` write into the tensor.\n\n{links}"
    )


def described_at(record: Op) -> str:
    """The full name an operation's entry stands under."""
    return f"{PLACES[record.space]}.{record.public_name}"


def op_entry(record: Op) -> str:
    """An operation's entry: its docstring, where else it is found, and its derivative."""
    below = "\n".join(op_reference.facts(record)) + "\n\n"
    if rules := conventions.formulas(record):
        below += _code(rules) + "\n"
    below += " ".join(conventions.kinks(record)) + "\n"
    return _item(described_at(record), below)


def _families() -> dict[str, list[Op]]:
    """The operations by page; families whose names begin with another's share its page."""
    families = op_reference.families()
    page_of = _merged(families)
    found: dict[str, list[Op]] = {}
    for family in sorted(families, key=lambda name: (page_of(name), name)):
        found.setdefault(page_of(family), []).extend(families[family])
    return found


def _links_to(records: list[Op]) -> str:
    return _links({record.public_name: described_at(record) for record in records})


def _operation_pages() -> Iterator[tuple[str, str]]:
    for page, records in _families().items():
        text = (
            _title(_heading(f"autograd.ops.{page}"))
            + _about(f"autograd.ops.{page}")
            + _links_to(records)
        )
        # index.rst is what Sphinx takes for the section itself
        yield ("indexing" if page == "index" else page), text + "".join(map(op_entry, records))
    yield "functional", _functional_page()


def _names_by_family() -> str:
    """A list of all operations, for those who know the name."""
    lines = []
    for page, records in _families().items():
        links = _links_to(records) or f":py:obj:`{described_at(records[0])}`\n"
        lines.append(f"**{_heading(f'autograd.ops.{page}')}**\n   {links}")
    return "\n".join(lines) + "\n"


def _functional_page() -> str:
    """nn.functional: links to its operations, and entries of what is only there."""
    text = _title("nn.functional") + ".. automodule:: nn.functional\n\n"
    links, rest = {}, ""
    for name, value in sorted(vars(nn.functional).items()):
        if name.startswith("_") or not callable(value):
            continue
        record = getattr(value, "op", None)
        if record is not None and record.space != "internal" and record.public_name == name:
            links[name] = described_at(record)
        else:
            links[name] = f"nn.functional.{name}"
            rest += _item(links[name])
    return text + _links(links) + rest


def _layer_pages() -> Iterator[tuple[str, str]]:
    found: dict[str, list[str]] = {}
    for name in nn.__all__:
        value = getattr(nn, name)
        if not inspect.ismodule(value):
            found.setdefault(value.__module__.rpartition(".")[2], []).append(name)
    page_of = _merged(found)
    merged: dict[str, list[str]] = {}
    for file in sorted(found, key=lambda file: (file != "module", page_of(file), file)):
        merged.setdefault(page_of(file), []).extend(found[file])
    for page, names in merged.items():
        text = _title(_heading(f"nn.{page}")) + _about(f"nn.{page}")
        yield page, text + _items(f"nn.{name}" for name in names)


def _model_pages() -> Iterator[tuple[str, str]]:
    """A page for each file that has a recipe or hands out a model, as a reader meets them."""
    exported: dict[str, list[str]] = {}
    for name, value in vars(models).items():
        if not name.startswith("_") and callable(value):
            exported.setdefault(value.__module__, []).append(name)
    for info in pkgutil.iter_modules(models.__path__):
        if info.ispkg or info.name.startswith("_"):
            continue
        file = f"models.{info.name}"
        module = importlib.import_module(file)
        recipes = [r for r in models.RECIPES.values() if r in _recipes_of(module)]
        if recipes or file in exported:
            text = _title(_heading(file)) + f".. automodule:: {file}\n   :no-index:\n\n"
            text += "".join(map(_recipe, recipes))
            yield info.name, text + _items(f"models.{name}" for name in exported.get(file, []))
    text = _title("Recipes") + _item("models.Recipe")
    yield "recipe", text


def _recipes_of(module: ModuleType) -> tuple:
    return tuple(getattr(module, "RECIPES", ())) or (getattr(module, "RECIPE", None),)


def _recipe(recipe: models.Recipe) -> str:
    return (
        f".. code-block:: sh\n\n   python -m models train {recipe.name}\n\n"
        f"{recipe.summary[0].upper()}{recipe.summary[1:]}.\n\n"
    )
