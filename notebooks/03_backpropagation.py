# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 3. Back-propagation and checking gradients · 误差逆传播与梯度检验
#
# Before there were engines, the gradient of a net was derived on paper. Document 000 does so over a
# few slides, for the net that mattered in 1986: one hidden layer, sigmoids throughout. We follow it
# equation by equation, write the equations as code, and hold them against the engine, which has
# never heard of them. Then the question that every derivation leaves: how do I know that it is
# right?

# %%
import matplotlib.pyplot as plt
import numpy as np

import autograd as ag
import models
import nn
import optim
from models.backpropagation import (
    SigmoidNet,
    accumulated,
    chain,
    changes,
    draw_errors,
    error,
    largest_difference,
    standard,
)
from models.perceptron import truth_table
from models.training.small import learn, measure
from nn import functional as F

ag.manual_seed(0)
print(f"autograd {ag.__version__}")

# %% [markdown]
# ## 3.1 The net and its error · 网络与误差
#
# *Document 000, BP算法推导.*
#
# There are $d$ inputs $x_i$, $q$ hidden neurons and $l$ outputs. $v_{ih}$ leads from input $i$ to
# hidden neuron $h$, whose threshold is $\gamma_h$; $w_{hj}$ from there to output $j$, whose
# threshold is $\theta_j$; $f$ is the sigmoid.
#
# $$\alpha_h = \sum_{i=1}^d v_{ih} x_i, \quad b_h = f(\alpha_h - \gamma_h), \qquad
# \beta_j = \sum_{h=1}^q w_{hj} b_h, \quad \hat{y}_j = f(\beta_j - \theta_j)$$
#
# For the example $(x_k, y_k)$ the error is
# $E_k = \frac{1}{2} \sum_{j=1}^l (\hat{y}_j^k - y_j^k)^2$. (The document calls it 均方误差, the
# mean squared error. It is half the sum; the half is there to be cancelled by the 2 of the
# derivative.)

# %%
d, q, l = 2, 3, 2  # noqa: E741 - the document's letters
net = SigmoidNet(d, q, l, dtype=ag.float64)
x, y = ag.tensor([[0.5, -1.0]], dtype=ag.float64), ag.tensor([[0.0, 1.0]], dtype=ag.float64)
for name, parameter in net.named_parameters():
    print(f"{name:6}{tuple(parameter.shape)!s:8}", parameter.detach().array.round(2).tolist())
print("output", net(x).detach().array.round(3), f"error E_k = {error(net(x), y).item():.4f}")

# %% [markdown]
# ## 3.2 Equations (1) to (6) · 推导
#
# *Document 000, BP算法推导 and BP算法推导(续).*
#
# The weight $w_{hj}$ acts on $\beta_j$, which acts on $\hat{y}_j$, which acts on $E_k$, so the
# chain rule has three factors. The sigmoid brings the derivative $f' = f (1 - f)$, and the first
# two of them together get a name, with a minus because we want to go down:
#
# $$g_j = -\frac{\partial E_k}{\partial \hat{y}_j} \frac{\partial \hat{y}_j}{\partial \beta_j}
# = \hat{y}_j (1 - \hat{y}_j)(y_j - \hat{y}_j) \tag{1}$$
#
# The third factor is $\partial \beta_j / \partial w_{hj} = b_h$; the threshold enters with a minus:
#
# $$\Delta w_{hj} = \eta g_j b_h \quad (2) \qquad\qquad \Delta \theta_j = -\eta g_j \quad (3)$$
#
# One layer further back the same again. The hidden neuron $h$ acts on every output, so there is a
# sum, and in it stands $g_j$, which is known already. That is why the error propagates *back*.
#
# $$\Delta v_{ih} = \eta e_h x_i \quad (4) \qquad\qquad \Delta \gamma_h = -\eta e_h \quad (5)$$
#
# $$e_h = -\frac{\partial E_k}{\partial b_h} \frac{\partial b_h}{\partial \alpha_h}
# = b_h (1 - b_h) \sum_{j=1}^l w_{hj} g_j \tag{6}$$
#
# As loops, so that every index can be seen:


