"""Every operator that PyTorch tests on the CPU in float64, on the samples PyTorch tests it with.

PyTorch's own table of operators (`op_db`) says how each is called and with what; here the same call
is made in both libraries, and values, shapes, dtypes, first and second derivatives must agree. What
the table says PyTorch refuses must be refused, by an error that names the operator. An operator of
the table that is not here, or differs, must stand in one of the lists below, with the reason.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pytest

import autograd as ag
import nn

torch = pytest.importorskip("torch")

import torch_testing  # noqa: F401, E402 - makes PyTorch's tables importable
from torch.testing._internal.common_methods_invocations import op_db  # noqa: E402
from torch.testing._internal.opinfo.core import BinaryUfuncInfo  # noqa: E402

# Relative to the largest number; sums of derivatives amplify rounding.
VALUE = {torch.float64: 1e-9, torch.float32: 1e-4}
GRADIENT = {torch.float64: 1e-8, torch.float32: 1e-4}
SECOND = 1e-7
COARSE = 1e-5  # of derivatives, where an argument beside float64 ones is float32
MOST, MOST_SINGLE = 60, 5  # samples of one operator, in float64 and in float32

ELSEWHERE = {  # pattern of names -> why the operator is not here
    r"^(fft|signal)\.|^i?stft$": "signal processing",
    r"^sparse\.|^to_sparse$|^masked\.": "sparse and masked tensors",
    r"complex|^(conj|real|angle|polar|cdouble|cfloat|chalf|H$)|_conj$|resolve_neg"
    r"|^linalg\.(eig|eigvals)$": "complex numbers",
    r"_copy$|^as_strided|^resize_|^to_sparse|^slice$|storage": "raw memory",
    r"^_|^torch\.ops|^native_|jiterator|_backward|^grid_sampler|^split_with_sizes|^constant_pad_nd$"
    r"|^hash_tensor$": "dispatch targets, not public",
    r"^(cauchy|exponential|geometric|log_normal|uniform)$": "random numbers",
    r"^(half|bfloat16)$": "dtypes that NumPy has not",
    r"^scalar_tensor$": "an internal of torch.jit",
}
RANDOM = {  # whose numbers cannot agree
    "normal", "multinomial", "bernoulli", "randn", "randn_like", "rand_like", "randint",
    "randint_like", "empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided",
    "empty_permuted", "nn.functional.rrelu", "nn.functional.dropout", "nn.functional.dropout2d",
    "nn.functional.dropout3d", "nn.functional.alpha_dropout",
    "nn.functional.feature_alpha_dropout", "nn.functional.fractional_max_pool2d",
    "nn.functional.fractional_max_pool3d", "nn.functional.multi_head_attention_forward",
    "pca_lowrank", "svd_lowrank",
}  # fmt: skip


class Different(NamedTuple):
    """Samples on which an operator differs from PyTorch, on purpose or because of PyTorch."""

    samples: Callable  # a sample -> is it one of these
    second_only: bool  # values and first derivatives agree


def is_chunked(sample) -> bool:
    return sample.args[0].ndim == 2 and not sample.args[1].is_floating_point()


# PyTorch has no second derivatives there: they come out 0, or its own code fails.
CHUNKED = Different(is_chunked, second_only=True)
# Where a norm is 0 its first derivative is set to 0, on both sides, and so is the second here. In
# PyTorch the second is nan.
NORM_OF_ZERO = Different(lambda sample: not sample.input.any(), second_only=True)
DIFFERENT = {
    "linalg_norm": NORM_OF_ZERO,
    "linalg_norm_subgradients_at_zero": NORM_OF_ZERO,
    "nn_functional_linear_cross_entropy_chunked": CHUNKED,
    "nn_functional_linear_cross_entropy_chunked_none": CHUNKED,
    # Random numbers.
    "nn_functional_scaled_dot_product_attention": Different(
        lambda sample: sample.kwargs["dropout_p"] > 0, second_only=False
    ),
    # An input without an axis for channels is refused, also where it has no elements.
    "nn_functional_batch_norm": Different(lambda sample: sample.input.ndim < 2, second_only=False),
}
ROUGH = {  # relative errors of PyTorch's; ours have none of this size, see test_special.py
    "special.airy_ai": 1e-5, "special.bessel_j0": 1e-6, "special.bessel_j1": 1e-6,
    "special.bessel_y0": 1e-6, "special.bessel_y1": 1e-5,
}  # fmt: skip
ROUGH_SINGLE = {"logcumsumexp": 1e-2}  # of its gradient, from sums of 10,000 on


def call(info):
    """The operator as a function of the samples' arguments, in this library."""
    name = info.name
    spelled = SPELLED.get(info.formatted_name) or SPELLED.get(name)
    return spelled or find(name) or (lambda x, *args, **kw: getattr(x, name)(*args, **kw))


def find(name):
    if name.startswith("nn."):
        return getattr(nn.functional, name.rpartition(".")[2], None)
    space = ag
    for part in name.split("."):
        space = getattr(space, part, None)
    return space if callable(space) else None  # `autograd.float` is a dtype; the method is meant


