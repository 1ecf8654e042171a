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
# # 2. Autograd by hand and by graph · 自动求导
#
# Every method of training in these lessons asks the same question: if I turn this number a little,
# how much does that one change? This lesson answers it three times: by the definition, with small
# differences; by an engine of forty lines that is written before your eyes; and by the library,
# which is the same engine for arrays. Then we look at the graph it walks along.

# %%
import math
import tempfile
from html import escape
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import autograd as ag
import nn
from models.first_principles import (
    Lecture,
    central_difference,
    draw,
    forward_difference,
    gradient,
    partials,
)

ag.manual_seed(0)
print(f"autograd {ag.__version__}")

# %% [markdown]
# ## 2.1 A limit · 函数的导数
#
# *Document 001, 函数的导数.*
#
# The derivative is what becomes of the slope of a secant when its two points meet:
#
# $$f'(x_0) = \lim_{\Delta x \to 0} \frac{f(x_0 + \Delta x) - f(x_0)}{\Delta x}$$
#
# Let us do just that, with the function of three variables that document 001 uses:
#
# $$f = x^2 + 3xy + y^2 + z^3, \qquad \frac{\partial f}{\partial x} = 2x + 3y, \quad
# \frac{\partial f}{\partial y} = 3x + 2y, \quad \frac{\partial f}{\partial z} = 3z^2$$

# %%
f, at = Lecture(), np.array([0.7, -0.4, 1.3])


def value(point):
    """f at a point given as an array."""
    return f(ag.tensor(point)).item()


print("by the rules:", np.array(partials(*at)))
for h in (1e-1, 1e-3, 1e-5):
    print(f"h = {h:g}:   ", forward_difference(value, at, h))
assert np.allclose(forward_difference(value, at, 1e-6), partials(*at), atol=1e-4)

# %% [markdown]
# So far, so good. But how small may $\Delta x$ be? On a computer the limit cannot be taken: numbers
# have 16 digits, and the difference of two that agree in the first 12 has only 4 left. Differences
# to one side have an error in proportion to $h$, differences to both sides,
# $\frac{f(x+h) - f(x-h)}{2h}$, one in proportion to $h^2$; and from the left comes the rounding.

# %%
steps = 10.0 ** -np.arange(0, 15, 0.5)
errors = {
    way.__name__: np.array([abs(way(value, at, h) - partials(*at)).max() for h in steps])
    for way in (forward_difference, central_difference)
}
by_engine = abs(gradient(f, at) - partials(*at)).max()
draw(plt.figure(figsize=(9, 3.2), layout="constrained"), steps, errors, by_engine)
for name, found in errors.items():
    print(f"{name}: at best {found.min():.1e}, with h = {steps[found.argmin()]:.0e}")
print(f"autograd: {by_engine:.1e}")
assert by_engine < min(found.min() for found in errors.values())

# %% [markdown]
# Worse than the digits is the price. For $n$ variables one needs $n + 1$ evaluations of $f$; a net
# with a million weights would be evaluated a million times for one step. The red line below all
# others has the digits *and* costs about as much as two or three evaluations, for any $n$. How?
#
# ## 2.2 Forty lines · 手写自动求导
#
# *Document 004, 反向传播 (从后往前依次计算, 高效).*
#
# However long a computation is, it is made of few kinds of steps: sums, products, powers, some
# functions. Each knows its own derivative. The chain rule says how they combine. If $u$ goes into
# several later steps $v_1, v_2, \dots$, then
#
# $$\frac{\partial f}{\partial u} =
# \sum_i \frac{\partial f}{\partial v_i} \frac{\partial v_i}{\partial u}$$
#
# So: while computing, remember for every result what it was made from and with which local slopes.
# Afterwards start at the end with $\partial f / \partial f = 1$ and go back, each number handing to
# its parents its own gradient times the local slope. Each step is visited once, when all that comes
# after it has been: hence the order.


