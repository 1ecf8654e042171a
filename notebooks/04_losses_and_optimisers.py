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
# # 4. Losses, optimisers, learning rates · 损失函数、优化器、学习率
#
# We have gradients; what is to be done with them? To train is to choose three things: what counts
# as wrong (the loss), which way to go down (the optimiser), and how far to go at a time (the
# learning rate). Each has a default that everybody uses. This lesson shows why.

# %%
import matplotlib.pyplot as plt
import numpy as np

import autograd as ag
import models
import optim
from models import datasets
from models.gradient_descent import bottom, descend, draw_paths, points
from models.learning_rate import RATES, STEEP, batches, draw_valley, slide
from models.losses import LOSSES, slope, unlearn
from models.optimisers import LECTURES, OPTIMISERS, apart, path, rates_over_time, steps_needed
from models.optimisers import draw_paths as draw_race
from models.regularisation import mislabelled, sgd
from models.training.recipe import classify
from models.training.small import balanced, learn, measure
from nn import functional as F
from nn.utils import plots

ag.manual_seed(0)
print(f"autograd {ag.__version__}")

# %% [markdown]
# ## 4.1 How wrong is an answer? · 损失函数
#
# *Documents 000, 损失函数; 001, 常见损失函数; 002, 损失函数; 004, 输出层以及损失函数.*
#
# For numbers (回归) one takes the *mean squared error*; for classes (分类) the *cross entropy*
# between the true distribution $y$ and the predicted one $y'$, which a softmax has made of the
# net's outputs:
#
# $$MSE = \frac{1}{n}\sum_{i=1}^n (y_i - \hat{y}_i)^2, \qquad
# H(y, y') = -\sum_{c=1}^C y_c \log y'_c, \qquad y'_c = \frac{e^{z_c}}{\sum_k e^{z_k}}$$
#
# If $y$ is one-hot, 1 for the true class $k$ and else 0, all that is left of the sum is
# $-\log y'_k$: the surprise at the truth. (Document 001 speaks of the sum of the squares; its
# formula has the $1/n$ of a mean. Document 000 calls the square itself the mean.)

# %%
guesses = ag.tensor([[2.0, 1.0, -1.0]])
chances = F.softmax(guesses, dim=1)
print("softmax      ", chances.array.round(3), " sum", chances.sum().item())
print("squared error", F.mse_loss(ag.tensor([1.0, 2.0]), ag.tensor([1.0, 4.0])).item())
for k in range(3):
    loss = F.cross_entropy(guesses, ag.tensor([k])).item()
    print(f"the truth is {k}: cross entropy {loss:.3f} = -log {chances[0, k].item():.3f}")
    assert np.isclose(loss, -np.log(chances[0, k].item()))

# %% [markdown]
# Document 002 says that the smaller the cross entropy, the closer the two distributions. True, but
# its least value is not 0. For $q = p$ it is the entropy of $p$, what cannot be known anyway. What
# is 0 there is the excess, the Kullback-Leibler divergence. (Nor is it a distance, as two documents
# call it: from $p$ to $q$ is not as far as from $q$ to $p$.)

# %%
p, q = ag.tensor([0.5, 0.3, 0.2]), ag.tensor([0.05, 0.05, 0.9])
entropy, crossed = (-(p * x.log()).sum().item() for x in (p, q))
there, back = F.kl_div(q.log(), p, reduction="sum"), F.kl_div(p.log(), q, reduction="sum")
print(f"entropy of p {entropy:.3f}, cross entropy with q {crossed:.3f}: excess {there.item():.3f}")
print(f"the other way {back.item():.3f}")
assert np.isclose(crossed - entropy, there.item(), atol=1e-6) and abs(there - back) > 0.05

# %% [markdown]
# Why not squared error for classes? Look at the slopes. With a sigmoid unit $y' = \sigma(z)$,
#
# $$\frac{\partial}{\partial z} \tfrac{1}{2}(y' - y)^2 = (y' - y)\, y' (1 - y'), \qquad
# \frac{\partial}{\partial z} H = y' - y.$$
#
# A unit that is certain and wrong has $y' (1 - y')$ near 0. Squared error learns slowest where it
# is most wrong, cross entropy fastest. On the left the slopes for $y = 0$; on the right a unit that
# starts out sure of the opposite.

# %%
z = np.linspace(-5, 5, 101)[:, None]
left, right = plt.figure(figsize=(9, 2.8), layout="constrained").subplots(1, 2)
outputs = {}
for name, loss in LOSSES.items():
    left.plot(z, slope(loss, z, np.zeros_like(z)), label=name)
    outputs[name] = unlearn(loss, start=2.0, eta=0.15, steps=300)
    right.plot(outputs[name])
    print(f"{name}: the output is 0.98 in the beginning and {outputs[name][-1]:.2f} in the end")
