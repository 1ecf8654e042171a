"""Hopfield networks, Boltzmann machines, and deep belief networks: energies, chances, gradients."""

import numpy as np
import pytest

import autograd as ag
import models
import nn
from models import boltzmann, dbn, hopfield, rbm
from models.hebb import flip, patterns
from nn import functional as F


@pytest.fixture(autouse=True)
def seeded():
    ag.manual_seed(0)


# -- Hopfield --------------------------------------------------------------------------------------


def stored(units, count):
    memory, memories = models.Hopfield(units), patterns(count, units)
    memory.store(memories)
    return memory, memories


def test_hebbs_weights_are_symmetric_without_a_diagonal():
    memory, memories = stored(12, 3)
    w = memory.weight.array
    expected = memories.array.T @ memories.array / 12
    np.fill_diagonal(expected, 0)
    assert np.allclose(w, expected) and (w == w.T).all()


def test_the_energy_never_rises():
    memory, _ = stored(30, 6)
    energies = hopfield.descent(memory, patterns(5, 30), sweeps=3)
    assert (np.diff(energies, axis=0) <= 1e-5).all() and energies[-1].max() < energies[0].min()


def test_it_settles_and_stays():
    memory, _ = stored(30, 6)
    settled = memory(patterns(5, 30))
    assert (memory.sweep(settled) == settled).all()


def test_memories_come_back_below_the_limit_and_not_above():
    assert hopfield.recalled(200, 10, 0.1) == (1.0, 1.0)
    assert hopfield.recalled(200, 80, 0.1)[0] < 0.1


def test_a_unit_that_hears_nothing_stays():
    memory = models.Hopfield(3)
    states = ag.tensor([[1.0, -1.0, 1.0]])
    assert (memory(states) == states).all()


def test_the_modern_step_is_the_gradient_of_its_energy():
    memory = models.ModernHopfield(ag.randn(5, 3, dtype=ag.float64), beta=0.7)
    states = ag.randn(2, 3, dtype=ag.float64, requires_grad=True)
    memory.energy(states).sum().backward()  # E's gradient is s - X^T softmax(b X s)
    assert np.allclose((states - states.grad).array, memory(states).array, rtol=0, atol=1e-12)


def test_the_modern_form_holds_more_patterns_than_units():
    assert hopfield.modern_recalled(100, 500, 0.1) == 1.0


# -- Boltzmann -------------------------------------------------------------------------------------


def machine(visible=2, hidden=2, dtype=ag.float64):
    made = models.BoltzmannMachine(visible, hidden).to(dtype)
    with ag.no_grad():
        random = ag.randn(*made.weight.shape, dtype=dtype)
        made.weight.copy_((random + random.T) * (1 - ag.eye(len(random), dtype=dtype)))
        made.bias.copy_(ag.randn(*made.bias.shape, dtype=dtype))
    return made


def test_the_distribution_is_that_of_the_energy():
    made = machine()
    states = boltzmann.every_state(4).double()
    chances = np.exp(-made.energy(states).array)
    expected = (chances / chances.sum()).reshape(4, 4).sum(1)
    assert np.allclose(made.distribution().array, expected, rtol=0, atol=1e-12)


def test_dreams_visit_states_as_often_as_the_distribution_says():
    made = machine(dtype=ag.float32)
    dreams = made.dream(ag.zeros(20_000, 4), sweeps=30)
    numbers = dreams.array[:, :2] @ [2, 1]
    found = np.bincount(numbers.astype(int), minlength=4) / len(numbers)
    assert abs(found - made.distribution().array).max() < 0.02


def test_held_units_stay():
    seen = ag.bernoulli(ag.full((50, 2), 0.5))
    states = ag.cat([seen, ag.zeros(50, 2)], 1)
    assert (machine(dtype=ag.float32).dream(states, 3, held=2)[:, :2] == seen).all()


def test_the_rule_is_the_slope_of_the_log_likelihood():
    """<s_i s_j> awake less <s_i s_j> dreaming, each summed over all states, against autograd."""
    made = machine()
    world = ag.tensor([0.1, 0.2, 0.3, 0.4], dtype=ag.float64)
    (world * made.distribution().log()).sum().backward()
    states = boltzmann.every_state(4).double().array
    joint = np.exp(-made.energy(ag.tensor(states)).array)
    joint /= joint.sum()
    given = joint.reshape(4, 4) / joint.reshape(4, 4).sum(1, keepdims=True)
    awake = (world.array[:, None] * given).ravel()
    pairs = states[:, :, None] * states[:, None, :]
    rule = np.tensordot(awake - joint, pairs, 1)
    # The energy has 1/2 w_ij twice, so each of the two entries gets half of the pair's slope.
    assert np.allclose(made.weight.grad.array, rule / 2, rtol=0, atol=1e-12)
    assert np.allclose(made.bias.grad.array, np.diag(rule), rtol=0, atol=1e-12)


