"""certify finds every kind of broken promise, says which, and gives a snippet that shows it."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, find, given, settings

import autograd as ag
import nn
import nn.functional as F
from autograd import testing
from autograd.op import OPS, op
from autograd.testing import CertificationError, certify

ROOT = Path(__file__).resolve().parent.parent
some = settings(max_examples=30)
X = np.array([[0.5, -1.0, 2.0], [1.5, 0.3, -0.7]])


@pytest.fixture
def user_op():
    """Make ops that are gone after the test."""
    before = set(OPS)
    yield op
    for name in set(OPS) - before:
        del OPS[name]


def broken(match, *args, **keywords) -> str:
    with pytest.raises(CertificationError, match=match) as caught:
        certify(*args, examples=5, **keywords)
    return str(caught.value)


# -- what is right passes --------------------------------------------------------------------------


def test_ops_of_the_table():
    certify(ag.sin, reference=np.sin, examples=5)
    certify(OPS["mul"], reference=np.multiply, examples=5)
    certify(ag.logsumexp, examples=5)
    certify(F.conv2d, examples=1)
    certify(ag.sum, reference=lambda x, dim, keepdim: x.sum(dim, keepdims=keepdim), examples=5)


def test_a_users_own_op(user_op):
    @user_op(kind="unary", domain=(-3, 3))
    def cubed(input):
        return input * input * input

    cubed.vjp(input=lambda g, input: 3 * g * input * input)
    certify(cubed, reference=lambda x: x**3, examples=5)


def test_a_function_class():
    class Cube(ag.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 3 * x**2

    certify(Cube, kind="unary", reference=lambda x: x**3, examples=5)
    certify(Cube.apply, inputs=X)


def test_modules_and_their_parameters():
    certify(nn.Linear(3, 2), inputs=X)
    layers = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.LayerNorm(4))
    certify(layers, inputs=testing.tensors(shape=(2, 3)), examples=3)
    assert layers[0].weight.dtype == np.float32  # it was copied


def test_samples_keywords_and_integer_inputs():
    def samples(rng):
        yield (rng.normal(size=(3, 4)), np.array([0, 3, 1])), {"reduction": "sum"}
        yield (rng.normal(size=(3, 4)), np.array([1, 1, 2])), {}

    certify(F.cross_entropy, samples=samples, examples=2)


def test_kinks():
    certify(F.relu, inputs=X, kinks=[((np.zeros(2),), (np.zeros(2),))])
    text = broken("kinks", F.relu, inputs=X, kinks=[((np.zeros(2),), (np.ones(2),))])
    assert "gradient of input 0 at a kink" in text


# -- what is wrong does not ------------------------------------------------------------------------


def test_a_wrong_rule(user_op):
    @user_op(kind="unary")
    def squared(input):
        return input * input

    squared.vjp(input=lambda g, input: g * input)
    text = broken("squared breaks a promise: first derivative", squared)
    assert "np.array(" in text and "only='first derivative'" in text
    assert "inputs=(np.array(" in text


# Each broken in one way: which promise that breaks, the op (its forward, a function of `vjp`'s
# arguments), and how it is certified.


def needs_memory_order(input):
    return input * np.ravel(input, order="K").reshape(input.shape)


def writes_its_gradient(g, input):
    g *= 2.0
    return g


def writes_what_it_kept(g, input):
    input *= 1.0 + 1e-3
    return g * input


def cut(g, input):
    """Right to first order; to second the graph ends here."""
    return g * 2.0 * getattr(input, "array", input)


BROKEN = {
    "one wrong gradient of two": (
        "first derivative",
        lambda x, y: x * y,
        {"x": lambda g, y: g * y, "y": lambda g, x: g * x * 1.001},
        {"kind": "binary"},
    ),
    "a gradient that is wrong when broadcast": (
        "first derivative",
        lambda x, y: x * y,
        {"x": lambda g, y: g * y, "y": lambda g, x, y_shape: g * x * (1 + (g.shape != y_shape))},
        {"kind": "binary"},
    ),
    "a value that is wrong when broadcast": (
        "broadcasting",
        lambda x, y: x * y * (1.0 + (x.shape != y.shape)),
        {"x": lambda g, y: g * y, "y": lambda g, x: g * x},
        {"kind": "binary", "only": "broadcasting"},
    ),
    "writes its input": (
        "no mutation",
        lambda input: np.multiply(input, 2.0, out=input),
        {"input": lambda g: g * 2.0},
        {"kind": "unary", "skip": ("value", "arrays")},
    ),
    "writes the gradient it is given": (
        "no mutation",
        lambda input: input * 1.0,
        {"input": writes_its_gradient},
        {"kind": "unary"},
    ),
    "writes what it kept": (
        "no mutation",
        lambda input: input * input / 2,
        {"input": writes_what_it_kept},
        {"kind": "unary"},
    ),
    "reads memory in the order it lies": (
        "layout",
        needs_memory_order,
        {"input": lambda g, input: 2 * g * input},
        {"inputs": (X,)},
    ),
    "float64 in its rule": (
        "dtype",
        lambda input: input * input,
        {"input": lambda g, input: g * input * np.full(np.shape(input), 2.0)},
        {"kind": "unary"},
    ),
    "keeps float64": (
        "dtype",
        lambda input: (input * 2, np.full(input.shape, 2.0)),
        {"input": lambda g, factor: g * factor.astype(g.dtype)},
        {"kind": "unary", "residuals": ["factor"]},
    ),
    "a wrong second derivative": (
        "second derivative",
        lambda input: input * input,
        {"input": cut},
        {"kind": "unary"},
    ),
    "another convention at a kink": (
        "kinks",
        lambda input: np.maximum(input, 0.0),
        {"input": lambda g, input: g * (input >= 0)},
        {"kind": "unary", "kinks": [(([0.0, 1.0],), ([0.0, 1.0],))]},
    ),
    "another value": (
        "value",
        lambda input: np.sin(input),
        {"input": lambda g, input: g * np.cos(input)},
        {"kind": "unary", "reference": np.cos},
    ),
    "no empty inputs": (
        "empty",
        lambda input: input * 1.0 + 0.0 * input.flat[0],
        {"input": lambda g: g},
        {"kind": "unary", "only": "empty"},
    ),
}


@pytest.mark.parametrize("way", list(BROKEN))
def test_the_reproducer_reproduces(way, user_op):
    promise, forward, rules, keywords = BROKEN[way]
    keywords = dict(keywords)
    options = {"residuals": keywords.pop("residuals", ())}
    forward.__name__ = "wrong"
    wrong = user_op(samples=lambda rng: [], **options)(forward)
    wrong.vjp(**rules)
    with pytest.raises(CertificationError, match=f"wrong breaks a promise: {promise}") as caught:
        certify(wrong, examples=30, **keywords)
    text = str(caught.value)
    snippet = text[text.index("import numpy") :]
    assert f"only={promise!r}" in snippet
    with pytest.raises(CertificationError, match=f"wrong breaks a promise: {promise}"):
        exec(snippet, {"wrong": wrong})
    if "inputs" not in keywords:
        digits = [len(number) for number in re.findall(r"[.]([0-9]+)", snippet)]
        assert len(digits) <= 8 and max(digits) <= 4, f"not small:\n{snippet}"


def halved(x):
    """A wrong function that can be imported."""
    return x * 0.5 + x.detach() * 0.5


def test_the_reproducer_imports_what_it_can():
    text = broken("first derivative", halved, kind="unary", reference=np.positive)
    snippet = text[text.index("import numpy") :]
    assert f"from {__name__} import halved\n" in snippet and "reference=np.positive" in snippet
    with pytest.raises(CertificationError, match="first derivative"):
        exec(snippet, {})
    assert "# function: the lambda at" in broken("first", lambda x: halved(x), inputs=X)
    assert "# module: the one" in broken("first", nn.Sequential(nn.Identity(), Halved()), inputs=X)


class Halved(nn.Module):
    def forward(self, x):
        return halved(x)


def test_a_wrong_value():
    broken("value", ag.sin, reference=np.cos)
    broken("expected shape", lambda x: x.sum(), kind="unary", reference=np.copy, only="value")
    broken("to return a tensor", lambda x: 1.0, inputs=X)
    state = iter(range(100))
    broken("a second call", lambda x: x + next(state), inputs=X)


def test_written_inputs():
    def writes(x, y):
        x.detach().mul_(2.0)
        return x * y

    broken("argument 0 was written to", writes, inputs=(X, X), only="no mutation")


def test_float64_in_float32():
    double = ag.tensor(2.0 * X)
    broken("would silently compute in float64", lambda x: x * double, inputs=X)
    broken("gave a float64 output", lambda x: x.double() * 2.0, inputs=X)


def test_dependence_on_layout():
    def raw(x):  # reads memory in the order it lies
        return x * ag.tensor(x.detach().numpy().ravel(order="K").reshape(x.shape))

    broken("layout", raw, inputs=X)


def test_aliasing():
    def identity_matters(x, y):
        return x * 3 if x is y else x * y

    broken("one tensor as arguments 0 and 1", identity_matters, inputs=(X, X + 1), only="aliasing")


def test_broadcasting():
    def by_shape(x, y):
        return x * y * (1.0 + (x.shape != y.shape))

    with pytest.raises(CertificationError, match="broadcast"):
        certify(by_shape, kind="binary", only="broadcasting", examples=50)


def test_second_derivative(user_op):
    @user_op(kind="unary")
    def exponential(input):
        return np.exp(input)

    # The second derivative's graph is cut: right to first order, wrong to second.
    exponential.vjp(input=lambda g, input: g * np.exp(getattr(input, "array", input)))
    broken("second derivative", exponential)


def test_missing_dependence_of_a_parameter():
    class Detached(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(ag.ones(3))

        def forward(self, x):
            return x * self.weight.detach()

    broken("first derivative", Detached(), inputs=X)


def test_arguments_that_make_no_sense():
    with pytest.raises(ag.ArgumentError, match="give samples=, inputs= or kind="):
        certify(lambda x: x)
    with pytest.raises(ag.ArgumentError, match="one of samples= and inputs="):
        certify(ag.sin, samples=lambda rng: [((X,), {})], inputs=X)
    with pytest.raises(ag.ArgumentError, match="knows no check 'valeu'"):
        certify(ag.sin, skip=["valeu"])
    with pytest.raises(TypeError, match="expected an op, a callable or a module"):
        certify(3.0)


# -- strategies ------------------------------------------------------------------------------------


@some
@given(testing.tensors(np.int64, shape=(2, 3), domain=(0, 4), layout=testing.layouts))
def test_integer_tensors(x):
    assert x.dtype == np.int64 and x.shape == (2, 3) and 0 <= x.min().item() <= x.max().item() <= 4


@some
@given(testing.tensors(np.bool_), testing.tensors(np.float32, requires_grad=True))
def test_tensors_of_other_dtypes(mask, x):
    assert mask.dtype == np.bool_ and x.dtype == np.float32 and x.requires_grad


@some
@given(testing.broadcastable(3))
def test_groups_broadcast(shapes):
    np.broadcast_shapes(*shapes)


@settings(max_examples=100)
@given(testing.index_expressions((3, 1, 4)))
def test_index_expressions_agree_with_numpy(index):
    parts = index if isinstance(index, tuple) else ()
    # Beside an array, NumPy takes an integer for one too and moves axes; PyTorch selects first.
    assume({int, np.ndarray} - {type(part) for part in parts})
    x = np.arange(12.0).reshape(3, 1, 4)
    np.testing.assert_array_equal(ag.tensor(x)[index].numpy(), x[index])


@some
@given(testing.conv_geometries(ndim=2))
def test_conv_geometries_fit(geometry):
    shapes = [geometry.pop(name) for name in ("input", "weight", "bias")]
    out = F.conv2d(*(ag.ones(*shape) for shape in shapes), **geometry)
    assert out.numel() > 0 and out.shape[1] == shapes[2][0]


@some
@given(testing.pool_geometries(ndim=1))
def test_pool_geometries_fit(geometry):
    x = ag.ones(*geometry.pop("input"))
    assert F.max_pool1d(x, **geometry).numel() > 0


def test_strategies_shrink():
    """What hypothesis finds is as small as what is asked for, everything else is the simplest."""
    x = find(testing.tensors(layout=testing.layouts), lambda x: x.ndim > 0)
    assert x.shape == (1,)
    assert find(testing.tensors(np.int64), lambda x: True).shape == ()
    assert find(testing.broadcastable(2), lambda s: s[0] != s[1]) in (((), (1,)), ((1,), ()))
    assert find(testing.index_expressions((3, 4)), lambda index: True) == ()
    found = find(testing.index_expressions((3, 4)), lambda index: int in map(type, index))
    assert found == (0,)
    geometry = find(testing.conv_geometries(2), lambda g: g["stride"] != (1, 1))
    assert geometry["input"] == (1, 1, 1, 1) and geometry["weight"] == (1, 1, 1, 1)
    assert geometry["stride"] in ((2, 1), (1, 2)) and geometry["groups"] == 1
    geometry = find(testing.pool_geometries(1), lambda g: g["padding"] != (0,))
    assert geometry["kernel_size"] == (2,) and geometry["padding"] == (1,)
    program = find(testing.programs(), lambda program: "zero_" in program.source)
    assert len(program.body) <= 8, program.source


@pytest.mark.parametrize("name", [name for name in testing.__all__ if name != "CertificationError"])
def test_what_is_public_has_an_example(name):
    value = getattr(testing, name)
    assert name in ("Case", "Program", "layouts") or ">>>" in value.__doc__


# -- the plugin ------------------------------------------------------------------------------------


def pytest_run(tmp_path, text, *options):
    (tmp_path / "test_it.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-p", "no:numbagrad", "-p", "no:hypothesispytest"]
    command += ["-p", "autograd.testing.plugin", "-p", "no:cacheprovider", "-q", *options]
    env = {"PYTHONPATH": str(ROOT), "PATH": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    return subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=120, env=env
    )


def test_plugin_gives_a_fixture_and_an_option(tmp_path):
    text = (
        "import autograd as ag, numpy as np\n"
        "def test_right(certify):\n    certify(ag.sin, reference=np.sin)\n"
        "def test_wrong(certify):\n    certify(ag.sin, reference=np.cos)\n"
        "def test_count(certify):\n    assert certify.keywords == {'examples': 7}\n"
    )
    result = pytest_run(tmp_path, text, "--autograd-examples", "7")
    assert "1 failed, 2 passed" in result.stdout, result.stdout + result.stderr
    assert "Reproduce it with" in result.stdout


def test_plugin_costs_nothing_unused(tmp_path):
    text = (
        "import sys\n"
        "def test_light():\n"
        "    assert not {'numba', 'hypothesis', 'torch'} & set(sys.modules)\n"
    )
    result = pytest_run(tmp_path, text)
    assert "1 passed" in result.stdout, result.stdout + result.stderr