# %%
def changes_by_loops(net, x, y, eta):
    """Equations (1) to (6) for one example: the changes of w, theta, v and gamma."""
    v, gamma, w, theta = (p.detach().array for p in (net.v, net.gamma, net.w, net.theta))
    (d, q), l = v.shape, len(theta)  # noqa: E741
    f = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731
    b = [f(sum(v[i, h] * x[i] for i in range(d)) - gamma[h]) for h in range(q)]
    out = [f(sum(w[h, j] * b[h] for h in range(q)) - theta[j]) for j in range(l)]
    g = [out[j] * (1 - out[j]) * (y[j] - out[j]) for j in range(l)]  # (1)
    e = [b[h] * (1 - b[h]) * sum(w[h, j] * g[j] for j in range(l)) for h in range(q)]  # (6)
    return {
        "w": np.array([[eta * g[j] * b[h] for j in range(l)] for h in range(q)]),  # (2)
        "theta": np.array([-eta * g[j] for j in range(l)]),  # (3)
        "v": np.array([[eta * e[h] * x[i] for h in range(q)] for i in range(d)]),  # (4)
        "gamma": np.array([-eta * e[h] for h in range(q)]),  # (5)
    }


by_equations = changes_by_loops(net, x.array[0], y.array[0], eta=1.0)
error(net(x), y).backward()
for name, parameter in net.named_parameters():
    gap = abs(by_equations[name] + parameter.grad.array).max()
    print(f"{name:6} change {by_equations[name].ravel()[:3].round(4)}...  + gradient: {gap:.1e}")
    assert gap < 1e-15

# %% [markdown]
# The changes are minus the gradients, to the last digit: the engine multiplies the same factors in
# the same order, only that nobody had to derive it. The equations in matrices (`changes`, four
# lines, many examples at once) against the engine, over a hundred random nets:

# %%
together = changes(net, x, y)
assert all(np.allclose(together[n].array, by_equations[n]) for n in by_equations)
print(f"largest difference over 100 nets: {largest_difference(100):.1e}")
assert largest_difference(100) < 1e-12

# %% [markdown]
# The graph with the gradients that come back. What stands at the second sigmoid's input is $-g$, at
# the first one's $-e$.

# %%
ag.draw(error(net(x), y), params=net, gradients=True)

# %% [markdown]
# ## 3.3 The algorithm · BP 算法
#
# *Document 000, BP 算法 and 随机梯度下降.*
#
# 1. Draw all parameters from $[0, 1]$.
# 2. For every example: forward; $g_j$ by (1); $e_h$ by (6); update by (2) to (5).
# 3. Repeat until it is good enough.
#
# That is *standard* BP (标准): an update after every example. *Accumulated* BP (累积) first adds up
# the changes of all examples, and so goes down the error of the whole set. Both learn exclusive or.

# %%
inputs, targets = truth_table("xor").tensors
targets = targets.float().reshape(-1, 1)
found = {}
for rule in (standard, accumulated):
    ag.manual_seed(0)
    xor, errors = SigmoidNet(d=2, q=4, l=1), []
    while not errors or (errors[-1] > 0.05 and len(errors) < 5000):
        rule(xor, inputs, targets, 4.0)
        with ag.no_grad():
            errors.append(error(xor(inputs), targets).item())
    found[rule.__name__] = xor, errors
    answers = xor(inputs).flatten().tolist()
    print(f"{rule.__name__:12} {len(errors)} passes, outputs {[round(a, 2) for a in answers]}")
    assert [round(a) for a in answers] == [0, 1, 1, 0]
draw_errors(plt.figure(figsize=(5, 3), layout="constrained"), found)

# %% [markdown]
# The long plateau is the price of the first line of the algorithm. Drawn from $[0, 1]$ all weights
# are positive, all hidden neurons see the inputs alike, and it takes them a while to tell each
# other apart. Lesson 5 has better beginnings.
#
# ## 3.4 Nothing is computed twice · 反向传播为什么高效
#
# *Document 004, 反向传播.*
#
# Take the simplest deep net, one neuron in each layer, $h^r = f(w_r h^{r-1})$. The gradient by an
# early weight is a long product,
#
# $$\frac{\partial o}{\partial w_r} =
# \Big[\prod_{i=r}^{k-1} \frac{\partial h^{i+1}}{\partial h^i}\Big]
# \cdot \frac{\partial h^r}{\partial w_r},$$
#
# and the one by $w_{r-1}$ is the same product with one factor more: "不需要重复计算", what was
# computed need not be computed again. Going back, each layer costs two multiplications; multiplying
# out each product afresh costs as many as there are layers behind, in all the square of the depth.

# %%
depths = np.array([2, 5, 10, 20, 50, 100, 200])
counts = np.array([chain([1.0] * depth, 0.5)[1:] for depth in depths])
axes = plt.figure(figsize=(4.6, 2.8), layout="constrained").subplots()
for label, count in zip(("backwards", "each product afresh"), counts.T, strict=True):
    axes.loglog(depths, count, ".-", label=label)
    print(f"{label:20}", count)
axes.set(xlabel="layers", ylabel="multiplications")
axes.legend()
assert (counts[:, 0] == 2 * depths).all() and counts[-1, 1] == 200 * 201 // 2
axes.grid(alpha=0.3)

