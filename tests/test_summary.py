"""The table of layers, and what a training step is estimated to take."""

import numpy as np
import pytest

import autograd as ag
import models
import nn
import optim
from autograd.utils.data import DataLoader
from models.training.recipe import section


def net():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(),
                         nn.Linear(16, 3))  # fmt: skip


def column(result, name):
    """The cells of one column, as numbers."""
    at = result.col_names.index(name) + 1
    cells = [row[at].replace(",", "") for row in result.cells[1:]]
    return [int(cell) for cell in cells if cell.isdigit()]


def test_shapes_kernels_and_mult_adds():
    result = nn.summary(net(), (2, 1, 4, 4), col_names=("input_size", "kernel_size", "mult_adds"))
    conv, linear = result.layers[1], result.layers[5]
    assert (conv.input_shape, conv.output_shape) == ((2, 1, 4, 4), (2, 4, 2, 2))
    assert conv.kernel_shape == (3, 3) and conv.mult_adds == 2 * 4 * 2 * 2 * 9
    assert linear.mult_adds == 2 * 16 * 3
    assert result.mult_adds == result.layers[0].mult_adds == conv.mult_adds + linear.mult_adds
    assert result.bytes_inputs == 4 * 32 and result.bytes_outputs == 4 * (4 * 32 + 2 * 3)


@pytest.mark.parametrize("depth", range(5))
def test_columns_add_up_however_deep(depth):
    model = nn.Transformer(8, 2, 1, 1, 16, batch_first=True)
    result = nn.summary(model, [(2, 5, 8), (2, 4, 8)], depth=depth)
    assert sum(column(result, "num_params")) == result.total
    assert sum(column(result, "mult_adds")) == result.mult_adds > 0
    assert max(row.layer.depth for row in result.shown) == min(depth, 3)


def test_a_tree_of_lines():
    model = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), nn.Linear(2, 1))
    labels = [row.label for row in nn.summary(model, (1, 2)).shown]
    assert labels == [
        "Sequential",
        "├─Sequential (0): 1-1",
        "│  ├─Linear (0): 2-1",
        "│  └─ReLU (1): 2-2",
        "└─Linear (1): 1-2",
    ]
    plain = nn.summary(model, (1, 2), row_settings=("ascii_only",)).shown
    assert [row.label for row in plain][2] == "|  +-Linear" and str(plain).isascii()


def test_shared_layers_are_recursive():
    layer = nn.Linear(2, 2)
    model = nn.Sequential(layer, nn.ReLU(), layer)
    assert str(nn.summary(model, (1, 2))).count("(recursive)") == 1
    hidden = nn.summary(model, (1, 2), row_settings=("hide_recursive_layers",))
    assert [row.label for row in hidden.shown] == ["Sequential", "├─Linear", "└─ReLU"]
    assert sum(column(nn.summary(model, (1, 2)), "num_params")) == 6


def test_tokens_dicts_and_further_arguments():
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.read = nn.Embedding(10, 4), nn.GRU(4, 3, batch_first=True)

        def forward(self, tokens, scale, double=False):
            outputs, last = self.read(self.embed(tokens) * scale)
            return {"outputs": outputs * (1 + double), "last": last}

    sizes = {"tokens": (5,), "scale": (1,)}
    result = nn.summary(
        Reader(), sizes, dtypes={"tokens": ag.int64}, batch_dim=0, double=True, depth=1
    )
    assert result.layers[0].output_shape == {"outputs": (1, 5, 3), "last": (1, 1, 3)}
    assert result.layers[2].output_shape == [(1, 5, 3), (1, 1, 3)]
    by_place = nn.summary(Reader(), [(1, 5), (1, 1)], dtypes=[ag.int64, ag.float32])
    assert by_place.layers[1].input_shape == (1, 5)
    with pytest.raises(ValueError, match="a dtype for each of 2 inputs"):
        nn.summary(Reader(), [(1, 5), (1, 1)], dtypes=[ag.int64])


def test_modes_buffers_and_random_numbers_are_left_alone():
    model = nn.Sequential(net(), nn.Dropout(0.5))
    before = {name: t.array.copy() for name, t in model.state_dict().items()}
    state = ag.get_rng_state()
    nn.summary(model, (3, 1, 4, 4), mode="train")
    nn.estimate(model, (9, 1, 4, 4), optimizer=optim.Adam)
    assert model.training and all(p.grad is None for p in model.parameters())
    for name, tensor in model.state_dict().items():
        np.testing.assert_array_equal(tensor.array, before[name])
    drawn = ag.rand(3)
    ag.set_rng_state(state)
    assert (ag.rand(3) == drawn).all()