SPELLED = {  # where PyTorch's table does not call the operator by its plain name and order
    "where": lambda x, condition, other: ag.where(condition, x, other),
    "nn.functional.embedding": lambda weight, index, **kw: nn.functional.embedding(
        index, weight, **kw
    ),
    "nn.functional.embedding_bag": lambda weight, index, **kw: nn.functional.embedding_bag(
        index, weight, **kw
    ),
    "polygamma": lambda x, n: ag.polygamma(n, x),
    "special.polygamma": lambda x, n: ag.special.polygamma(n, x),
    "einsum": lambda operands, equation: ag.einsum(equation, *operands),
    "normal_in_place": lambda x, *args: x.clone().normal_(*args),
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "mH": lambda x: x.mH,
    "zero_": lambda x: x.clone().zero_(),
    "linalg_lstsq_grad_oriented": lambda a, b, driver: ag.linalg.lstsq(a, b, driver=driver)[:2],
    "linalg.pinv": lambda a, *b, **kw: ag.linalg.pinv(a @ b[0].mT if b else a, **kw),
}
# Before it, on both sides: the gradient of PyTorch's loss is that of scores that a log_softmax
# follows, which the loss itself does not have.
BEFORE = {"nn.functional.ctc_loss": lambda x: x.log_softmax(-1)}
DTYPES = {getattr(torch, n): getattr(ag, n) for n in ("float64", "float32", "int64", "bool")}


def ours(value, leaves):
    """An argument of PyTorch's as one of ours; tensors with gradients are noted in `leaves`."""
    if isinstance(value, torch.Tensor):
        array = value.detach().numpy().copy()
        mine = ag.tensor(array, requires_grad=value.requires_grad)
        if value.requires_grad:
            leaves.append((mine, value))
        return mine
    if isinstance(value, torch.dtype):
        return DTYPES[value]
    if isinstance(value, torch.device):
        return str(value)
    if isinstance(value, torch.memory_format):
        return getattr(ag, str(value).rpartition(".")[2])
    if isinstance(value, torch.nn.Module):
        return getattr(nn, type(value).__name__)()
    if dataclasses.is_dataclass(value):
        return getattr(nn, type(value).__name__)(**dataclasses.asdict(value))
    if isinstance(value, list | tuple):
        return type(value)(ours(v, leaves) for v in value)
    return value


def outputs(value) -> Iterator:
    """The tensors in what an operator returned."""
    if isinstance(value, tuple | list):
        for each in value:
            yield from outputs(each)
    elif hasattr(value, "detach"):
        yield value


def as_array(value):
    return value.detach().numpy(force=True)


def weights(like, seed):
    return [np.random.default_rng(seed + i).normal(size=tuple(o.shape)) for i, o in enumerate(like)]


def close(mine, theirs, tolerance, what):
    scale = max(1.0, np.abs(theirs[np.isfinite(theirs)], dtype=float).max(initial=0))
    np.testing.assert_allclose(mine, theirs, rtol=tolerance, atol=tolerance * scale, err_msg=what)


def differentiate(lib, outs, leaves, second):
    """First derivatives, and those of a weighted sum of them, also by the cotangents.

    The second are None where PyTorch itself has none.
    """
    cotangents = [
        lib.tensor(w, dtype=o.dtype, requires_grad=True)
        for w, o in zip(weights(outs, 0), outs, strict=True)
    ]
    grad = ag.grad if lib is ag else torch.autograd.grad
    first = grad(outs, leaves, cotangents, create_graph=second, allow_unused=True)
    found = [as_array(g) if g is not None else np.zeros_like(as_array(x))
             for g, x in zip(first, leaves, strict=True)]  # fmt: skip
    if not second:
        return found, None
    linked = [lib.tensor(0.0, dtype=lib.float64) if g is None else g for g in first]
    zero = sum((0 * x).sum() for x in (*leaves, *cotangents))  # so that there is a graph
    mixed = zero + sum(
        (g * lib.tensor(w)).sum()
        for g, w in zip(linked, weights(leaves, 9), strict=True) if tuple(g.shape) == w.shape
    )  # fmt: skip
    try:
        again = grad(mixed, [*leaves, *cotangents], allow_unused=True)
    except RuntimeError as error:
        if lib is torch and "is not implemented" in str(error):
            return found, None
        raise
    return found, [as_array(g) for g in again if g is not None]