left.set(xlabel="z", ylabel="slope of the loss")
right.set(xlabel="steps", ylabel="output, should be 0")
left.legend()
assert outputs["squared error"][-1] > 2 * outputs["cross entropy"][-1]
right.grid(alpha=0.3)

# %% [markdown]
# One more reason to let `F.cross_entropy` take the raw outputs $z$ (logits) and do the softmax
# itself: $e^{1000}$ is too large for a computer, and $\log 0$ is not a number. Together they
# cancel.

# %%
extreme = ag.tensor([[1000.0, -1000.0]])
with np.errstate(divide="ignore"):
    in_two_steps = -F.softmax(extreme, dim=1).log()[0, 1].item()
print(
    "softmax, then log:",
    in_two_steps,
    " together:",
    F.cross_entropy(extreme, ag.tensor([1])).item(),
)
assert in_two_steps == np.inf and F.cross_entropy(extreme, ag.tensor([1])).item() == 2000

# %% [markdown]
# ## 4.2 Downhill, three ways · 梯度下降
#
# *Documents 001, 梯度下降算法 (一) to (三) and 几种梯度下降算法收敛比较; 000, 随机梯度下降; 004,
# 梯度下降法.*
#
# $$w_i \leftarrow w_i - \eta \frac{\partial E}{\partial w_i}$$
#
# (In the gradient above this formula document 001 forgets $w_1$; it has all the components.) The
# error is a mean over the examples, and so is its gradient. Take all of them (批量), and every step
# goes straight down and costs a pass through the data. Take one (随机): a thousand steps for the
# same price, right only on average. A mini-batch (小批量) of 64, 128 or 256 lies between.

