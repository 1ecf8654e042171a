"""Parametrizations against PyTorch's: keys, values, gradients, and how they are taken off."""

import copy
import pickle

import numpy as np
import pytest

import autograd as ag
import nn
from nn.utils import parametrizations, parametrize

torch = pytest.importorskip("torch")
from torch.nn.utils import parametrizations as their_parametrizations  # noqa: E402
from torch.nn.utils import parametrize as their_parametrize  # noqa: E402

CLOSE = {"rtol": 1e-10, "atol": 1e-10}
LAYERS = [
    ("Linear", (4, 3), (5, 4)),
    ("Conv2d", (2, 3, 3), (2, 2, 5, 5)),
    ("ConvTranspose1d", (2, 3, 3), (2, 2, 5)),
]


def load(ours, theirs):
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict({k: v.numpy().copy() for k, v in theirs.state_dict().items()})


def compare(ours, theirs, shape):
    x = np.random.default_rng(0).normal(size=shape)
    for _ in range(3):  # power iteration moves on from call to call
        a, b = ours(ag.tensor(x)), theirs(torch.tensor(x))
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), **CLOSE)
    (a * a).sum().backward()
    (b * b).sum().backward()
    for (name, p), (other, q) in zip(
        ours.named_parameters(), theirs.named_parameters(), strict=True
    ):
        assert name == other
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), **CLOSE, err_msg=name)
    for p, q in zip(ours.buffers(), theirs.buffers(), strict=True):
        np.testing.assert_allclose(p.numpy(), q.numpy(), **CLOSE)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer[0])
@pytest.mark.parametrize(
    ("function", "keywords"),
    [
        ("weight_norm", {}),
        ("weight_norm", {"dim": 1}),
        ("weight_norm", {"dim": None}),
        ("spectral_norm", {}),
        ("spectral_norm", {"n_power_iterations": 3, "dim": 1, "eps": 1e-8}),
        ("spectral_norm", {"name": "bias", "dim": 0}),
        ("weight_norm", {"name": "bias"}),
    ],
)
def test_like_pytorchs(layer, function, keywords):
    name, args, shape = layer
    ours, theirs = getattr(nn, name)(*args).double(), getattr(torch.nn, name)(*args).double()
    ours = getattr(parametrizations, function)(ours, **keywords)
    theirs = getattr(their_parametrizations, function)(theirs, **keywords)
    load(ours, theirs)
    assert repr(ours) == repr(theirs)
    compare(ours, theirs, shape)
    ours.eval(), theirs.eval()
    compare(ours, theirs, shape)
    tensor = keywords.get("name", "weight")
    parametrize.remove_parametrizations(ours, tensor)
    their_parametrize.remove_parametrizations(theirs, tensor)
    assert repr(ours) == repr(theirs) and list(ours.state_dict()) == list(theirs.state_dict())
    value, expected = ours.state_dict()[tensor], theirs.state_dict()[tensor]
    np.testing.assert_allclose(value.numpy(), expected.numpy(), **CLOSE)


def ours_and_theirs():
    def make(base):
        class Symmetric(base):
            def forward(self, x):
                return x.triu() + x.triu(1).T

            def right_inverse(self, x):
                return x.triu()

        class Double(base):
            def forward(self, x):
                return 2 * x

        return Symmetric(), Double()

    return make(nn.Module), make(torch.nn.Module)


def test_two_parametrizations_of_one_tensor():
    ours, theirs = nn.Linear(3, 3).double(), torch.nn.Linear(3, 3).double()
    load(ours, theirs)
    weight = ours.weight
    for mine, other in zip(*ours_and_theirs(), strict=True):
        parametrize.register_parametrization(ours, "weight", mine)
        their_parametrize.register_parametrization(theirs, "weight", other)
    assert repr(ours) == repr(theirs)
    assert parametrize.is_parametrized(ours) and parametrize.is_parametrized(ours, "weight")
    assert not parametrize.is_parametrized(ours, "bias")
    assert ours.parametrizations.weight.original is weight  # what an optimiser knows
    compare(ours, theirs, (2, 3))
    with pytest.raises(RuntimeError, match="right_inverse"):
        ours.weight = ag.ones(3, 3).double()
    parametrize.remove_parametrizations(ours, "weight", leave_parametrized=False)
    assert ours.weight is weight and type(ours) is nn.Linear


def test_assignment():
    (symmetric, _), (their_symmetric, _) = ours_and_theirs()
    ours, theirs = nn.Linear(3, 3).double(), torch.nn.Linear(3, 3).double()
    parametrize.register_parametrization(ours, "weight", symmetric)
    their_parametrize.register_parametrization(theirs, "weight", their_symmetric)
    value = np.arange(9.0).reshape(3, 3)
    value = value + value.T
    ours.weight, theirs.weight = ag.tensor(value), torch.tensor(value)
    np.testing.assert_array_equal(ours.weight.detach().numpy(), value)
    theirs.bias.data.zero_(), ours.bias.data.zero_()
    compare(ours, theirs, (2, 3))


