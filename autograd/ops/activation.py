"""Activation functions that bend smoothly; those made of straight pieces are in `rectifier`.

Where exp stands in a branch of np.where its argument is limited first: an overflow in the branch
that is not taken would be a NaN one derivative later.
"""

from __future__ import annotations

import math

import numpy as np

from autograd import kernels
from autograd.errors import ShapeError
from autograd.op import Array, composite, op
from autograd.ops.elementwise import quiet
from autograd.ops.rectifier import takes_inplace
from autograd.ops.transcendental import erf, sigmoid

SELU_ALPHA = 1.6732632423543772  # Klambauer et al. 2017: with these two, zero mean and unit
SELU_SCALE = 1.0507009873554805  # variance are what layer after layer converges to


def _negative(x):
    """min(x, 0), with the derivative 1 at 0."""
    return np.where(x > 0, 0.0, x)


def _elu(input, alpha=1.0, inplace=False):
    """`elu` composed of other functions."""
    return np.where(input > 0, input, alpha * np.expm1(_negative(input)))


@takes_inplace
@op(kind="unary", domain=(-3, 3), space="nn", reference=_elu)
def elu(input: Array, alpha: float = 1.0, inplace: bool = False):
    """Return `input` where positive, else ``alpha * (exp(input) - 1)`` (Clevert et al. 2015).

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.elu(ag.tensor([-1e4, 2.0]))
    tensor([-1.,  2.])
    """
    return kernels.activation.elu(input, alpha)


elu.vjp(input=lambda g, input, alpha: kernels.activation.elu_gradient(g, input, alpha))


@takes_inplace
@op(kind="unary", domain=(-3, 3), space="nn")
def selu(input: Array, inplace: bool = False):
    """Return ``1.0507 * elu(input, 1.6733)``, which keeps activations normalised.

    The constants are those of Klambauer et al. 2017.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> round(F.selu(ag.tensor(1.0)).item(), 4)
    1.0507
    """
    return SELU_SCALE * (np.maximum(input, 0) + SELU_ALPHA * np.expm1(np.minimum(input, 0)))


selu.vjp(
    input=lambda g, input: np.where(
        input > 0, g * SELU_SCALE, g * (SELU_SCALE * SELU_ALPHA * np.exp(_negative(input)))
    )
)


@takes_inplace
@op(kind="unary", domain=(-3, 3), space="nn")
def celu(input: Array, alpha: float = 1.0, inplace: bool = False):
    """Return `input` where positive, else ``alpha * (exp(input / alpha) - 1)`` (Barron 2017).

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.celu(ag.tensor([-1e4, 2.0]), alpha=0.5)
    tensor([-0.5,  2. ])
    """
    if alpha == 0:
        raise ValueError("expected an alpha other than 0")
    return np.maximum(input, 0) + alpha * np.expm1(np.minimum(input, 0) / alpha)


celu.vjp(
    input=lambda g, input, alpha: np.where(input > 0, g, g * np.exp(_negative(input) / alpha)),
)


@op(kind="unary", domain=(-3, 3), space="nn")
def softplus(input: Array, beta: float = 1.0, threshold: float = 20.0):
    """Return ``log(1 + exp(beta * input)) / beta``, a smooth ReLU.

    Where ``beta * input`` is above `threshold` it returns `input`, which is the same there.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.softplus(ag.tensor([-1e4, 1e4]))
    tensor([    0., 10000.])
    """
    scaled = input * beta
    return np.where(scaled > threshold, input, kernels.activation.softplus(scaled) / beta)


softplus.vjp(
    input=lambda g, input, beta, threshold: np.where(
        input * beta > threshold, g, g * sigmoid(input * beta)
    )
)


@op(kind="unary", domain=(-3, 3), space="nn")
def logsigmoid(input: Array):
    """Return ``log(1 / (1 + exp(-input)))``, elementwise.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.logsigmoid(ag.tensor([-1e4, 1e4]))
    tensor([-10000.,     -0.])
    """
    return -kernels.activation.softplus(-input)


logsigmoid.vjp(input=lambda g, input: g * sigmoid(-input))


