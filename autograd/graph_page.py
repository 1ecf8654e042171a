"""A graph as a page to walk around in: `explore` writes one HTML file that needs nothing else.

Python reads the graph and says everything about it in JSON (`_describe`); the page, whose parts
are in ``autograd/explorer``, lays out what is unfolded and draws it.
"""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autograd.graph_costs import Cost, costs
from autograd.graph_reading import (
    Reading,
    expect_tensors,
    named_tensors,
    origin,
    read,
    source_line,
    typed,
)
from autograd.graph_values import Facts, Memory, constants, facts, gradients, stored, values
from autograd.profiler import profile as Profile
from autograd.tensor import Tensor

PARTS = Path(__file__).with_name("explorer")
SCRIPTS = ("beside.js", "layout.js", "facts.js", "view.js", "controls.js")


def explore(
    y,
    path: str | os.PathLike = "graph.html",
    params=None,
    *,
    gradients: bool = False,
    grad_tensors=None,
    title: str | None = None,
    profile: Profile | None = None,
) -> str:
    """Write a page that shows how `y` was computed, and return the file's name.

    Open it in a browser, with or without a network: drag and scroll, click a layer to unfold or
    fold it, point at a box for its shapes, the bytes it keeps and the source line that made it, and
    move the slider to follow backward from node to node.

    Parameters
    ----------
    y : Tensor or sequence of Tensor
        What was computed, before ``backward`` has released the graph.
    path : path, default "graph.html"
    params : Module or dict of str to Tensor, optional
        Names: a module, or a dict such as ``{**dict(model.named_parameters()), "x": x}``.
    gradients : bool, default False
        Run backward to show the gradients it brings: their norms, small ones in full, NaN and
        infinities marked. The graph is retained, and every ``.grad`` stays as it is.
    grad_tensors : Tensor or sequence, optional
        Where backward begins, as in `autograd.backward`; may be left out for one-element tensors.
    title : str, optional
        The page's title; by default the outermost layer's name.
    profile : autograd.profiler.profile, optional
        One under which `y` was computed, and perhaps ``backward(retain_graph=True)`` ran: shows the
        time each op took.

    Raises
    ------
    GraphError
        If the graph was already released; with `gradients`, if backward cannot run.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import autograd as ag
    >>> x = ag.tensor([3.0, 4.0], requires_grad=True)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = ag.explore((x * x).sum(), Path(folder, "graph.html"), {"x": x})
    ...     "float32[2]" in Path(page).read_text(encoding="utf-8")
    True
    """
    tensors = expect_tensors(y, "explore")
    if grad_tensors is not None and not gradients:
        raise ValueError("explore: grad_tensors without gradients=True would not be used")
    graph = _describe(tensors, named_tensors(params), gradients, grad_tensors, profile)
    outermost = next((m["name"] for m in graph["modules"] if m["parent"] < 0), "graph")
    Path(path).write_text(_page(title or outermost, graph), encoding="utf-8")
    return str(path)


