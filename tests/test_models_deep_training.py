"""Initialisation, vanishing gradients, regularisation, augmentation and batch normalisation."""

import numpy as np
import pytest

import autograd as ag
import nn
from models import RECIPES, augmentation, batch_norm, datasets, initialisation, regularisation
from models import vanishing_gradients as vanishing
from models.training import loop
from models.training.recipe import graded
from models.training.small import balanced, learn, measure, minibatches, rows

DIGITS = datasets.digits().tensors

# -- short trainings -------------------------------------------------------------------------------


def test_balanced_parts_are_disjoint_and_complete():
    ag.manual_seed(0)
    pairs = (ag.arange(len(DIGITS[1])), DIGITS[1])
    few, others = balanced(pairs, 7)
    assert np.bincount(few[1].array).tolist() == [7] * 10
    assert sorted([*few[0].tolist(), *others[0].tolist()]) == list(range(len(DIGITS[1])))
    assert (few[1].array == DIGITS[1].array[few[0].array]).all()


def test_minibatches_go_once_through_the_examples():
    pairs = rows((ag.arange(10), ag.arange(10) * 2), range(10))
    batches = list(minibatches(pairs, 3))
    seen = [i for inputs, _ in batches for i in inputs.tolist()]
    assert len(batches) == 3 and len(set(seen)) == 9
    assert all((2 * a.array == b.array).all() for a, b in batches)
    assert len(list(minibatches(pairs, 64))) == 1


def test_learn_calls_what_it_is_given():
    calls = {"step": 0, "epoch": 0, "penalty": 0, "augment": 0}

    def count(name, result=None):
        calls[name] += 1
        return result

    pairs = rows(DIGITS, range(40))
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    learn(
        model, pairs, regularisation.sgd(model, 0.1), epochs=5, batch_size=20,
        penalty=lambda model: count("penalty", 0.0), augment=lambda x: count("augment", x),
        after_step=lambda: count("step"), after_epoch=lambda: count("epoch") or calls["epoch"] == 2,
    )  # fmt: skip
    assert calls == {"step": 4, "epoch": 2, "penalty": 4, "augment": 4}
    assert measure(model, pairs)["accuracy"] > 0.3


# -- initialisation --------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_units_that_start_equal_stay_equal(activation):
    ag.manual_seed(0)
    model = initialisation.DeepNet("equal", activation, width=8, depth=3)
    before = model.hidden[0].weight.array.copy()
    learn(model, rows(DIGITS, range(64)), regularisation.sgd(model, 0.5), epochs=3)
    assert np.abs(model.hidden[0].weight.array - before).max() > 1e-6  # they do move
    assert initialisation.asymmetry(model) < 1e-6
    assert initialisation.asymmetry(initialisation.DeepNet("He", depth=3)) > 0.1


def test_zeros_teach_nothing_but_the_outputs_bias():
    model = initialisation.DeepNet("zeros", "tanh", depth=3)
    loss, _ = graded(model(DIGITS[0]), DIGITS[1])
    loss.backward()
    moving = {name for name, p in model.named_parameters() if np.abs(p.grad.array).max() > 0}
    assert moving == {"output.bias"}


def test_hes_rule_keeps_variance_through_rectifiers_and_xaviers_halves_it():
    ag.manual_seed(0)
    spreads = {
        rule: initialisation.spread(initialisation.DeepNet(rule, width=256, depth=6), DIGITS)
        for rule in ("He", "Xavier", "orthogonal")
    }
    for rule in ("He", "orthogonal"):
        there, back = spreads[rule]
        assert 0.5 < there[-1] / there[0] < 2 and 0.5 < back[0] / back[-1] < 2
    there, _ = spreads["Xavier"]
    assert 0.7 < there[-1] / there[0] * 2**2.5 < 1.4  # five layers, each half the variance
    with pytest.raises(ValueError, match=r"rule expected one of zeros, equal.*got 'xavier'"):
        initialisation.DeepNet("xavier")


# -- vanishing gradients ---------------------------------------------------------------------------


@pytest.mark.parametrize("remedy", vanishing.NETWORKS.values(), ids=str)
def test_the_hooks_note_the_gradients_by_the_biases(remedy):
    ag.manual_seed(0)
    model = vanishing.DeepNet((64, 5, 5, 10), **remedy)
    deltas = vanishing.Deltas(model)
    one = rows(DIGITS, [3] if "batch_norm" not in remedy else [3, 4])
    graded(model(one[0]), one[1])[0].backward()
    for z, layer, norms in zip(model.z, model.hidden, deltas.norms, strict=True):
        assert len(norms) == 1
        if "batch_norm" in remedy:
            assert np.isfinite(norms[0]) and np.abs(layer.bias.grad.array).max() < 1e-5
            assert np.abs(z.bias.grad.array).max() > 0
        else:
            np.testing.assert_allclose(norms[0], np.linalg.norm(layer.bias.grad.array), rtol=1e-5)


def test_the_chain_of_neurons_follows_the_lectures_product():
    ag.manual_seed(0)
    weights, biases = [0.7, -2.0, 9.0, 1.5], [0.3, 0.1, -4.0, 0.0]
    by_formula, by_autograd = vanishing.slopes(weights, biases, 0.6)
    np.testing.assert_allclose(by_formula, by_autograd, rtol=1e-12)
    explodes, _ = vanishing.slopes([8.0] * 4, [0.0, -4.0, -4.0, -4.0], 0.0)
    np.testing.assert_allclose(explodes, [2.0, 1.0, 0.5, 0.25])  # |sigma'(z) w| = 2


