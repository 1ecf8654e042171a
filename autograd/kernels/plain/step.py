"""Optimiser updates: one parameter at a time, written into the parameter's and its state's arrays.

An update is a dozen elementwise passes. They run over a block of the arrays at a time, small enough
that what one pass wrote is still in the cache when the next reads it, and two scratch buffers of
that size take the place of temporaries. Scalars are Python floats, so float32 stays float32.

Here are the two that most networks are trained with, and what all updates share; the others are in
`step_scaled`, `step_moments` and `step_matrix`, and the quasi-Newton direction in `step_newton`.
"""

from __future__ import annotations

import numpy as np

BLOCK = 1 << 14  # elements in a block


def sgd(param, grad, buffer, *, first, lr, momentum, dampening, weight_decay, nesterov, maximize):
    """Descend along `grad`, or along a running sum of gradients, `buffer` (None without momentum).

    With g the gradient after weight decay and b the buffer (Sutskever et al. 2013, in PyTorch's
    form)::

        b = momentum * b + (1 - dampening) * g          b = g in the first step
        param = param - lr * b                          nesterov: param - lr * (g + momentum * b)
    """
    for p, g, b, s, t in blocks(param, grad, buffer):
        g = penalised(p, g, weight_decay, maximize, s, t)
        if b is not None:
            if first:
                np.copyto(b, g)
            else:
                b *= momentum
                b += np.multiply(g, 1 - dampening, out=t) if dampening else g
            g = np.add(g, np.multiply(b, momentum, out=t), out=s) if nesterov else b
        p -= np.multiply(g, lr, out=t)


def adam(param, grad, mean, square, largest, *, step, lr, beta1, beta2, eps, weight_decay,
         decoupled, maximize):  # fmt: skip
    """Descend along the running mean of gradients over the root of their running mean square.

    In the step numbered `step`, from 1 (Kingma & Ba 2015; `largest`, unless None, is AMSGrad's
    maximum of all `square` so far, Reddi et al. 2018)::

        mean = beta1 * mean + (1 - beta1) * g
        square = beta2 * square + (1 - beta2) * g**2
        param -= lr * (mean / (1 - beta1**step)) / (sqrt(square / (1 - beta2**step)) + eps)

    Weight decay is part of the gradient, or, if `decoupled`, shrinks the parameter by itself
    (Loshchilov & Hutter 2019).
    """
    step_size = lr / (1 - beta1**step)
    root_of_correction = (1 - beta2**step) ** 0.5
    for p, g, m, v, top, s, t in blocks(param, grad, mean, square, largest):
        if decoupled and weight_decay:
            p *= 1 - lr * weight_decay
        g = penalised(p, g, 0 if decoupled else weight_decay, maximize, s, t)
        move_towards(m, g, 1 - beta1, t)
        np.multiply(g, 1 - beta2, out=t)
        t *= g
        v *= beta2
        v += t
        if top is not None:
            v = np.maximum(top, v, out=top)
        np.sqrt(v, out=t)
        t /= root_of_correction
        t += eps
        np.multiply(m, step_size, out=s)
        s /= t
        p -= s


def penalised(p, g, weight_decay, maximize, s, t):
    """The gradient to descend: that of the loss (or of minus it) and of the penalty on `p`."""
    if maximize:
        g = np.negative(g, out=s)
    if weight_decay:
        g = np.add(g, np.multiply(p, weight_decay, out=t), out=s)
    return g


def move_towards(a, b, weight, t):
    """Move `a` to ``a + weight * (b - a)``, computed from the nearer end as PyTorch's lerp is."""
    np.subtract(b, a, out=t)
    if weight < 0.5:
        t *= weight
        a += t
    else:
        t *= 1 - weight
        np.subtract(b, t, out=a)


def blocks(*arrays, scratch=2):
    """Yield the arrays in blocks (None where there is none), followed by `scratch` buffers."""
    like = arrays[0]
    contiguous = all(a.flags.c_contiguous for a in arrays if a is not None)
    if like.size <= BLOCK or not contiguous:
        yield *arrays, *(np.empty_like(like) for _ in range(scratch))
        return
    flat = [None if a is None else a.reshape(-1) for a in arrays]
    spare = np.empty((scratch, BLOCK), like.dtype)
    for start in range(0, like.size, BLOCK):
        stop = min(start + BLOCK, like.size)
        yield (
            *(None if a is None else a[start:stop] for a in flat),
            *spare[:, : stop - start],
        )
