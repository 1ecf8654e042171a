"""Layers against PyTorch's: keys, prints, outputs, gradients and buffers, in float64."""

import warnings

import numpy as np
import pytest

import autograd as ag
import nn

torch = pytest.importorskip("torch")

CLOSE = {"rtol": 1e-10, "atol": 1e-10}
ROUGH = ("CELU", "Hardsigmoid")  # PyTorch computes these with constants of float32
IMAGE = (2, 4, 7, 6)
SIGNAL = (2, 4, 9)

# Name of the layer, its arguments, its keywords, the shapes of its inputs.
CASES = [
    ("Linear", (3, 2), {}, [(4, 3)]),
    ("Linear", (3, 2), {"bias": False}, [(2, 5, 3)]),
    ("Linear", (3, 2), {}, [(3,)]),
    ("Bilinear", (3, 4, 2), {}, [(5, 3), (5, 4)]),
    ("Bilinear", (3, 4, 2), {"bias": False}, [(2, 5, 3), (2, 5, 4)]),
    ("Identity", (), {}, [(2, 3)]),
    ("Flatten", (), {}, [IMAGE]),
    ("Flatten", (0, 2), {}, [IMAGE]),
    ("Unflatten", (1, (2, 2)), {}, [IMAGE]),
    ("Conv1d", (4, 6, 3), {"stride": 2, "padding": 1, "dilation": 2, "groups": 2}, [SIGNAL]),
    ("Conv1d", (4, 6, 3), {"padding": "same", "padding_mode": "circular"}, [SIGNAL]),
    ("Conv2d", (4, 6, 3), {}, [IMAGE]),
    ("Conv2d", (4, 6, 3), {}, [IMAGE[1:]]),
    ("Conv2d", (4, 6, (3, 2)), {"stride": (2, 1), "padding": (1, 0), "bias": False}, [IMAGE]),
    ("Conv2d", (4, 6, 3), {"dilation": 2, "groups": 2, "padding": "same"}, [IMAGE]),
    ("Conv2d", (4, 6, 3), {"padding": "valid"}, [IMAGE]),
    *(
        ("Conv2d", (4, 6, 4), {"padding": padding, "padding_mode": mode}, [IMAGE])
        for mode in ("zeros", "reflect", "replicate", "circular")
        for padding in ((2, 1), "same")
    ),
    ("ConvTranspose1d", (4, 6, 3), {"stride": 2, "output_padding": 1, "groups": 2}, [SIGNAL]),
    ("ConvTranspose2d", (4, 6, 3), {}, [IMAGE]),
    (
        "ConvTranspose2d",
        (4, 6, (3, 2)),
        {"stride": 2, "padding": 1, "output_padding": (0, 1), "dilation": 2, "groups": 2},
        [IMAGE],
    ),
    ("MaxPool1d", (3,), {"stride": 2, "padding": 1}, [SIGNAL]),
    ("MaxPool2d", (3,), {"stride": 2, "padding": 1, "ceil_mode": True}, [IMAGE]),
    ("MaxPool2d", ((2, 3),), {"dilation": (2, 1)}, [IMAGE]),
    ("AvgPool1d", (3,), {"stride": 2, "padding": 1}, [SIGNAL]),
    ("AvgPool2d", (3,), {"padding": 1, "count_include_pad": False, "ceil_mode": True}, [IMAGE]),
    ("AvgPool2d", ((2, 3), 1), {"divisor_override": 5}, [IMAGE]),
    ("AdaptiveAvgPool1d", (4,), {}, [SIGNAL]),
    ("AdaptiveAvgPool2d", ((3, None),), {}, [IMAGE]),
    ("AdaptiveMaxPool1d", (4,), {}, [SIGNAL]),
    ("AdaptiveMaxPool2d", ((3, 2),), {}, [IMAGE]),
    ("BatchNorm1d", (4,), {}, [(5, 4)]),
    ("BatchNorm1d", (4,), {"eps": 1e-3, "momentum": 0.3}, [SIGNAL]),
    ("BatchNorm2d", (4,), {}, [IMAGE]),
    ("BatchNorm2d", (4,), {"momentum": None}, [IMAGE]),
    ("BatchNorm2d", (4,), {"affine": False}, [IMAGE]),
    ("BatchNorm2d", (4,), {"bias": False}, [IMAGE]),
    ("BatchNorm2d", (4,), {"track_running_stats": False}, [IMAGE]),
    ("InstanceNorm2d", (4,), {}, [IMAGE]),
    ("InstanceNorm2d", (4,), {"affine": True, "track_running_stats": True}, [IMAGE]),
    ("InstanceNorm2d", (4,), {"affine": True, "bias": False}, [IMAGE[1:]]),
    ("LayerNorm", (6,), {}, [IMAGE]),
    ("LayerNorm", ((7, 6),), {"bias": False}, [IMAGE]),
    ("LayerNorm", ((7, 6),), {"elementwise_affine": False, "eps": 1e-3}, [IMAGE]),
    ("RMSNorm", ((7, 6),), {}, [IMAGE]),
    ("GroupNorm", (2, 4), {}, [IMAGE]),
    ("GroupNorm", (2, 4), {"affine": False}, [SIGNAL]),
    ("GroupNorm", (2, 4), {"bias": False}, [SIGNAL]),
    ("LocalResponseNorm", (3,), {"alpha": 0.1, "beta": 0.5, "k": 2.0}, [IMAGE]),
    ("Dropout", (0.0,), {}, [IMAGE]),
    ("PReLU", (), {}, [IMAGE]),
    ("PReLU", (4,), {"init": 0.5}, [IMAGE]),
    ("ReLU", (True,), {}, [IMAGE]),
    ("LeakyReLU", (0.2, True), {}, [IMAGE]),
    ("Threshold", (0.1, 2.0), {}, [IMAGE]),
    ("Hardtanh", (-0.5, 1.5), {}, [IMAGE]),
    ("ELU", (1.3,), {}, [IMAGE]),
    ("CELU", (1.3,), {}, [IMAGE]),
    ("GELU", ("tanh",), {}, [IMAGE]),
    ("GLU", (1,), {}, [IMAGE]),
    ("Softplus", (2.0, 1.0), {}, [IMAGE]),
    ("Hardshrink", (0.3,), {}, [IMAGE]),
    ("Softshrink", (0.3,), {}, [IMAGE]),
    ("Softmax2d", (), {}, [IMAGE]),
    *((name, (1,), {}, [IMAGE]) for name in ("Softmax", "LogSoftmax", "Softmin")),
    *(
        (name, (), {}, [IMAGE])
        for name in (
            "ReLU", "ReLU6", "LeakyReLU", "Hardtanh", "Hardsigmoid", "Hardswish", "SiLU", "Mish",
            "ELU", "CELU", "SELU", "GELU", "GLU", "Sigmoid", "LogSigmoid", "Tanh", "Tanhshrink",
            "Softsign", "Softplus", "Hardshrink", "Softshrink",
        )
    ),
    ("LSTM", (3, 4), {}, [(5, 2, 3)]),
    ("LSTM", (3, 4), {"bias": False, "batch_first": True}, [(2, 5, 3)]),
    ("LSTM", (3, 4), {"num_layers": 2, "bidirectional": True}, [(5, 2, 3)]),
    ("LSTM", (3, 4), {"num_layers": 2, "batch_first": True, "bidirectional": True}, [(5, 3)]),
    ("LSTMCell", (3, 4), {}, [(2, 3)]),
    ("LSTMCell", (3, 4), {"bias": False}, [(3,)]),
    ("CosineSimilarity", (1,), {}, [(5, 4), (5, 4)]),
    ("PairwiseDistance", (), {"keepdim": True}, [(5, 4), (5, 4)]),
]  # fmt: skip


