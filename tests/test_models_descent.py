"""Descent: first principles, the three ways, rates, optimisers, losses, activations, claims."""

import copy

import numpy as np
import pytest

import autograd as ag
import nn
import optim
from models import activations, first_principles, gradient_descent, learning_rate, losses
from models import optimisers as race
from models import universal_approximation as universal
from models.training.claims import claims


def test_claims_count_what_held_and_say_what_did_not(capsys):
    found = claims(water_is_wet=True, the_moon_is_cheese=False)
    assert found == {"water_is_wet": 1.0, "the_moon_is_cheese": 0.0, "claims": 0.5}
    assert capsys.readouterr().err == "not so: the moon is cheese\n"


# -- first principles ------------------------------------------------------------------------------


def test_autograd_is_exact_for_the_lectures_function():
    for point in ([1, 2, 3], [0, 0, 0], [-5, 4, -7]):
        found = first_principles.gradient(first_principles.Lecture(), np.array(point, float))
        assert found.tolist() == first_principles.partials(*point)


def test_differences_have_their_orders():
    def cube(x):
        return (x**3).sum()

    steps, point = np.array([0.1, 0.05, 0.025]), np.array([1.0])
    for difference, expected in (
        (first_principles.forward_difference, 1),
        (first_principles.central_difference, 2),
    ):
        errors = np.array([abs(difference(cube, point, h) - 3).max() for h in steps])
        assert first_principles.order(steps, errors) == pytest.approx(expected, abs=0.1)


# -- the three ways --------------------------------------------------------------------------------


def test_descent_with_all_examples_is_the_closed_form():
    ag.manual_seed(0)
    x, y = gradient_descent.points(64)
    path = gradient_descent.descend(x, y, 64, epochs=5, lr=0.1)
    w = path[0]
    for step in path[1:]:
        w = w - 0.1 * 2 * x.array.T @ (x.array @ w - y.array) / 64
        np.testing.assert_allclose(step, w, rtol=1e-12)


def test_a_falling_rate_shortens_the_steps():
    ag.manual_seed(0)
    x, y = gradient_descent.points(1)
    path = gradient_descent.descend(x, y, 1, epochs=2, lr=0.1, decay=1.0)
    gradient = 2 * x.array[0] * (x.array[0] @ path[1] - y.array[0])
    np.testing.assert_allclose(path[2], path[1] - 0.05 * gradient, rtol=1e-12)


# -- learning rates --------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.01, 0.2, 0.45, 0.52])
def test_the_valley_shrinks_distances_by_1_minus_rate_times_curvature(rate):
    expected = (1 - rate * learning_rate.STEEP) ** np.arange(11)
    np.testing.assert_allclose(learning_rate.slide(rate, 10), expected, rtol=1e-10)


def quadratic(kind, **options):
    w = nn.Parameter(ag.tensor([3.0, -2.0], dtype=ag.float64))
    optimizer = kind([w], lr=0.3, **options)
    return w, optimizer, lambda: (w * w).sum() * 2  # curvature 4: diverges from 0.5 on


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
def test_range_test_leaves_everything_as_it_was(kind):
    w, optimizer, loss = quadratic(kind)
    loss().backward()
    optimizer.step()
    before, gradient = w.array.copy(), w.grad
    state = copy.deepcopy(optimizer.state_dict())
    optim.range_test(optimizer, loss)
    after = optimizer.state_dict()
    assert (w.array == before).all() and w.grad is gradient
    assert after["param_groups"] == state["param_groups"]
    assert after["state"].keys() == state["state"].keys()
    for key, values in state["state"].items():
        for name, value in values.items():
            assert value is None or ag.equal(after["state"][key][name], value)


def test_range_test_restores_when_the_loss_fails():
    w, optimizer, loss = quadratic(optim.SGD)
    calls = []

    def fails():
        calls.append(1)
        if len(calls) > 3:
            raise RuntimeError("out of data")
        return loss()

    with pytest.raises(RuntimeError, match="out of data"):
        optim.range_test(optimizer, fails)
    assert w.tolist() == [3.0, -2.0] and optimizer.param_groups[0]["lr"] == 0.3


def test_range_test_stops_at_the_explosion_and_suggests_less_than_the_border():
    _, optimizer, loss = quadratic(optim.SGD)
    found = optim.range_test(optimizer, loss, 1e-4, 100.0, 200)
    assert found.rates[-1] < 100 and found.losses[-1] > 4 * min(found.losses)
    assert 0.005 < found.suggestion < 0.5
    np.testing.assert_allclose(np.diff(np.log(found.rates)), np.log(1e6) / 199)


@pytest.mark.parametrize("options", [{"start": 0.0}, {"start": 20.0}, {"steps": 1}])
def test_range_test_says_what_it_expected(options):
    _, optimizer, loss = quadratic(optim.SGD)
    with pytest.raises(ValueError, match="expected 0 < start < end and at least 2 steps, got"):
        optim.range_test(optimizer, loss, **options)


# -- optimisers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", race.LECTURES)
def test_the_lectures_formulas_are_the_librarys_but_for_eps(name):
    assert race.apart(name) < 1e-5


def test_steps_needed_counts_to_the_last_step_above():
    places = np.zeros((6, 2))
    places[[0, 3], 0] = 1.0
    assert race.steps_needed(places) == 4 and race.steps_needed(np.zeros((3, 2))) == 0


# -- losses and activations ------------------------------------------------------------------------


def test_a_certain_unit_learns_by_the_formula():
    eta = 0.15
    outputs = losses.unlearn(losses.squared_error, 2.0, eta, 3)
    z, expected = 4.0, []
    for _ in range(3):
        y = 1 / (1 + np.exp(-z))
        expected.append(y)
        z -= 2 * eta * y * y * (1 - y)  # weight and bias both move
    np.testing.assert_allclose(outputs, expected, rtol=1e-5)


def test_no_activation_overflows_and_the_check_would_notice(monkeypatch):
    assert activations.overflowing() == []
    naive = {"naive": lambda x: (1 - (-2 * x).exp()) / (1 + (-2 * x).exp())}
    monkeypatch.setattr(activations, "ACTIVATIONS", naive)
    with np.errstate(all="ignore"):
        assert set(activations.overflowing()) == {"naive"}


def test_nonlinear_layers_are_noticed():
    assert activations.composed(4) < 1e-14


# -- universal approximation -----------------------------------------------------------------------


def test_a_staircase_is_the_function_in_the_middle_of_each_stair():
    middles = (np.arange(8) + 0.5)[:, None] / 4 - 1
    net = universal.staircase(universal.curve, 8)
    np.testing.assert_allclose(net(middles), universal.curve(middles), rtol=1e-12)


def test_squares_make_a_parabola_whatever_the_width():
    ag.manual_seed(0)
    net = universal.OneHidden(1, 40, "square").double()
    third = np.diff(net(ag.tensor(universal.points(1, 20))).numpy(force=True), 3)
    assert abs(third).max() < 1e-10
