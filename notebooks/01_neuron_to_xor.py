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
# # 1. From a neuron to XOR · 从神经元到异或
#
# A neuron adds up what it hears and fires if that is enough. This lesson follows what became of the
# idea in its first forty years: one neuron with weights chosen by hand, one that learns from its
# mistakes, the small problem that stopped it, and the three neurons that solve it, first by hand
# and then by themselves.

# %%
import matplotlib.pyplot as plt
import numpy as np

import autograd as ag
import models
import nn
import optim
from models.mcculloch_pitts import GATES, McCullochPitts, corners, single_unit_tables
from models.mcculloch_pitts import draw_gates as draw_thresholds
from models.perceptron import (
    Perceptron,
    draw_gates,
    draw_weights,
    objective,
    passes_until_repeated,
    truth_table,
    zeros_and_ones,
)
from models.universal_approximation import curve, points, root_mean_square, staircase
from models.xor import StepXor, XorNet
from nn import functional as F

ag.manual_seed(0)
print(f"autograd {ag.__version__}: {ag.tensor([1.0, 2.0]) * 3}")

# %% [markdown]
# ## 1.1 A neuron · 神经元
#
# *Documents 000, 什么是神经网络?; 001, 生物神经元 and 激活函数; 002, 神经元; 004, McCulloch-Pitts
# 神经元.*
#
# Inputs $x_i$ arrive through synapses of strength $w_i$, positive where they excite the cell and
# negative where they inhibit it. If their sum reaches the threshold $\theta$, the cell fires:
#
# $$f(x) = f\Big(\sum_i w_i x_i - \theta\Big), \qquad
# f(z) = \begin{cases} 1 & z \ge 0 \\ 0 & z < 0 \end{cases}$$
#
# That is all of it, and it can reason. With two inputs and the right numbers it is AND (逻辑和),
# OR, or NAND; document 001 leaves writing them as an exercise.

# %%
print("x1 x2", *(f"{name:>5}" for name in ("and", "or", "nand")))
units = {
    name: McCullochPitts(weights, threshold) for name, (weights, threshold, _) in GATES.items()
}
for x in corners(2):
    answers = (units[name](x[None]).item() for name in ("and", "or", "nand"))
    print(*(f"{value:2.0f}" for value in x.tolist()), *(f"{value:5.0f}" for value in answers))

# %% [markdown]
# To ask a neuron a question is to ask on which side of a line a point lies:
# $w_1 x_1 + w_2 x_2 = \theta$ cuts the plane in two. The red points are those for which the gate
# answers 1.

# %%
draw_thresholds(plt.figure(figsize=(9, 2.5), layout="constrained"))

# %% [markdown]
# The threshold need not be something special. Give the neuron one more input $x_0$ that is always
# 1, with the weight $w_0 = -\theta$, and $f(\sum_{i=1} w_i x_i - \theta)$ becomes
# $f(\sum_{i=0} w_i x_i) = f(\mathbf{w}^T \mathbf{x})$: document 000 calls it absorbing the bias
# into the weights. The sign in front of it does not matter either, as long as one keeps to it.

# %%
inputs = corners(2)
with_one = ag.cat([ag.ones(4, 1), inputs], dim=1)
absorbed = F.step(with_one @ ag.tensor([-2.0, 1.0, 1.0]))
print("and, with the threshold as a weight:", absorbed.tolist())
assert absorbed.tolist() == units["and"](inputs).tolist() == [0, 0, 0, 1]

# %% [markdown]
# ## 1.2 The perceptron: a neuron that learns · 感知机
#
# *Document 001, 感知机; 004, 感知机 (Perceptron).*
#
# In 1958 Frank Rosenblatt let the neuron find its weights. Show it an example. If it is right, do
# nothing. If it is wrong, the error $y - \hat{y}$ is $+1$ or $-1$; move the weights by that much of
# the input: $w_i \leftarrow w_i + (y - \hat{y})\, x_i$. Go on until a whole pass is without
# mistakes.