def pair(name, args, keywords):
    """A layer of PyTorch's and one of ours, in float64 and with the same state."""
    theirs = getattr(torch.nn, name)(*args, **keywords).double()
    ours = getattr(nn, name)(*args, **keywords).double()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for parameter in theirs.parameters():  # weights of 1 and biases of 0 would hide mistakes
        torch.nn.init.normal_(parameter)
    state = {key: value.numpy().copy() for key, value in theirs.state_dict().items()}
    ours.load_state_dict(state)
    return theirs, ours


def flat(value) -> list:
    """The tensors in nested tuples."""
    if isinstance(value, (tuple, list)):
        return [tensor for item in value for tensor in flat(item)]
    return [value]


def agree(ours, theirs, rough=False):
    if theirs is None:
        assert ours is None
        return
    assert ours.shape == tuple(theirs.shape)
    close = {"rtol": 1e-6, "atol": 1e-6} if rough else CLOSE
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), **close)


def run(module, library, inputs, gradients, *more):
    """Outputs and input gradients of one forward and backward pass."""
    make = (lambda a: ag.tensor(a)) if library is ag else torch.from_numpy
    tensors = [make(a.copy()).requires_grad_() for a in inputs]
    # Multiplied by one, so that layers working in place do not meet leaves.
    outputs = flat(module(*(t * 1 for t in tensors), *more))
    total = sum((out * make(g)).sum() for out, g in zip(outputs, gradients, strict=True))
    total.backward()
    return outputs, [t.grad for t in tensors]


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize(
    "name, args, keywords, shapes", CASES, ids=[f"{case[0]}-{i}" for i, case in enumerate(CASES)]
)
def test_layer(name, args, keywords, shapes):
    rng = np.random.default_rng(0)
    theirs, ours = pair(name, args, keywords)
    assert repr(ours) == repr(theirs)
    inputs = [rng.normal(size=shape) for shape in shapes]
    with torch.no_grad():
        probe = getattr(torch.nn, name)(*args, **keywords).double()
        shapes_out = [out.shape for out in flat(probe(*map(torch.tensor, inputs)))]
    gradients = [rng.normal(size=tuple(shape)) for shape in shapes_out]
    for training in (True, False):
        theirs.train(training)
        ours.train(training)
        for p in theirs.parameters():
            p.grad = None
        ours.zero_grad()
        expected = run(theirs, torch, inputs, gradients)
        got = run(ours, ag, inputs, gradients)
        for mine, yours in zip(flat(got), flat(expected), strict=True):
            agree(mine, yours, name in ROUGH)
        for (key, mine), yours in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            assert mine.grad is not None, key
            agree(mine.grad, yours.grad)
        for mine, yours in zip(ours.buffers(), theirs.buffers(), strict=True):
            agree(mine, yours)


