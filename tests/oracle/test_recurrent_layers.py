"""RNN, LSTM, GRU, their cells and packed sequences against PyTorch's, in float64."""

import warnings

import numpy as np
import pytest

import autograd as ag
import nn
from nn.utils import rnn as utils

torch = pytest.importorskip("torch")
torch_utils = torch.nn.utils.rnn

CLOSE = {"rtol": 1e-10, "atol": 1e-10}
LENGTHS = [4, 1, 5, 2]
STEPS, BATCH, SIZE, HIDDEN = 5, 4, 3, 2
OPTIONS = [
    {},
    {"bias": False},
    {"num_layers": 2, "bidirectional": True},
    {"batch_first": True, "num_layers": 2},
]
KINDS = [
    *(("RNN", options) for options in OPTIONS),
    ("RNN", {"nonlinearity": "relu", "bidirectional": True}),
    *(("GRU", options) for options in OPTIONS),
    *(("LSTM", options) for options in OPTIONS),
    ("LSTM", {"proj_size": 1}),
    ("LSTM", {"proj_size": 1, "num_layers": 2, "bidirectional": True, "bias": False}),
]
every_kind = pytest.mark.parametrize("name, options", KINDS)


def pair(name, *args, **options):
    """The same layer in both libraries, with the same weights."""
    torch.manual_seed(0)
    theirs = getattr(torch.nn, name)(*args, **options, dtype=torch.float64)
    mine = getattr(nn, name)(*args, **options, dtype=ag.float64)
    state = theirs.state_dict()
    assert list(mine.state_dict()) == list(state)
    assert repr(mine) == repr(theirs)
    mine.load_state_dict({key: value.numpy() for key, value in state.items()})
    return mine, theirs


def flat(out):
    """All tensors of a nested output."""
    if isinstance(out, utils.PackedSequence):
        return [out.data]
    if isinstance(out, torch_utils.PackedSequence):
        return [out.data]
    return [x for part in out for x in flat(part)] if isinstance(out, (tuple, list)) else [out]


def compare(mine, theirs, call, arrays):
    """`call(lib, layer, *tensors)` gives the same outputs and gradients on both sides."""
    results = []
    for lib, layer in ((ag, mine), (torch, theirs)):
        leaves = [lib.tensor(a, requires_grad=True) for a in arrays]
        outs = flat(call(lib, layer, *leaves))
        rng = np.random.default_rng(1)
        weights = [lib.tensor(rng.normal(size=tuple(out.shape))) for out in outs]
        sum((out * out * w).sum() for out, w in zip(outs, weights, strict=True)).backward()
        grads = [leaf.grad for leaf in leaves] + [p.grad for p in layer.parameters()]
        results.append([x.detach().numpy() for x in (*outs, *grads)])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, **CLOSE)


def states(name, options, *batch):
    """Arrays for the initial states."""
    count = options.get("num_layers", 1) * (1 + options.get("bidirectional", False))
    rng = np.random.default_rng(2)
    widths = [options.get("proj_size", HIDDEN), HIDDEN] if name == "LSTM" else [HIDDEN]
    return [rng.normal(size=(count, *batch, width)) for width in widths]


def joined(given):
    """States in the form a layer takes them."""
    return tuple(given) if len(given) > 1 else given[0] if given else None


@every_kind
@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("batched", [False, True])
def test_layers(name, options, given, batched):
    mine, theirs = pair(name, SIZE, HIDDEN, **options)
    shape = (BATCH, STEPS, SIZE) if options.get("batch_first") else (STEPS, BATCH, SIZE)
    x = np.random.default_rng(0).normal(size=shape if batched else (STEPS, SIZE))
    hx = states(name, options, *[BATCH] * batched) if given else []
    compare(mine, theirs, lambda lib, layer, x, *hx: layer(x, joined(hx)), [x, *hx])


