"""The fused LSTM layer and the cells against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag
from autograd.op import OPS

torch = pytest.importorskip("torch")
lstm_layer = OPS["lstm_layer"].function
NAMES = ("input", "h0", "c0", "weight_ih", "weight_hh", "bias_ih", "bias_hh")


def arrays(steps=5, batch=3, size=4, hidden=2, dtype=np.float64, bias=True):
    rng = np.random.default_rng(0)
    shapes = [
        (steps, batch, size), (batch, hidden), (batch, hidden), (4 * hidden, size),
        (4 * hidden, hidden), (4 * hidden,), (4 * hidden,),
    ]  # fmt: skip
    return [rng.normal(size=s).astype(dtype) for s in (shapes if bias else shapes[:5])]


def torch_layer(x, h0, c0, *weights, reverse=False):
    """torch.nn.LSTM's own sequence kernel, one layer, in one direction."""
    x = x.flip(0) if reverse else x
    out, h, c = torch.lstm(
        x, (h0[None], c0[None]), weights, len(weights) == 4, 1, 0.0, True, False, False
    )
    return (out.flip(0) if reverse else out), h[0], c[0]


def leaves(lib, values):
    return [lib.tensor(v, requires_grad=True) for v in values]


def combine(lib, outs, use):
    """A number in which only the outputs named by `use` take part."""
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=tuple(o.shape)) for o in outs]
    terms = [(o * o * lib.tensor(w).to(o.dtype)).sum() for o, w in zip(outs, weights, strict=True)]
    return sum(terms[i] for i in use)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("use", [(0,), (1,), (2,), (0, 1, 2)])
def test_layer(reverse, bias, use):
    values = arrays(bias=bias)
    mine, theirs = leaves(ag, values), leaves(torch, values)
    outs, outs_t = lstm_layer(*mine, reverse=reverse), torch_layer(*theirs, reverse=reverse)
    for out, out_t in zip(outs, outs_t, strict=True):
        np.testing.assert_allclose(out.detach().numpy(), out_t.detach().numpy(), atol=1e-12)
    combine(ag, outs, use).backward()
    combine(torch, outs_t, use).backward()
    for name, a, b in zip(NAMES, mine, theirs, strict=False):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), atol=1e-10, err_msg=name)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("use", [(0, 1, 2), (2,)])
def test_second_derivative(reverse, use):
    """By the reference. PyTorch's fused layer has none, so its cell stands in for it."""
    values = arrays(steps=3, batch=2, size=2)

    def second(lib, layer, grad):
        tensors = leaves(lib, values)
        loss = combine(lib, layer(*tensors), use)
        first = grad(loss, tensors, create_graph=True)
        total = sum((g * g).sum() for g in first)
        return [g.detach().numpy() for g in (*first, *grad(total, tensors))]

    def cells(x, h, c, *weights):
        outs = []
        for step in x.flip(0) if reverse else x:
            h, c = torch.lstm_cell(step, (h, c), *weights)
            outs.append(h)
        return torch.stack(outs[::-1] if reverse else outs), h, c

    mine = second(ag, lambda *t: lstm_layer(*t, reverse=reverse), ag.grad)
    theirs = second(torch, cells, torch.autograd.grad)
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("wanted", NAMES)
def test_one_gradient_alone(wanted):
    """A joint rule returns what is needed, also when only one input wants a gradient."""
    values = arrays()
    everything = leaves(ag, values)
    combine(ag, lstm_layer(*everything), (0, 2)).backward()
    k = NAMES.index(wanted)
    single = [ag.tensor(v, requires_grad=i == k) for i, v in enumerate(values)]
    combine(ag, lstm_layer(*single), (0, 2)).backward()
    np.testing.assert_array_equal(single[k].grad.numpy(), everything[k].grad.numpy())


def test_float32():
    values = arrays(dtype=np.float32)
    mine, theirs = leaves(ag, values), leaves(torch, values)
    outs, outs_t = lstm_layer(*mine), torch_layer(*theirs)
    combine(ag, outs, (0, 1, 2)).backward()
    combine(torch, outs_t, (0, 1, 2)).backward()
    assert all(out.dtype == np.float32 for out in outs)
    for a, b in zip(mine, theirs, strict=True):
        assert a.grad.dtype == np.float32
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-4, atol=1e-4)


def test_saturated_gates_do_not_overflow():
    values = arrays()
    values[0] = values[0] * 1e4
    outs, outs_t = lstm_layer(*leaves(ag, values)), torch_layer(*leaves(torch, values))
    np.testing.assert_allclose(outs[0].detach().numpy(), outs_t[0].detach().numpy(), atol=1e-12)


def test_outputs_have_memory_of_their_own():
    output, h_n, _ = lstm_layer(*(ag.tensor(v) for v in arrays()))
    before = h_n.numpy().copy()
    output.numpy()[:] = 0
    np.testing.assert_array_equal(h_n.numpy(), before)


def test_refusals():
    values = [ag.tensor(v) for v in arrays()]
    with pytest.raises(ag.ShapeError, match=r"h0 of shape \(3, 2\).*got \(2, 2\)"):
        lstm_layer(values[0], ag.ones(2, 2, dtype=ag.float64), *values[2:])
    with pytest.raises(ag.ShapeError, match="at least one step"):
        lstm_layer(values[0][:0], *values[1:])
    with pytest.raises(ag.DtypeError, match="one dtype"):
        lstm_layer(values[0].float(), *values[1:])


@pytest.mark.parametrize(
    "name, gates", [("lstm_cell", 4), ("gru_cell", 3), ("rnn_tanh_cell", 1), ("rnn_relu_cell", 1)]
)
@pytest.mark.parametrize("bias", [True, False])
def test_cells(name, gates, bias):
    rng = np.random.default_rng(0)
    rows = 2 * gates
    shapes = [(3, 4), (3, 2), (3, 2), (rows, 4), (rows, 2), *([(rows,)] * 2 if bias else [])]
    values = [rng.normal(size=s) for s in shapes]

    def run(lib, grad):
        tensors = leaves(lib, values)
        x, h, c, *weights = tensors
        state = (h, c) if name == "lstm_cell" else h
        out = getattr(lib, name)(x, state, *weights)
        outs = out if name == "lstm_cell" else (out,)
        live = tensors if name == "lstm_cell" else [x, h, *weights]
        first = grad(combine(lib, outs, range(len(outs))), live, create_graph=True)
        second = grad(sum((g * g).sum() for g in first), live)
        return [t.detach().numpy() for t in (*outs, *first, *second)]

    for a, b in zip(run(ag, ag.grad), run(torch, torch.autograd.grad), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10)