def _page(title: str, graph: dict) -> str:
    """The parts of the page joined, with the graph in it."""
    page, style, *scripts = (
        (PARTS / name).read_text(encoding="utf-8") for name in ("page.html", "style.css", *SCRIPTS)
    )
    # "<" would let a name close the script element that the JSON stands in.
    data = json.dumps(graph, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    fills = {
        "title": html.escape(title),
        "style": style,
        "script": "\n".join(scripts),
        "data": data,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda place: fills[place[1]], page)


def _describe(tensors, named: Mapping[str, Tensor], backward: bool, grad_tensors,
              profile: Profile | None) -> dict[str, Any]:  # fmt: skip
    """All there is to say about a graph: nodes oldest first, edges, modules, order of backward.

    An edge is a pair of nodes' numbers; a third number, 1, says that no gradient goes along it.
    """
    reading = read(tensors, named)
    at_hand, spent = values(tensors, reading), costs(reading.order, reading, profile)
    known = {key: facts(array) for key, array in at_hand.items()}
    modules = _modules(reading)
    nodes = [_node(node, modules, reading, known, spent.get(node)) for node in reading.order]
    numbers = {node: number for number, node in enumerate(reading.order)}
    edges = [[numbers[a], numbers[b]] for a, b in dict.fromkeys(reading.arrows)]
    memory = Memory(at_hand, named)
    for node in spent:
        for name, array in constants(node):
            source = numbers.get(memory.source(array))
            edges.append([len(nodes) if source is None else source, numbers[node], 1])
            if source is None:
                name = memory.name(array) or name
                nodes.append(_constant(name, array, modules[reading.paths[node]]))
    for number, tensor in enumerate(tensors):
        if tensor.node is not None:
            edges.append([numbers[origin(tensor.node)[0]], len(nodes)])
        nodes.append(_output(f"output {number}" if len(tensors) > 1 else "output", tensor))
    # After reading: checkpointed nodes keep what backward has made them compute.
    arriving = gradients(tensors, grad_tensors) if backward else stored(reading)
    for (node, index), fact in arriving.items():
        if fact is not None:
            nodes[numbers[node]]["grads"].append([index, *_told(fact)])
    # An op of several outputs has its turn when all their gradients are there.
    several = {node for node, index in arriving if index is None}
    walk = [n for n, i in arriving if i is None or n not in several] if backward else []
    return {
        "nodes": nodes,
        "edges": edges,
        "modules": [
            {
                "name": path[-1],
                "type": reading.classes.get(path, ""),
                "parent": modules[path[:-1]],
            }
            for path in modules
            if path
        ],
        "walk": [numbers[node] for node in dict.fromkeys(walk or reversed(reading.order))],
        "backward": backward,
        "unused": _unused(named, reading),
    }


def _modules(reading: Reading) -> dict[tuple, int]:
    """Every module's number by its path, outer ones before inner ones; -1 is outside all."""
    modules: dict[tuple, int] = {(): -1}
    for node in reading.order:
        path = reading.paths[node]
        for end in range(1, len(path) + 1):
            modules.setdefault(path[:end], len(modules) - 1)
    return modules


def _node(node, modules: dict[tuple, int], reading: Reading, known: dict,
          cost: Cost | None) -> dict[str, Any]:  # fmt: skip
    """What the page is told of an op or a leaf."""
    outputs = sorted(reading.values[node].items())
    told: dict[str, Any] = {
        "kind": "op",
        "name": node.name(),
        "module": modules[reading.paths[node]],
        "shapes": [typed(*like) for _, like in outputs],
        "values": [[i, *_told(known[node, i])] for i, _ in outputs if (node, i) in known],
        "grads": [],
    }
    if cost is None:
        told["kind"] = "param" if node in reading.names else "leaf"
        told["name"] = reading.names.get(node, "leaf")
        tensor = node.tensor()
        told["size"] = 0 if tensor is None else tensor.array.size
        return told
    told["inputs"] = [typed(*like) for like in node.shapes]
    told["saved"] = cost.bytes
    told["flops"], told["time"] = cost[1:3], cost[3:]
    if node.plan.op is not None:
        told["args"] = [f"{k} = {v!r}"[:80] for k, v in sorted((node.params or {}).items())]
    if node.where is not None:
        told["where"], told["line"] = source_line(node.where)
    return told


def _constant(name: str, array, module: int) -> dict[str, Any]:
    """What the page is told of an input without a gradient; little if it is not kept."""
    kept = array is not None
    return {
        "kind": "constant",
        "name": name,
        "module": module,
        "shapes": [typed(array.shape, array.dtype)] if kept else [],
        "values": [[0, *_told(facts(array))]] if kept else [],
        "grads": [],
    }


def _output(name: str, tensor: Tensor) -> dict[str, Any]:
    return {
        "kind": "output",
        "name": name,
        "module": -1,
        "shapes": [typed(tensor.shape, tensor.dtype)],
        "values": [[0, *_told(facts(tensor.array))]],
        "grads": [],
        "graph": tensor.node is not None,
    }


def _told(fact: Facts) -> tuple[str, str, str]:
    """Facts as text, since JSON has no NaN."""
    norm = "" if fact.norm is None else f"{fact.norm:.4g}"
    return norm, fact.text, fact.bad


def _unused(named: Mapping[str, Tensor], reading: Reading) -> list[str]:
    """The names of parameters that `y` does not depend on."""
    used = set(reading.names.values())
    return [name for name, tensor in named.items() if tensor.requires_grad and name not in used]
