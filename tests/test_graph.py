"""Pictures: what is in the DOT text. Only the tests that lay it out need the program `dot`."""

from __future__ import annotations

import re
import shutil

import pytest

import autograd as ag
from autograd import graph
from autograd.errors import GraphError
from autograd.function import Function
from autograd.graph import draw, make_dot
from autograd.mode import CURRENT

needs_dot = pytest.mark.skipif(
    shutil.which("dot") is None, reason="Graphviz's dot is not installed"
)


@pytest.fixture
def no_dot(monkeypatch):
    monkeypatch.setattr(graph.shutil, "which", lambda name: None)


class layer:
    """Pretend that a module with this path is running."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        self.before = CURRENT.get()
        CURRENT.set(self.before._replace(layer=self.path))

    def __exit__(self, *exc_info):
        CURRENT.set(self.before)


class Net:
    """A two-layer network, as far as a picture is concerned."""

    def __init__(self):
        self.params = {f"body.{i}.weight": ag.ones(3, 3, requires_grad=True) for i in range(4)}

    def named_parameters(self):
        return self.params.items()

    def __call__(self, x):
        for i, w in enumerate(self.params.values()):
            with layer(f"Net.body.{i} (Linear)"):
                x = x @ w + 1.0
            with layer("Net"):
                x = x.tanh()
        return x


def boxes(picture):
    """The titles of all boxes."""
    lines = picture.source.splitlines()
    return [line.split("<B>")[1].split("</B>")[0] for line in lines if "<B>" in line]


def edges(picture):
    """The arrows, as pairs of titles."""
    titles, pairs = {}, []
    for line in picture.source.splitlines():
        if "<B>" in line:
            titles[line.split("[")[0].strip()] = line.split("<B>")[1].split("</B>")[0]
    for line in picture.source.splitlines():
        if " -> " in line:
            a, b = line.split("[")[0].split(" -> ")
            pairs.append((titles[a.strip()], titles[b.strip()]))
    return pairs


def test_ops_leaves_output_and_arrows():
    w, x = ag.ones(3, requires_grad=True), ag.ones(2, 3, requires_grad=True)
    picture = draw((w * x).sum(), params={"weight": w})
    assert boxes(picture) == ["weight", "leaf", "mul", "sum", "output"]
    assert edges(picture) == [
        ("weight", "mul"), ("leaf", "mul"), ("mul", "sum"), ("sum", "output"),
    ]  # fmt: skip
    assert "float32[2, 3]" in picture.source and "float32[]" in picture.source


def test_source_is_deterministic():
    def source():
        net = Net()
        return draw(net(ag.ones(2, 3)), net, depth=2).source

    assert source() == source()


def test_modules_are_frames():
    net = Net()
    picture = draw(net(ag.ones(2, 3)), net)
    for title in ("Net", "body", "0 (Linear)", "3 (Linear)"):
        assert f"<{title}>" in picture.source
    assert boxes(picture).count("tanh") == 4
    assert "body.0.weight" in boxes(picture)


def test_depth_folds_modules():
    net = Net()
    y = net(ag.ones(2, 3))
    assert boxes(draw(y, net, depth=0)) == ["Net", "output"]
    assert "4 parameters, 36 values" in draw(y, net, depth=0).source
    one = draw(y, net, depth=1)
    assert sorted(boxes(one)) == ["body", "output", "tanh", "tanh", "tanh", "tanh"]
    two = draw(y, net, depth=2)
    assert {"0 (Linear)", "3 (Linear)", "tanh"} <= set(boxes(two))
    assert "2 operations" in two.source and "1 parameter, 9 values" in two.source
    assert draw(y, net, depth=9).source == draw(y, net).source


def test_max_nodes_folds_by_itself():
    net = Net()
    y = net(ag.ones(2, 3))
    assert draw(y, net, max_nodes=8).source == draw(y, net, depth=2).source
    assert draw(y, net, max_nodes=1).source == draw(y, net, depth=0).source


def test_max_nodes_cuts_what_cannot_be_folded():
    x = ag.ones(2, requires_grad=True)
    y = x
    for _ in range(5000):
        y = -y
    picture = draw(y, max_nodes=10)
    titles = boxes(picture)
    assert titles.count("neg") == 9 and titles[0] == "… 4992 more nodes"
    assert len(edges(picture)) == 10


def test_dict_or_module_for_names():
    net = Net()
    y = net(ag.ones(2, 3))
    assert draw(y, net).source == draw(y, dict(net.named_parameters())).source
    with pytest.raises(TypeError, match="params"):
        draw(y, [1])
    with pytest.raises(TypeError, match=r"params\['a'\]"):
        draw(y, {"a": 1})


def test_several_tensors():
    x = ag.ones(3, requires_grad=True)
    y = x.exp()
    picture = draw([y, y * 2, x])
    assert boxes(picture)[-3:] == ["output 0", "output 1", "output 2"]
    assert ("exp", "output 0") in edges(picture) and ("leaf", "output 2") in edges(picture)


def test_no_graph():
    picture = draw(ag.ones(3))
    assert boxes(picture) == ["output"]
    assert "no graph" in picture.source


def test_released_graph():
    y = ag.ones(3, requires_grad=True).exp().sum()
    y.backward()
    with pytest.raises(GraphError, match=r"released.*retain_graph=True"):
        draw(y)
    y = ag.ones(3, requires_grad=True).exp().sum()
    y.backward(retain_graph=True)
    assert "exp" in boxes(draw(y))


def test_views_and_writes_in_place():
    x = ag.ones(3, 3, requires_grad=True)
    y = x * 1
    row = y[0]
    row.mul_(2)
    y.add_(1)
    assert {"view_write", "mul", "add"} <= set(boxes(draw(y.sum())))
    assert "output" in boxes(draw(row))


def test_several_outputs_of_one_op():
    class Two(Function):
        @staticmethod
        def forward(ctx, x):
            return x[:1] * 1, x * 2

        @staticmethod
        def backward(ctx, a, b):
            return b + a

    x = ag.ones(3, requires_grad=True)
    a, b = Two.apply(x)
    picture = draw(a.sum() + b.sum())
    assert boxes(picture).count("Two") == 1
    assert edges(picture).count(("Two", "sum")) == 2
    assert "float32[1]" in picture.source and "float32[3]" in picture.source


def test_leaf_that_is_gone():
    y = ag.ones(3, requires_grad=True).exp()
    picture = draw(y)
    assert boxes(picture) == ["leaf", "exp", "output"]
    assert picture.source.count("float32[3]") == 3


def test_long_chain_without_recursion():
    y = ag.ones(1, requires_grad=True)
    for _ in range(100_000):
        y = -y
    assert len(boxes(draw(y, max_nodes=5))) <= 6


def test_attributes_and_saved_arrays():
    x = ag.ones(2, 3, requires_grad=True)
    y = x.exp().sum(dim=1, keepdim=True)
    plain = draw(y)
    assert "dim = " not in plain.source and "out" not in boxes(plain)
    full = make_dot(y, show_attrs=True, show_saved=True)
    assert "dim = 1" in full.source and "keepdim = True" in full.source
    assert ("exp", "out") in edges(full)
    short = draw(y, show_attrs=True, max_attr_chars=8)
    assert "keepdim…" in short.source


def test_saved_arrays_of_functions_and_lists():
    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g

    x = ag.ones(2, requires_grad=True)
    y = ag.stack([Square.apply(x), x.max(0)[0] * x])
    titles = boxes(draw(y, show_saved=True, show_attrs=True))
    assert "saved 0" in titles


def test_names_are_escaped():
    x = ag.ones(2, requires_grad=True)
    picture = draw(x * 1, {"<b>&": x})
    assert "&lt;b&gt;&amp;" in picture.source


def test_wrong_arguments():
    with pytest.raises(TypeError, match="draw its output"):
        draw(Net())
    with pytest.raises(ValueError, match="depth"):
        draw(ag.ones(1), depth=-1)
    with pytest.raises(ValueError, match="max_nodes"):
        draw(ag.ones(1), max_nodes=0)


def test_without_dot_there_is_text_and_a_hint(no_dot, tmp_path):
    picture = draw(ag.ones(3, requires_grad=True) * 2)
    bundle = picture._repr_mimebundle_()
    assert set(bundle) == {"text/plain"}
    assert "digraph" in bundle["text/plain"] and "apt install graphviz" in bundle["text/plain"]
    assert picture._repr_svg_() is None
    with pytest.raises(RuntimeError, match="apt install graphviz"):
        picture.render(tmp_path / "graph.png")
    written = picture.render(tmp_path / "graph.dot")
    assert (tmp_path / "graph.dot").read_text() == picture.source
    assert written.endswith("graph.dot")


def test_digraph_is_there_to_be_edited():
    picture = draw(ag.ones(3, requires_grad=True) * 2)
    picture.digraph.attr(rankdir="LR")
    assert "rankdir=LR" in picture.source and str(picture) == picture.source
    assert "edges" in repr(picture)


@needs_dot
def test_svg_and_files(tmp_path):
    net = Net()
    picture = draw(net(ag.ones(2, 3)), net, show_attrs=True, show_saved=True)
    bundle = picture._repr_mimebundle_()
    assert "<svg" in bundle["image/svg+xml"] and "body.0.weight" in bundle["image/svg+xml"]
    assert picture.save_svg(tmp_path / "a").endswith("a.svg")
    assert picture.render(tmp_path / "b.png").endswith("b.png")
    assert picture.render(tmp_path / "c", format="png").endswith("c.png")
    picture.format = "pdf"
    assert picture.render(tmp_path / "d").endswith("d.pdf")
    assert (tmp_path / "b.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "a.svg").read_text()


def test_gradients_constants_and_what_is_not_a_number():
    x = ag.tensor(-3.0, requires_grad=True)
    y = x * ag.tensor(2.0)
    picture = draw(y, {"x": x}, gradients=True, show_constants=True)
    assert {"data -3", "grad 2", "data -6", "grad 1"} <= set(
        re.findall(r">((?:data|grad) [^<]+)<", picture.source)
    )
    assert ("other", "mul") in edges(picture) and "no gradient" in picture.source
    assert x.grad is None
    bare = draw(y, show_constants=False)
    assert "other" not in boxes(bare) and "grad" not in bare.source
    wide = draw((y.log() * ag.ones(2, requires_grad=True)).sum(), gradients=True)
    assert "1 NaN in the value" in wide.source and "#dc2626" in wide.source
    assert "‖grad‖" in wide.source


def test_a_folded_module_tells_of_nan_inside():
    net = Net()
    y = net(ag.full((2, 3), float("nan"))).sum()
    assert "NaN or inf inside" in draw(y, net, depth=0, gradients=True).source


def styled(picture, kind):
    """The arrows of a class, as pairs of titles."""
    plain = type(picture)(picture.digraph.copy())
    lines = picture.source.splitlines()
    plain.digraph.body = [
        line + "\n"
        for line in lines
        if "<B>" in line or (" -> " in line and f"class={kind}" in line)
    ]
    return edges(plain)


def test_ways_of_the_gradients():
    w, x = ag.ones(3, requires_grad=True), ag.ones(3)
    y = (w * x).sum()
    assert styled(draw(y, {"w": w, "x": x}), "backward") == []
    shown = draw(y, {"w": w, "x": x}, gradients=True)
    assert styled(shown, "backward") == [("mul", "w"), ("sum", "mul"), ("output", "sum")]
    assert styled(shown, "constant") == [("x", "mul")]
    assert styled(draw(y, {"w": w}, backward=True), "backward")[0] == ("mul", "w")
    assert styled(draw(y, gradients=True, backward=False), "backward") == []
    net = Net()
    folded = draw(net(ag.ones(2, 3)), net, depth=0, backward=True)
    assert styled(folded, "backward") == [("output", "Net")]


def test_detached_values_are_dashed():
    x = ag.tensor([1.0, 2.0], requires_grad=True)
    y = x.exp()
    z = (x * y.detach() + 1.0 - ag.ones(2)).sum() + y.sum()
    picture = draw(z, {"x": x})
    assert ("exp", "mul") in styled(picture, "constant") and "label=detached" in picture.source
    assert ("other", "sub") in styled(picture, "constant") and "not kept" in picture.source
    assert not styled(draw(z, show_constants=False), "constant")


def test_boxes_tell_costs_and_source_lines():
    a = ag.ones(64, 64, requires_grad=True)
    with ag.profiler.profile() as seen:
        y = (a @ a).sum()  # the line that the picture names
        y.backward(retain_graph=True)
    picture = draw(y, {"a": a}, profile=seen)
    assert "keeps 32.0 KiB, 0.5 + 1.0 MFLOP" in picture.source
    assert re.search(r">[\d.e-]+ \+ [\d.e-]+ ms<", picture.source)
    assert re.search(r"tooltip=\".*test_graph.py:\d+: y = \(a @ a\).sum\(\)", picture.source)
    assert " ms<" not in draw(y).source and "‖grad‖" in draw(y).source  # that which a holds


def test_scalars_show_their_values_as_they_are():
    a = ag.tensor(2.0, requires_grad=True)
    b = a * -3.0 + a.tanh()
    assert {"data 2", "data 0.96403", "data -5.036"} <= set(
        re.findall(r">(data [^<]+)<", draw(b, {"a": a}).source)
    )


def test_everything_a_digraph_can_do():
    picture = make_dot(ag.ones(3, requires_grad=True) * 2)
    picture.attr(rankdir="LR")
    picture.node("remark", "by hand")
    assert "rankdir=LR" in picture.source and "by hand" in picture.source
    with pytest.raises(AttributeError):
        picture.no_such_thing  # noqa: B018 - asking is the test