# %%
class Number:
    """A number that remembers how it was computed."""

    def __init__(self, value, parents=(), name=""):
        self.value, self.parents, self.name = value, parents, name  # parents: (number, slope)
        self.grad = 0.0

    def __add__(self, other):
        return Number(self.value + other.value, [(self, 1.0), (other, 1.0)], "+")

    def __mul__(self, other):
        slopes = [(self, other.value), (other, self.value)]
        return Number(self.value * other.value, slopes, "*")

    def __pow__(self, n):
        return Number(self.value**n, [(self, n * self.value ** (n - 1))], f"**{n}")

    def tanh(self):
        result = math.tanh(self.value)
        return Number(result, [(self, 1 - result**2)], "tanh")

    def backward(self):
        """Set the grad of every number that this one was computed from."""
        self.grad = 1.0
        for number in reversed(self.history()):
            for parent, slope in number.parents:
                parent.grad += number.grad * slope

    def history(self):
        """All numbers behind this one, each after its parents."""
        order, seen, stack = [], set(), [(self, False)]
        while stack:
            number, parents_done = stack.pop()
            if parents_done:
                order.append(number)
            elif number not in seen:
                seen.add(number)
                stack.append((number, True))
                stack.extend((parent, False) for parent, _ in number.parents)
        return order


print("three operations, one function, and a loop backwards")

# %% [markdown]
# That is an engine. It is asked about document 001's function, at $(1, 2, 3)$, where the partial
# derivatives are $2 + 6 = 8$, $3 + 4 = 7$ and $27$.

# %%
x, y, z = (Number(v, name=n) for v, n in ((1.0, "x"), (2.0, "y"), (3.0, "z")))
result = x**2 + Number(3.0, name="3") * x * y + y**2 + z**3
result.backward()
print(f"f = {result.value:g}, gradient ({x.grad:g}, {y.grad:g}, {z.grad:g})")
assert (x.grad, y.grad, z.grad) == tuple(partials(1, 2, 3)) == (8, 7, 27)

# %% [markdown]
# Here is every number it remembered, in the order of `history`, with what came back to it. Read the
# last column from the bottom to the top: that is the backward pass. `x` was used twice, and what it
# has is the sum of what came back from $x^2$, which is 2, and from $3x \cdot y$, which is 6.

# %%
print(f"{'':8}{'value':>8}{'df/d.':>8}")
for number in result.history():
    made_from = " ".join(f"{parent.value:g}" for parent, _ in number.parents)
    print(f"{number.name:8}{number.value:8g}{number.grad:8g}   {made_from}")

# %% [markdown]
# And it trains. A neuron $\tanh(wx + b)$ that is to answer 0.5 for the input 2:

# %%
w, b = Number(-0.3), Number(0.1)
for step in range(1, 26):
    error = ((w * Number(2.0) + b).tanh() + Number(-0.5)) ** 2
    w.grad = b.grad = 0.0
    error.backward()
    w.value, b.value = w.value - 0.03 * w.grad, b.value - 0.03 * b.grad
    if step % 5 == 0:
        print(f"step {step:2}: error {error.value:.6f}")
assert error.value < 1e-4

# %% [markdown]
# Why backwards? One could go forwards, carrying $\partial u / \partial x$ along with every $u$; but
# then one has to go once for each input, and nets have millions of inputs (the weights) and one
# output (the loss). Going back costs one walk, whatever the number of weights. Document 004 shows
# it for a chain: the factors behind a layer are the same for all layers before it, and need not be
# computed again. Lesson 3 counts what that saves.
#
# ## 2.3 The same for arrays · 张量与计算图
#
# *Document 001, 偏导数 and 什么是梯度.*
#
# The library differs in what a step is: not a product of two numbers but of two matrices, a
# convolution, a softmax. Each is one record with its derivative beside it. What remembers is a
# `Tensor` with `requires_grad`, and `backward` is the same walk.

# %%
point = ag.tensor([1.0, 2.0, 3.0], requires_grad=True)
result = f(point)
print("f       =", result)
result.backward()
print("gradient", point.grad)
assert point.grad.tolist() == partials(1, 2, 3)