# -- smooth units ----------------------------------------------------------------------------------


def _gelu(input, approximate="none"):
    """`gelu` composed of other functions."""
    if approximate == "none":
        return input * (0.5 * (1 + erf(input * math.sqrt(0.5))))
    curve = math.sqrt(2 / math.pi) * (input + 0.044715 * input * input * input)
    return 0.5 * input * (1 + np.tanh(curve))


@op(kind="unary", domain=(-3, 3), space="nn", reference=_gelu)
def gelu(input: Array, approximate: str = "none"):
    """Return ``input * Phi(input)``, with Phi the normal distribution function (Hendrycks 2016).

    Parameters
    ----------
    input : Tensor
    approximate : {"none", "tanh"}
        "tanh" replaces Phi by ``(1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2``.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.gelu(ag.tensor([-1e4, 0.0, 1e4]))
    tensor([   -0.,     0., 10000.])
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"approximate expected 'none' or 'tanh', got {approximate!r}")
    return kernels.activation.gelu(input, approximate)


gelu.vjp(
    input=lambda g, input, approximate: kernels.activation.gelu_gradient(g, input, approximate)
)


def _silu(input, inplace=False):
    """`silu` composed of other functions."""
    return input * sigmoid(input)


@takes_inplace
@op(kind="unary", domain=(-3, 3), space="nn", reference=_silu)
@quiet
def silu(input: Array, inplace: bool = False):
    """Return ``input * sigmoid(input)``, elementwise; also called swish.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.silu(ag.tensor([-1e4, 0.0, 1e4]))
    tensor([   -0.,     0., 10000.])
    """
    return kernels.activation.silu(input)


silu.vjp(input=lambda g, input: kernels.activation.silu_gradient(g, input))


@takes_inplace
@op(kind="unary", domain=(-3, 3), space="nn")
def mish(input: Array, inplace: bool = False):
    """Return ``input * tanh(softplus(input))``, elementwise (Misra 2019).

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.mish(ag.tensor([-1e4, 0.0, 1e4]))
    tensor([   -0.,     0., 10000.])
    """
    return input * np.tanh(softplus(input))


def _mish_rule(g, input):
    t = np.tanh(softplus(input))
    return g * (t + input * sigmoid(input) * (1 - t * t))


mish.vjp(input=_mish_rule)


@op(kind="unary", domain=(-3, 3), space="nn")
def softsign(input: Array):
    """Return ``input / (1 + |input|)``, elementwise.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.softsign(ag.tensor([-1.0, 3.0]))
    tensor([-0.5 ,  0.75])
    """
    return input / (1 + np.abs(input))


def _softsign_rule(g, input):
    scale = 1 + np.abs(input)
    return g / (scale * scale)


softsign.vjp(input=_softsign_rule)


@op(kind="unary", domain=(-3, 3), space="nn")
def tanhshrink(input: Array):
    """Return ``input - tanh(input)``, elementwise.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.tanhshrink(ag.tensor([0.0, 1e4]))
    tensor([   0., 9999.])
    """
    return input - np.tanh(input)


def _tanhshrink_rule(g, input):
    t = np.tanh(input)
    return g * (t * t)


tanhshrink.vjp(input=_tanhshrink_rule)


def _glu_samples(rng):
    yield (rng.normal(size=(3, 4)),), {}
    yield (rng.normal(size=(4, 3)),), {"dim": 0}


@composite(samples=_glu_samples, space="nn")
def glu(input, dim: int = -1):
    """Halve `input` along `dim` into a and b, and return ``a * sigmoid(b)`` (Dauphin et al. 2016).

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.glu(ag.tensor([3.0, 0.0]))
    tensor([1.5])
    """
    if not -input.ndim <= dim < input.ndim:
        raise IndexError(f"glu got dim {dim} for an input of {input.ndim} dimensions")
    if input.shape[dim] % 2:
        raise ShapeError(f"glu expected an even size along dim {dim}, got shape {input.shape}")
    half = input.shape[dim] // 2
    before = (slice(None),) * (dim % input.ndim)
    return input[(*before, slice(None, half))] * sigmoid(input[(*before, slice(half, None))])
