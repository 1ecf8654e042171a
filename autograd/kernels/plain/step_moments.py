"""Adam's relatives: running means of the gradient and of its size, used in three other ways.

As in `plain.step`, everything is written into the arrays given, a block at a time; g is
the gradient after weight decay, which shrinks the parameter by itself if `decoupled`.
"""

from __future__ import annotations

import numpy as np

from autograd.kernels.plain.step import blocks, move_towards, penalised


def adamax(param, grad, mean, largest, *, step, lr, beta1, beta2, eps, weight_decay, maximize):
    """Divide by a maximum that fades instead of a root mean square (Kingma & Ba 2015)::

    mean = beta1 * mean + (1 - beta1) * g
    largest = max(beta2 * largest, abs(g) + eps)
    param -= lr / (1 - beta1**step) * mean / largest
    """
    rate = lr / (1 - beta1**step)
    for p, g, m, u, s, t in blocks(param, grad, mean, largest):
        g = penalised(p, g, weight_decay, maximize, s, t)
        move_towards(m, g, 1 - beta1, t)
        np.abs(g, out=t)
        t += eps
        u *= beta2
        np.maximum(u, t, out=u)
        np.divide(m, u, out=t)
        t *= rate
        p -= t


def nadam(param, grad, mean, square, product, *, step, lr, beta1, beta2, eps, weight_decay,
          momentum_decay, decoupled, maximize):  # fmt: skip
    """Adam that looks ahead by its momentum, as Nesterov's method does (Dozat 2016).

    The momentum grows from step to step, ``mu(t) = beta1 * (1 - 0.96**(t * momentum_decay) / 2)``,
    and `product`, an array of one number, is that of all of them so far::

        denominator = sqrt(square / (1 - beta2**step)) + eps
        param -= lr * (1 - mu(step)) / (1 - product) * g / denominator
        param -= lr * mu(step + 1) / (1 - product * mu(step + 1)) * mean / denominator
    """
    mu = beta1 * (1 - 0.5 * 0.96 ** (step * momentum_decay))
    mu_next = beta1 * (1 - 0.5 * 0.96 ** ((step + 1) * momentum_decay))
    product *= mu
    now = lr * (1 - mu) / (1 - product.item())
    ahead = lr * mu_next / (1 - product.item() * mu_next)
    for p, g, m, v, s, t, u in blocks(param, grad, mean, square, scratch=3):
        g = _moments(p, g, m, v, lr, beta1, beta2, weight_decay, decoupled, maximize, s, t)
        np.divide(v, 1 - beta2**step, out=t)
        np.sqrt(t, out=t)
        t += eps
        np.divide(g, t, out=u)
        u *= now
        p -= u
        np.divide(m, t, out=u)
        u *= ahead
        p -= u


def radam(param, grad, mean, square, *, step, lr, beta1, beta2, eps, weight_decay, decoupled,
          maximize):  # fmt: skip
    """Adam that trusts its mean square only as far as it has seen gradients (Liu et al. 2020).

    With ``r = 2 / (1 - beta2) - 1`` and ``n = r - 2 * step * beta2**step / (1 - beta2**step)``, how
    many gradients the running mean square is worth, the step is `mean` corrected for its start,
    times, once n > 5, ::

        sqrt((n - 4) * (n - 2) * r / ((r - 4) * (r - 2) * n)) * sqrt(1 - beta2**step)
        / (sqrt(square) + eps)
    """
    rate, correction = lr / (1 - beta1**step), 1 - beta2**step
    most = 2 / (1 - beta2) - 1
    worth = most - 2 * step * beta2**step / correction
    adaptive = worth > 5
    if adaptive:
        part = (worth - 4) * (worth - 2) * most / ((most - 4) * (most - 2) * worth)
        rate *= (part * correction) ** 0.5
    for p, g, m, v, s, t in blocks(param, grad, mean, square):
        _moments(p, g, m, v, lr, beta1, beta2, weight_decay, decoupled, maximize, s, t)
        np.multiply(m, rate, out=s)
        if adaptive:
            np.sqrt(v, out=t)
            t += eps
            s /= t
        p -= s


def _moments(p, g, m, v, lr, beta1, beta2, weight_decay, decoupled, maximize, s, t):
    """Decay the parameter, take the gradient into both means, and return it."""
    if decoupled and weight_decay:
        p *= 1 - lr * weight_decay
    g = penalised(p, g, 0 if decoupled else weight_decay, maximize, s, t)
    move_towards(m, g, 1 - beta1, t)
    np.multiply(g, 1 - beta2, out=t)
    t *= g
    v *= beta2
    v += t
    return g