def test_divergence_is_zero_only_for_equals():
    flat = models.BoltzmannMachine(2, 1)
    assert boltzmann.divergence(ag.full((4,), 0.25), flat) == pytest.approx(0, abs=1e-7)
    assert boltzmann.divergence(boltzmann.parity(2), flat) == pytest.approx(np.log(2))


# -- restricted ------------------------------------------------------------------------------------


def test_free_energy_sums_the_hidden_units_out():
    made = models.RBM(3, 2).double()
    nn.init.normal_(made.weight)
    nn.init.normal_(made.hidden_bias)
    v, h = boltzmann.every_state(3).double(), boltzmann.every_state(2).double()
    energy = (
        -(v @ made.visible_bias)[:, None] - (h @ made.hidden_bias)[None] - v @ made.weight.T @ h.T
    )
    expected = -ag.logsumexp(-energy, 1)
    assert np.allclose(made.free_energy(v).array, expected.array, rtol=0, atol=1e-12)


def test_the_gradient_of_free_energies_is_contrastive_divergence():
    made = models.RBM(5, 4).double()
    v, fantasy = (ag.bernoulli(ag.full((6, 5), 0.5, dtype=ag.float64)) for _ in range(2))
    (made.free_energy(v).mean() - made.free_energy(fantasy).mean()).backward()
    with ag.no_grad():
        rule = (made.hidden(v).T @ v - made.hidden(fantasy).T @ fantasy) / 6
    assert np.allclose(made.weight.grad.array, -rule.array, rtol=0, atol=1e-12)


def test_fantasies_persist_in_training_only():
    made = models.RBM(5, 4, chains=3)
    before = made.fantasies.clone()
    made.eval().fantasy(ag.zeros(2, 5))
    assert (made.fantasies == before).all()
    made.train()
    assert any((made.fantasy(ag.zeros(2, 5)) != before).any() for _ in range(20))
    assert (made.fantasies != before).any() and "fantasies" in made.state_dict()


def test_gibbs_sampling_keeps_the_distribution():
    made = models.RBM(3, 2)
    nn.init.normal_(made.weight)
    states = boltzmann.every_state(3)
    chances = F.softmax(-made.free_energy(states), 0).array
    dreams = made.dream(ag.zeros(20_000, 3), 30).array @ [4, 2, 1]
    found = np.bincount(dreams.astype(int), minlength=8) / len(dreams)
    assert abs(found - chances).max() < 0.02


def test_dreamt_images_are_chances():
    made = models.RBM(64, 8)
    images = rbm.sample(made, {}, ag.Generator().manual_seed(1), count=3).array
    again = rbm.sample(made, {}, ag.Generator().manual_seed(1), count=3).array
    assert images.shape == (3, 1, 8, 8) and (images == again).all()
    assert images.min() >= 0 and images.max() <= 1


# -- deep belief -----------------------------------------------------------------------------------


def test_pretraining_goes_from_below_and_leaves_the_output_alone():
    model, said = models.DBN((6, 5, 4), classes=3), []
    output = model.output.weight.array.copy()
    before = [machine.weight.array.copy() for machine in model.machines]
    model.pretrain(ag.rand(40, 6), epochs=2, lr=0.01, tell=said.append)
    assert [entry["layer"] for entry in said] == [1, 2]
    assert (model.output.weight.array == output).all()
    assert all((m.weight.array != b).any() for m, b in zip(model.machines, before, strict=True))


def test_fine_tuning_reaches_every_layer():
    model = dbn.begin_at_random(models.DBN((6, 5, 4), classes=3))
    model(ag.rand(8, 6)).sum().backward()
    assert all(machine.weight.grad is not None for machine in model.machines)
    assert all(machine.visible_bias.grad is None for machine in model.machines)


def test_a_few_of_each_class():
    images, labels = models.datasets.digits(True).tensors
    few, their_labels = dbn.a_few(images, labels, 10)
    assert np.bincount(their_labels.array).tolist() == [10] * 10 and few.shape == (100, 1, 8, 8)


def test_cues_have_so_many_signs_turned():
    x = patterns(4, 50)
    assert ((flip(x, 0.2) != x).array.sum(1) == 10).all()
