"""Determinants, and their signs and logarithms (Giles 2008, section 2.2.4)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autograd import kernels
from autograd.op import Array, composite, op
from autograd.ops.compare import where
from autograd.ops.solve import check_square, inverse, mt, square_samples
from autograd.tensor import Tensor


def _cofactors_of_regular(input):
    """The same for matrices with an inverse, composed of other ops."""
    return det(input)[..., None, None] * mt(inverse(input))


@op(samples=square_samples, reference=_cofactors_of_regular, space="internal", shown_as="det")
def cofactors(input: Array):
    """Return the cofactors of each matrix: the gradient of its determinant."""
    return kernels.linalg.cofactors(input)


cofactors.vjp(input=lambda g, input: kernels.linalg.cofactor_slopes(input, g))


@op(numpy=np.linalg.det, samples=square_samples)
def det(input: Array):
    """Return the determinant of each matrix.

    Singular matrices have first and second derivatives; higher ones need the inverse.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.det(ag.tensor([[2.0, 1.0], [0.0, 4.0]]))
    tensor(8.)
    """
    check_square(input)
    return kernels.linalg.determinant(input)


det.vjp(input=lambda g, input: g[..., None, None] * cofactors(input))


@composite(samples=square_samples, space="linalg")
def linalg_det(A):
    """Return the determinant of each matrix; see `autograd.det`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.det(3 * ag.eye(2))
    tensor(9.)
    """
    return det(A)


class SignLogabsdet(NamedTuple):
    """What `slogdet` returns."""

    sign: Tensor
    logabsdet: Tensor


@op(samples=square_samples, outputs=("sign", "logabsdet"), space="internal", shown_as="slogdet")
def sign_and_logabsdet(input: Array):
    """Return the sign of each determinant, and the logarithm of its absolute value."""
    check_square(input)
    return kernels.linalg.sign_and_logarithm(input)


sign_and_logabsdet.vjp(input=lambda g, input: g[1][..., None, None] * mt(inverse(input)))


@composite(samples=square_samples)
def slogdet(input) -> SignLogabsdet:
    """Return the sign of each determinant and the logarithm of its absolute value.

    Of a singular matrix these are 0 and -inf.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.slogdet(ag.tensor([[-1.0]]))
    SignLogabsdet(sign=tensor(-1.), logabsdet=tensor(0.))
    """
    return SignLogabsdet(*sign_and_logabsdet(input))


@composite(samples=square_samples, space="linalg")
def linalg_slogdet(A) -> SignLogabsdet:
    """Return the sign of each determinant and the logarithm of its absolute value.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.slogdet(-ag.eye(3)).sign
    tensor(-1.)
    """
    return slogdet(A)


@composite(samples=square_samples)
def logdet(input):
    """Return the logarithm of each determinant: nan if that is negative, -inf if it is 0.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.logdet(ag.eye(2))
    tensor(0.)
    """
    sign, logarithm = sign_and_logabsdet(input)
    return logarithm + where(sign < 0, np.nan, 0.0)
