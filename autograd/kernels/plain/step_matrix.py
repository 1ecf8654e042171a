"""Updates that see a parameter as a matrix: Adafactor, and Muon with its orthogonalisation."""

from __future__ import annotations

import math

import numpy as np

from autograd.kernels.plain.step import move_towards


def adafactor(param, grad, row, column, square, *, step, lr, beta2_decay, eps1, eps2, d,
              weight_decay, maximize):  # fmt: skip
    """Keep the running mean squares of rows and columns only (Shazeer & Stern 2018).

    With ``w = step**beta2_decay``, how much this gradient counts, and R(x) the root mean square::

        row = (1 - w) * row + w * mean(g**2, -1),   column = (1 - w) * column + w * mean(g**2, -2)
        v = row @ column / max(mean(row), eps1)
        u = g / max(sqrt(v), eps1)
        param = (1 - lr * weight_decay) * param
        param -= max(eps2, R(param before)) * min(lr, 1 / sqrt(step)) * u / max(1, R(u) / d)

    A parameter of fewer than two axes has `square`, the mean squares themselves, for v. `eps1` None
    is the dtype's own epsilon.
    """
    if not param.size:
        return
    eps1 = float(np.finfo(param.dtype).eps) if eps1 is None else eps1
    g = -grad if maximize else grad
    weight = step**beta2_decay
    rate = max(eps2, _rms(param)) * min(lr, 1 / step**0.5)
    if weight_decay:
        param *= 1 - lr * weight_decay
    squares = g * g
    if square is None:
        for mean, axis in ((row, -1), (column, -2)):
            fresh = squares.mean(axis=axis, keepdims=True)
            move_towards(mean, fresh, weight, np.empty_like(mean))
        v = row @ column
        v /= np.maximum(row.mean(axis=-2, keepdims=True), eps1)
    else:
        move_towards(square, squares, weight, np.empty_like(square))
        v = square
    u = g / np.sqrt(np.maximum(v, eps1 * eps1))
    u *= rate / max(1.0, _rms(u) / d)
    param -= u


def _rms(x) -> float:
    """The root mean square of all elements."""
    return float(np.linalg.norm(x.ravel())) / x.size**0.5


def muon(param, grad, buffer, *, lr, rate, weight_decay, momentum, nesterov, coefficients, steps,
         eps):  # fmt: skip
    """Descend along the orthogonal matrix nearest to the momentum (Jordan et al. 2024)::

    buffer = momentum * buffer + (1 - momentum) * grad
    m = momentum * buffer + (1 - momentum) * grad          nesterov, else m = buffer
    param = (1 - lr * weight_decay) * param - rate * orthogonalised(m)
    """
    spare = np.empty_like(buffer)
    move_towards(buffer, grad, 1 - momentum, spare)
    m = buffer
    if nesterov:
        m = grad.copy()
        move_towards(m, buffer, momentum, spare)
    change = orthogonalised(m, coefficients, steps, eps)
    param *= 1 - lr * weight_decay
    param -= change.astype(param.dtype) * rate


def orthogonalised(matrix, coefficients, steps, eps):
    """Push all singular values of a matrix towards 1 by `steps` of a Newton-Schulz iteration.

    Each step applies the odd polynomial ``a*x + b*x**3 + c*x**5`` to the singular values, by
    products of matrices alone. As in PyTorch, every result is rounded to bfloat16, which is all the
    precision the iteration deserves: with the usual coefficients it stops at about 0.7 to 1.2. The
    order in which a product is summed decides some of these roundings, so results agree with
    PyTorch's to a part in a hundred, and for the smallest matrices to the last digit.
    """
    a, b, c = coefficients
    tall = matrix.shape[0] > matrix.shape[1]
    x = _bfloat16(matrix.T if tall else matrix)
    norm = _bfloat16(np.linalg.norm(x.ravel()))
    x = _bfloat16(x / max(norm, _bfloat16(eps)))
    for _ in range(steps):
        gram = _bfloat16(x @ x.T)
        powers = _bfloat16(b * gram + c * (gram @ gram))
        x = _bfloat16(a * x + powers @ x)
    return x.T if tall else x


def _bfloat16(x):
    """`x` as float32 rounded, ties to even, to the seven binary digits that bfloat16 keeps."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    lowest_kept = (bits >> 16) & np.uint32(1)
    rounded = ((bits + np.uint32(0x7FFF) + lowest_kept) & np.uint32(0xFFFF0000)).view(np.float32)
    return np.where(np.isnan(x), np.float32(math.nan), rounded)