# %%
learned = {gate: Perceptron(2) for gate in ("and", "or", "nand")}
for gate, unit in learned.items():
    mistakes = unit.fit(truth_table(gate), epochs=100)
    print(f"{gate:5} mistakes in each pass: {mistakes}  w = {unit.weight.tolist()},", end=" ")
    print(f"theta = {-unit.bias.item():g}")
    assert unit(inputs).tolist() == GATES[gate][2]

# %% [markdown]
# It is not a toy. With 64 inputs, one for each pixel, a perceptron tells handwritten zeros from
# handwritten ones. Its weights are a picture of what it looks at: a one has ink in the middle,
# where a zero has none.

# %%
examples, unseen = (zeros_and_ones(train) for train in (True, False))
reader = Perceptron(64)
mistakes = reader.fit(examples, epochs=100)
right = objective(reader, unseen.tensors)[1]["accuracy"]
print(f"mistakes in each pass: {mistakes}; of {len(unseen)} unseen digits {right:.1%} right")
draw_weights(plt.figure(figsize=(3.2, 2.6), layout="constrained"), reader)
assert mistakes[-1] == 0 and right > 0.98

# %% [markdown]
# ## 1.3 What no neuron can do · 感知机的局限
#
# *Document 001, 感知机的局限性 and 深度学习发展历史(一).*
#
# Exclusive or, XOR (异或): one of two, but not both. Its ones are $(0, 1)$ and $(1, 0)$, its zeros
# $(0, 0)$ and $(1, 1)$, and no line has the ones on one side and the zeros on the other. Suppose
# there were one. Then $w_1 \ge \theta$ and $w_2 \ge \theta$, but $0 < \theta$ and
# $w_1 + w_2 < \theta$; the first two add up to $w_1 + w_2 \ge 2\theta > \theta$, and that is a
# contradiction.
#
# Of the 16 functions of two inputs one neuron computes 14; XOR and its opposite are the others.

# %%
possible = single_unit_tables(2)
print(f"{len(possible)} of 16 tables of two inputs; exclusive or is {(0, 1, 1, 0) in possible}")
print(f"{len(single_unit_tables(3))} of 256 tables of three inputs")
assert len(possible) == 14 and not {(0, 1, 1, 0), (1, 0, 0, 1)} & possible

# %% [markdown]
# What does Rosenblatt's rule do then? It goes round in circles, and one can catch it at it: its
# weights are whole numbers, and after a few passes they are what they were before.

# %%
unit, table = Perceptron(2), truth_table("xor")
for turn in range(1, 7):
    (wrong,) = unit.fit(table, epochs=1)
    print(f"pass {turn}: {wrong} mistakes, w = {unit.weight.tolist()}, bias {unit.bias.item():g}")
repeated = passes_until_repeated(Perceptron(2), table, epochs=100)
print(f"after pass {repeated} the weights are old acquaintances: this goes on for ever")
assert repeated == 3

# %%
learned["xor"] = unit
draw_gates(plt.figure(figsize=(9, 2.5), layout="constrained"), learned)

# %% [markdown]
# ## 1.4 Three neurons · 多层感知机
#
# *Document 001, 感知机解决异或问题, and its exercise.*
#
# "$x_1$ and not $x_2$" is a matter of one line, "$x_2$ and not $x_1$" of another, and "one of these
# two" of a third. So two neurons look at the inputs and one looks at the two; all thresholds are
# 0.5, as in the document's picture.
#
# (The document dates the solution to 1975. That two layers can compute XOR was known from the
# start: McCulloch and Pitts built such nets in 1943. What nobody had was a rule by which the first
# layer could *learn* its weights. That came with back-propagation: Werbos 1974, Rumelhart, Hinton
# and Williams 1986.)

# %%
by_hand = StepXor()
print("weights to the hidden neurons (columns):", by_hand.hidden.tolist())
print("weights to the output neuron:           ", by_hand.output.tolist())
for x, y in zip(inputs, by_hand(inputs), strict=True):
    hidden = F.step(x @ by_hand.hidden - by_hand.threshold)
    print(f"x = {x.tolist()}  hidden {hidden.tolist()}  output {y.item():g}")