# %% [markdown]
# A wider test: the small engine and the library on the same neuron with ten weights.

# %%
weights, inputs = ag.randn(10, dtype=ag.float64).tolist(), ag.randn(10, dtype=ag.float64).tolist()
small = [Number(w) for w in weights]
total = small[0] * Number(inputs[0])
for w, i in zip(small[1:], inputs[1:], strict=True):
    total = total + w * Number(i)
total.tanh().backward()

large = ag.tensor(weights, dtype=ag.float64, requires_grad=True)
(large @ ag.tensor(inputs, dtype=ag.float64)).tanh().backward()
difference = np.abs(large.grad.array - [w.grad for w in small]).max()
print(f"largest difference of the ten gradients: {difference:.1e}")
assert difference < 1e-15

# %% [markdown]
# Some habits of tensors, which are PyTorch's. Gradients *add up* in `.grad` until you clear them; a
# graph is released by `backward`, unless you ask to keep it; `no_grad` stops the remembering;
# `detach` cuts a tensor off from its past.

# %%
w = ag.tensor(3.0, requires_grad=True)
for _ in range(2):
    (w * w).backward()
    print("after another backward of w * w:", w.grad)
assert w.grad.item() == 12
with ag.no_grad():
    print("remembered under no_grad:", (w * w).requires_grad)
print("remembered of a detached w:", (w.detach() * 2).requires_grad)
once = w * w
once.backward()
try:
    once.backward()
except RuntimeError as refused:
    print(f"{type(refused).__name__}: {str(refused).splitlines()[0]}")

# %% [markdown]
# ## 2.4 Looking at the graph · 看计算图
#
# *Document 001, 偏导数.*
#
# `ag.draw` shows what will be walked: operations grey, leaves that want gradients green, parameters
# of a module blue. With `gradients=True` it also says what comes back to each. Compare the numbers
# with the table of the forty-line engine above.

# %%
x, y, z = (ag.tensor(v, requires_grad=True) for v in (1.0, 2.0, 3.0))
lecture = x**2 + 3 * x * y + y**2 + z**3
ag.draw(lecture, params={"x": x, "y": y, "z": z}, gradients=True)

# %% [markdown]
# Of a larger graph one wants to see the outline first and then look inside. `ag.explore` writes a
# page for that, here shown within the notebook: click on a layer to unfold it, point at a box for
# shapes and the line of source that made it, move the slider to go through the backward pass.


# %%
class Shown:
    """A page inside a notebook."""

    def __init__(self, page):
        self.page = page

    def _repr_html_(self):
        return f'<iframe srcdoc="{escape(self.page)}" width="100%" height="520"></iframe>'


model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))
loss = (model(ag.randn(16, 4)) ** 2).mean()
with tempfile.TemporaryDirectory() as folder:
    path = ag.explore(loss, Path(folder, "graph.html"), params=model, gradients=True)
    page = Path(path).read_text(encoding="utf-8")
print(f"a page of {len(page) // 1000} kB that needs no network and no other program")
Shown(page)

# %% [markdown]
# ## 2.5 What the gradient points at · 什么是梯度
#
# *Document 001, 什么是梯度.*
#
# The vector of partial derivatives points where the function rises fastest, and its length is how
# fast. Try two thousand directions of length 1 at some point: none rises faster than the gradient's
# own, and the fastest of them hardly differs from it.

# %%
stream = np.random.default_rng(0)
directions = stream.standard_normal((2000, 3))
directions /= np.linalg.norm(directions, axis=1, keepdims=True)
everywhere = ag.tensor(np.tile(at, (2000, 1)))
rises = ag.functional.jvp(f, everywhere, ag.tensor(directions))[1].array
truth = np.array(partials(*at))
best = directions[rises.argmax()]
print(
    f"fastest rise of 2000: {rises.max():.4f}, the gradient's length: {np.linalg.norm(truth):.4f}"
)
print("its direction:", best.round(2), " the gradient's:", (truth / np.linalg.norm(truth)).round(2))
assert rises.max() <= np.linalg.norm(truth) and best @ truth > 0.99 * np.linalg.norm(truth)