def test_copies_pickles_and_cache():
    layer = parametrizations.weight_norm(nn.Linear(3, 2))
    x = ag.ones(1, 3)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert repr(twin) == repr(layer)
        np.testing.assert_array_equal(twin(x).detach().numpy(), layer(x).detach().numpy())
        parametrize.remove_parametrizations(twin, "weight")
        assert parametrize.is_parametrized(layer) and not parametrize.is_parametrized(twin)
    assert layer.weight is not layer.weight
    with parametrize.cached():
        assert layer.weight is layer.weight
        layer.weight = ag.ones(2, 3)
        np.testing.assert_allclose(layer.weight.detach().numpy(), 1, rtol=1e-6)
    assert parametrize.type_before_parametrizations(layer) is nn.Linear


def test_what_goes_wrong_is_said():
    layer = nn.Linear(3, 2)

    class Cut(nn.Module):
        def forward(self, x):
            return x[:1]

    with pytest.raises(ValueError, match="may not change shape"):
        parametrize.register_parametrization(layer, "weight", Cut())
    with pytest.raises(ValueError, match="no parameter"):
        parametrize.register_parametrization(layer, "wait", Cut())
    with pytest.raises(ValueError, match="no parametrization"):
        parametrize.remove_parametrizations(layer, "weight")
    with pytest.raises(ValueError, match="no one original"):
        parametrize.remove_parametrizations(
            parametrizations.weight_norm(layer), "weight", leave_parametrized=False
        )
    parametrize.register_parametrization(nn.Linear(3, 2), "weight", Cut(), unsafe=True)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer[0])
@pytest.mark.parametrize(
    ("function", "keywords"),
    [
        ("weight_norm", {}),
        ("weight_norm", {"dim": None}),
        ("spectral_norm", {}),
        ("spectral_norm", {"n_power_iterations": 3, "dim": 1}),
    ],
)
def test_older_form(layer, function, keywords):
    name, args, shape = layer
    ours, theirs = getattr(nn, name)(*args).double(), getattr(torch.nn, name)(*args).double()
    ours = getattr(nn.utils, function)(ours, **keywords)
    theirs = getattr(torch.nn.utils, function)(theirs, **keywords)
    load(ours, theirs)
    compare(ours, theirs, shape)
    ours.eval(), theirs.eval()
    compare(ours, theirs, shape)
    with pytest.raises(RuntimeError, match="already"):
        getattr(nn.utils, function)(ours)
    getattr(nn.utils, "remove_" + function)(ours)
    getattr(torch.nn.utils, "remove_" + function)(theirs)
    assert sorted(ours.state_dict()) == sorted(theirs.state_dict())
    np.testing.assert_allclose(
        ours.weight.detach().numpy(), theirs.weight.detach().numpy(), **CLOSE
    )
    with pytest.raises(ValueError, match="has no"):
        getattr(nn.utils, "remove_" + function)(ours)


def test_old_keys_load_into_the_new_form():
    old = nn.utils.weight_norm(nn.Linear(3, 2))
    new = nn.Sequential(parametrizations.weight_norm(nn.Linear(3, 2)))
    new.load_state_dict({f"0.{key}": value for key, value in old.state_dict().items()})
    x = ag.ones(1, 3)
    np.testing.assert_allclose(new(x).detach().numpy(), old(x).detach().numpy())


def test_clip_with_a_known_norm():
    x = np.random.default_rng(0).normal(size=5)
    p, q = ag.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    (p * p).sum().backward()
    (q * q).sum().backward()
    norm = nn.utils.get_total_norm([p.grad])
    nn.utils.clip_grads_with_norm_(p, 0.5, norm)
    torch.nn.utils.clip_grads_with_norm_(q, 0.5, torch.nn.utils.get_total_norm([q.grad]))
    np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), **CLOSE)


