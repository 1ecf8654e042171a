"""Pictures of training: what they show, taken from matplotlib's objects, and curves as text."""

import io
import sys
import types

import numpy as np
import pytest

import autograd as ag
import nn
import optim
from nn.utils import live, plots

Figure = pytest.importorskip("matplotlib.figure").Figure
RNG = np.random.default_rng(0)


def drawn(figure):
    """Make sure that it can be drawn at all; returns the axes."""
    figure.savefig(io.BytesIO(), format="png", dpi=30)
    return figure.axes


def net():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(16, 3))


def test_curves():
    (axes,) = drawn(plots.curves({"a": [3, 2, 1], "b": [1.0]}, Figure(), log=True))
    assert [line.get_ydata().tolist() for line in axes.lines] == [[3, 2, 1], [1]]
    assert axes.get_yscale() == "log"


def test_gradient_flow_shows_largest_and_mean():
    model = net()
    with pytest.raises(ValueError, match=r"call backward\(\)"):
        plots.gradient_flow(model, Figure())
    model(ag.ones(2, 1, 4, 4)).sum().backward()
    model[3].weight.grad = None
    (axes,) = drawn(plots.gradient_flow(model, Figure()))
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names == ["0.weight", "0.bias", "3.bias"]
    heights = np.array([bar.get_height() for bar in axes.patches]).reshape(2, 3)
    grads = [np.abs(dict(model.named_parameters())[name].grad.array) for name in names]
    np.testing.assert_allclose(heights, [[g.max() for g in grads], [g.mean() for g in grads]])


def test_learning_rates():
    x = ag.tensor(3.0, requires_grad=True)
    found = optim.range_test(optim.SGD([x]), lambda: x * x, start=1e-3)
    (axes,) = drawn(plots.learning_rates(found, Figure()))
    assert axes.lines[0].get_ydata().tolist() == found.losses
    assert axes.lines[2].get_xdata()[0] == found.suggestion


def test_paths():
    walked = {"one": [[2, 2], [1, 1]], "two": RNG.normal(size=(5, 2))}
    ends = ((-3, 3), (-1, 4))
    axes = drawn(plots.paths(lambda w: (w**2).sum(-1), walked, ends, (0, 0), Figure()))
    assert [a.get_title() for a in axes] == ["one (1 steps)", "two (4 steps)"]
    np.testing.assert_array_equal(axes[1].lines[0].get_xydata(), walked["two"])
    assert axes[0].lines[1].get_xydata().tolist() == [[0, 0]]


def test_activations_are_those_of_each_layer_and_leave_no_hooks():
    model, x = net(), ag.tensor(RNG.normal(size=(2, 1, 4, 4)).astype("f4"))
    found = plots.activations(model, x)
    assert list(found) == ["0", "1", "2", "3"]
    np.testing.assert_array_equal(found["0"], model[0](x).array)  # before the ReLU worked in place
    np.testing.assert_array_equal(found["3"], model(x).array)
    assert not model[0]._hooks.after
    axes = drawn(plots.histograms(found, Figure(), bins=5))
    assert [a.get_title().split("\n")[0] for a in axes] == list(found)
    assert sum(bar.get_height() for bar in axes[0].patches) == found["0"].size
    assert len(drawn(plots.feature_maps(found["1"][0], Figure()))) == 4
    recurrent = plots.activations(nn.LSTM(2, 3), ag.ones(4, 1, 2))
    assert recurrent[""].shape == (4, 1, 3)


@pytest.mark.parametrize("channels, shape", [(1, (5, 5)), (2, (5, 5)), (3, (5, 5, 3))])
def test_filters(channels, shape):
    weight = RNG.normal(size=(7, channels, 5, 5))
    axes = drawn(plots.filters(weight, Figure(), limit=6))
    shown = [a.images[0].get_array() for a in axes if a.images]
    assert len(shown) == 6 and shown[0].shape == shape
    assert all((image.min(), image.max()) == (0, 1) for image in shown)
    drawn(plots.filters(np.ones((1, 1, 2, 2)), Figure()))  # all alike


