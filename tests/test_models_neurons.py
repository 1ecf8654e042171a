"""Neurons and their rules: McCulloch and Pitts, Hebb, Rosenblatt, back-propagation."""

import math

import numpy as np
import pytest

import autograd as ag
from models import backpropagation as bp
from models.hebb import HebbianMemory, flip, patterns, recall
from models.mcculloch_pitts import (
    GATES,
    McCullochPitts,
    corners,
    network,
    single_unit_tables,
)
from models.perceptron import Perceptron, passes_until_repeated, truth_table

# -- McCulloch and Pitts ---------------------------------------------------------------------------


@pytest.mark.parametrize("gate", GATES)
def test_gates_have_their_truth_tables(gate):
    weights, threshold, table = GATES[gate]
    assert McCullochPitts(weights, threshold)(corners(len(weights))).tolist() == table


def test_an_inhibitory_input_has_a_veto_whatever_excites():
    unit = McCullochPitts([5, 5, 0], threshold=1, veto=[2])
    excited = [[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]
    assert unit(ag.tensor(excited)).tolist() == [1, 0, 0]


@pytest.mark.parametrize("veto", [[0], [2], [-1]])
def test_a_veto_needs_an_input_without_weight(veto):
    with pytest.raises(ValueError, match=r"weight is 0, got -?\d and the weights \[1, 0\]"):
        McCullochPitts([1, 0], 1, veto)


def test_two_layers_compute_every_table_of_two_inputs_and_one_unit_does_not():
    tables = [tuple(map(int, f"{i:04b}")) for i in range(16)]
    assert all(network(t)(corners(2)).tolist() == list(t) for t in tables)
    assert set(tables) - single_unit_tables(2) == {(0, 1, 1, 0), (1, 0, 0, 1)}
    with pytest.raises(ValueError, match="got 3"):
        network([0, 1, 1])


# -- Hebb ------------------------------------------------------------------------------------------


def test_hebbs_change_is_eta_x_y():
    memory, x, y = HebbianMemory(3, 2, eta=0.5), ag.tensor([1.0, -1, 1]), ag.tensor([1.0, -1])
    memory.store(x, y)
    memory.store(x, y)
    assert memory.weight.tolist() == (2 * 0.5 * np.outer(y.array, x.array)).tolist()


def test_hebbs_rule_descends_the_energy_of_agreement():
    ag.manual_seed(0)
    x, y, w = patterns(4, 8), patterns(4, 5), ag.zeros(5, 8, requires_grad=True)
    energy = -(y * (x @ w.T)).sum()
    energy.backward()
    memory = HebbianMemory(8, 5)
    memory.store(x, y)
    assert ag.equal(memory.weight, -w.grad)


def test_a_memory_recalls_until_it_is_full():
    ag.manual_seed(0)
    for count, lowest, highest in ((4, 1.0, 1.0), (400, 0.0, 0.1)):
        memory, x, y = HebbianMemory(256, 32), patterns(count, 256), patterns(count, 32)
        memory.store(x, y)
        assert lowest <= recall(memory, flip(x, 0.1), y) <= highest


def test_flip_turns_exactly_its_part():
    x = patterns(20, 50)
    assert ((flip(x, 0.3) != x).sum(1) == 15).all() and ag.equal(flip(x, 0.0), x)


# -- Rosenblatt ------------------------------------------------------------------------------------


def test_the_perceptron_goes_round_in_circles_only_where_no_line_separates():
    assert passes_until_repeated(Perceptron(2), truth_table("xor"), 100) is not None
    for gate in ("and", "or", "nand"):
        assert passes_until_repeated(Perceptron(2), truth_table(gate), 100) is None


# -- back-propagation ------------------------------------------------------------------------------


def test_autograd_finds_equations_1_to_6():
    ag.manual_seed(0)
    assert bp.largest_difference(30) <= 1e-12


def test_the_comparison_notices_a_wrong_equation(monkeypatch):
    right = bp.changes

    def wrong(net, x, y):
        return right(net, x, y) | {"theta": -right(net, x, y)["theta"]}

    monkeypatch.setattr(bp, "changes", wrong)
    assert bp.largest_difference(3) > 1e-3


def test_equations_by_hand_for_a_net_of_one_unit_each():
    net = bp.SigmoidNet(1, 1, 1, dtype=ag.float64)
    x, y = ag.tensor([[0.7]], dtype=ag.float64), ag.tensor([[1.0]], dtype=ag.float64)
    v, gamma, w, theta = (p.item() for p in (net.v, net.gamma, net.w, net.theta))
    b = 1 / (1 + math.exp(-(v * 0.7 - gamma)))
    output = 1 / (1 + math.exp(-(w * b - theta)))
    g = output * (1 - output) * (1 - output)
    e = b * (1 - b) * w * g
    found = {name: change.item() for name, change in bp.changes(net, x, y).items()}
    assert found == pytest.approx({"w": g * b, "theta": -g, "v": e * 0.7, "gamma": -e}, rel=1e-12)


def test_standard_bp_updates_after_each_example_and_accumulated_bp_once():
    ag.manual_seed(0)
    x, y = ag.rand(3, 2), ag.rand(3, 1)
    one, other = bp.SigmoidNet(), bp.SigmoidNet()
    other.load_state_dict(one.state_dict())
    bp.standard(one, x, y, 0.5)
    for k in range(3):
        bp.update(other, x[k : k + 1], y[k : k + 1], 0.5)
    assert all(ag.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    before = {name: p.array.copy() for name, p in other.named_parameters()}
    change = bp.changes(other, x, y)
    bp.accumulated(other, x, y, 0.5)
    for name, parameter in other.named_parameters():
        np.testing.assert_allclose(parameter.array, before[name] + 0.5 * change[name].array)


def test_parameters_start_in_0_to_1():
    net = bp.SigmoidNet(30, 30, 10)
    assert all(p.min() >= 0 and p.max() < 1 and abs(p.mean() - 0.5) < 0.2 for p in net.parameters())