assert by_hand(inputs).tolist() == [0, 1, 1, 0]

# %% [markdown]
# Look at the middle column. The inputs $(0, 0)$ and $(1, 1)$ have become the same point, and what
# no line could separate now has a line between it. That is what hidden layers are for: they
# describe the input anew, until the question is an easy one.
#
# ## 1.5 Three neurons that learn · 从感知机到神经网络
#
# *Document 001, 神经网络; 000, 模型参数量 and 激活函数; 002, 激活函数.*
#
# A step is flat: turn a weight a little, and nothing changes, or everything. So there is no saying
# which way to turn it. Make the step smooth, a sigmoid $\sigma(z) = 1 / (1 + e^{-z})$ or its
# stretched sister $\tanh z = 2\sigma(2z) - 1$, and every weight has a slope. With that, says the
# document, one has entered the world of neural networks.

# %%
z = ag.linspace(-4, 4, 201).requires_grad_()
axes = plt.figure(figsize=(5, 2.6), layout="constrained").subplots()
for function in (F.step, F.sigmoid, F.tanh):
    values = function(z)
    (slope,) = ag.grad(values.sum(), z)
    (line,) = axes.plot(z.detach(), values.detach(), label=function.__name__)
    axes.plot(z.detach(), slope, ":", color=line.get_color())
    print(f"{function.__name__:8} steepest slope {slope.max().item():.2f}")
axes.legend(title="dotted: slopes")
assert ag.allclose(F.tanh(z), 2 * F.sigmoid(2 * z) - 1, atol=1e-6)
axes.grid(alpha=0.3)

# %% [markdown]
# Our net has $d = 2$ inputs, $q = 2$ hidden neurons and $l = 1$ output. It has
# $d \times q + q \times l$ weights and $q + l$ biases, nine numbers to find. (The document says of
# the output layer that it has 1 neuron; it means the letter $l$.)

# %%
model = XorNet()
d, q, l = 2, 2, 1  # noqa: E741 - the document's letters
assert sum(p.numel() for p in model.parameters()) == d * q + q * l + q + l == 9
nn.summary(model, input_size=(4, 2))

# %% [markdown]
# The error is half the sum of the squared differences. Its gradient says of each of the nine
# numbers which way is up; we take a small step the other way, again and again. How the gradient is
# found is the subject of lessons 2 and 3; here `backward` does it.

# %%
targets, errors = table.targets.float(), []
ag.manual_seed(0)
model = XorNet()
descent = optim.SGD(model.parameters(), lr=1.0)
for _ in range(1000):
    error = 0.5 * ((model(inputs) - targets) ** 2).sum()
    descent.zero_grad()
    error.backward()
    descent.step()
    errors.append(error.item())
with ag.no_grad():
    print("outputs", [round(y, 3) for y in model(inputs).tolist()], f"error {errors[-1]:.5f}")
    assert model(inputs).round().tolist() == [0, 1, 1, 0] and errors[-1] < 0.01

# %% [markdown]
# What was computed for the last of these steps, from the inputs to the error: parameters are blue,
# operations grey. Backwards along these arrows the gradient came.

# %%
ag.draw(0.5 * ((model(inputs) - targets) ** 2).sum(), params=model)

# %% [markdown]
# The left picture is the error while it learned: first a plateau, then suddenly down. The right one
# is the answer for every point of the plane. The single line has become two.

# %%
side = np.linspace(-0.5, 1.5, 101, dtype=np.float32)
plane = ag.tensor(np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2))
left, right = plt.figure(figsize=(8, 3), layout="constrained").subplots(1, 2)
left.semilogy(errors)
left.set(xlabel="steps", ylabel="error")
with ag.no_grad():
    shades = right.contourf(
        side, side, model(plane).reshape(101, 101), 20, cmap="coolwarm", alpha=0.7
    )
right.scatter(*inputs.array.T, c=targets, cmap="coolwarm", edgecolor="k", s=60)
right.set(xlabel="x1", ylabel="x2", aspect="equal")
plt.colorbar(shades, label="output")
left.grid(alpha=0.3)