def test_attention():
    maps = RNG.dirichlet(np.ones(4), (2, 3))
    axes = drawn(plots.attention(ag.tensor(maps), "abc", "wxyz", Figure(), ["head 0", "head 1"]))
    for head, panel in enumerate(axes):
        np.testing.assert_array_equal(panel.images[0].get_array(), maps[head])
        assert [label.get_text() for label in panel.get_xticklabels()] == list("wxyz")
        assert panel.get_title() == f"head {head}"
    assert len(drawn(plots.attention(maps[0], figure=Figure()))) == 1
    layers = drawn(plots.attention(np.stack([maps, maps[::-1]]), figure=Figure()))
    np.testing.assert_array_equal(layers[3].images[0].get_array(), maps[0])
    assert [panel.get_title() for panel in layers[1:3]] == ["layer 1, head 2", "layer 2, head 1"]


def test_confusion():
    targets, answers = RNG.integers(0, 4, (2, 50))
    counts = plots.confusion(ag.tensor(targets), answers, 5)
    for row in range(5):
        for column in range(5):
            assert counts[row, column] == ((targets == row) & (answers == column)).sum()
    (axes,) = drawn(plots.confusion_matrix(counts, list("abcde"), Figure()))
    assert axes.get_title() == f"{(targets == answers).mean():.1%} right"
    assert sum(int(text.get_text()) for text in axes.texts) == 50


def test_parts_of_a_figure_and_a_figure_of_its_own():
    figure = Figure()
    left, right = figure.subfigures(1, 2)
    assert plots.curves({"a": [1, 2]}, left) is left
    plots.confusion_matrix([[1]], figure=right)
    drawn(figure)
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    own = plots.curves({"a": [1, 2]})
    assert pyplot.gcf() is own
    pyplot.close(own)


# -- as text ---------------------------------------------------------------------------------------


def test_sparklines():
    assert live.sparkline(range(8)) == live.BLOCKS
    assert live.sparkline([5, 5, 5]) == "▁▁▁"
    assert live.sparkline([0, np.nan, 1, np.inf]) == "▁!█!"
    assert live.sparkline([np.nan]) == "!" and live.sparkline([]) == ""
    assert live.sparkline(np.repeat(range(8), 5), width=8) == live.BLOCKS
    assert len(live.sparkline(range(100), width=33)) == 33


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_lines_are_rewritten():
    with live.Live(Terminal()) as shown:
        shown.add(loss=2.0)
        shown.add(loss=1.0, right=0.5)
        shown.add(loss=0.5)
    assert shown.file.getvalue() == (
        "\033[Jloss  ▁ 2\n"
        "\033[1A\r\033[Jloss   █▁ 1\nright  ▁ 0.5\n"
        "\033[2A\r\033[Jloss   █▃▁ 0.5\nright  ▁ 0.5\n"
    )


def test_in_a_file_they_are_written_once():
    with live.Live(io.StringIO()) as shown:
        shown.add(loss=2)
        shown.add(loss=ag.tensor(1.0))
        assert shown.file.getvalue() == ""
        final = shown
    assert final.file.getvalue() == "loss  █▁ 1\n"


def test_in_a_notebook_one_picture_is_updated(monkeypatch):
    class ZMQInteractiveShell:
        pass

    class Handle:
        def __init__(self):
            self.pictures = []

        def update(self, picture):
            self.pictures.append(picture)

    handle = Handle()

    def display(picture, display_id):
        handle.update(picture)
        return handle

    ipython = types.ModuleType("IPython")
    ipython.get_ipython = ZMQInteractiveShell
    ipython.display = types.ModuleType("IPython.display")
    ipython.display.display = display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", ipython.display)
    with live.Live(Terminal()) as shown:
        for value in (3, 2, 1):
            shown.add(loss=value)
    assert shown.file.getvalue() == ""
    assert [p._repr_png_()[1:4] for p in handle.pictures] == [b"PNG"] * 3
    assert handle.pictures[-1].figure.axes[0].lines[0].get_ydata().tolist() == [3, 2, 1]
