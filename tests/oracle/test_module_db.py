"""Every layer PyTorch tests, with its own samples: prints, keys, outputs, gradients, refusals.

PyTorch's table says with which arguments it makes a layer and calls it, and what it refuses.
"""

import dataclasses
import warnings

import numpy as np
import pytest

import autograd as ag
import nn

torch = pytest.importorskip("torch")

from torch_testing import ModuleErrorEnum, module_db  # noqa: E402

CLOSE = {"rtol": 1e-9, "atol": 1e-9}
ROUGH = ("nn.Hardsigmoid",)  # PyTorch computes it with constants of float32
# PyTorch's gradient of this loss supposes that log_softmax made its input; ours is that of the
# formula. Through log_softmax they are the same, see test_losses_more.py.
ONLY_VALUES = ("nn.CTCLoss",)
MOST = 150  # samples of one layer; LinearCrossEntropyLoss has 1700, of which this is every eleventh


class Converter:
    """The samples' arguments for this library; what is one tensor there is one tensor here."""

    def __init__(self):
        self.made = {}

    def __call__(self, value):
        if id(value) not in self.made:
            self.made[id(value)] = value, self.make(value)  # with the value, so its id stays taken
        return self.made[id(value)][1]

    def make(self, value):
        if isinstance(value, torch.Tensor):
            array = value.detach().numpy().copy()
            return ag.tensor(array, requires_grad=value.requires_grad)
        if isinstance(value, torch.nn.utils.rnn.PackedSequence):
            return nn.utils.rnn.PackedSequence(*map(self, value))
        if isinstance(value, (tuple, list)):
            return type(value)(map(self, value))
        if isinstance(value, dict):
            return {name: self(item) for name, item in value.items()}
        if isinstance(value, torch.dtype):
            return getattr(ag, str(value).removeprefix("torch."))
        if isinstance(value, torch.nn.TransformerEncoderLayer):
            return encoder_layer(value)
        if dataclasses.is_dataclass(value):
            options = {f.name: self(getattr(value, f.name)) for f in dataclasses.fields(value)}
            return getattr(nn, type(value).__name__)(**options)
        if callable(value) and getattr(torch.nn.functional, value.__name__, None) is value:
            return getattr(nn.functional, value.__name__)
        return value


def encoder_layer(theirs):
    ours = nn.TransformerEncoderLayer(
        theirs.linear1.in_features,
        theirs.self_attn.num_heads,
        theirs.linear1.out_features,
        theirs.dropout.p,
        getattr(nn.functional, theirs.activation.__name__),
        theirs.norm1.eps,
        theirs.self_attn.batch_first,
        theirs.norm_first,
        theirs.linear1.bias is not None,
    )
    assert text(ours) == text(theirs)
    return ours


def text(layer):
    """What a layer prints; PyTorch has a class of its own for a linear layer never quantised."""
    return repr(layer).replace("NonDynamicallyQuantizableLinear", "Linear")


def arrays(state):
    return {name: tensor.numpy().copy() for name, tensor in state.items()}


def tensors(value):
    """The tensors in nested tuples, lists and dicts."""
    if isinstance(value, (ag.Tensor, torch.Tensor)):
        yield value
    elif isinstance(value, (tuple, list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from tensors(item)


def run(lib, layer, args, keywords, with_gradients):
    """The outputs of a layer and the gradients of its inputs and parameters."""
    outs = list(tensors(layer(*args, **keywords)))
    found = [out.detach().numpy() for out in outs]
    wanted = [t for t in tensors((args, keywords)) if t.requires_grad]
    wanted = [*dict.fromkeys(wanted), *(p for p in layer.parameters() if p.requires_grad)]
    rng = np.random.default_rng(0)
    weights = [lib.tensor(rng.normal(size=tuple(out.shape))) for out in outs]
    terms = [(o * w).sum() for o, w in zip(outs, weights, strict=True) if o.requires_grad]
    if not terms or not wanted or not with_gradients:
        return found
    grad = ag.grad if lib is ag else torch.autograd.grad
    grads = grad(sum(terms), wanted, allow_unused=True, materialize_grads=True)
    return found + [g.detach().numpy() for g in grads]


def check(info, sample, training, strict=False):
    made, called, convert = sample.constructor_input, sample.forward_input, Converter()
    theirs = info.module_cls(*made.args, **made.kwargs).double().train(training)
    ours = getattr(nn, info.module_cls.__name__)(*convert(made.args), **convert(made.kwargs))
    ours.double().train(training)
    args, options = convert(called.args), convert(called.kwargs)
    if info.is_lazy:  # the first call makes its parameters
        theirs(*called.args, **called.kwargs)
        ours(*args, **options)
    assert text(ours) == text(theirs)
    state = arrays(theirs.state_dict())
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict(state)
    with_gradients = strict or info.name not in ONLY_VALUES
    mine = run(ag, ours, args, options, with_gradients)
    reference = run(torch, theirs, called.args, called.kwargs, with_gradients)
    mine += arrays(ours.state_dict()).values()
    reference += arrays(theirs.state_dict()).values()
    close = {"rtol": 1e-6, "atol": 1e-6} if info.name in ROUGH and not strict else CLOSE
    for a, b in zip(mine, reference, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, **close)


def name_of(info):
    return info.name


def check_all(info, training, strict=False):
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs, of old options and nested tensors
        torch.manual_seed(0)
        samples = list(info.module_inputs_func(info, "cpu", torch.float64, True, training))
        for sample in samples[:: max(1, len(samples) // MOST)]:
            check(info, sample, training, strict)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("info", module_db, ids=name_of)
def test_layer(info, training):
    check_all(info, training)


EXCUSED = [info for info in module_db if info.name in (*ROUGH, *ONLY_VALUES)]


@pytest.mark.parametrize("info", EXCUSED, ids=name_of)
def test_an_excuse_is_still_needed(info):
    with pytest.raises(AssertionError):
        check_all(info, True, strict=True)


REFUSING = [info for info in module_db if info.module_error_inputs_func]


@pytest.fixture
def float64_by_default():
    ag.set_default_dtype(ag.float64)
    yield
    ag.set_default_dtype(ag.float32)


@pytest.mark.usefixtures("float64_by_default")
@pytest.mark.parametrize("info", REFUSING, ids=name_of)
def test_what_is_refused(info):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        cases = info.module_error_inputs_func(info, "cpu", torch.float64, False, True)
    for case in cases:
        sample, convert = case.module_error_input, Converter()
        made, called = sample.constructor_input, sample.forward_input
        make = getattr(nn, info.module_cls.__name__)
        refused = pytest.raises((case.error_type, ag.errors.DtypeError))
        if case.error_on is ModuleErrorEnum.CONSTRUCTION_ERROR:
            with refused:
                make(*convert(made.args), **convert(made.kwargs))
        else:
            layer = make(*convert(made.args), **convert(made.kwargs))
            args, keywords = convert(called.args), convert(called.kwargs)
            with refused:
                layer(*args, **keywords)
