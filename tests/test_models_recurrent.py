"""Recurrent models: formulas as they stand, layers that compute them, and errors in time."""

import math

import numpy as np
import pytest

import autograd as ag
import models
import nn
from models import bptt, gru, lstm, rnn
from nn import functional as F


def copied(cell, layer, gates):
    """Give a layer the weights of a cell written by its formulas."""
    with ag.no_grad():
        layer.weight_ih_l0.copy_(ag.cat([w for w, _, _ in gates]))
        layer.weight_hh_l0.copy_(ag.cat([u for _, u, _ in gates]))
        layer.bias_ih_l0.copy_(ag.cat([b for _, _, b in gates]))
        layer.bias_hh_l0.zero_()
    xs = ag.randn(6, 2, 3, dtype=ag.float64)
    return cell(xs), layer(xs)[0]


def test_the_plain_formula_is_nn_rnn():
    cell = rnn.Cell(3, 4).double()
    gates = [(cell.W.weight, cell.V.weight, cell.V.bias)]
    mine, theirs = copied(cell, nn.RNN(3, 4).double(), gates)
    assert np.allclose(mine.array, theirs.array, rtol=0, atol=1e-12)


def test_the_lstm_formulas_are_nn_lstm():
    cell = lstm.Cell(3, 4).double()
    gates = [(cell.W[g].weight, cell.U[g].weight, cell.W[g].bias) for g in "ifao"]
    mine, theirs = copied(cell, nn.LSTM(3, 4).double(), gates)
    assert np.allclose(mine.array, theirs.array, rtol=0, atol=1e-12)


def test_the_grus_two_forms_agree_where_nothing_is_reset():
    """With r = 1 the products commute; what is left is that z and 1 - z change places."""
    cell = gru.Cell(3, 4).double()
    with ag.no_grad():
        for parameter in (cell.W_r.weight, cell.U_r.weight):
            parameter.zero_()
        cell.W_r.bias.fill_(40.0)  # sigmoid(40) is 1
    gates = [
        (cell.W_r.weight, cell.U_r.weight, cell.W_r.bias),
        (-cell.W_z.weight, -cell.U_z.weight, -cell.W_z.bias),
        (cell.W.weight, cell.U.weight, cell.W.bias),
    ]
    mine, theirs = copied(cell, nn.GRU(3, 4).double(), gates)
    assert np.allclose(mine.array, theirs.array, rtol=0, atol=1e-12)


def test_the_reset_gate_comes_before_the_product():
    cell = gru.Cell(1, 2).double()
    x, h = ag.zeros(1, 1, dtype=ag.float64), ag.tensor([[1.0, -1.0]], dtype=ag.float64)
    r = F.sigmoid(cell.W_r.bias + cell.U_r(h))
    z = F.sigmoid(cell.W_z.bias + cell.U_z(h))
    expected = (1 - z) * h + z * F.tanh(cell.W.bias + cell.U(r * h))
    assert np.allclose(cell.step(x, h).array, expected.array)


@pytest.mark.parametrize("kind", [models.CharRNN, models.char_lstm, models.char_gru])
def test_reading_in_pieces_is_reading_at_once(kind):
    ag.manual_seed(0)
    model, tokens = kind(vocabulary=7, embedding=3, hidden=5, layers=2), ag.randint(7, (2, 9))
    whole, last = model.read(tokens)
    first, state = model.read(tokens[:, :4])
    second, state = model.read(tokens[:, 4:], state)
    assert np.allclose(whole.array, ag.cat([first, second], 1).array, atol=1e-6)
    pairs = zip(last, state, strict=True) if isinstance(last, tuple) else [(last, state)]
    assert all(np.allclose(a.array, b.array, atol=1e-6) for a, b in pairs)


@pytest.mark.parametrize("kind", [models.CharRNN, models.char_lstm, models.char_gru])
def test_no_character_sees_the_future(kind):
    ag.manual_seed(0)
    model, tokens = kind(vocabulary=7, embedding=3, hidden=5), ag.randint(7, (1, 8))
    other = tokens.clone()
    other[0, 5] = (tokens[0, 5] + 1) % 7
    a, b = model(tokens).array[0], model(other).array[0]
    assert (a[:5] == b[:5]).all() and (a[5] != b[5]).any()


# -- errors through time ---------------------------------------------------------------------------


def test_the_sum_over_time_is_the_gradient():
    cell, xs = rnn.Cell(2, 3).double(), ag.randn(7, 2, 2, dtype=ag.float64)

    def loss(h):
        return (h**2).sum()

    parts = bptt.terms(cell, xs, loss)
    loss(cell(xs)[-1]).backward()
    assert len(parts) == 7 and not parts[0].any()  # h_0 is zero
    assert np.allclose(sum(parts), cell.V.weight.grad.array, rtol=0, atol=1e-12)


def test_errors_shrink_no_faster_than_the_bound():
    """||dE/dh_k|| <= (||V|| max tanh')^(t-k) ||dE/dh_t||, document 003's inequality."""
    ag.manual_seed(1)
    cell, xs = rnn.Cell(2, 6), ag.randn(20, 1, 2)
    norms = bptt.errors(cell, xs, lambda h: h.sum())
    bound = np.linalg.norm(cell.V.weight.array, 2)
    for back, norm in enumerate(reversed(norms)):
        assert norm <= bound**back * norms[-1] * 1.001


def test_open_gates_let_errors_through():
    ag.manual_seed(0)
    xs, open_gates = ag.randn(30, 1, 2) / 10, lstm.Cell(2, 8)
    nn.init.zeros_(open_gates.W["a"].bias)  # c stays small, so that tanh(c) is not saturated
    nn.init.constant_(open_gates.W["f"].bias, math.log(300))
    kept = bptt.errors(open_gates, xs, lambda h: F.softplus(h).sum())
    lost = bptt.errors(rnn.Cell(2, 8), xs, lambda h: F.softplus(h).sum())
    assert kept[0] / kept[-1] > 0.05 > 1e-4 > lost[0] / lost[-1]


def test_truncated_errors_stop_at_the_cut():
    ag.manual_seed(0)
    model, (xs, _) = bptt.Recall(time=9), bptt.examples(3, 9, 4, ag.Generator())
    xs.requires_grad_()
    model(xs, piece=4).sum().backward()
    steps = abs(xs.grad.array).sum((0, 2))
    assert not steps[:8].any() and steps[8] > 0  # pieces of 4, 4 and 1
    assert np.allclose(model(xs, piece=4).array, model(xs).array, atol=1e-6)