def test_trainable_and_unknown_names():
    model = net()
    model[0].weight.requires_grad_(False)
    model[4].requires_grad_(False)
    result = nn.summary(model, (2, 1, 4, 4), col_names=("trainable", "params_percent"))
    assert [row[1] for row in result.cells[1:]] == ["Partial", "Partial", "True", "--", "--",
                                                    "False"]  # fmt: skip
    shares = [float(row[2][:-1]) for row in result.cells[1:] if row[2] != "--"]
    assert sum(shares) == pytest.approx(100, abs=0.1)
    for wrong in ({"col_names": ["colour"]}, {"row_settings": ["x"]}, {"mode": "fast"}):
        with pytest.raises(ValueError, match="expected one of"):
            nn.summary(model, (2, 1, 4, 4), **wrong)


def test_in_a_notebook():
    class Odd(nn.Linear):
        pass

    Odd.__name__ = "A<B>"
    html = nn.summary(nn.Sequential(Odd(2, 2)), (1, 2))._repr_html_()
    assert "A&lt;B&gt; (0): 1-1" in html and html.count("<tr>") == 1 + 2 + 7


@pytest.mark.parametrize("name", ["lenet5", "rbm", "seq2seq", "transformer", "vae", "rnn_draws"])
def test_models_of_the_catalogue(name):
    recipe = models.RECIPES[name]
    settings = recipe.settings(recipe.quick)
    model = recipe.build(**section(settings, "model"))
    batch = next(iter(DataLoader(recipe.examples(False, settings), 1)))
    result = nn.summary(
        model, input_data=batch, forward=lambda model, *b: recipe.objective(model, b), depth=9
    )
    assert result.layers[0].depth == 0 and result.mult_adds > 0
    assert sum(column(result, "num_params")) == result.total
    assert sum(p.numel() for p in model.parameters()) == result.total


# -- estimates -------------------------------------------------------------------------------------


def test_what_is_kept_is_exact():
    model, x = net(), ag.rand(40, 1, 4, 4)
    found = nn.estimate(model, input_data=x, optimizer=optim.SGD(model.parameters(), 0.1, 0.9))
    assert found.saved == pytest.approx(ag.memory_report(model(x).sum()).saved, abs=64)
    with ag.profiler.profile() as seen:
        model(x).sum().backward()
    assert found.flops == sum(event.flops for event in seen.events)
    parameters = list(model.parameters())
    assert found.gradients == found.optimizer == sum(p.nbytes for p in parameters)
    assert found.parameters > found.gradients and found.batch == 40 and found.seconds > 0
    assert found.total == found.parameters + 2 * found.gradients + found.saved
    assert "batch of 40" in str(found) and "GFLOP" in str(found)


def test_state_of_optimisers_is_what_they_really_keep():
    model = nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3))
    model[0].bias.requires_grad_(False)
    learning = [p for p in model.parameters() if p.requires_grad]
    adam = optim.Adam(learning)
    model(ag.ones(2, 5)).sum().backward()
    adam.step()
    kept = sum(t.nbytes for state in adam.state.values() for t in state.values())
    for optimizer in (adam, optim.Adam):
        assert nn.estimate(model, (8, 5), optimizer=optimizer).optimizer == kept
    assert nn.estimate(model, (8, 5)).optimizer == 0


def test_a_loss_and_inputs_without_a_batch():
    model = nn.Linear(6, 2)
    scale, x, y = ag.ones(2), ag.rand(30, 6), ag.zeros(30, dtype=ag.int64)

    def loss(model, x, y, scale):
        assert len(x) == len(y) and scale.shape == (2,)
        return nn.functional.cross_entropy(model(x) * scale, y)

    found = nn.estimate(model, input_data=(x, y, scale), loss=loss)
    assert found.saved == pytest.approx(ag.memory_report(loss(model, x, y, scale)).saved, abs=64)
    last = nn.estimate(nn.GRU(3, 4), (7, 20, 3), batch_dim=1)
    assert last.batch == 20 and nn.estimate(model, (1, 6)).batch == 1


def test_what_cannot_be_estimated():
    with pytest.raises(ValueError, match="two growing sizes"):
        nn.estimate(nn.Linear(2, 2), (4, 2), probes=(3, 3))
    with pytest.raises(ValueError, match="a batch in dimension 0"):
        nn.estimate(nn.Linear(2, 2))
