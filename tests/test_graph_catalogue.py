"""`draw` and `explore` on what every recipe of the catalogue learns from, and on odd graphs."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

import autograd as ag
import nn
from autograd.tensor import Tensor
from models import RECIPES
from models.training.loop import train
from nn.utils.checkpoint import checkpoint

# They learn without derivatives, or not at all: there is no graph, only what they remember.
WITHOUT_GRADIENTS = {
    "mcculloch_pitts", "hebb", "perceptron", "convolution", "neocognitron", "hopfield", "boltzmann",
}  # fmt: skip
# What these differentiate first are functions of numbers, without parameters.
EXPERIMENTS = {"first_principles", "activations", "losses", "learning_rate", "optimisers"}
SMALLER = {  # than the recipe's own quick settings: fewer examples, and fewer games before them
    "alphago_tic_tac_toe": {"games": 2, "simulations": 2},
    "alphago_go5": {"games": 2, "simulations": 2},
    "cyclegan": {"batch_size": 2},
    "resnet1202": {"batch_size": 2},
}


class Caught(Exception):
    """Carries what a recipe was about to differentiate."""


def first_loss(recipe, folder, monkeypatch) -> Caught:
    """What the training of a recipe differentiates first; its traceback keeps the model alive."""

    def catch(y, *args, **keywords):
        raise Caught(y)

    with monkeypatch.context() as patch:
        patch.setattr(Tensor, "backward", catch)
        patch.setattr(ag, "grad", catch)
        with pytest.raises(Caught) as caught:
            few = {} if recipe.fit else {"batch_size": 4}
            train(recipe, {**recipe.quick, **few, **SMALLER.get(recipe.name, {})}, folder=folder)
    return caught.value


def check(y, params, folder) -> dict:
    """Look at the pictures of `y`: both complete, and the same every time."""
    if single(y):
        ag.draw(y, gradients=True)  # checkpointed nodes keep from now on what they compute
    picture = ag.draw(y, params)
    assert picture.source == ag.draw(y, params).source
    boxes = set(re.findall(r"^\t+(n\d+) \[label", picture.source, re.MULTILINE))
    arrows = re.findall(r"^\t+(\w+) -> (\w+)", picture.source, re.MULTILINE)
    assert len(boxes) <= 100 and {end for pair in arrows for end in pair if end[1:].isdigit()} <= (
        boxes | {end for pair in arrows for end in pair if end.startswith("out")}
    )
    pages = [ag.explore(y, folder / f"{i}.html", params, gradients=single(y)) for i in range(2)]
    first, second = (Path(page).read_text(encoding="utf-8") for page in pages)
    assert first == second
    told = json.loads(re.search(r'application/json">(.*?)</script>', first, re.DOTALL)[1])
    nodes, live = (
        told["nodes"],
        [n for n in told["nodes"] if n["kind"] not in ("constant", "output")],
    )
    assert all(0 <= a < len(nodes) and 0 <= b < len(nodes) for a, b, *_ in told["edges"])
    assert len(set(told["walk"])) == len(told["walk"]) <= len(live)
    assert all(node["grads"] for n in told["walk"] for node in [nodes[n]]) or not single(y)
    return told


def single(y) -> bool:
    return isinstance(y, Tensor) and y.numel() == 1 and y.requires_grad


@pytest.mark.parametrize("name", [name for name in RECIPES if name not in WITHOUT_GRADIENTS])
def test_every_recipe(name, tmp_path, monkeypatch):
    caught = first_loss(RECIPES[name], tmp_path / "run", monkeypatch)
    told = check(caught.args[0], None, tmp_path)
    assert {"op", "param"} <= {node["kind"] for node in told["nodes"]} or name in EXPERIMENTS


@pytest.mark.parametrize("name", sorted(WITHOUT_GRADIENTS))
def test_what_recipes_without_gradients_remember(name, tmp_path):
    recipe = RECIPES[name]
    model = recipe.build(**{
        key.removeprefix("model."): value
        for key, value in recipe.settings(recipe.quick).items()
        if key.startswith("model.")
    })  # fmt: skip
    remembered = list(model.state_dict().values()) or [ag.ones(1)]
    told = check(remembered, None, tmp_path)
    assert [node["kind"] for node in told["nodes"]][-1] == "output"


# -- odd graphs ------------------------------------------------------------------------------------


def in_place_writes(x):
    y = x * 1
    y[0].mul_(2)
    y.add_(1)
    y[1:] = x[:1] * 3
    return y.sum()


def views(x):
    return (x.T.reshape(-1)[2:].unsqueeze(0).expand(3, -1) * x.flatten()[:1]).sum()


def second_derivatives(x):
    (g,) = ag.grad((x.sin() * x**3).sum(), x, create_graph=True)
    (h,) = ag.grad((g * g).sum(), x, create_graph=True)
    return h.sum()


def recomputed(x):
    return checkpoint(lambda t: t.exp().sin(), x, use_reentrant=False).sum()


def pieces(x):
    low, high = x.split(1, dim=0)[:2]
    values, _ = x.max(dim=1)
    return (low * high.detach()).sum() + values.sum() + ag.cat([x, x.detach()]).mean()


def nothing_to_learn(x):
    return (x.detach() * 2).sum()


@pytest.mark.parametrize(
    "function",
    [in_place_writes, views, second_derivatives, recomputed, pieces, nothing_to_learn],
)
def test_odd_graphs(function, tmp_path):
    x = (ag.arange(6.0).reshape(2, 3) / 3).requires_grad_()
    told = check(function(x), {"x": x}, tmp_path)
    assert x.grad is None
    assert ("x" in [node["name"] for node in told["nodes"]]) == (function is not nothing_to_learn)


def test_shared_and_unused_parameters(tmp_path):
    net = nn.ModuleDict({"twice": nn.Linear(3, 3), "spare": nn.Linear(3, 3)})
    net["tied"] = nn.Linear(3, 3)
    net["tied"].weight = net["twice"].weight
    x = ag.ones(2, 3)
    y = net["tied"](net["twice"](net["twice"](x))).sum()
    told = check(y, net, tmp_path)
    names = [node["name"] for node in told["nodes"]]
    assert names.count("twice.weight") == 1
    shared = [b for a, b, *_ in told["edges"] if names[a] == "twice.weight"]
    assert [names[b] for b in shared] == ["linear"] * 3
    assert told["unused"] == ["spare.weight", "spare.bias"]


def test_a_path_without_dot(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("dot") is None
    y = ag.ones(3, requires_grad=True).exp().sum()
    assert "digraph" in ag.draw(y)._repr_mimebundle_()["text/plain"]
    assert ag.draw(y).render(tmp_path / "graph.dot").endswith(".dot")
    with pytest.raises(RuntimeError, match=r"apt install graphviz.*render\('graph.dot'\)"):
        ag.draw(y).render(tmp_path / "graph.svg")
    check(y, None, tmp_path)
