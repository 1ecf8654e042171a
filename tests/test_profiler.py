"""The profiler: what it counts, what it leaves behind, and that nothing is left when it is off."""

import json
import threading

import numpy as np
import pytest

import autograd as ag
import nn
from autograd import call, engine
from autograd.events import SEAM, cell_of_forward
from autograd.function import Function
from autograd.op import OPS
from autograd.profiler import profile, record_function


def rows(p, **keywords):
    return {row.key: row for row in p.key_averages(**keywords)}


def seams():
    """All that a running profile replaces."""
    cells = {name: cell_of_forward(record.function) for name, record in OPS.items()}
    inside = {name: cell.cell_contents for name, cell in cells.items() if cell is not None}
    return inside, engine._pull, Function.__dict__["apply"]


def test_every_op_can_be_timed():
    missing = [n for n, r in OPS.items() if not r.composite and not cell_of_forward(r.function)]
    assert not missing, f"{call.__file__} calls these ops by another way than a cell `forward`"


def test_calls_forward_and_backward():
    x = ag.ones(3, requires_grad=True)
    with profile() as p:
        for _ in range(4):
            (x * x).sum().backward()
    found = rows(p)
    assert {name: (row.count, row.backward_count) for name, row in found.items()} == {
        "mul": (4, 4),
        "sum": (4, 4),
    }
    assert found["mul"].bytes == 4 * 3 * x.element_size() + sum(
        event.bytes for event in p.events if (event.name, event.phase) == ("mul", "backward")
    )
    assert all(row.self_cpu_time_total > 0 for row in found.values())


def test_gradients_of_slices_are_events_though_added_in_place():
    x = ag.ones(3, requires_grad=True)
    with profile() as p:
        (x[0] * x[1] * x[2]).backward()
    row = rows(p)["getitem"]
    assert (row.count, row.backward_count) == (3, 3)
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


def test_flops_of_linear_with_and_without_gradient_of_the_input():
    layer = nn.Linear(3, 5)
    forward = 2 * 8 * 3 * 5
    for wants, backward in ((False, forward), (True, 2 * forward)):
        with profile() as p:
            layer(ag.ones(8, 3, requires_grad=wants)).sum().backward()
        assert rows(p)["linear"].flops == forward + backward