# %%
x, y = points(1024)
goal = bottom(x, y)
sizes = {"one example": 1, "64": 64, "256": 256, "all examples": 1024}
paths = {n: descend(x, y, s, max(1, 200 * s // 1024), lr=0.05) for n, s in sizes.items()}
draw_paths(plt.figure(figsize=(12, 3), layout="constrained"), x, y, paths, goal)
rest = {}
for name, walked in paths.items():
    far = np.linalg.norm(walked - goal, axis=1)
    rest[name] = far[-len(far) // 4 :].mean()
    print(f"{name:13} {len(walked) - 1:5} steps, distance from the bottom at last {rest[name]:.4f}")
assert list(rest.values()) == sorted(rest.values(), reverse=True)

# %% [markdown]
# The star is the bottom. Steady, trembling, and in between, as the document says. A single example
# never comes to rest, because its own gradient at the bottom is not zero: not even here, where the
# error is strongly convex (强凸), as the document points out. Unless the rate falls:

# %%
falling = descend(x, y, batch=1, epochs=1, lr=0.05, decay=0.02)
far = np.linalg.norm(falling - goal, axis=1)[-256:].mean()
print(f"one example, the rate falling like 1 / (1 + 0.02 t): {far:.4f} from the bottom")
assert far < 0.6 * rest["one example"]

# %% [markdown]
# ## 4.3 The learning rate · 学习率
#
# *Documents 001, 学习率; 002, 模型调优: 学习率.*
#
# In a valley of curvature $L$ a step with the rate $\eta$ multiplies the distance to the bottom by
# $1 - \eta L$. So there is a border at $\eta = 2 / L$. Here $L = 4$.

# %%
equal = slide(0.15, 60, equal=True)
slides = {name: slide(rate, 60) for name, rate in RATES.items()}
draw_valley(plt.figure(figsize=(13, 2.6), layout="constrained"), slides, equal)
for name, rate in RATES.items():
    factor = 1 - rate * STEEP
    print(
        f"{name:10} rate {rate}: times {factor:+.2f} a step, after 60 steps {slides[name][-1]:.1e}"
    )
    assert np.isclose(slides[name][1], factor)
assert abs(slides["too large"][-1]) > 10 and abs(equal[-10:]).max() > 0.05

# %% [markdown]
# Document 001 brings in the learning rate as what makes the steps shorter near the goal, where
# steps of equal length (the last picture) would jump to and fro over it. The picture is right and
# the reason is another. The *gradient* gets smaller near the bottom, so the steps shorten by
# themselves; the rate stays the same.
#
# Real losses do not tell their $L$. The range test finds the border with one short run in which the
# rate grows until the loss explodes.

# %%
ag.manual_seed(0)
reader, stream = models.MLP(), batches(64, 120)
descent = optim.SGD(reader.parameters())
tested = optim.range_test(descent, lambda: classify(reader, next(stream))[0], 1e-4, 100.0, 120)
plots.learning_rates(tested)
training, unseen = (datasets.digits(train).tensors for train in (True, False))
right = {}
for times in (1e-3, 1.0, 1e3):
    ag.manual_seed(0)
    reader = models.MLP()
    with np.errstate(over="ignore", invalid="ignore"):  # what explodes is the point
        learn(reader, training, optim.SGD(reader.parameters(), times * tested.suggestion), epochs=5)
        right[times] = measure(reader, unseen)["accuracy"]
    print(f"{times:6g} times the suggested {tested.suggestion:.2g}: {right[times]:.1%} right")
assert right[1.0] > 0.9 and right[1.0] > max(right[1e-3], right[1e3]) + 0.1

# %% [markdown]
# ## 4.4 Better ways down · 优化器
#
# *Document 003, Adagrad, RMSprop, Adadelta, 动量SGD, Nesterov梯度, Adam.*
#
# In a long narrow valley the gradient points across it more than along it, and plain descent
# zigzags.
#
# - *Momentum*: $g^{(\tau)} = \alpha g^{(\tau-1)} + \eta \nabla E^{(\tau)}$,
#   $w^{(\tau+1)} = w^{(\tau)} - g^{(\tau)}$. What goes to and fro cancels, what goes along adds up.
#   *Nesterov* looks where it is about to land.
# - *Adagrad* divides each parameter's rate by the root of all its squared gradients so far: large
#   steps for what is seldom used, small ones for what is busy; and smaller all the time.
# - *RMSprop* forgets old squares, so that the rate need not die. *Adadelta* replaces the rate by
#   the size of its own past steps.
# - *Adam*: momentum and RMSprop together, $m \leftarrow \alpha m + (1 - \alpha) \nabla E$,
#   $n \leftarrow \beta n + (1 - \beta) [\nabla E]^2$.
#
# All of them down the valley $\frac{1}{2}(w_1^2 + 100 w_2^2)$, with the steps each needs (1001: not
# within a thousand):

# %%
race = {name: path(name, 1000) for name in OPTIMISERS}
needed = {name: steps_needed(walked) for name, walked in race.items()}
draw_race(plt.figure(figsize=(12, 4.4), layout="constrained"), race, needed)
assert needed["Nesterov"] < needed["momentum"] < needed["SGD"]
print("steps until the loss stays below a thousandth:", needed)

# %% [markdown]
# Document 003 prints the formulas with some misprints; with those mended, are they what the library
# computes? A hundred steps with random gradients, in double precision:

# %%
for name in LECTURES:
    print(f"{name:9} lecture and library are apart by {apart(name):.1e}")
assert max(apart(name) for name in LECTURES) < 1e-5
switched = apart("momentum", rate=lambda t: 0.05 if t < 50 else 0.005)
print(f"momentum, the rate cut to a tenth half way: apart by {switched:.1e}")
assert apart("momentum") < 1e-12 and switched > 1e-3

# %% [markdown]
# What was mended: for Adam the document divides $m$ where it should divide $n$, by "$1 - v^\tau$",
# to get $\hat{n}$, then uses $n$ without the hat, and a rate of 1. The corrections are
# $\hat{m} = m / (1 - \alpha^\tau)$ and $\hat{n} = n / (1 - \beta^\tau)$. What is left in the first
# lines is where the small $\epsilon$ stands, inside the root or outside. The last line is a true
# difference: with the rate inside $g$ an old, larger rate lives on in it after the rate has been
# cut. PyTorch and we multiply outside.
#
# Adagrad's steps for a gradient that is always 1, and for one that is 1 every tenth step; and
# RMSprop's, which come down to the rate and stay there:

# %%
busy, lasting = (rates_over_time(name, 400, busy=True) for name in ("Adagrad", "RMSprop"))
seldom = rates_over_time("Adagrad", 400, busy=False)
axes = plt.figure(figsize=(5, 2.8), layout="constrained").subplots()
axes.loglog(np.arange(1, 401), busy, label="Adagrad, busy")
axes.loglog(np.arange(1, 401, 10), seldom, label="Adagrad, seldom")
axes.loglog(np.arange(1, 401), lasting, label="RMSprop")
axes.set(xlabel="step", ylabel="its length / rate")
axes.legend()
print(
    f"after 400 steps: {busy[-1]:.3f} (1 / sqrt(400) = 0.05), {seldom[-1]:.3f}, {lasting[-1]:.3f}"
)
assert np.allclose(busy, np.arange(1, 401) ** -0.5) and seldom[-1] > 2 * busy[-1]
axes.grid(alpha=0.3)

# %% [markdown]
# ## 4.5 A training loop · 模型训练过程
#
# *Documents 002, 模型训练过程; 000, 训练 (误差逆传播算法).*
#
# Forward, loss, backward, step: that is all there is, for any model.

# %%
losses, right = {}, {}
for name in ("SGD", "momentum", "Adam"):
    make, _, lr = OPTIMISERS[name]
    ag.manual_seed(0)
    reader, losses[name] = models.MLP(), []
    optimiser = make(reader.parameters(), lr)
    for images, labels in batches(64, 200):
        loss = F.cross_entropy(reader(images), labels)  # forward, and how wrong
        optimiser.zero_grad()
        loss.backward()  # the gradients
        optimiser.step()  # downhill
        losses[name].append(loss.item())
    right[name] = measure(reader, unseen)["accuracy"]
    print(f"{name:9} 200 steps, {right[name]:.1%} of the unseen digits right")
smooth = {name: np.convolve(found, np.ones(15) / 15, "valid") for name, found in losses.items()}
axes = plots.curves(smooth, plt.figure(figsize=(5, 3), layout="constrained"), log=True).axes[0]
axes.set_ylabel("loss, mean of 15")
assert min(right.values()) > 0.9

# %% [markdown]
# ## 4.6 When to stop · 训练集、验证集、测试集与提前停止
#
# *Documents 002, 模型训练过程; 000, 提前停止训练 and 模型权重范数; 001, 训练数据和测试数据.*
#
# The training loss can always be made smaller, in the end by learning the examples by heart. So one
# divides the data: train on one part, watch the loss on a second (验证集), keep the weights that
# were best there, and look at the third (测试集) once, at the end. Here are 150 digits, a fifth of
# them with a wrong label on purpose, so that there is something not to learn.

# %%
ag.manual_seed(0)
few, others = balanced(training, 15)
few, (watched, _) = mislabelled(few, 0.2), balanced(others, 30)


def train_on_few(epochs, stopping=None, decay=0.0):
    """A perceptron trained on the few digits, and its two losses after each epoch."""
    ag.manual_seed(0)
    reader, curves = models.MLP(), {"training": [], "validation": []}
    descent = sgd(reader, lr=0.1, decay=decay)
    for _ in range(epochs):
        learn(reader, few, descent, epochs=1)
        curves["training"].append(measure(reader, few)["loss"])
        curves["validation"].append(measure(reader, watched)["loss"])
        if stopping and stopping.step(curves["validation"][-1], reader):
            break
    return reader, curves


to_the_end, curves = train_on_few(120)
stopping = optim.EarlyStopping(patience=10)
kept, until = train_on_few(120, stopping)
axes = plots.curves(curves, plt.figure(figsize=(5, 3), layout="constrained")).axes[0]
axes.axvline(1 + stopping.best_epoch, color="C1", linestyle=":")
axes.set_xlabel("epoch (dotted: the best)")
test = [measure(reader, unseen) for reader in (to_the_end, kept)]
print(f"stopped after {len(until['training'])} epochs, kept those of {1 + stopping.best_epoch}")
print(f"unseen digits: loss {test[1]['loss']:.3f} against {test[0]['loss']:.3f} at the end")
assert test[1]["loss"] < test[0]["loss"] and stopping.best_epoch < 80

# %% [markdown]
# With `patience=10` training ends when ten epochs in a row have brought nothing better. The
# document then keeps the weights of the moment it stops; better are those of the best epoch, ten
# epochs earlier, and `EarlyStopping` puts those back.
#
# The other cure from the documents is to add $\frac{\lambda}{2} \mathbf{w}^T \mathbf{w}$ to the
# loss, so that a weight has to be worth its size. In the update this becomes
# $w \leftarrow (1 - \lambda') w - \eta \frac{\partial l}{\partial w}$ with
# $\lambda' = \eta \lambda$: every weight shrinks a little at every step, hence "weight decay". The
# biases are left out, as the document says. (For SGD the two are the same. For Adam they are not,
# which is why there is an AdamW.)

# %%
gaps = {}
for decay in (0.0, 0.01, 0.03):
    _, found = train_on_few(60, decay=decay)
    gaps[decay] = found["validation"][-1] - found["training"][-1]
    print(f"decay {decay:4}: training {found['training'][-1]:.3f},", end=" ")
    print(f"validation {found['validation'][-1]:.3f}, gap {gaps[decay]:.3f}")
assert gaps[0.03] < gaps[0.01] < gaps[0.0]

# %% [markdown]
# *More: `python -m models train losses`, `gradient_descent`, `learning_rate` (with the schedules),
# `optimisers`, `regularisation` (eight ways to close the gap, dropout among them), `augmentation`.*