def test_memory_is_the_jacobian_of_the_recurrence():
    ag.manual_seed(3)
    norms = vanishing.memory(2.0, 6, 10)
    assert len(norms) == 10
    assert all(norm <= 2.0 ** (i + 1) * (1 + 1e-12) for i, norm in enumerate(norms))
    with pytest.raises(ValueError, match="activation expected 'sigmoid' or 'relu', got 'tanh'"):
        vanishing.DeepNet(activation="tanh")


# -- regularisation --------------------------------------------------------------------------------


def test_weight_decay_is_the_gradient_of_the_l2_term():
    ag.manual_seed(0)
    pairs, nets = rows(DIGITS, range(40)), []
    start = regularisation.SmallConvNet().state_dict()
    start = {name: t.clone() for name, t in start.items()}
    for as_decay in (False, True):
        ag.manual_seed(1)
        net = regularisation.SmallConvNet()
        net.load_state_dict(start)
        descent = regularisation.sgd(net, 0.05, 0.9, decay=0.1 if as_decay else 0.0)
        penalty = None if as_decay else lambda model: 0.1 * regularisation.l2(model)
        learn(net, pairs, descent, epochs=3, batch_size=20, penalty=penalty)
        nets.append(net)
    for a, b in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        np.testing.assert_allclose(a.array, b.array, atol=1e-5)


def test_penalties_leave_biases_alone():
    model = regularisation.SmallConvNet()
    (regularisation.l1(model) + regularisation.l2(model)).backward()
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            assert parameter.grad is None
        else:
            w = parameter.detach()
            np.testing.assert_allclose(parameter.grad.array, (w + w.sign()).array, rtol=1e-5)


def test_the_small_network_names_what_it_can_do():
    assert isinstance(regularisation.SmallConvNet(dropconnect=0.5).hidden, nn.DropConnect)
    with pytest.raises(ValueError, match="pool expected 'max' or 'stochastic', got 'mean'"):
        regularisation.SmallConvNet(pool="mean")


def test_early_stopping_restores_the_best_weights():
    ag.manual_seed(0)
    settings = {
        **regularisation.RECIPE.defaults,
        "epochs": 60,
        "early_stopping": 1,
        "optim.lr": 0.1,
    }
    training, others = balanced(DIGITS, 3)
    held_out, _ = balanced(others, 10)
    seen = []
    original = regularisation.measure

    def watched(model, pairs):
        found = original(model, pairs)
        seen.append(found["loss"])
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(regularisation, "measure", watched)
        model = regularisation.trained("early_stopping", (training, held_out), settings)
    assert len(seen) < 60 and measure(model, held_out)["loss"] == pytest.approx(min(seen), rel=1e-6)


# -- augmentation ----------------------------------------------------------------------------------


def test_the_density_is_spread_about_the_examples_of_a_class():
    ag.manual_seed(0)
    targets = ag.tensor([0, 2] * 200)
    scale = ag.tensor([[1.0, 0.0], [0.8, 0.6]])
    points = ag.randn(400, 2) @ scale.T + 2.5 * targets[:, None].float()
    model = augmentation.ClassDensity(points, targets, bandwidth=0.5, shrinkage=0.0)
    drawn = model.sample(ag.tensor([2] * 20_000)).array
    own = points.array[targets.array == 2]
    factor = model.factor.array
    np.testing.assert_allclose(drawn.mean(0), own.mean(0), atol=0.05)
    np.testing.assert_allclose(factor @ factor.T, 0.25 * np.cov(own.T), atol=0.05)
    np.testing.assert_allclose(np.cov(drawn.T), 1.25 * np.cov(own.T), atol=0.1)
    few = augmentation.ClassDensity(*balanced(DIGITS, 3)[0])  # fewer examples than pixels
    assert np.isfinite(few.sample(DIGITS[1][:9]).array).all()


def test_pieces_of_text_are_numbered_by_word():
    pairs, vocabulary = augmentation.numbered([["a", "b"], ["b", "c"]], [1, 0])
    assert pairs[0].tolist() == [[0, 1], [1, 2]] and pairs[1].tolist() == [1, 0]
    assert vocabulary == 3
    texts, labels = augmentation.sentences(3, 8)
    assert len(texts) == len(labels) > 300 and {len(text) for text in texts} == {8}


# -- batch normalisation ---------------------------------------------------------------------------


def test_batch_normalisation_says_what_is_wrong():
    layer = batch_norm.BatchNorm(3)
    with pytest.raises(ag.ShapeError, match=r"expected \(N, 3, ...\), got \(2, 4\)"):
        layer(ag.ones(2, 4))
    with pytest.raises(ag.ShapeError, match="more than one value per feature in training"):
        layer(ag.ones(1, 3))
    assert layer.eval()(ag.ones(1, 3)).shape == (1, 3)


def test_batch_normalisation_normalises():
    ag.manual_seed(0)
    layer = batch_norm.BatchNorm(4)
    out = layer(3 + 5 * ag.randn(50, 4, 6, 6)).detach().array
    np.testing.assert_allclose(out.mean((0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(out.var((0, 2, 3)), 1, atol=1e-4)


# -- training, validation, test --------------------------------------------------------------------


def test_the_test_part_is_looked_at_once_and_last(tmp_path, monkeypatch):
    looks, original = [], loop.evaluate

    def watched(recipe, model, dataset, batch_size):
        looks.append(len(dataset))
        return original(recipe, model, dataset, batch_size)

    monkeypatch.setattr(loop, "evaluate", watched)
    loop.train(RECIPES["mlp"], {"epochs": 3, "model.hidden": 8}, folder=tmp_path)
    assert looks == [144, 144, 144, 360]  # validation after each epoch, then the test
