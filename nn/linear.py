"""Linear layers."""

from __future__ import annotations

import math

from nn import functional as F
from nn import init
from nn.module import Module
from nn.parameter import empty


class Identity(Module):
    """Return the input; takes, and ignores, any arguments, to stand in for another layer.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.Identity(54, unused=True)(ag.ones(2))
    tensor([1., 1.])
    """

    def __init__(self, *args, **kwargs):
        super().__init__()

    def forward(self, input):
        """Return `input`."""
        return input


class Linear(Module):
    """An affine map ``input @ weight.T + bias`` of the last dimension.

    Weight and bias start uniform in ``[-k, k]``, ``k = 1 / sqrt(in_features)``.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.Linear(3, 2)(ag.ones(5, 3)).shape
    (5, 2)
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device=None, dtype=None
    ):
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = empty(out_features, in_features, device=device, dtype=dtype)
        self.bias = empty(out_features, device=device, dtype=dtype) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias afresh."""
        # With a = sqrt(5) the bound of He et al. becomes 1 / sqrt(fan_in), PyTorch's default.
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input):
        """Return the affine map of `input`."""
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Bilinear(Module):
    """A bilinear map ``input1 @ weight[k] @ input2 + bias[k]`` of two last dimensions.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.Bilinear(3, 4, 2)(ag.ones(5, 3), ag.ones(5, 4)).shape
    (5, 2)
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device=None,
        dtype=None,
    ):
        super().__init__()
        if in1_features <= 0:
            raise ValueError(f"Bilinear expected in1_features > 0, got {in1_features}")
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        self.weight = empty(out_features, in1_features, in2_features, device=device, dtype=dtype)
        self.bias = empty(out_features, device=device, dtype=dtype) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias afresh."""
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1, input2):
        """Return the bilinear map of both inputs."""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )
