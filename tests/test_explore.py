"""The page of a graph: what is told of nodes, and one look at it in a browser if there is one."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from browser import look, needs_browser, perform

import autograd as ag
import nn
from autograd.errors import GraphError
from autograd.function import Function
from nn.utils.checkpoint import checkpoint


@pytest.fixture
def told(tmp_path):
    """A function that writes a page and reads the graph back out of it."""

    def tell(y, params=None, **options):
        path = ag.explore(y, tmp_path / "graph.html", params, **options)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        return json.loads(re.search(r'application/json">(.*?)</script>', text, re.DOTALL)[1])

    return tell


def named(graph, name):
    """The only node of that name."""
    (node,) = (node for node in graph["nodes"] if node["name"] == name)
    return node


def edges(graph):
    names = [node["name"] for node in graph["nodes"]]
    return [(names[a], names[b]) for a, b, *_ in graph["edges"]]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3))
        self.spare = nn.Linear(3, 3)

    def forward(self, x):
        return self.body(self.body(x)).sum()


def test_nodes_and_edges(told):
    w = ag.tensor([1.0, 2.0], requires_grad=True)
    x = ag.tensor([[3.0, 4.0]])
    graph = told((x * w).exp().sum(), {"weight": w})
    assert [node["kind"] for node in graph["nodes"]] == [
        "param", "op", "op", "op", "constant", "output",
    ]  # fmt: skip
    assert edges(graph) == [
        ("weight", "mul"), ("mul", "exp"), ("exp", "sum"), ("input", "mul"), ("sum", "output"),
    ]  # fmt: skip
    mul, exp = named(graph, "mul"), named(graph, "exp")
    assert mul["shapes"] == ["float32[1, 2]"] and mul["inputs"] == ["float32[2]"]
    assert mul["saved"] == x.nbytes and exp["saved"] == 8
    assert "test_explore.py:" in mul["where"] and mul["line"].startswith("graph = told((x * w)")
    assert exp["values"] == [[0, "2981", "[[  20.0855 2980.958 ]]", ""]]
    assert "dim = None" in " ".join(named(graph, "sum")["args"])


def test_gradients_are_shown_and_grad_is_left_alone(told):
    x = ag.tensor([3.0, 4.0], requires_grad=True)
    x.grad = ag.ones(2)
    y = (x * x).sum()
    graph = told(y, {"x": x}, gradients=True)
    assert named(graph, "x")["grads"] == [[0, "10", "[6. 8.]", ""]]
    assert named(graph, "sum")["grads"] == [[0, "1", "1", ""]]
    assert np.array_equal(x.grad.array, [1, 1])
    y.backward()  # the graph is still there
    assert np.array_equal(x.grad.array, [7, 9])


def test_stored_gradients_and_wide_outputs(told):
    x = ag.tensor([3.0, 4.0], requires_grad=True)
    y = x * x
    with pytest.raises(GraphError, match="one number"):
        told(y, gradients=True)
    y.backward(ag.ones(2), retain_graph=True)
    assert named(told(y, {"x": x}), "x")["grads"][0][2] == "[6. 8.]"
    graph = told(y, {"x": x}, gradients=True, grad_tensors=ag.tensor([1.0, 0.0]))
    assert named(graph, "x")["grads"][0][2] == "[6. 0.]"


def test_backward_goes_in_the_order_of_the_engine(told):
    x = ag.tensor(2.0, requires_grad=True)
    a = x.exp()
    graph = told(x.sin() * a, gradients=True)
    assert [graph["nodes"][n]["name"] for n in graph["walk"]] == ["mul", "sin", "exp", "leaf"]
    assert told(x.sin() * a)["walk"] == graph["walk"]


def test_nan_and_inf_are_marked(told):
    x = ag.tensor([-1.0, 0.0, 1.0], requires_grad=True)
    graph = told(x.log().sum(), {"x": x}, gradients=True)
    assert named(graph, "x")["grads"][0][3] == "1 inf"
    assert named(graph, "output")["values"][0][3] == "1 NaN"
    assert named(graph, "log")["grads"][0][3] == ""


def test_modules_and_shared_and_unused_parameters(told):
    net = Net()
    graph = told(net(ag.ones(2, 3)), net, gradients=True)
    modules = graph["modules"]
    assert {"name": "0", "type": "Linear", "parent": 1} in modules
    assert [module["name"] for module in modules] == ["Net", "body", "0", "2", "1"]
    weight = named(graph, "body.0.weight")
    assert modules[weight["module"]]["name"] == "0" and weight["size"] == 12
    assert edges(graph).count(("body.0.weight", "linear")) == 2  # it is used twice
    assert graph["unused"] == ["spare.weight", "spare.bias"]


def test_writes_in_place_views_and_overwritten_values(told):
    x = ag.ones(3, 3, requires_grad=True)
    y = x * 1
    y[0].mul_(2)
    y.add_(1)
    names = {node["name"] for node in told(y.sum(), gradients=True)["nodes"]}
    assert {"view_write", "mul", "add"} <= names
    z = x.exp()
    z.mul_(3)  # what exp kept is gone
    assert named(told(z.sum()), "exp")["values"] == []
    with pytest.raises(GraphError, match="overwritten"):
        told(z.sum(), gradients=True)


def test_higher_order_gradients(told):
    x = ag.tensor(3.0, requires_grad=True)
    (first,) = ag.grad(x**3, x, create_graph=True)
    graph = told(first, {"x": x}, gradients=True)
    assert named(graph, "x")["grads"] == [[0, "18", "18", ""]]


def test_several_outputs(told):
    class Two(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1, x * 2

        @staticmethod
        def backward(ctx, a, b):
            return a + 2 * b

    x = ag.ones(2, requires_grad=True)
    a, b = Two.apply(x)
    graph = told([a.sum(), b.sum(), ag.ones(1)], gradients=False)
    assert [n["name"] for n in graph["nodes"]][-3:] == ["output 0", "output 1", "output 2"]
    assert not graph["nodes"][-1]["graph"]
    graph = told([a.sum(), (3 * b).sum()], gradients=True)
    two = named(graph, "Two")
    assert sorted((i, text) for i, _, text, _ in two["grads"]) == [(0, "[1. 1.]"), (1, "[3. 3.]")]
    assert len(graph["walk"]) == len(set(graph["walk"])) == 5


def test_checkpointed_graphs(told):
    x = ag.tensor([1.0, 2.0], requires_grad=True)
    y = checkpoint(lambda t: t.exp().sin(), x, use_reentrant=False).sum()
    graph = told(y, {"x": x})
    assert named(graph, "exp")["saved"] == 0
    seen = told(y, {"x": x}, gradients=True)
    (direct,) = ag.grad(x.exp().sin().sum(), x)
    assert float(named(seen, "x")["grads"][0][1]) == pytest.approx(direct.norm().item(), rel=1e-3)
    assert x.grad is None


def test_released_graph_and_wrong_arguments(told):
    y = ag.ones(3, requires_grad=True).exp().sum()
    y.backward()
    with pytest.raises(GraphError, match=r"released.*retain_graph=True"):
        told(y)
    with pytest.raises(TypeError, match="explore its output"):
        told(Net())
    with pytest.raises(ValueError, match="grad_tensors"):
        told(y, grad_tensors=ag.ones(1))


def test_page_is_one_safe_file_and_the_same_every_time(tmp_path):
    def page(number):
        x = ag.ones(2, requires_grad=True)
        name = "</script><b>{{title}}&"
        path = tmp_path / f"{number}.html"
        assert ag.explore(x.exp().sum(), path, {name: x}, title="a <b> {{data}}") == str(path)
        return path.read_text(encoding="utf-8")

    text = page(1)
    assert text == page(2)
    assert "</script><b>" not in text and "\\u003c/script>\\u003cb>{{title}}&" in text
    assert "<title>a &lt;b&gt; {{data}}</title>" in text
    assert not re.search(r"https?:|//[a-z]+\.|src=|@import|url\((?!#)", text)
    assert text.count("</script>") == 2


@needs_browser
def test_browser_draws_boxes_that_do_not_overlap(tmp_path):
    net = Net()
    path = ag.explore(net(ag.ones(2, 3)), tmp_path / "graph.html", net, gradients=True)
    dom = look(path, tmp_path)
    boxes = re.findall(
        r'<g class="box [^>]*><rect x="([-\d.]+)" y="([-\d.]+)" width="([\d.]+)" height="([\d.]+)"',
        dom,
    )
    assert len(boxes) >= 9
    spots = [tuple(map(float, box)) for box in boxes]
    for i, (x, y, w, h) in enumerate(spots):
        for a, b, c, d in spots[:i]:
            assert x + w <= a or a + c <= x or y + h <= b or b + d <= y
    assert "body.0" not in dom.split("<svg")[0] and "▾ body" in dom


@needs_browser
def test_browser_draws_every_use_of_a_shared_parameter(tmp_path):
    cell = nn.LSTMCell(3, 4)
    state = (ag.zeros(1, 4), ag.zeros(1, 4))
    for _ in range(5):
        state = cell(ag.ones(1, 3), state)
    path = ag.explore(state[0].sum(), tmp_path / "graph.html", cell, gradients=True)
    seen = perform(path, tmp_path, """
      const uses = (name) => {
        const key = "n" + graph.nodes.findIndex((node) => node.name === name);
        return picture.wires.filter((wire) => wire.source === key && wire.arrow).length;
      };
      const crosses = [...drawn.values()].filter(({ key }) => key[0] === "n").flatMap((a, i, all) =>
        all.slice(0, i).filter((b) => a.x < b.x + b.w && b.x < a.x + a.w &&
          a.y < b.y + b.h && b.y < a.y + a.h));
      return { uses: ["weight_ih", "weight_hh", "bias_ih"].map(uses), crosses: crosses.length };
    """)  # fmt: skip
    assert seen == {"uses": [5, 5, 5], "crosses": 0}


@needs_browser
def test_browser_folds_hovers_searches_pans_and_zooms(tmp_path):
    net = Net()
    path = ag.explore(net(ag.ones(2, 3)), tmp_path / "graph.html", net, gradients=True)
    seen = perform(path, tmp_path, """
      svg.setPointerCapture = () => {};  // there is no real pointer to capture
      const point = (kind, target, x = 0, y = 0) => target.dispatchEvent(
        new PointerEvent(kind, { bubbles: true, clientX: x, clientY: y }));
      const click = (target) => { point("pointerdown", target); point("pointerup", target); };
      const titles = () =>
        [...document.querySelectorAll(".box text.title")].map((t) => t.textContent);
      const key = "m" + graph.modules.findIndex((module) => module.path === "Net.body.0");
      const opened = titles();
      click(drawn.get(key).g.querySelector(".strip"));
      const folded = titles();
      point("pointerover", drawn.get(key).g.firstChild);
      const card = by("card").textContent;
      click(drawn.get(key).g.firstChild);
      const again = titles();
      const before = { ...state };
      point("pointerdown", svg, 10, 10); point("pointermove", svg, 60, 30); point("pointerup", svg);
      const panned = [state.x - before.x, state.y - before.y];
      svg.dispatchEvent(new WheelEvent("wheel", { deltaY: -500, clientX: 99, clientY: 99 }));
      const zoomed = state.scale / before.scale;
      by("search").value = "tanh";
      by("search").dispatchEvent(new Event("input"));
      const found = by("found").textContent, hit = document.querySelectorAll(".box.hit").length;
      return { opened, folded, card, again, panned, zoomed, found, hit };
    """)  # fmt: skip
    assert "▸ 0 · Linear" in seen["folded"] and "▸ 0 · Linear" not in seen["opened"]
    assert seen["again"] == seen["opened"] and "weight" in seen["opened"]
    assert "Net.body.0" in seen["card"] and "16 in 2 arrays" in seen["card"]
    assert "FLOPs" in seen["card"] and "float32[2, 4]" in seen["card"]
    assert seen["panned"] == [50, 20] and seen["zoomed"] > 1.5
    assert seen["found"] == "2 found" and seen["hit"] == 2


@needs_browser
def test_browser_steps_through_backward_in_the_order_of_the_engine(tmp_path):
    x = ag.tensor(2.0, requires_grad=True)
    path = ag.explore(x.sin() * x.exp(), tmp_path / "graph.html", {"x": x}, gradients=True)
    seen = perform(path, tmp_path, """
      const titles = (kind) => [...document.querySelectorAll(`.box.${kind} text.title`)]
        .map((t) => t.textContent);
      return [0, 1, 2, 3, 4].map((step) => {
        by("step").value = step;
        by("step").dispatchEvent(new Event("input"));
        const arrows = document.querySelectorAll(".back.got").length;
        const says = by("says").textContent;
        return { got: titles("got").sort(), now: titles("now"), arrows, says };
      });
    """)  # fmt: skip
    assert [step["got"] for step in seen] == [
        [], ["mul"], ["exp", "mul"], ["exp", "mul", "sin"], ["exp", "mul", "sin", "x"],
    ]  # fmt: skip
    assert [step["now"] for step in seen] == [[], ["mul"], ["exp"], ["sin"], ["x"]]
    assert [step["arrows"] for step in seen] == [0, 0, 1, 2, 4]
    assert seen[2]["says"] == "step 2 of 4: exp, ‖grad‖ 0.9093"


def test_what_no_gradient_goes_to(told):
    x, data = ag.tensor([1.0, 2.0], requires_grad=True), ag.tensor([3.0, 4.0])
    y = x.exp()
    graph = told((x * y.detach() * data - ag.ones(2)).sum() + y.sum(), {"x": x, "data": data})
    names = [node["name"] for node in graph["nodes"]]
    dashed = [(names[a], names[b]) for a, b, *none in graph["edges"] if none]
    assert dashed == [("exp", "mul"), ("data", "mul"), ("other", "sub")]
    assert named(graph, "other")["shapes"] == []  # a difference keeps nothing
    assert graph["unused"] == []  # data wants no gradient: nothing is missing


def test_inputs_that_are_absent_are_not_shown(told):
    layer, target = nn.LSTM(3, 4), ag.tensor([0, 1])
    hidden, _ = layer(ag.ones(1, 2, 3))
    graph = told(nn.functional.cross_entropy(hidden[0], target) * 2.0 + 1.0, layer)
    names = [node["name"] for node in graph["nodes"] if node["kind"] == "constant"]
    assert names == ["input", "h0", "c0", "target", "other"]  # of the sum; the product keeps its 2


def test_costs_by_formula_and_by_profile(told):
    layer, x = nn.Linear(3, 5), ag.ones(8, 3)
    with ag.profiler.profile() as seen:
        y = layer(x).relu().sum()
        y.backward(retain_graph=True)
    graph = told(y, layer, profile=seen)
    linear = named(graph, "linear")
    assert linear["flops"] == [240, 240]  # the inputs want no gradient
    assert named(graph, "relu")["flops"] == [0, 0]
    ops = [node for node in graph["nodes"] if node["kind"] == "op"]
    assert len(ops) == 3 and all(min(node["time"]) > 0 for node in ops)
    times = {event.name: event.total for event in seen.events if event.phase == "backward"}
    assert {node["name"]: node["time"][1] for node in ops} == times
    assert all(node["time"] == [0, 0] for node in told(y)["nodes"] if node["kind"] == "op")
