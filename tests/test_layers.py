"""Layers: dtypes, starting values, options and errors. Their numbers are in oracle/test_nn.py."""

import math

import numpy as np
import pytest

import autograd as ag
import nn
from nn import functional as F
from nn import init

IMAGE = (2, 4, 6, 6)
LAYERS = [
    (lambda: nn.Linear(6, 3), IMAGE),
    (lambda: nn.Conv1d(4, 2, 3, padding_mode="circular", padding=1), (2, 4, 6)),
    (lambda: nn.Conv2d(4, 2, 3, padding=1, padding_mode="reflect"), IMAGE),
    (lambda: nn.ConvTranspose1d(4, 2, 3, 2), (2, 4, 6)),
    (lambda: nn.ConvTranspose2d(4, 2, 3, 2), IMAGE),
    (lambda: nn.MaxPool2d(2), IMAGE),
    (lambda: nn.AvgPool2d(2), IMAGE),
    (lambda: nn.AdaptiveAvgPool2d(2), IMAGE),
    (lambda: nn.AdaptiveMaxPool2d(2), IMAGE),
    (lambda: nn.BatchNorm2d(4), IMAGE),
    (lambda: nn.BatchNorm2d(4, momentum=None), IMAGE),
    (lambda: nn.BatchNorm2d(4).eval(), IMAGE),
    (lambda: nn.BatchNorm1d(4), (5, 4)),
    (lambda: nn.InstanceNorm2d(4, affine=True), IMAGE),
    (lambda: nn.LayerNorm(6), IMAGE),
    (lambda: nn.GroupNorm(2, 4), IMAGE),
    (lambda: nn.RMSNorm(6), IMAGE),
    (lambda: nn.LocalResponseNorm(3), IMAGE),
    (lambda: nn.Dropout(), IMAGE),
    (lambda: nn.Dropout1d(), (2, 4, 6)),
    (lambda: nn.Dropout2d(), IMAGE),
    (lambda: nn.AlphaDropout(), IMAGE),
    (lambda: nn.PReLU(4), IMAGE),
    (lambda: nn.GLU(), IMAGE),
    (lambda: nn.Softmax(-1), IMAGE),
    (lambda: nn.LogSoftmax(-1), IMAGE),
    (lambda: nn.Softmin(-1), IMAGE),
    (lambda: nn.Softmax2d(), IMAGE),
    (lambda: nn.Flatten(), IMAGE),
    (lambda: nn.Unflatten(1, (2, 2)), IMAGE),
    (lambda: nn.LSTM(6, 3, 2, bidirectional=True, dropout=0.5), (5, 2, 6)),
    (lambda: nn.LSTMCell(6, 3), (2, 6)),
    *(
        (getattr(nn, name), IMAGE)
        for name in (
            "ReLU", "ReLU6", "LeakyReLU", "RReLU", "Hardtanh", "Hardsigmoid", "Hardswish", "SiLU",
            "Mish", "ELU", "CELU", "SELU", "GELU", "Sigmoid", "LogSigmoid", "Tanh", "Tanhshrink",
            "Softsign", "Softplus", "Hardshrink", "Softshrink", "Identity",
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize("make, shape", LAYERS)
def test_a_fresh_layer_is_float32_throughout(make, shape):
    with ag.strict_dtypes():
        layer = make()
        x = ag.randn(*shape, requires_grad=True)
        out = layer(x)
        while isinstance(out, tuple):
            out = out[0]
        (out * out).sum().backward()
    assert out.dtype == x.grad.dtype == ag.float32
    for tensor in (*layer.parameters(), *layer.buffers()):
        assert tensor.dtype in (ag.float32, ag.int64)
    assert all(p.grad.dtype == ag.float32 for p in layer.parameters())


# -- starting values -------------------------------------------------------------------------------


def uniform_statistics(array, bound):
    """Check that many numbers look uniform in [-bound, bound]."""
    assert np.abs(array).max() <= bound * (1 + 1e-6)
    assert abs(array.mean()) < 5 * bound / math.sqrt(3 * array.size)
    np.testing.assert_allclose(array.std(), bound / math.sqrt(3), rtol=0.05)


@pytest.mark.parametrize(
    "layer, fan_in",
    [
        (nn.Linear(50, 200), 50),
        (nn.Conv1d(20, 50, 5), 100),
        (nn.Conv2d(8, 60, 5, groups=2), 100),
        (nn.ConvTranspose2d(60, 8, 5, groups=2), 100),
        (nn.Bilinear(30, 10, 40), 30),
        (nn.LSTM(30, 25), 25),
        (nn.LSTMCell(30, 25), 25),
    ],
)
def test_layers_start_uniform(layer, fan_in):
    for parameter in layer.parameters():
        array = parameter.detach().numpy()
        if array.size > 1000:
            uniform_statistics(array, 1 / math.sqrt(fan_in))
        else:
            assert 0 < np.abs(array).max() <= 1 / math.sqrt(fan_in) * (1 + 1e-6)
    layer.reset_parameters()
    before = parameter.tolist()
    layer.reset_parameters()
    assert parameter.tolist() != before


def test_initialisers_have_their_distributions():
    weight = ag.empty(100, 80)
    assert init._calculate_fan_in_and_fan_out(ag.empty(6, 4, 3, 3)) == (36, 54)
    assert init.xavier_uniform_(weight, gain=2.0) is weight
    uniform_statistics(weight.numpy(), 2 * math.sqrt(6 / 180))
    init.kaiming_uniform_(weight, mode="fan_out", nonlinearity="relu")
    uniform_statistics(weight.numpy(), math.sqrt(6 / 100))
    for fill, std in (
        (lambda: init.normal_(weight, 1.0, 3.0), 3.0),
        (lambda: init.xavier_normal_(weight), math.sqrt(2 / 180)),
        (lambda: init.kaiming_normal_(weight, nonlinearity="relu"), math.sqrt(2 / 80)),
        (lambda: init.trunc_normal_(weight), 0.8796),
    ):
        fill()
        np.testing.assert_allclose(weight.numpy().std(), std, rtol=0.05)
    assert np.abs(weight.numpy()).max() <= 2
    init.sparse_(weight, 0.25, std=1.0)
    assert ((weight.numpy() == 0).sum(0) == 25).all()
    q = init.orthogonal_(weight, gain=3.0).numpy()
    np.testing.assert_allclose(q.T @ q, 9 * np.eye(80), atol=1e-4)


def test_constant_initialisers():
    weight = ag.empty(2, 3)
    assert (init.ones_(weight) == 1).all() and (init.zeros_(weight) == 0).all()
    assert (init.constant_(weight, 2.5) == 2.5).all()
    np.testing.assert_array_equal(init.eye_(weight), np.eye(2, 3))
    x = ag.randn(1, 4, 5, 5)
    conv = nn.Conv2d(4, 4, 3, padding=1, bias=False, groups=2)
    init.dirac_(conv.weight, groups=2)
    np.testing.assert_array_equal(conv(x).detach(), x)


def test_initialisers_take_a_generator_and_keep_dtypes():
    weight = nn.Parameter(ag.empty(3, 4, dtype=ag.float64))
    for fill in (
        init.uniform_, init.normal_, init.trunc_normal_, init.xavier_uniform_, init.xavier_normal_,
        init.kaiming_uniform_, init.kaiming_normal_, init.orthogonal_,
        lambda w, generator: init.sparse_(w, 0.5, generator=generator),
    ):  # fmt: skip
        first, second = (
            fill(weight, generator=ag.Generator().manual_seed(3)).tolist() for _ in range(2)
        )
        assert first == second and weight.dtype == ag.float64
    assert weight.requires_grad and weight.is_leaf


def test_initialisers_refuse_what_has_no_meaning():
    for fill in (init.xavier_normal_, init.kaiming_uniform_, init.orthogonal_, init.dirac_):
        with pytest.raises(ValueError, match="dimensions"):
            fill(ag.empty(3))
    with pytest.raises(ValueError, match="matrix"):
        init.eye_(ag.empty(3))
    with pytest.raises(ValueError, match="fan_in"):
        init.kaiming_uniform_(ag.empty(3, 3), mode="fan")
    with pytest.raises(ValueError, match="expected one of"):
        init.calculate_gain("relUUU")
    with pytest.raises(ValueError, match="a < b"):
        init.trunc_normal_(ag.empty(3), a=1, b=0)
    assert init.calculate_gain("leaky_relu", 1.0) == 1.0


# -- options ---------------------------------------------------------------------------------------


def test_inplace_activations_write_into_their_input():
    x = ag.tensor([-1.0, 2.0])
    assert nn.ReLU(inplace=True)(x) is x and x.tolist() == [0, 2]
    leaf = ag.tensor([-1.0, 2.0], requires_grad=True)
    nn.Sequential(nn.ReLU(inplace=True), nn.LeakyReLU(0.5, inplace=True))(leaf * 1).sum().backward()
    assert leaf.grad.tolist() == [0, 1]
    with pytest.raises(RuntimeError, match="leaf"):
        nn.ReLU(inplace=True)(leaf)


def test_dropout_only_in_training():
    layer, x = nn.Dropout(0.25), ag.ones(100, 100)
    out = layer(x).numpy()
    assert set(np.unique(out)) == {0.0, np.float32(1 / 0.75)}
    assert abs((out == 0).mean() - 0.25) < 0.03
    np.testing.assert_array_equal(layer.eval()(x), x)
    channels = nn.Dropout2d(0.5)(ag.ones(10, 10, 3, 3)).numpy()
    assert (channels.reshape(100, 9).std(1) == 0).all() and len(np.unique(channels)) == 2
    with pytest.raises(ValueError, match="between 0 and 1"):
        nn.Dropout(1.5)


def test_the_same_seed_drops_the_same():
    ag.manual_seed(3)
    first = nn.Dropout()(ag.ones(50)).tolist()
    ag.manual_seed(3)
    assert nn.Dropout()(ag.ones(50)).tolist() == first


def test_batch_norm_counts_and_averages():
    layer = nn.BatchNorm1d(1, momentum=None)
    for batch in ([[0.0], [2.0]], [[3.0], [7.0]]):
        layer(ag.tensor(batch))
    assert int(layer.num_batches_tracked) == 2
    np.testing.assert_allclose(layer.running_mean, [3.0])
    np.testing.assert_allclose(layer.running_var, [5.0])
    layer.reset_running_stats()
    assert int(layer.num_batches_tracked) == 0 and layer.running_var.tolist() == [1]
    bare = nn.BatchNorm2d(3, affine=False, track_running_stats=False)
    assert not bare.state_dict() and bare.running_mean is None
    with pytest.raises(ValueError, match=r"BatchNorm2d expected 4 dimensions, got shape \(2, 3\)"):
        bare(ag.ones(2, 3))


def test_embedding_options():
    layer = nn.Embedding(5, 3, padding_idx=-1)
    assert layer.padding_idx == 4 and layer.weight[4].tolist() == [0, 0, 0]
    layer(ag.tensor([4, 1, 1])).sum().backward()
    assert layer.weight.grad[4].tolist() == [0, 0, 0] and layer.weight.grad[1].tolist() == [2, 2, 2]
    table = ag.randn(4, 2)
    frozen = nn.Embedding.from_pretrained(table)
    assert frozen.weight.array is table.array and not frozen.weight.requires_grad
    assert nn.Embedding.from_pretrained(table, freeze=False).weight.requires_grad
    with pytest.raises(ValueError, match="out of range"):
        nn.Embedding(5, 3, padding_idx=5)
    with pytest.raises(ValueError, match="shape"):
        nn.Embedding(5, 3, _weight=ag.ones(2, 2))
    with pytest.raises(IndexError):
        layer(ag.tensor([5]))


def test_a_stride_equal_to_an_integer_is_refused_although_that_was_used_before():
    images, filters = ag.ones(1, 1, 4, 4), ag.ones(1, 1, 2, 2)
    F.conv2d(images, filters, stride=(1, 1))
    assert F.conv2d(images, filters, stride=[1, np.int64(1)]).shape == (1, 1, 3, 3)
    with pytest.raises(ag.ShapeError, match=r"expected stride .* got \(1.0, 1\)"):
        F.conv2d(images, filters, stride=(1.0, 1))


def test_convolution_options_are_checked():
    with pytest.raises(ValueError, match="in_channels=3 does not divide by groups=2"):
        nn.Conv2d(3, 4, 3, groups=2)
    with pytest.raises(ValueError, match="padding_mode expected one of"):
        nn.Conv2d(3, 4, 3, padding_mode="mirror")
    with pytest.raises(ValueError, match="stride 1"):
        nn.Conv2d(3, 4, 3, padding="same", stride=2)
    with pytest.raises(ValueError, match="'same' or 'valid'"):
        nn.Conv2d(3, 4, 3, padding="sme")
    with pytest.raises(ValueError, match="one number or 2"):
        nn.Conv2d(3, 4, (3, 3, 3))
    with pytest.raises(ValueError, match="only takes padding_mode='zeros'"):
        nn.ConvTranspose2d(3, 4, 3, padding_mode="reflect")
    up = nn.ConvTranspose2d(1, 1, 3, stride=2)
    assert up(ag.ones(1, 1, 4, 4), output_size=(10, 9)).shape == (1, 1, 10, 9)
    with pytest.raises(ValueError, match=r"output_size expected from \(9, 9\) to \(10, 10\)"):
        up(ag.ones(1, 1, 4, 4), output_size=(11, 9))


def test_lstm_forms_and_errors():
    lstm = nn.LSTM(3, 4, num_layers=2, bidirectional=True)
    assert len(lstm.all_weights) == 4 and [len(w) for w in lstm.all_weights] == [4] * 4
    lstm.flatten_parameters()
    output, (h, c) = lstm(ag.randn(5, 3))
    assert output.shape == (5, 8) and h.shape == c.shape == (4, 4)
    assert nn.LSTM(3, 4, bias=False).all_weights[0][-1].shape == (16, 4)
    with pytest.raises(ValueError, match=r"expected h_0 of shape \(4, 2, 4\), got \(4, 3, 4\)"):
        lstm(ag.randn(5, 2, 3), (ag.zeros(4, 3, 4), ag.zeros(4, 2, 4)))
    with pytest.raises(ValueError, match="whose last is 3"):
        lstm(ag.randn(5, 2, 7))
    with pytest.raises(ValueError, match="proj_size expected"):
        nn.LSTM(3, 4, proj_size=4)
    with pytest.raises(ValueError, match="> 0"):
        nn.LSTM(3, 0)
    cell = nn.LSTMCell(3, 4)
    h, _ = cell(ag.randn(3))
    assert h.shape == (4,)
    with pytest.raises(ValueError, match="expected h of shape"):
        cell(ag.randn(2, 3), (ag.zeros(2, 5), ag.zeros(2, 4)))


def test_losses_refuse_what_they_do_not_know():
    with pytest.raises(ValueError, match="reduction expected one of"):
        nn.MSELoss(reduction="average")
    with pytest.raises(ValueError, match="size_average is not supported"):
        nn.MSELoss(size_average=True)
    with pytest.raises(ValueError, match="shape"):
        nn.MSELoss()(ag.ones(3), ag.ones(3, 1))
    with pytest.raises(IndexError):
        nn.CrossEntropyLoss()(ag.ones(1, 3), ag.tensor([3]))
    weighted = nn.CrossEntropyLoss(weight=ag.tensor([1.0, 2.0]))
    assert list(weighted.state_dict()) == ["weight"] and not list(weighted.parameters())


def test_pooling_returns_indices_when_asked():
    x = ag.arange(16.0).reshape(1, 1, 4, 4)
    out, indices = nn.MaxPool2d(2, return_indices=True)(x)
    assert out.tolist() == indices.tolist() == [[[[5, 7], [13, 15]]]]
    out, indices = nn.AdaptiveMaxPool2d(1, return_indices=True)(x)
    assert indices.item() == 15


def test_functional_has_what_layers_are_made_of():
    for name in ("conv2d", "linear", "relu", "sigmoid", "tanh", "softmax", "dropout", "embedding",
                 "cross_entropy", "pad", "batch_norm", "max_pool2d", "gelu"):  # fmt: skip
        assert callable(getattr(F, name))