# %% [markdown]
# Walk against it and you come to a valley. There the gradient is zero, and the document goes on to
# say that where the gradient is zero one has arrived at an extremum. Its own function shows that
# this goes too far. At the origin all three partial derivatives are zero; but along $x = y$ it
# rises on both sides, and along $x = -y$ it falls. What it has there is a *saddle*. The second
# derivatives tell: the Hessian, the matrix of all of them, has eigenvalues of both signs.

# %%
hessian = ag.functional.hessian(f, ag.zeros(3, dtype=ag.float64)).array
curvatures = np.linalg.eigvalsh(hessian[:2, :2])
print("gradient at the origin:", gradient(f, np.zeros(3)))
print(
    "second derivatives by x and y:", hessian[:2, :2].tolist(), "curvatures:", curvatures.round(6)
)
assert not gradient(f, np.zeros(3)).any() and np.allclose(curvatures, [-1, 5])

# %%
side = np.linspace(-1, 1, 81)
grid = np.stack([*np.meshgrid(side, side), np.zeros((81, 81))], axis=-1)
few = grid[5::14, 5::14]
arrows = gradient(lambda points: f(points).sum(), few)
axes = plt.figure(figsize=(4.2, 3.6), layout="constrained").subplots()
plt.colorbar(axes.contourf(side, side, f(ag.tensor(grid)), 20, cmap="coolwarm"), label="f(x, y, 0)")
axes.quiver(few[..., 0], few[..., 1], arrows[..., 0], arrows[..., 1], scale=45, width=0.006)
axes.set(xlabel="x", ylabel="y", title="gradients around a saddle", aspect="equal")
axes.plot(0, 0, "k.")
axes.grid(alpha=0.2)

# %% [markdown]
# How did the library differentiate twice? The rule for going back is itself made of operations that
# can be remembered: with `create_graph=True` a backward pass leaves a graph too, and one can go on,
# to any order.

# %%
x = ag.tensor(0.5, dtype=ag.float64, requires_grad=True)
derivative = x.tanh()
for order in range(1, 5):
    (derivative,) = ag.grad(derivative, x, create_graph=True)
    print(f"derivative {order} of tanh at 0.5: {derivative.item():+.6f}")
t = math.tanh(0.5)
assert math.isclose(derivative.item(), (1 - t * t) * (16 * t - 24 * t**3), rel_tol=1e-12)

# %% [markdown]
# ## 2.6 A rule of your own · 自定义求导规则
#
# *Document 001, 激活函数 (阶跃函数).*
#
# The library takes new operations the way our forty lines would: a forward, and what to do with
# what comes back. A step function has the slope 0 wherever it has one, and nothing learns through
# it. One may decide to look away and send the gradient through as if the step were not there
# ("straight through"). That is a decision, so we have to write it down.


# %%
class Step(ag.Function):
    """0 or 1 on the way there; on the way back, the identity."""

    @staticmethod
    def forward(ctx, z):
        return (z >= 0).float()

    @staticmethod
    def backward(ctx, grad):
        return grad


z = ag.tensor([-1.5, -0.2, 0.3, 2.0], requires_grad=True)
Step.apply(z).sum().backward()
print("forward ", Step.apply(z).tolist())
print("backward", z.grad.tolist(), " the honest slope:", ag.grad(nn.functional.step(z).sum(), z)[0])
assert z.grad.tolist() == [1, 1, 1, 1]

# %% [markdown]
# Rules written by hand may be wrong, and a wrong gradient rarely crashes: it learns a little worse.
# How to check one is the end of the next lesson.
#
# *More: `python -m models train first_principles`; `autograd/engine.py` is the loop of the real
# engine, `autograd/ops/` its rules.*