@every_kind
@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("in_order", [False, True])
def test_packed(name, options, given, in_order):
    mine, theirs = pair(name, SIZE, HIDDEN, **options)
    first = options.get("batch_first", False)
    shape = (BATCH, STEPS, SIZE) if first else (STEPS, BATCH, SIZE)
    lengths = sorted(LENGTHS, reverse=True) if in_order else LENGTHS

    def call(lib, layer, x, *hx):
        tools = utils if lib is ag else torch_utils
        packed = tools.pack_padded_sequence(x, lengths, first, enforce_sorted=in_order)
        output, last = layer(packed, joined(hx))
        padded, sizes = tools.pad_packed_sequence(output, first)
        assert sizes.tolist() == lengths
        return padded, last

    hx = states(name, options, BATCH) if given else []
    compare(mine, theirs, call, [np.random.default_rng(0).normal(size=shape), *hx])


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("packed", [False, True])
def test_second_derivatives(name, packed):
    """PyTorch's CPU layers have them, being made of recorded steps."""
    mine, theirs = pair(name, 2, 2, bidirectional=True)
    x = np.random.default_rng(0).normal(size=(3, 2, 2))

    def run(lib, layer, tools):
        leaf = lib.tensor(x, requires_grad=True)
        given = tools.pack_padded_sequence(leaf, [3, 1]) if packed else leaf
        loss = sum((out * out).sum() for out in flat(layer(given)))
        wanted = [leaf, *layer.parameters()]
        grad = ag.grad if lib is ag else torch.autograd.grad
        first = grad(loss, wanted, create_graph=True)
        return [g.detach().numpy() for g in grad(sum((g * g).sum() for g in first), wanted)]

    expected = run(torch, theirs, torch_utils)
    for a, b in zip(run(ag, mine, utils), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", ["RNNCell", "GRUCell", "LSTMCell"])
@pytest.mark.parametrize("options", [{}, {"bias": False}])
@pytest.mark.parametrize("batch", [(), (4,)])
@pytest.mark.parametrize("given", [False, True])
def test_cells(name, options, batch, given):
    mine, theirs = pair(name, SIZE, HIDDEN, **options)
    rng = np.random.default_rng(0)
    hx = [rng.normal(size=(*batch, HIDDEN)) for _ in range(1 + (name == "LSTMCell"))] * given
    x = rng.normal(size=(*batch, SIZE))
    compare(mine, theirs, lambda lib, layer, x, *hx: layer(x, joined(hx)), [x, *hx])


def test_relu_cell():
    mine, theirs = pair("RNNCell", SIZE, HIDDEN, nonlinearity="relu")
    x = np.random.default_rng(0).normal(size=(4, SIZE))
    compare(mine, theirs, lambda lib, layer, x: layer(x), [x])


def test_dropout_between_layers():
    layer = nn.GRU(3, 4, num_layers=2, dropout=1.0)
    x = ag.randn(5, 2, 3)
    np.testing.assert_array_equal(layer(x)[0].detach().numpy(), layer(x * 2)[0].detach().numpy())
    layer.eval()
    assert not np.allclose(layer(x)[0].detach().numpy(), layer(x * 2)[0].detach().numpy())
    with pytest.warns(UserWarning, match="only one"):
        nn.GRU(3, 4, dropout=0.5)


def test_finished_sequences_keep_their_states():
    """What comes after a sequence's end has no influence on it."""
    mine, _ = pair("LSTM", SIZE, HIDDEN, bidirectional=True)
    x = ag.tensor(np.random.default_rng(0).normal(size=(STEPS, 2, SIZE)))
    _, (h, c) = mine(utils.pack_padded_sequence(x, [5, 2]))
    _, (h_alone, c_alone) = mine(x[:2, 1:])
    np.testing.assert_allclose(h[:, 1:].detach().numpy(), h_alone.detach().numpy(), **CLOSE)
    np.testing.assert_allclose(c[:, 1:].detach().numpy(), c_alone.detach().numpy(), **CLOSE)


SEQUENCES = [np.arange(1.0, 7).reshape(3, 2), np.ones((1, 2)), np.arange(8.0).reshape(4, 2)]


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("side", ["left", "right"])
def test_pad_sequence(first, side):
    def run(lib, tools):
        leaves = [lib.tensor(s, requires_grad=True) for s in SEQUENCES]
        padded = tools.pad_sequence(leaves, first, 7.0, side)
        (padded * lib.arange(padded.numel()).reshape(padded.shape)).sum().backward()
        return [padded.detach().numpy(), *(leaf.grad.numpy() for leaf in leaves)]

    for a, b in zip(run(ag, utils), run(torch, torch_utils), strict=True):
        np.testing.assert_array_equal(a, b)


def test_pack_and_back():
    mine = utils.pack_sequence([ag.tensor(s) for s in SEQUENCES], enforce_sorted=False)
    theirs = torch_utils.pack_sequence([torch.tensor(s) for s in SEQUENCES], enforce_sorted=False)
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    for a, b in zip(utils.unpack_sequence(mine), SEQUENCES, strict=True):
        np.testing.assert_array_equal(a.numpy(), b)
    a, _ = utils.pad_packed_sequence(mine, padding_value=-1.0, total_length=6)
    b, _ = torch_utils.pad_packed_sequence(theirs, padding_value=-1.0, total_length=6)
    np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert mine.double().data.dtype == np.float64 and mine.float().data.dtype == np.float32
    padded = utils.pad_sequence([ag.tensor(s) for s in SEQUENCES])
    for a, b in zip(utils.unpad_sequence(padded, [3, 1, 4]), SEQUENCES, strict=True):
        np.testing.assert_array_equal(a.numpy(), b)


@pytest.mark.parametrize(
    "make",
    [
        lambda m: m.RNN(3, 4, nonlinearity="gelu"),
        lambda m: m.GRU(3, 4, num_layers=0),
        lambda m: m.GRU(0, 4),
        lambda m: m.GRU(3, 4, bias=1),
        lambda m: m.GRU(3, 4, dropout=1.5),
        lambda m: m.LSTM(3, 4, proj_size=4),
        lambda m: m.LSTM(3, 4, proj_size=-1),
        lambda m: m.GRU(3, 4, proj_size=1),
        lambda m: m.GRU(3.0, 4),
    ],
)
def test_options_refused(make):
    for library in (torch.nn, nn):
        with pytest.raises((ValueError, TypeError)), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            make(library)


@pytest.mark.parametrize(
    "call",
    [
        lambda m, lib: m.GRU(3, 4)(lib.zeros(5, 2, 7)),
        lambda m, lib: m.GRU(3, 4)(lib.zeros(3)),
        lambda m, lib: m.GRU(3, 4)(lib.zeros(5, 2, 3), lib.zeros(1, 3, 4)),
        lambda m, lib: m.GRU(3, 4)(lib.zeros(5, 3), lib.zeros(1, 1, 4)),
        lambda m, lib: m.LSTM(3, 4)(lib.zeros(5, 2, 3), (lib.zeros(1, 2, 4), lib.zeros(1, 2, 5))),
        lambda m, lib: m.GRU(3, 4)(lib.zeros(5, 2, 3, dtype=lib.float64)),
        lambda m, lib: m.GRU(3, 4)(lib.zeros(0, 2, 3)),
        lambda m, lib: m.GRUCell(3, 4)(lib.zeros(2, 5)),
        lambda m, lib: m.GRUCell(3, 4)(lib.zeros(2, 3), lib.zeros(3, 4)),
        lambda m, lib: m.utils.rnn.pack_padded_sequence(lib.zeros(3, 2, 1), [1, 2]),
        lambda m, lib: m.utils.rnn.pack_padded_sequence(lib.zeros(3, 2, 1), [2, 0]),
        lambda m, lib: m.utils.rnn.pack_padded_sequence(lib.zeros(3, 2, 1), [2]),
        lambda m, lib: m.utils.rnn.pad_sequence([]),
        lambda m, lib: m.utils.rnn.pad_sequence([lib.zeros(2)], padding_side="up"),
    ],
)
def test_calls_refused(call):
    for library, lib in ((torch.nn, torch), (nn, ag)):
        with pytest.raises((ValueError, TypeError, RuntimeError)):
            call(library, lib)
