"""Updates that give every element a step size of its own: Adagrad, RMSprop, Adadelta, Rprop; ASGD.

As in `plain.step`, everything is written into the arrays given, a block at a time; g is
the gradient after weight decay.
"""

from __future__ import annotations

import numpy as np

from autograd.kernels.plain.step import blocks, move_towards, penalised


def adagrad(param, grad, total, *, step, lr, lr_decay, eps, weight_decay, maximize):
    """Divide by the root of the sum of all squared gradients (Duchi, Hazan & Singer 2011)::

    total += g**2
    param -= lr / (1 + (step - 1) * lr_decay) * g / (sqrt(total) + eps)
    """
    rate = lr / (1 + (step - 1) * lr_decay)
    for p, g, v, s, t in blocks(param, grad, total):
        g = penalised(p, g, weight_decay, maximize, s, t)
        v += np.multiply(g, g, out=t)
        np.sqrt(v, out=t)
        t += eps
        np.divide(g, t, out=t)
        t *= rate
        p -= t


def rmsprop(param, grad, square, mean, buffer, *, lr, alpha, eps, weight_decay, momentum,
            maximize):  # fmt: skip
    """Divide by the root of the running mean square (Tieleman & Hinton 2012)::

        square = alpha * square + (1 - alpha) * g**2
        b = momentum * b + g / (sqrt(square) + eps)         b is the quotient without momentum
        param -= lr * b

    `mean`, unless None, is the running mean of the gradient, and ``square - mean**2``, the
    variance, takes the place of `square` (Graves 2013).
    """
    for p, g, v, m, b, s, t in blocks(param, grad, square, mean, buffer):
        g = penalised(p, g, weight_decay, maximize, s, t)
        _mean_square(v, g, alpha, t)
        if m is None:
            np.sqrt(v, out=t)
        else:
            move_towards(m, g, 1 - alpha, t)
            np.multiply(m, m, out=t)
            np.subtract(v, t, out=t)
            np.sqrt(t, out=t)
        t += eps
        np.divide(g, t, out=t)
        if b is not None:
            b *= momentum
            b += t
            np.copyto(t, b)
        t *= lr
        p -= t


def adadelta(param, grad, square, change, *, lr, rho, eps, weight_decay, maximize):
    """Scale by the root mean square of past changes over that of past gradients (Zeiler 2012)::

    square = rho * square + (1 - rho) * g**2
    d = sqrt(change + eps) / sqrt(square + eps) * g
    change = rho * change + (1 - rho) * d**2
    param -= lr * d
    """
    for p, g, v, a, s, t, d in blocks(param, grad, square, change, scratch=3):
        g = penalised(p, g, weight_decay, maximize, s, t)
        _mean_square(v, g, rho, t)
        np.add(v, eps, out=t)
        np.sqrt(t, out=t)
        np.add(a, eps, out=d)
        np.sqrt(d, out=d)
        d /= t
        d *= g
        _mean_square(a, d, rho, t)
        d *= lr
        p -= d


def rprop(param, grad, previous, size, *, shrink, grow, smallest, largest, maximize):
    """Use only the gradient's sign (Riedmiller & Braun 1993).

    `size` grows where the sign is that of the `previous` gradient and shrinks where it has turned;
    there the element stays where it is this time, and its gradient counts as 0 in the next step.
    """
    for p, g, last, z, s, t in blocks(param, grad, previous, size):
        g = penalised(p, g, 0, maximize, s, t)
        np.sign(np.multiply(g, last, out=t), out=t)
        turned = t < 0
        t[t > 0] = grow
        t[turned] = shrink
        t[t == 0] = 1
        z *= t
        np.clip(z, smallest, largest, out=z)
        np.copyto(last, g)
        last[turned] = 0
        np.sign(last, out=t)
        t *= z
        p -= t


def asgd(param, grad, average, eta, mu, *, step, lr, lambd, alpha, t0, weight_decay, maximize):
    """Descend with a rate that falls, and average the parameters (Polyak & Juditsky 1992)::

        param = (1 - lambd * eta) * param - eta * g
        average += mu * (param - average)
        eta = lr / (1 + lambd * lr * step)**alpha,   mu = 1 / max(1, step - t0)

    `eta` and `mu`, arrays of one number, are those of the next step when this one is done.
    """
    rate, weight = eta.item(), mu.item()
    for p, g, a, s, t in blocks(param, grad, average):
        g = penalised(p, g, weight_decay, maximize, s, t)
        p *= 1 - lambd * rate
        p -= np.multiply(g, rate, out=t)
        if weight == 1:
            np.copyto(a, p)
        else:
            np.subtract(p, a, out=t)
            t *= weight
            a += t
    eta[...] = lr / (1 + lambd * lr * step) ** alpha
    mu[...] = 1 / max(1, step - t0)


def _mean_square(v, g, keep, t):
    """Let the running mean square `v` keep that part of itself, and take in `g`."""
    np.multiply(g, 1 - keep, out=t)
    t *= g
    v *= keep
    v += t
