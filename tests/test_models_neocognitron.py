"""The neocognitron's cells are the paper's, and learn what they are shown and nothing else."""

import numpy as np
import pytest

import autograd as ag
import models
from models.neocognitron import CLayer, Plasticity, SLayer, bell, data, learn, name_cells


def patterns(count: int, side: int = 4, before: int = 2) -> np.ndarray:
    random = np.random.default_rng(0)
    return random.random((count, before, side, side)).astype(np.float32) ** 4


def taught(layer: SLayer, shown) -> Plasticity:
    plasticity = Plasticity(layer, speed=16.0, area=4, faint=0.0)
    for pattern in shown:
        plasticity.see(pattern)
    return plasticity


def test_simple_cells_compute_the_formula():
    r, layer, u = 1.5, SLayer(2, 3, 3, 1.5, padding=0), patterns(1)
    random = np.random.default_rng(1)
    layer.excite.array[...] = random.random(layer.excite.shape)
    layer.inhibit.array[...] = random.random(3)
    a, b, c = layer.excite.array, layer.inhibit.array, bell(3) / 2
    for row in range(2):
        for column in range(2):
            window = u[0, :, row : row + 3, column : column + 3]
            v = np.sqrt((c * window**2).sum())
            inner = (1 + (a * window).sum((1, 2, 3))) / (1 + r / (1 + r) * b * v) - 1
            expected = r * np.maximum(inner, 0)
            np.testing.assert_allclose(layer(ag.tensor(u)).array[0, :, row, column], expected,
                                       rtol=1e-5)  # fmt: skip


def test_complex_cells_compute_the_formula():
    layer, u = CLayer(3, 3, stride=1, padding=0, alpha=0.5), patterns(1, 3, 3)
    near = (bell(3) * u[0]).sum((1, 2))
    x = (1 + near) / (1 + near.mean()) - 1
    expected = np.where(x > 0, x / (0.5 + x), 0)
    np.testing.assert_allclose(layer(ag.tensor(u)).array[0, :, 0, 0], expected, rtol=1e-4)
    assert (expected > 0).any() and (expected == 0).any()  # the weaker than average are silent


def test_a_plane_that_was_never_used_is_silent():
    assert not SLayer(2, 3, 3, 4.0, padding=1)(ag.tensor(patterns(5))).array.any()


def test_a_cell_answers_to_what_it_was_shown_whatever_the_contrast():
    shown = patterns(1)
    layer = SLayer(2, 1, 4, 4.0, padding=0)
    taught(layer, np.repeat(shown, 500, 0))
    faint, strong = (layer(ag.tensor(shown * scale)).item() for scale in (0.3, 3.0))
    assert faint == pytest.approx(1, abs=0.02) and strong == pytest.approx(1, abs=0.02)


def test_a_cell_is_silent_below_its_selectivity():
    shown = patterns(200)
    layer = SLayer(2, 1, 4, 4.0, padding=0)
    taught(layer, np.repeat(shown[:1], 500, 0))
    c = bell(4) / 2
    norms = np.sqrt((c * shown**2).sum((1, 2, 3)))
    alike = (c * shown * shown[0]).sum((1, 2, 3)) / (norms * norms[0])
    answers = layer(ag.tensor(shown)).array.ravel()
    assert (answers[alike < 0.79] == 0).all() and (answers[alike > 0.82] > 0).all()
    assert (alike < 0.79).any() and (alike[1:] > 0.3).any()


def test_the_seed_cells_connections_grow_by_the_papers_rule():
    shown = patterns(1)
    layer = SLayer(2, 3, 4, 4.0, padding=0)
    taught(layer, shown)
    c = bell(4) / 2
    np.testing.assert_allclose(layer.excite.array[0], 16 * c * shown[0], rtol=1e-5)
    v = np.sqrt((c * shown[0] ** 2).sum())
    np.testing.assert_allclose(layer.inhibit.array, [16 * v, 0, 0], rtol=1e-5)


def test_the_winner_learns_and_new_things_get_new_planes():
    one, other = np.zeros((2, 1, 4, 4), np.float32)
    one[0, :2], other[0, 2:] = 1, 1
    layer = SLayer(1, 5, 4, 4.0, padding=0)
    plasticity = taught(layer, [one, other, one, one])
    assert plasticity.used == 2
    grown = layer.inhibit.array
    assert grown[0] == pytest.approx(3 * grown[1]) and not grown[2:].any()
    answers = layer(ag.tensor(np.stack([one, other]))).array[:, :2, 0, 0]
    assert (np.diag(answers) > 0).all() and answers[0, 1] == answers[1, 0] == 0


def test_one_plane_and_one_place_have_one_seed():
    answers = np.zeros((3, 6, 6))
    answers[0, 0, 0], answers[0, 5, 5] = 3, 2  # the same plane
    answers[1, 1, 1], answers[2, 4, 4] = 2.5, 1  # beside the first; far away
    seeds = Plasticity(SLayer(1, 3, 3, 4.0, 1), 1.0, 3, 0.0).seeds(answers)
    assert seeds == [(0, 0, 0), (2, 4, 4)]


def test_learning_sees_no_label_and_weights_never_fall():
    model, shown = models.neocognitron(planes=(8, 12, 20)), data(train=True).data[:20]
    learn(model, shown, np.random.default_rng(0))
    before = [s.excite.array.copy() for s, _ in model.modules_in_turn]
    answers = learn(model, shown, np.random.default_rng(1))
    for old, (simple, _) in zip(before, model.modules_in_turn, strict=True):
        assert (simple.excite.array >= old).all() and (simple.excite.array > old).any()
    name_cells(model, answers, ag.tensor(np.arange(20) % 10))
    assert set(np.unique(model.label.array)) == {0, 1} and (model.label.array.sum(1) <= 1).all()