def compare(info, sample, second=True, dtype=torch.float64):
    leaves = []
    args = [ours(value, leaves) for value in (sample.input, *sample.args)]
    keywords = {name: ours(value, leaves) for name, value in sample.kwargs.items()}
    before, after = BEFORE.get(info.name, lambda x: x), sample.output_process_fn_grad
    theirs = info.op(before(sample.input), *sample.args, **sample.kwargs)
    mine = call(info)(before(args[0]), *args[1:], **keywords)
    theirs, mine = list(outputs(after(theirs))), list(outputs(after(mine)))
    assert len(mine) == len(theirs)
    rough = ROUGH.get(info.name, 0)
    for a, b in zip(mine, theirs, strict=True):
        assert (tuple(a.shape), a.dtype) == (tuple(b.shape), as_array(b).dtype)
        close(as_array(a), as_array(b), max(VALUE[dtype], rough), "value")
    through = [i for i, o in enumerate(theirs) if o.requires_grad]
    if not (through and leaves):
        return
    my_leaves, their_leaves = zip(*leaves, strict=True)
    theirs = [theirs[i] for i in through]
    first, again = differentiate(torch, theirs, their_leaves, second and info.supports_gradgrad)
    mine = [mine[i] for i in through]
    my_first, my_again = differentiate(ag, mine, my_leaves, again is not None)
    if dtype == torch.float32:
        slack = ROUGH_SINGLE.get(info.name, 0)
    else:
        slack = COARSE if any(x.dtype == torch.float32 for x in (*their_leaves, *theirs)) else 0
    for a, b in zip(my_first, first, strict=True):
        assert a.dtype == b.dtype
        close(a, b, max(GRADIENT[dtype], slack), "gradient")
    for a, b in zip(my_again or (), again or (), strict=True):
        close(a, b, max(SECOND, slack), "second derivative")


def reason(name):
    return next((why for pattern, why in ELSEWHERE.items() if re.search(pattern, name)), None)


HERE = [o for o in op_db if torch.float64 in o.dtypes and not reason(o.name)]
each_operator = pytest.mark.parametrize(
    "info", [o for o in HERE if o.name not in RANDOM], ids=lambda info: info.formatted_name
)


@pytest.mark.filterwarnings("ignore")  # of PyTorch's own deprecations
@each_operator
def test_same_as_pytorch(info):
    torch.manual_seed(0)
    samples = info.sample_inputs("cpu", torch.float64, requires_grad=info.supports_autograd)
    different = DIFFERENT.get(info.formatted_name)
    differs = False
    for i, sample in zip(range(MOST), samples, strict=False):
        excepted = different is not None and different.samples(sample)
        try:
            if not excepted or different.second_only:
                compare(info, sample, second=not excepted)
        except Exception as error:
            pytest.fail(f"sample {i}: {sample}\n{type(error).__name__}: {error}"[:2500])
        differs = differs or (excepted and not is_same(info, sample))
    assert differs == (different is not None), "nothing differs: its entry in DIFFERENT is idle"


@pytest.mark.filterwarnings("ignore")
@each_operator
def test_same_in_float32(info):
    torch.manual_seed(0)
    samples = info.sample_inputs("cpu", torch.float32, requires_grad=info.supports_autograd)
    different = DIFFERENT.get(info.formatted_name)
    for i, sample in zip(range(MOST_SINGLE), samples, strict=False):
        if different is not None and not different.second_only and different.samples(sample):
            continue
        try:
            compare(info, sample, second=False, dtype=torch.float32)
        except Exception as error:
            pytest.fail(f"sample {i}: {sample}\n{type(error).__name__}: {error}"[:2500])


def is_same(info, sample) -> bool:
    try:
        compare(info, sample)
    except Exception:
        return False
    return True


# -- what is refused -------------------------------------------------------------------------------


def has_number(info, sample) -> bool:
    """Whether an operand is a number where PyTorch wants a tensor.

    Functions of two operands take what NumPy's do: numbers beside tensors, or numbers alone.
    """
    operands = sample.input, *sample.args[:1]
    return isinstance(info, BinaryUfuncInfo) and any(isinstance(x, int | float) for x in operands)


def is_possible(sample) -> bool:
    """Whether NumPy has arrays like the tensors: real, with elements, of at most 64 axes."""
    tensors = outputs((sample.input, *sample.args, *sample.kwargs.values()))
    return not any(x.is_complex() or x.is_meta or x.ndim > 64 for x in tensors)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "info", [o for o in HERE if o.error_inputs_func], ids=lambda info: info.formatted_name
)
def test_refuses_what_pytorch_refuses(info):
    name = info.name.rpartition(".")[2]
    for i, wrong in enumerate(info.error_inputs("cpu")):
        sample = wrong.sample_input
        if has_number(info, sample) or not is_possible(sample):
            continue
        args = [ours(value, []) for value in (sample.input, *sample.args)]
        keywords = {key: ours(value, []) for key, value in sample.kwargs.items()}
        what = f"{i}: {sample}, which PyTorch refuses: {wrong.error_regex}"[:2000]
        try:
            answer = call(info)(*args, **keywords)
        except Exception as error:
            assert name in str(error), f"{what}\n{type(error).__name__}: {error}"
        else:
            pytest.fail(f"{what}\nanswered with {answer}"[:2500])


# -- the lists -------------------------------------------------------------------------------------


def test_the_lists_hold_no_idle_entries():
    names = {info.name for info in op_db}
    assert names >= RANDOM | BEFORE.keys() | ROUGH.keys() | ROUGH_SINGLE.keys()
    assert names | {info.formatted_name for info in op_db} >= SPELLED.keys()
    assert {info.formatted_name for info in HERE} >= DIFFERENT.keys()
    assert all(any(re.search(pattern, name) for name in names) for pattern in ELSEWHERE)
    assert ag.maximum(ag.tensor([1, 3]), 2).tolist() == [2, 3]  # see `has_number`