# %% [markdown]
# ## 1.6 Why it must bend · 为什么需要激活函数
#
# *Document 002, 激活函数; 000, 关于激活函数.*
#
# Leave the activation out and two layers are
# $W_2 (W_1 x + b_1) + b_2 = (W_2 W_1)\, x + (W_2 b_1 + b_2)$: one layer again, however many there
# were. Trained on XOR such a net can only give up: it answers $\frac{1}{2}$ to everything.

# %%
linear = nn.Sequential(nn.Linear(2, 8), nn.Linear(8, 8), nn.Linear(8, 1))
descent = optim.SGD(linear.parameters(), lr=0.1)
for _ in range(1000):
    loss = F.mse_loss(linear(inputs).flatten(), targets)
    descent.zero_grad()
    loss.backward()
    descent.step()
answers = linear(inputs).flatten().tolist()
print("three linear layers answer", [round(y, 3) for y in answers])
assert np.allclose(answers, 0.5, atol=0.01)

# %% [markdown]
# ## 1.7 More neurons · 增加神经元
#
# *Document 001, 多层前馈网络强大的表达能力 and 增加神经元提高分类准确率; 000,
# 多层前馈网络有强大的表示能力.*
#
# With enough neurons one hidden layer approximates every continuous function as closely as one
# likes (Hornik, Stinchcombe and White 1989). For step neurons one can see why: let each of them
# lift the output by as much as the function rises at its place, and the result is a staircase.
# Twice the stairs, half the error.

# %%
x, wide = points(variables=1, count=401), (4, 16, 64)
panels = plt.figure(figsize=(9, 2.4), layout="constrained").subplots(1, 3, sharey=True)
far = []
for axes, stairs in zip(panels, wide, strict=True):
    values = staircase(curve, stairs)(x)
    far.append(root_mean_square(values - curve(x)))
    axes.plot(x, curve(x), "k", linewidth=0.8)
    axes.plot(x, values, "C3")
    axes.set_title(f"{stairs} neurons, error {far[-1]:.3f}")
assert far[0] > 2.5 * far[1] > 2.5**2 * far[2]

# %% [markdown]
# The same for a net that learns, on a ring and what is inside it. One hidden neuron is one line.
# Two make a strip, three a triangle, and eight bend the boundary as it has to be.

# %%
rings = models.datasets.circles(200, noise=0.08)
side = np.linspace(-1.4, 1.4, 121, dtype=np.float32)
plane = ag.tensor(np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2))
widths, accuracies = (1, 2, 3, 8), []
panels = plt.figure(figsize=(10, 2.8), layout="constrained").subplots(1, len(widths))
for axes, width in zip(panels, widths, strict=True):
    ag.manual_seed(0)
    model = models.Classify2d(hidden=(width,))
    descent = optim.Adam(model.parameters(), lr=0.05)
    for _ in range(400):
        loss = F.cross_entropy(model(rings.data), rings.targets)
        descent.zero_grad()
        loss.backward()
        descent.step()
    with ag.no_grad():
        hits = model(rings.data).argmax(dim=1) == rings.targets
        chance = F.softmax(model(plane), dim=1)[:, 1].reshape(121, 121)
    accuracies.append(hits.float().mean().item())
    axes.contourf(side, side, chance, 20, cmap="coolwarm", alpha=0.7)
    axes.scatter(*rings.data.array.T, c=rings.targets, cmap="coolwarm", edgecolor="k", s=12)
    axes.set(title=f"{width} hidden: {accuracies[-1]:.1%}", xticks=[], yticks=[], aspect="equal")
assert accuracies == sorted(accuracies) and accuracies[0] < 0.7 and accuracies[-1] > 0.99

# %% [markdown]
# The theorem says that the weights exist. It says neither how to find them nor that one wide layer
# is the thrifty way: "deep and thin" (深而瘦) needs fewer neurons than "shallow and fat" for most
# of what we care about, and finding the weights is what the next lessons are about.
#
# *More: `python -m models train mcculloch_pitts`, `perceptron`, `xor`, `universal_approximation`,
# and `classify2d`, which writes a page to train a small net in the browser.*