def test_lstm_with_initial_states():
    rng = np.random.default_rng(0)
    theirs, ours = pair("LSTM", (3, 4), {"num_layers": 2, "bidirectional": True})
    x, h, c = (rng.normal(size=shape) for shape in ((5, 2, 3), (4, 2, 4), (4, 2, 4)))
    results = []
    for module, make in ((theirs, torch.tensor), (ours, ag.tensor)):
        tensors = [make(a, requires_grad=True) for a in (x, h, c)]
        output, (hn, cn) = module(tensors[0], (tensors[1], tensors[2]))
        ((output * output).sum() + (hn * cn).sum()).backward()
        results.append([output, hn, cn, *(t.grad for t in tensors)])
    for expected, got in zip(*results, strict=True):
        agree(got, expected)


def test_embedding():
    index = np.array([[1, 0, 3], [3, 3, 4]])
    for keywords in ({}, {"padding_idx": 3}, {"scale_grad_by_freq": True}, {"max_norm": 1.0}):
        theirs, ours = pair("Embedding", (5, 4), keywords)
        assert repr(ours) == repr(theirs)
        out = theirs(torch.tensor(index))
        (out * out).sum().backward()
        mine = ours(ag.tensor(index))
        (mine * mine).sum().backward()
        agree(mine, out)
        agree(ours.weight, theirs.weight)
        agree(ours.weight.grad, theirs.weight.grad)


PAIR, LABELS = [(5, 3), (5, 3)], [(5, 3), "labels"]
LOSSES = [
    ("L1Loss", {}, PAIR),
    ("MSELoss", {}, PAIR),
    ("SmoothL1Loss", {"beta": 0.5}, PAIR),
    ("HuberLoss", {"delta": 0.7}, PAIR),
    ("CrossEntropyLoss", {}, LABELS),
    ("CrossEntropyLoss", {"weight": True, "ignore_index": 1, "label_smoothing": 0.1}, LABELS),
    ("CrossEntropyLoss", {"label_smoothing": 0.1}, [(5, 3), "probabilities"]),
    ("NLLLoss", {"weight": True}, LABELS),
    ("BCELoss", {}, ["unit", "unit"]),
    ("BCEWithLogitsLoss", {}, [(5, 3), "unit"]),
    ("BCEWithLogitsLoss", {"weight": True, "pos_weight": True}, [(5, 3), "unit"]),
    ("KLDivLoss", {}, [(5, 3), "probabilities"]),
    ("KLDivLoss", {"log_target": True}, PAIR),
    ("HingeEmbeddingLoss", {"margin": 0.5}, [(5, 3), "signs"]),
    ("MarginRankingLoss", {"margin": 0.5}, [(5, 3), (5, 3), "signs"]),
    ("SoftMarginLoss", {}, [(5, 3), "signs"]),
    ("MultiMarginLoss", {"p": 2, "margin": 0.8, "weight": True}, LABELS),
    ("CosineEmbeddingLoss", {"margin": 0.1}, [(5, 3), (5, 3), "row signs"]),
    ("TripletMarginLoss", {"margin": 2.0, "swap": True}, [(5, 3)] * 3),
    ("PoissonNLLLoss", {"full": True}, [(5, 3), "counts"]),
    ("GaussianNLLLoss", {"full": True}, [(5, 3), (5, 3), "unit"]),
]