def test_functional_call():
    from nn.utils.stateless import functional_call

    model = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1)).double()
    theirs = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Tanh(), torch.nn.Linear(2, 1))
    theirs = theirs.double()
    rng = np.random.default_rng(0)
    new = {key: rng.normal(size=value.shape) for key, value in model.state_dict().items()}
    x = rng.normal(size=(3, 2))
    ours = {key: ag.tensor(value, requires_grad=True) for key, value in new.items()}
    other = {key: torch.tensor(value, requires_grad=True) for key, value in new.items()}
    before = {key: value.numpy().copy() for key, value in model.state_dict().items()}
    a = functional_call(model, ours, (ag.tensor(x),), strict=True)
    b = torch.func.functional_call(theirs, other, (torch.tensor(x),), strict=True)
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), **CLOSE)
    (a * a).sum().backward(), (b * b).sum().backward()
    for key in new:
        np.testing.assert_allclose(ours[key].grad.numpy(), other[key].grad.numpy(), **CLOSE)
        np.testing.assert_array_equal(model.state_dict()[key].numpy(), before[key])
    tied = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    tied[1].weight = tied[0].weight
    zero = {"0.weight": ag.zeros(2, 2), "0.bias": ag.zeros(2), "1.bias": ag.ones(2)}
    assert functional_call(tied, zero, ag.ones(1, 2), strict=True).tolist() == [[1.0, 1.0]]
    with pytest.raises(ValueError, match="different tensors"):
        functional_call(tied, {"0.weight": ag.ones(2, 2), "1.weight": ag.ones(2, 2)}, ag.ones(2))
    with pytest.raises(RuntimeError, match="missing names"):
        functional_call(model, {}, ag.tensor(x), strict=True)
    with pytest.raises(KeyError, match="no tensor"):
        functional_call(model, {"wait": ag.ones(1)}, ag.tensor(x))


def extra(base, tensor):
    class Counted(base):
        def __init__(self):
            super().__init__()
            self.steps = 0
            self.register_buffer("zero", tensor)

        def get_extra_state(self):
            return {"steps": self.steps}

        def set_extra_state(self, state):
            self.steps = state["steps"]

    return Counted


def state_events(library, Counted):
    """What a state dict holds, and what the hooks around saving and loading were called with."""
    calls: list = []
    model = library.Sequential(Counted(), library.Linear(1, 1))

    def watch(part, name):
        def before_loading(module, state, prefix, metadata, strict, *lists):
            calls.append((name, [key for key in state if key.startswith(prefix)], prefix, strict))

        part.register_state_dict_pre_hook(lambda *a: calls.append((name, a[1:])))
        part.register_state_dict_post_hook(lambda *a: calls.append((name, a[2])))
        part.register_load_state_dict_pre_hook(before_loading)
        part.register_load_state_dict_post_hook(
            lambda module, keys: calls.append((name, list(keys.missing_keys)))
        )

    watch(model, "top")
    watch(model[0], "below")
    model[0].steps = 5
    state = model.state_dict()
    other = library.Sequential(Counted(), library.Linear(1, 1))
    other.load_state_dict(state)
    assert other[0].steps == 5
    with pytest.raises(RuntimeError, match="_extra_state"):
        other.load_state_dict({k: v for k, v in state.items() if "extra" not in k})
    model.load_state_dict(state)
    seen = list(state), list(calls)
    model.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.clear())
    del state["1.bias"]
    model.load_state_dict(state)
    return seen


def test_extra_state_and_hooks_of_state():
    ours = state_events(nn, extra(nn.Module, ag.zeros(1)))
    assert ours == state_events(torch.nn, extra(torch.nn.Module, torch.zeros(1)))


@pytest.mark.parametrize("sizes", [(3, 3), (4, 2), (2, 4)])
@pytest.mark.parametrize("orthogonal_map", [None, "matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("use_trivialization", [True, False])
def test_orthogonal(sizes, orthogonal_map, use_trivialization):
    ours, theirs = nn.Linear(*sizes).double(), torch.nn.Linear(*sizes).double()
    ours.load_state_dict({k: v.numpy().copy() for k, v in theirs.state_dict().items()})
    options = {"orthogonal_map": orthogonal_map, "use_trivialization": use_trivialization}
    ours = parametrizations.orthogonal(ours, **options)
    theirs = their_parametrizations.orthogonal(theirs, **options)
    assert repr(ours) == repr(theirs)
    if not use_trivialization:  # nothing random in it
        np.testing.assert_allclose(
            ours.weight.detach().numpy(), theirs.weight.detach().numpy(), **CLOSE
        )
    Q = ours.weight.detach().numpy()
    Q = Q if sizes[0] <= sizes[1] else Q.T
    np.testing.assert_allclose(Q.T @ Q, np.eye(Q.shape[1]), **CLOSE)
    load(ours, theirs)
    compare(ours, theirs, (5, sizes[0]))
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        change = np.random.default_rng(0).normal(size=p.shape)
        p.data, q.data = ag.tensor(p.detach().numpy() + change), q.data + torch.tensor(change)
        p.grad = q.grad = None
    compare(ours, theirs, (5, sizes[0]))


def test_orthogonal_refuses():
    with pytest.raises(ValueError, match="matrix"):
        parametrizations.orthogonal(nn.Linear(2, 2), "bias")
    with pytest.raises(ValueError, match="orthogonal_map"):
        parametrizations.orthogonal(nn.Linear(2, 2), orthogonal_map="qr")
