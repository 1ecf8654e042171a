"""Activation functions as layers. The formulas are in `autograd.ops.activation`.

With `inplace` the result is written into the input's memory.
"""

from __future__ import annotations

import warnings

from nn import functional as F
from nn import init
from nn.module import Module
from nn.parameter import empty


class _Inplace(Module):
    """An activation whose only option is `inplace`."""

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""

    def _with_inplace(self, text: str) -> str:
        return f"{text}, inplace=True" if self.inplace else text


class ReLU(_Inplace):
    """The positive part.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.ReLU()(ag.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def forward(self, input):
        """Return the activation of `input`."""
        return F.relu(input, inplace=True) if self.inplace else F.relu(input)


class ReLU6(_Inplace):
    """ReLU limited to 6.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.ReLU6()(ag.tensor([-1.0, 2.0, 8.0]))
    tensor([0., 2., 6.])
    """

    def forward(self, input):
        """Return the activation of `input`."""
        return F.relu6(input, self.inplace)


class LeakyReLU(_Inplace):
    """The input where positive, `negative_slope` times the input elsewhere.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.LeakyReLU(0.5)(ag.tensor([-1.0, 2.0]))
    tensor([-0.5,  2. ])
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False):
        super().__init__(inplace)
        self.negative_slope = negative_slope

    def forward(self, input):
        """Return the activation of `input`."""
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        return self._with_inplace(f"negative_slope={self.negative_slope}")


class PReLU(Module):
    """Leaky ReLU whose slope, one or one for each channel, is learned (He et al. 2015).

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.PReLU()(ag.tensor([-1.0, 2.0])).detach()
    tensor([-0.25,  2.  ])
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device=None, dtype=None):
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = empty(num_parameters, device=device, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set all slopes to the first value."""
        init.constant_(self.weight, self.init)

    def forward(self, input):
        """Return the activation of `input`."""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class RReLU(_Inplace):
    """Leaky ReLU whose slopes are drawn from [lower, upper) in training (Xu et al. 2015).

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.RReLU(0.25, 0.75).eval()(ag.tensor([-1.0, 2.0]))
    tensor([-0.5,  2. ])
    """

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False):
        super().__init__(inplace)
        self.lower = lower
        self.upper = upper

    def forward(self, input):
        """Return the activation of `input`."""
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        return self._with_inplace(f"lower={self.lower}, upper={self.upper}")


class Threshold(_Inplace):
    """The input where above `threshold`, `value` elsewhere.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.Threshold(1.0, 7.0)(ag.tensor([0.5, 2.0]))
    tensor([7., 2.])
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False):
        super().__init__(inplace)
        self.threshold = threshold
        self.value = value

    def forward(self, input):
        """Return the activation of `input`."""
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        return self._with_inplace(f"threshold={self.threshold}, value={self.value}")


class Hardtanh(_Inplace):
    """The input limited to [min_val, max_val], which were called min_value and max_value once.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.Hardtanh()(ag.tensor([-3.0, 0.5]))
    tensor([-1. ,  0.5])
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False,
                 min_value: float | None = None, max_value: float | None = None):  # fmt: skip
        super().__init__(inplace)
        for old, value in (("min_value", min_value), ("max_value", max_value)):
            if value is not None:
                warnings.warn(
                    f"Hardtanh: {old} is deprecated, write {old[:-2]}", FutureWarning, stacklevel=2
                )
        min_val = min_val if min_value is None else min_value
        max_val = max_val if max_value is None else max_value
        if max_val <= min_val:
            raise ValueError(f"Hardtanh expected min_val < max_val, got {min_val} and {max_val}")
        self.min_val = min_val
        self.max_val = max_val

    def forward(self, input):
        """Return the activation of `input`."""
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        return self._with_inplace(f"min_val={self.min_val}, max_val={self.max_val}")


class Hardsigmoid(_Inplace):
    """A sigmoid of three straight lines: ``relu6(input + 3) / 6``.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.Hardsigmoid()(ag.tensor([-4.0, 0.0, 4.0]))
    tensor([0. , 0.5, 1. ])
    """

    def forward(self, input):
        """Return the activation of `input`."""
        return F.hardsigmoid(input, self.inplace)

    def extra_repr(self) -> str:
        return ""


class Hardswish(_Inplace):
    """``input * hardsigmoid(input)`` (Howard et al. 2019).

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.Hardswish()(ag.tensor([-4.0, 4.0])).abs()
    tensor([0., 4.])
    """

    def forward(self, input):
        """Return the activation of `input`."""
        return F.hardswish(input, self.inplace)

    def extra_repr(self) -> str:
        return ""


class SiLU(_Inplace):
    """``input * sigmoid(input)``, also known as swish.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.SiLU()(ag.zeros(1))
    tensor([0.])
    """

    def forward(self, input):
        """Return the activation of `input`."""
        return F.silu(input, self.inplace)


class Mish(_Inplace):
    """``input * tanh(softplus(input))`` (Misra 2019).

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.Mish()(ag.zeros(1))
    tensor([0.])
    """

    def forward(self, input):
        """Return the activation of `input`."""
        return F.mish(input, self.inplace)


class ELU(_Inplace):
    """The input where positive, ``alpha * (exp(input) - 1)`` elsewhere (Clevert et al. 2015).

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.ELU()(ag.tensor([0.0, 2.0]))
    tensor([0., 2.])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False):
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input):
        """Return the activation of `input`."""
        return F.elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return self._with_inplace(f"alpha={self.alpha}")


class CELU(_Inplace):
    """ELU with a continuous derivative for every `alpha` (Barron 2017).

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.CELU(2.0)(ag.tensor([0.0, 2.0]))
    tensor([0., 2.])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False):
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input):
        """Return the activation of `input`."""
        return F.celu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return self._with_inplace(f"alpha={self.alpha}")


class SELU(_Inplace):
    """ELU scaled so that activations keep mean 0 and variance 1 (Klambauer et al. 2017).

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.SELU()(ag.zeros(1))
    tensor([0.])
    """

    def forward(self, input):
        """Return the activation of `input`."""
        return F.selu(input, self.inplace)


class GELU(Module):
    """The input times the normal distribution function of it (Hendrycks & Gimpel 2016).

    ``approximate="tanh"`` is the formula without the error function.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.GELU()(ag.zeros(1))
    tensor([0.])
    """

    def __init__(self, approximate: str = "none"):
        super().__init__()
        self.approximate = approximate

    def forward(self, input):
        """Return the activation of `input`."""
        return F.gelu(input, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class GLU(Module):
    """Half of the input, times the sigmoid of the other half (Dauphin et al. 2016).

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.GLU()(ag.tensor([3.0, 0.0]))
    tensor([1.5])
    """

    def __init__(self, dim: int = -1):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        """Return the activation of `input`."""
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"