def draw(rng, what):
    if isinstance(what, tuple):
        return rng.normal(size=what)
    unit = rng.uniform(0.1, 0.9, size=(5, 3))
    return {
        "labels": np.array([0, 2, 1, 2, 0]),
        "unit": unit,
        "probabilities": unit / unit.sum(1, keepdims=True),
        "signs": np.sign(unit - 0.5),
        "row signs": np.sign(unit[:, 0] - 0.5),
        "counts": np.floor(unit * 6),
    }[what]


@pytest.mark.parametrize(
    "name, keywords, inputs, reduction",
    [
        (*case, reduction)
        for case in LOSSES
        for reduction in ("mean", "sum", "none", "batchmean")
        if reduction != "batchmean" or case[0] == "KLDivLoss"
    ],
)
def test_loss(name, keywords, inputs, reduction):
    rng = np.random.default_rng(0)
    arrays = [draw(rng, what) for what in inputs]
    weights = {key: np.array([0.5, 1.0, 2.0]) for key, value in keywords.items() if value is True}
    weights = {key: value for key, value in weights.items() if key in ("weight", "pos_weight")}
    results = []
    for library, layers in ((torch, torch.nn), (ag, nn)):
        options = {**keywords, **{key: library.tensor(w) for key, w in weights.items()}}
        loss = getattr(layers, name)(**options, reduction=reduction)
        tensors = [library.tensor(a) for a in arrays]
        tensors[0].requires_grad_()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            out = loss(*tensors)
        (out * out).sum().backward()
        results.append((out, tensors[0].grad))
    for expected, got in zip(*results, strict=True):
        agree(got, expected)


def test_whole_models_print_alike():
    def build(layers):
        return layers.Sequential(
            layers.ModuleList([layers.Linear(2, 2), layers.Linear(2, 2), layers.ReLU()]),
            layers.ModuleDict({"a": layers.Dropout(0.2, inplace=True), "b": layers.Dropout2d()}),
            layers.Sequential(layers.Conv2d(1, 2, 3, padding=1, bias=False), layers.RReLU()),
            layers.Sequential(),
            layers.Embedding(3, 4, padding_idx=0),
        )

    assert repr(build(nn)) == repr(build(torch.nn))


def test_hooks_are_called_in_the_same_order():
    orders = []
    for library, layers in ((torch, torch.nn), (ag, nn)):
        net = layers.Sequential(layers.Linear(2, 2), layers.Tanh())
        order = []
        for i, module in enumerate(net):
            module.register_forward_pre_hook(lambda *a, i=i, o=order: o.append(("pre", i)))
            module.register_forward_hook(lambda *a, i=i, o=order: o.append(("post", i)))
            module.register_full_backward_pre_hook(lambda *a, i=i, o=order: o.append(("bpre", i)))
            module.register_full_backward_hook(lambda *a, i=i, o=order: o.append(("back", i)))
        net(library.ones(1, 2, requires_grad=True)).sum().backward()
        orders.append(order)
    assert orders[0] == orders[1]


@pytest.mark.parametrize("name", ["Linear", "Conv2d", "Bilinear", "LSTM", "Embedding"])
def test_starting_values_have_the_same_spread(name):
    args = {"Linear": (40, 50), "Conv2d": (20, 30, 3), "Bilinear": (20, 20, 20), "LSTM": (30, 30),
            "Embedding": (50, 40)}[name]  # fmt: skip
    theirs, ours = getattr(torch.nn, name)(*args), getattr(nn, name)(*args)
    for mine, yours in zip(ours.parameters(), theirs.parameters(), strict=True):
        if mine.numel() > 1000:
            spread = yours.detach().numpy().std()
            np.testing.assert_allclose(mine.detach().numpy().std(), spread, rtol=0.05)


@pytest.mark.parametrize("norm_type", [1.0, 2.0, float("inf")])
def test_clipping_of_norms(norm_type):
    rng = np.random.default_rng(0)
    grads = [rng.normal(size=shape) for shape in ((3, 2), (4,))]
    results = []
    for library, layers in ((torch, torch.nn), (ag, nn)):
        parameters = [layers.Parameter(library.tensor(g * 0)) for g in grads]
        for parameter, g in zip(parameters, grads, strict=True):
            parameter.grad = library.tensor(g)
        total = layers.utils.clip_grad_norm_(parameters, 0.7, norm_type)
        results.append([total, *(p.grad for p in parameters)])
    for expected, got in zip(*results, strict=True):
        agree(got, expected)
