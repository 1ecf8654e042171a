"""Linear algebra called by keyword, with every name that PyTorch's calls and documentation use."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import autograd as ag  # noqa: E402
from autograd.coverage import signature  # noqa: E402
from autograd.op import OPS, functions_of  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*(deprecated|left for JIT):UserWarning")

RNG = np.random.default_rng(0)
A = RNG.normal(size=(3, 3)) + 3 * np.eye(3)
S = A @ A.T
L = np.linalg.cholesky(S)
B, V, TALL = RNG.normal(size=(3, 2)), RNG.normal(size=3), RNG.normal(size=(4, 3))
CUBE = A[:, :, None] * np.eye(3)[0] + RNG.normal(size=(3, 3, 3))
LU, SWAPS = (x.numpy() for x in torch.linalg.lu_factor(torch.tensor(A)))
LD, PIVOTS = (x.numpy() for x in torch.linalg.ldl_factor(torch.tensor(S)))
H, TAU = (x.numpy() for x in torch.geqrf(torch.tensor(TALL)))

CALLS = [  # as PyTorch's parser of arguments wants them
    ("linalg.cholesky", {"input": S, "upper": True}),
    ("linalg.cholesky_ex", {"input": S, "upper": False, "check_errors": True}),
    ("linalg.cond", {"input": A, "p": "fro"}), ("linalg.cond", {"x": A, "p": 1}),
    ("linalg.cross", {"input": A, "other": S, "dim": 0}),
    ("linalg.det", {"A": A}), ("linalg.diagonal", {"A": A, "offset": 1, "dim1": 1, "dim2": 0}),
    ("linalg.eigh", {"input": S, "UPLO": "U"}), ("linalg.eigvalsh", {"input": S, "UPLO": "L"}),
    ("linalg.householder_product", {"input": H, "tau": TAU}),
    ("linalg.inv", {"A": A}), ("linalg.inv_ex", {"A": A, "check_errors": True}),
    ("linalg.ldl_factor", {"input": S, "hermitian": True}),
    ("linalg.ldl_factor_ex", {"input": S, "hermitian": False, "check_errors": True}),
    ("linalg.ldl_solve", {"LD": LD, "pivots": PIVOTS, "B": B, "hermitian": True}),
    ("linalg.lstsq", {"input": TALL, "b": TALL, "rcond": 1e-9, "driver": "gelsd"}),
    ("linalg.lu", {"A": TALL, "pivot": True}), ("linalg.lu_factor", {"A": A, "pivot": True}),
    ("linalg.lu_factor_ex", {"A": A, "pivot": True, "check_errors": True}),
    ("linalg.lu_solve", {"LU": LU, "pivots": SWAPS, "B": B, "left": True, "adjoint": True}),
    ("linalg.matmul", {"input": A, "other": B}), ("linalg.matrix_exp", {"input": A}),
    ("linalg.matrix_norm", {"input": CUBE, "ord": "nuc", "dim": (0, 2), "keepdim": True}),
    ("linalg.matrix_norm", {"x": CUBE, "ord": 1, "axis": (0, 2), "keepdims": True}),
    ("linalg.matrix_power", {"input": A, "n": -2}),
    ("linalg.matrix_rank", {"input": S, "atol": 1.0, "rtol": 0.5, "hermitian": True}),
    ("linalg.matrix_rank", {"input": S, "tol": 1.0, "hermitian": True}),
    ("linalg.multi_dot", {"tensors": [A, S, B]}),
    ("linalg.norm", {"input": CUBE, "ord": 2, "dim": (0, 1), "keepdim": True}),
    ("linalg.norm", {"x": V, "ord": 3, "axis": 0, "keepdims": True, "dtype": "float64"}),
    ("linalg.pinv", {"input": TALL, "atol": 0.1, "rtol": 0.2, "hermitian": False}),
    ("linalg.pinv", {"input": S, "rcond": 0.3, "hermitian": True}),
    ("linalg.qr", {"A": TALL, "mode": "complete"}), ("linalg.slogdet", {"A": A}),
    ("linalg.solve", {"A": A, "B": B, "left": True}),
    ("linalg.solve_ex", {"A": A, "B": B.T.copy(), "left": False, "check_errors": True}),
    ("linalg.solve_triangular",
     {"input": A, "B": B, "upper": True, "left": True, "unitriangular": True}),
    ("linalg.svd", {"A": A, "full_matrices": False, "driver": None}),
    ("linalg.svdvals", {"A": TALL, "driver": None}), ("linalg.tensorinv", {"input": A, "ind": 1}),
    ("linalg.tensorsolve", {"input": A, "other": V, "dims": (0,)}),
    ("linalg.vander", {"x": V, "N": 4}), ("linalg.vecdot", {"x": A, "y": S, "dim": 0}),
    ("linalg.vector_norm", {"x": CUBE, "ord": 3, "dim": (0, 1), "keepdim": True}),
    ("cholesky", {"input": S, "upper": True}), ("cholesky_inverse", {"input": L, "upper": False}),
    ("cholesky_solve", {"input": B, "input2": L, "upper": False}), ("det", {"input": A}),
    ("geqrf", {"input": TALL}), ("inverse", {"input": A}), ("logdet", {"input": S}),
    ("lu", {"A": A, "pivot": True, "get_infos": True}),
    ("lu_solve", {"input": B, "LU_data": LU, "LU_pivots": SWAPS}),
    ("lu_unpack",
     {"LU_data": LU, "LU_pivots": SWAPS, "unpack_data": True, "unpack_pivots": False}),
    ("matrix_exp", {"input": A}), ("matrix_power", {"input": A, "n": 3}),
    ("orgqr", {"input": H, "input2": TAU}),
    ("ormqr", {"input": H, "input2": TAU, "input3": TALL.T.copy(), "left": False,
               "transpose": True}),
    ("pinverse", {"input": TALL, "rcond": 0.1}), ("qr", {"input": TALL, "some": False}),
    ("slogdet", {"input": A}), ("svd", {"input": A, "some": True, "compute_uv": True}),
    ("triangular_solve",
     {"input": B, "A": A, "upper": False, "transpose": True, "unitriangular": True}),
]  # fmt: skip


def find(lib, name):
    for part in name.split("."):
        lib = getattr(lib, part)
    return lib


def call(lib, name, keywords):
    def convert(value):
        if isinstance(value, list):
            return [convert(x) for x in value]
        return lib.tensor(value) if isinstance(value, np.ndarray) else value

    given = {key: convert(value) for key, value in keywords.items()}
    if "dtype" in given:
        given["dtype"] = getattr(lib, given["dtype"])
    found = find(lib, name)(**given)
    return found if isinstance(found, (tuple, list)) else (found,)


@pytest.mark.parametrize(("name", "keywords"), CALLS, ids=lambda x: x if isinstance(x, str) else "")
def test_called_by_keyword(name, keywords):
    mine, theirs = call(ag, name, keywords), call(torch, name, keywords)
    assert len(mine) == len(theirs)
    for a, b in zip(mine, theirs, strict=True):
        a, b = a.numpy(), b.numpy()
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        if name.split(".")[-1] in ("eigh", "svd"):  # vectors up to their signs
            a, b = abs(a), abs(b)
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def test_every_function_is_called():
    called = {name for name, _ in CALLS}
    assert {f"linalg.{name}" for name in functions_of("linalg")} <= called


SCHEMAS = [
    schema
    for schema in torch._C._jit_get_all_schemas()
    if schema.overload_name != "out" and schema.name.removeprefix("aten::") in OPS
    and schema.name.removeprefix("aten::").replace("linalg_", "linalg.") in dict(CALLS)
    and not any(argument.is_out for argument in schema.arguments)
]  # fmt: skip


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda s: f"{s.name[6:]}.{s.overload_name}")
def test_names_that_pytorch_parses(schema):
    record = OPS[schema.name.removeprefix("aten::")]
    for argument in schema.arguments:
        name = {"self": "input"}.get(argument.name, argument.name)
        assert record.knows(record.spelled(name)), f"{record.name}({name}=...)"


@pytest.mark.parametrize("name", sorted({name for name, _ in CALLS}))
def test_names_that_pytorch_documents(name):
    record = OPS[name.replace(".", "_")]
    for parameter in signature(find(torch, name), name.split(".")[-1]) or ():
        if parameter.name != "bool":  # as one docstring says `bool pivot`
            assert record.knows(record.spelled(parameter.name)), f"{name}({parameter.name}=...)"


def test_a_name_that_nobody_uses():
    for lib in (torch, ag):
        with pytest.raises(TypeError):
            lib.linalg.solve(A=lib.eye(2), right=lib.ones(2))
        with pytest.raises(TypeError):
            lib.linalg.norm(matrix=lib.eye(2))


def test_older_positions():
    for lib in (torch, ag):
        s = lib.tensor(np.diag([3.0, -0.5, 1e-3]))
        assert lib.linalg.matrix_rank(s, 0.01).item() == 2
        assert lib.linalg.matrix_rank(s, 1.0, True).item() == 1
        np.testing.assert_allclose(
            lib.linalg.pinv(s, 0.1, True).numpy(), np.diag([1 / 3, -2.0, 0.0]), atol=1e-12
        )


def test_methods():
    """The functions whose first tensor has another name than `input` are methods too."""
    for lib in (torch, ag):
        a, b, factor = lib.tensor(A), lib.tensor(B), lib.tensor(L)
        lu, swaps = a.lu()
        outs = [
            b.lu_solve(lu, swaps), b.cholesky_solve(factor), factor.cholesky_inverse(),
            b.triangular_solve(a).solution, a.matrix_exp(), a.geqrf().tau,
            a.ormqr(a.geqrf().tau, b), a.orgqr(a.geqrf().tau),
        ]  # fmt: skip
        if lib is torch:
            expected = [x.numpy() for x in outs]
    for out, reference in zip(outs, expected, strict=True):
        np.testing.assert_allclose(out.numpy(), reference, rtol=1e-9, atol=1e-9)