def test_flops_of_convolutions():
    x = ag.randn(2, 4, 9, 9, requires_grad=True)
    layer = nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2)
    with profile() as p:
        layer(x).sum().backward()
    forward = 2 * (2 * 6 * 5 * 5) * (4 // 2) * 3 * 3
    assert rows(p)["conv2d"].flops == 3 * forward


@pytest.mark.parametrize(
    "shapes", [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((5, 2, 3), (3, 4))]
)
def test_flops_of_matrix_products(shapes):
    a, b = (ag.randn(*shape, requires_grad=True) for shape in shapes)
    with profile() as p:
        out = a @ b
        out.sum().backward()
    assert rows(p)["matmul"].flops == 3 * 2 * out.numel() * 3


def test_flops_of_attention_and_recurrent_layers():
    q, k, v = (ag.randn(2, 3, n, 4, requires_grad=True) for n in (5, 7, 7))
    lstm = nn.LSTM(3, 4)
    with profile() as p:
        nn.functional.scaled_dot_product_attention(q, k, v).sum().backward()
        lstm(ag.randn(6, 2, 3, requires_grad=True))[0].sum().backward()
    found = rows(p)
    products = 2 * (2 * 2 * 3 * 5 * 7 * 4)
    assert found["scaled_dot_product_attention"].flops == products + 2.5 * products
    assert found["LSTM"].flops == 3 * (2 * 6 * 2) * 4 * 4 * (3 + 4)


def test_layers_are_named_by_their_paths():
    model = nn.Sequential(nn.Linear(3, 5), nn.Sequential(nn.ReLU(), nn.Linear(5, 2)))
    with profile() as p:
        model(ag.ones(8, 3)).sum().backward()
    found = rows(p, group_by_layer=True)
    assert {key: (row.count, row.backward_count) for key, row in found.items()} == {
        "Sequential.0 (Linear)": (1, 1),
        "Sequential.1.0 (ReLU)": (1, 1),
        "Sequential.1.1 (Linear)": (1, 1),
        "(no layer)": (1, 1),
    }


def test_backward_of_a_graph_recorded_before():
    layer = nn.Linear(3, 5)
    loss = layer(ag.ones(8, 3)).sum()
    with profile() as p:
        loss.backward()
    row = rows(p)["linear"]
    assert (row.count, row.backward_count, row.flops) == (0, 1, 2 * 8 * 3 * 5)
    assert rows(p, group_by_layer=True)["Linear"].backward_count == 1


def test_graph_of_a_profiled_forward_outlives_the_profile():
    x = ag.tensor([2.0], requires_grad=True)
    with profile() as p:
        y = x**3
    y.backward()
    assert x.grad.item() == 12
    assert all(event.phase == "forward" for event in p.events)


def test_second_derivatives_count_an_op_once():
    w = ag.randn(3, 3, requires_grad=True)
    with profile() as p:
        (first,) = ag.grad((w @ w).sum(), w, create_graph=True)
        first.sum().backward()
    assert {event.phase for event in p.events if event.name == "matmul"} == {"forward", "backward"}
    assert sum(event.phase == "forward" for event in p.events if event.name == "matmul") == 1


def test_custom_functions_and_the_ops_inside():
    class Cube(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 3 * g * x * x

    x = ag.ones(2, requires_grad=True)
    with profile() as p:
        Cube.apply(x).sum().backward()
    found = rows(p)
    assert (found["Cube"].count, found["Cube"].backward_count) == (1, 1)
    assert found["mul"].count >= 2
    assert found["Cube"].self_cpu_time_total < found["Cube"].cpu_time_total


def test_profiles_may_be_nested():
    with profile() as outer:
        ag.ones(2) * 2
        with profile() as inner:
            ag.ones(2) + 2
        ag.ones(2) / 2
    assert set(rows(inner)) == {"add"}
    assert set(rows(outer)) == {"mul", "add", "div"}


def test_one_profile_cannot_run_twice_at_once_but_again():
    p = profile()
    with p, pytest.raises(RuntimeError, match="running already"):
        p.__enter__()
    with p:
        ag.ones(2) * 2
    assert set(rows(p)) == {"mul"}


def test_exceptions_inside():
    before = seams()
    p = profile()
    with pytest.raises(ag.ShapeError), p, record_function("work"):
        ag.ones(2, 3) @ ag.ones(2, 3)
    assert set(rows(p)) == {"matmul", "work"}
    assert seams() == before
    with profile() as again:
        ag.ones(2) * 2
    assert set(rows(again)) == {"mul"}


def test_off_means_untouched():
    before = seams()
    x = ag.ones(3, requires_grad=True)
    with profile():
        assert seams() != before
        y = (x * x).sum()
    assert seams() == before
    assert not SEAM.running
    assert not SEAM.undo
    fresh = (x * x).sum()
    assert dir(y) == dir(fresh)
    assert dir(y.grad_fn) == dir(fresh.grad_fn)


def test_other_threads_are_not_seen():
    def work():
        ag.ones(2) * 2

    with profile() as p:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert p.events == []


def test_record_function_as_a_decorator_and_without_a_profile():
    @record_function("twice")
    def twice(x):
        return x * 2

    twice(ag.ones(2))
    with profile() as p:
        twice(twice(ag.ones(2)))
    found = rows(p)
    assert (found["twice"].count, found["mul"].count) == (2, 2)
    assert found["twice"].cpu_time_total >= found["mul"].cpu_time_total


def test_values_are_the_same():
    layer = nn.GRU(3, 4)
    x = ag.randn(5, 2, 3)

    def gradients():
        layer.zero_grad()
        layer(x)[0].sum().backward()
        return [p.grad.numpy().copy() for p in layer.parameters()]

    plain = gradients()
    with profile():
        profiled = gradients()
    for a, b in zip(plain, profiled, strict=True):
        np.testing.assert_array_equal(a, b)


def test_chrome_trace_is_json_of_events_in_order(tmp_path):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2))
    with profile() as p, record_function("step"):
        model(ag.ones(1, 1, 4, 4)).sum().backward()
    p.export_chrome_trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert len(events) == len(p.events)
    assert [e["ts"] for e in events] == sorted(e["ts"] for e in events)
    step = next(e for e in events if e["name"] == "step")
    for event in events:
        assert event["ph"] == "X"
        assert event["dur"] >= 0
        assert step["ts"] <= event["ts"]
        assert event["ts"] + event["dur"] <= step["ts"] + step["dur"] + 1e-3
    conv = next(e for e in events if e["name"] == "conv2d")
    assert conv["args"]["layer"] == "Sequential.0 (Conv2d)"
    assert conv["args"]["shapes"]["weight"] == [2, 1, 3, 3]


def test_table():
    layer = nn.Linear(3, 5)
    with profile() as p:
        layer(ag.ones(8, 3)).sum().backward()
    text = p.table(sort_by="flops", roof=1e12)
    by_op, by_layer = text.split("\n\n")
    assert by_op.splitlines()[2].startswith("linear")
    assert "of roof" in by_op
    assert "Linear" in by_layer
    assert len(p.key_averages().table(row_limit=1).splitlines()) == 4
    with pytest.raises(ValueError, match="sort_by is expected to be one of"):
        p.table(sort_by="colour")
    with profile() as empty:
        pass
    assert "0.000 ms" in empty.table()
