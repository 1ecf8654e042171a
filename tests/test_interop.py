"""Other libraries' functions on tensors: einops, jaxtyping, DLPack."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import autograd as ag

ROOT = Path(__file__).resolve().parent.parent
X = np.arange(24.0).reshape(2, 3, 4)


@pytest.fixture
def einops():
    module = pytest.importorskip("einops")
    ag.interop.register_einops()
    return module


def agrees(function, *arrays):
    """The value is that of NumPy arrays, and the gradients those of finite differences."""
    tensors = [ag.tensor(a, requires_grad=True) for a in arrays]
    found = function(*tensors)
    assert isinstance(found, ag.Tensor)
    np.testing.assert_allclose(found.detach().numpy(), function(*arrays), rtol=1e-12)
    assert ag.gradcheck(function, tensors)


@pytest.mark.parametrize("pattern", ["a b c -> c (b a)", "a b c -> (a b c)", "a b c -> a 1 c b"])
def test_rearrange(einops, pattern):
    agrees(lambda x: einops.rearrange(x, pattern), X)


def test_rearrange_takes_axes_apart(einops):
    agrees(lambda x: einops.rearrange(x, "a b (h w) -> h b (a w)", h=2), X)


@pytest.mark.parametrize("operation", ["sum", "mean", "max", "min", "prod"])
def test_reduce(einops, operation):
    agrees(lambda x: einops.reduce(x, "a b c -> b", operation), np.sin(X))


def test_repeat(einops):
    agrees(lambda x: einops.repeat(x, "a b c -> (a r) b c s", r=2, s=3), X)


def test_einsum(einops):
    y = np.cos(X[0])
    agrees(lambda x, y: einops.einsum(x, y, "batch i j, i j -> batch"), X, y)


def test_lists_are_stacked(einops):
    agrees(lambda x, y: einops.rearrange([x, y], "n a b -> a (n b)"), X[0], X[1])


def test_pack_and_unpack(einops):
    tensors = [ag.tensor(X, requires_grad=True), ag.tensor(X[:, 0], requires_grad=True)]
    packed, shapes = einops.pack(tensors, "a * c")
    assert packed.shape == (2, 4, 4)
    first, second = einops.unpack(packed, shapes, "a * c")
    (first.sum() + 2 * second.sum()).backward()
    np.testing.assert_array_equal(tensors[0].grad.numpy(), np.ones_like(X))
    np.testing.assert_array_equal(tensors[1].grad.numpy(), np.full((2, 4), 2.0))


def test_einops_is_registered_if_it_came_first():
    pytest.importorskip("einops")
    code = (
        "import einops, autograd as ag\n"
        "print(tuple(einops.rearrange(ag.zeros(2, 3), 'a b -> b a').shape))\n"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert result.stdout.strip() == "(3, 2)", result.stderr


def test_jaxtyping_annotations():
    jaxtyping = pytest.importorskip("jaxtyping")
    batch = jaxtyping.Float[ag.Tensor, "b i"]
    assert isinstance(ag.zeros(2, 3), batch)
    assert not isinstance(ag.zeros(2, 3, 4), batch)
    assert not isinstance(ag.arange(3), jaxtyping.Float[ag.Tensor, "b"])
    assert isinstance(ag.arange(3), jaxtyping.Int[ag.Tensor, "b"])


def test_jaxtyping_checks_functions():
    jaxtyping = pytest.importorskip("jaxtyping")
    beartype = pytest.importorskip("beartype")
    Float, (BI, IO, BO) = jaxtyping.Float, ("b i", "i o", "b o")

    @jaxtyping.jaxtyped(typechecker=beartype.beartype)
    def product(x: Float[ag.Tensor, BI], w: Float[ag.Tensor, IO]) -> Float[ag.Tensor, BO]:
        return x @ w

    assert product(ag.zeros(2, 3), ag.zeros(3, 4)).shape == (2, 4)
    with pytest.raises(jaxtyping.TypeCheckError):
        product(ag.zeros(2, 3), ag.zeros(2, 4))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint8])
def test_dlpack_round_trip_shares_memory(dtype):
    x = ag.tensor(np.arange(6).reshape(2, 3).astype(dtype))
    array = np.from_dlpack(x)
    assert array.dtype == dtype and np.shares_memory(array, x.numpy())
    back = ag.from_dlpack(array)
    assert isinstance(back, ag.Tensor) and np.shares_memory(back.numpy(), array)
    again = ag.from_dlpack(x.T)
    np.testing.assert_array_equal(again.numpy(), x.numpy().T)


def test_dlpack_refuses_to_cut_a_graph():
    x = ag.ones(2, requires_grad=True)
    with pytest.raises(BufferError, match="detach"):
        np.from_dlpack(x)
    assert np.from_dlpack(x.detach()).tolist() == [1.0, 1.0]


def test_dlpack_with_pytorch():
    torch = pytest.importorskip("torch")
    theirs = torch.from_dlpack(ag.tensor(X))
    assert theirs.shape == X.shape and theirs.dtype == torch.float64
    theirs[0, 0, 0] = 5.0
    assert ag.from_dlpack(theirs)[0, 0, 0].item() == 5.0