# %% [markdown]
# ## 3.5 Checking a gradient · 梯度检验
#
# *Document 001, 函数的导数: the definition of the derivative, used as a test.*
#
# Differences are slow and inexact, and therefore a good witness: they know nothing of derivations.
# Turn each parameter a little to both sides, see how the error changes, compare. One learns to do
# it in double precision, with $h \approx 10^{-6}$, and to compare relative to the size.

# %%
h = 1e-6
for name, parameter in net.named_parameters():
    numeric = np.zeros(parameter.shape)
    for place in np.ndindex(*parameter.shape):
        sides = []
        for step in (h, -h):
            with ag.no_grad():
                parameter[place] += step
                sides.append(error(net(x), y).item())
                parameter[place] -= step
        numeric[place] = (sides[0] - sides[1]) / (2 * h)
    gap = abs(numeric - parameter.grad.array).max() / abs(numeric).max()
    print(f"{name:6} relative difference {gap:.1e}")
    assert gap < 1e-7

# %% [markdown]
# `ag.gradcheck` does this for any function of tensors, and more: every input, every element,
# overlapping memory, gradients that were forgotten; `ag.gradgradcheck` does it for second
# derivatives.

# %%
weights = [p.detach().requires_grad_() for p in (net.v, net.gamma, net.w, net.theta)]


def loss_of(v, gamma, w, theta):
    hidden = F.sigmoid(x @ v - gamma)
    return error(F.sigmoid(hidden @ w - theta), y)


print("first derivatives: ", ag.gradcheck(loss_of, weights))
print("second derivatives:", ag.gradgradcheck(loss_of, weights))

# %% [markdown]
# Now somebody writes a rule for $\tanh$ and forgets the square: $1 - t$ in the place of $1 - t^2$.


# %%
class Careless(ag.Function):
    """tanh with a slip of the pen."""

    @staticmethod
    def forward(ctx, z):
        t = z.tanh()
        ctx.save_for_backward(t)
        return t

    @staticmethod
    def backward(ctx, grad):
        (t,) = ctx.saved_tensors
        return grad * (1 - t)  # should be 1 - t * t


try:
    ag.gradcheck(Careless.apply, ag.randn(3, dtype=ag.float64, requires_grad=True))
    caught = False
except ag.GradcheckError as found_out:
    caught = True
    print(found_out)
assert caught

# %% [markdown]
# Would one have noticed without? Hardly. Two nets learn to read digits, one with the true rule, one
# with the careless one:


# %%
class Curve(nn.Module):
    """An activation as a layer."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


training, unseen = (models.datasets.digits(train).tensors for train in (True, False))
losses, accuracies = {}, {}
for name, function in {"true rule": F.tanh, "careless rule": Careless.apply}.items():
    ag.manual_seed(0)
    layers = nn.Flatten(), nn.Linear(64, 32), Curve(function), nn.Linear(32, 10)
    reader = nn.Sequential(*layers)
    descent, losses[name] = optim.SGD(reader.parameters(), lr=0.1), []
    for _ in range(15):
        learn(reader, training, descent, epochs=1)
        losses[name].append(measure(reader, training)["loss"])
    accuracies[name] = measure(reader, unseen)["accuracy"]
    print(f"{name:14} loss {losses[name][-1]:.3f}, unseen digits {accuracies[name]:.1%} right")
nn.utils.plots.curves(losses, plt.figure(figsize=(4.6, 2.8), layout="constrained"), log=True)
assert 0.7 < accuracies["careless rule"] < accuracies["true rule"] - 0.05

# %% [markdown]
# It learns, only worse, and one would look for the fault in the data, the rate, the architecture.
# Check every rule you write.
#
# Two warnings about the method. In single precision there are 7 digits, and differences leave 2 or
# 3 of them: `gradcheck` wants float64. And at a kink there are two slopes, and the difference is
# the mean of them: at 0, ReLU's is $\frac{1}{2}$, whatever the engine says (it says 0, as is the
# custom).

# %%
at_zero = ag.zeros(1, dtype=ag.float64, requires_grad=True)
try:
    ag.gradcheck(F.relu, at_zero)
    agreed = True
except ag.GradcheckError:
    agreed = False
    (slope,) = ag.grad(F.relu(at_zero).sum(), at_zero)
    print(f"at the kink: the engine says {slope.item()}, the difference 0.5")
assert not agreed and ag.gradcheck(F.relu, at_zero.detach().add(1.0).requires_grad_())

# %% [markdown]
# *More: `python -m models train backpropagation`; `ag.testing.certify` checks an operation of yours
# in every respect at once.*
