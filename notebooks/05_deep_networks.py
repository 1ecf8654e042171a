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
# # 5. Training deep networks · 深度网络的训练
#
# For twenty years back-propagation was known and deep networks did not learn. The gradients were
# computed correctly; they were just too small, or too large, by the time they reached the first
# layers. This lesson shows the disease and the four remedies: rectifiers, better beginnings, batch
# normalisation, and residual connections.

# %%
import matplotlib.pyplot as plt
import numpy as np

import autograd as ag
import nn
import optim
from models import datasets, initialisation, vanishing_gradients
from models.batch_norm import BatchNorm
from models.batch_norm import DeepNet as Rectified
from models.batch_norm import draw as draw_rates
from models.training.recipe import graded
from models.training.small import balanced, learn, measure
from models.vanishing_gradients import NETWORKS, Deltas, draw_chains, draw_deltas, slopes
from nn import functional as F

ag.manual_seed(0)
print(f"autograd {ag.__version__}")

# %% [markdown]
# ## 5.1 The first layers do not learn · 梯度消失
#
# *Document 003, 梯度消失 (隐藏层神经元, 各层的学习速度).*
#
# Call $\delta^l = \partial C / \partial b^l$ the gradient by the biases of layer $l$. Its norm
# $\|\delta^l\|$ is how fast that layer learns. The document's experiment: digits of $28 \times 28$
# pixels, a net $[784, 30, 30, 30, 30, 10]$ of sigmoids, weights drawn from $\mathcal{N}(0, 1)$,
# $\eta = 0.1$. (It prints 728; an image has $28^2 = 784$ pixels.) A hook in each hidden layer notes
# $\|\delta^l\|$ whenever `backward` comes by. Beside it the same net with each of the remedies.

# %%
images, labels = (part[:300] for part in datasets.digits(size=28, normalise=False).tensors)
norms = {}
for name, remedy in NETWORKS.items():
    ag.manual_seed(0)
    model = vanishing_gradients.DeepNet(**remedy)
    deltas, descent = Deltas(model), optim.SGD(model.parameters(), lr=0.1)
    for _ in range(40):
        loss, _ = graded(model(images), labels)
        descent.zero_grad()
        loss.backward()
        descent.step()
    norms[name] = np.array(deltas.norms)
    speeds = norms[name].mean(axis=1)
    print(f"{name:10} speeds {speeds.round(3)}, first / last {speeds[0] / speeds[-1]:.2f}")
draw_deltas(plt.figure(figsize=(11, 3), layout="constrained"), norms)
speeds = norms["sigmoid"].mean(axis=1)
assert (np.diff(speeds) > 0).all() and speeds[0] < speeds[-1] / 2

# %% [markdown]
# In the first panel every layer learns more slowly than the one after it. That is the wrong way
# round: what the first layer has lost of the image, no later one can find again.
#
# ## 5.2 Why · 梯度消失的原因
#
# *Document 003, 梯度消失的原因.*
#
# Take one neuron in each layer. The chain rule gives the gradient by the first bias as a product,
#
# $$\frac{\partial C}{\partial b_1} = \frac{\partial C}{\partial y_4}\, \sigma'(z_4)\, w_4\,
# \sigma'(z_3)\, w_3\, \sigma'(z_2)\, w_2\, \sigma'(z_1),$$
#
# with a factor $\sigma'(z)\, w$ for every layer on the way. And $\sigma'$ is at most $\frac{1}{4}$.
# So with weights of ordinary size each layer takes away three quarters of the gradient or more. If
# the weights are so large that $|\sigma'(z)\, w| > 1$, the product explodes (梯度爆炸) instead.
# Only at exactly 1 does it survive, and nothing keeps it there.

# %%
depth = 8
chains = {w: slopes([w] * depth, [0.0] + [-w / 2] * (depth - 1), 0.0) for w in (1.0, 4.0, 8.0)}
draw_chains(plt.figure(figsize=(9, 3), layout="constrained"), chains)
for w, (by_formula, by_autograd) in chains.items():
    print(
        f"|sigma'(z) w| = {w / 4:g}: dC/db_1 = {by_formula[0]:.2e}, dC/db_8 = {by_formula[-1]:.2f}"
    )
    assert np.allclose(by_formula, by_autograd)
    assert np.isclose(by_formula[0], by_formula[-1] * (w / 4) ** (depth - 1))

# %% [markdown]
# ## 5.3 Rectifiers · 线性整流
#
# *Documents 003, 线性整流激活函数; 001, 常见激活函数 (四): ReLU函数; 000, 激活函数.*
#
# $\mathrm{ReLU}(x) = \max(0, x)$ has the slope 1 or 0: where a unit is on, the gradient passes
# whole. Two documents say that it avoids both vanishing and exploding gradients. It does away with
# the factor $\sigma'$, but not with the weights. Drawn from $\mathcal{N}(0, 1)$, thirty inputs make
# every layer about $\sqrt{30 / 2} \approx 4$ times as large as the last, forwards and backwards:

# %%
ratios = {}
for rule, draw_weight in {"N(0, 1)": nn.init.normal_, "He": nn.init.kaiming_normal_}.items():
    ag.manual_seed(0)
    model = vanishing_gradients.DeepNet(activation="relu")
    for layer in (*model.hidden, model.output):
        draw_weight(layer.weight)
    deltas = Deltas(model)
    graded(model(images), labels)[0].backward()
    first, *_, last = (found[0] for found in deltas.norms)
    ratios[rule] = first / last
    print(
        f"rectifiers, weights from {rule:8} delta of the first layer {first:10.3f}, first / last",
        end=" ",
    )
    print(f"{ratios[rule]:.2f}")
assert ratios["N(0, 1)"] > 20 and 0.2 < ratios["He"] < 5

# %% [markdown]
# ## 5.4 Beginnings · 参数初始化
#
# *Documents 002, 参数初始化; 000, BP 算法 (在[0,1]范围内随机初始化); 003
# ($W \sim \mathcal{N}(0, 1)$).*
#
# First a beginning from which nothing can come. If all weights of a layer are equal, its units
# compute the same, get the same gradient, and stay the same for ever (对称失效, symmetry failure):
# the layer is one unit wide.

# %%
few, validation = balanced(datasets.digits().tensors, 40)
ag.manual_seed(0)
model = initialisation.DeepNet("equal", "tanh", depth=3)
learn(model, few, optim.SGD(model.parameters(), lr=0.1), epochs=10)
unlike, accuracy = initialisation.asymmetry(model), measure(model, validation)["accuracy"]
print("weights to two units of the second layer:")
print(model.hidden[1].weight[:2, :6].detach().array.round(4))
print(f"units differ by {unlike:.1e} after training; {accuracy:.1%} of the digits right")
assert unlike < 1e-6 and accuracy < 0.5

# %% [markdown]
# So the weights are drawn at random. How large? A sum of $n$ inputs with weights of variance $v$
# has $n v$ times the inputs' variance. To leave the size as it is, $n v$ should be about 1:
# Glorot's rule (Xavier) takes $v = 2 / (n_{in} + n_{out})$, a compromise between the way there and
# the way back; He's $v = 2 / n_{in}$ makes up for the half that a rectifier cuts off; an orthogonal
# matrix keeps every length. The same net of 8 hidden layers from seven beginnings:

# %%
spreads, accuracies = {}, {}
for activation in ("tanh", "relu"):
    for rule in initialisation.RULES:
        ag.manual_seed(0)
        model = initialisation.DeepNet(rule, activation)
        with np.errstate(over="ignore", invalid="ignore"):  # what explodes is the point
            spreads[activation, rule] = initialisation.spread(model, few)
            learn(model, few, optim.SGD(model.parameters(), lr=0.05), epochs=12)
            accuracies[activation, rule] = measure(model, validation)["accuracy"]
initialisation.draw(plt.figure(figsize=(10, 6), layout="constrained"), spreads, accuracies)
for activation, rules in {"tanh": ("Xavier", "orthogonal"), "relu": ("He", "orthogonal")}.items():
    naive = max(accuracies[activation, rule] for rule in initialisation.NAIVE)
    proper = min(accuracies[activation, rule] for rule in rules)
    print(
        f"{activation}: best of zeros, equal, U[0, 1], N(0, 1): {naive:.1%}; {rules}: {proper:.1%}"
    )
    assert proper > naive + 0.1

# %% [markdown]
# ## 5.5 Batch normalisation · 批归一化
#
# *Document 003, Batch normalization.*
#
# If the right size is so important, why not enforce it? For every feature, over the batch:
#
# $$\mu_B = \frac{1}{m}\sum_i x_i, \quad \sigma_B^2 = \frac{1}{m}\sum_i (x_i - \mu_B)^2, \quad
# \hat{x}_i = \frac{x_i - \mu_B}{\sqrt{\sigma_B^2 + \epsilon}}, \quad
# y_i = \gamma \hat{x}_i + \beta$$
#
# $\gamma$ and $\beta$ are learned, so that the layer may undo it where that is better. (The
# document normalises what comes out of the activation. The paper, and everybody since, what goes
# in.)

# %%
x = ag.randn(256, 3) * ag.tensor([1.0, 5.0, 0.1]) + ag.tensor([0.0, 3.0, -2.0])
written_out, fast = BatchNorm(3), nn.BatchNorm1d(3)
y = written_out(x)
for name, values in {"before": x, "after": y.detach()}.items():
    print(
        f"{name:7} means {values.array.mean(0).round(3)}, deviations {values.array.std(0).round(3)}"
    )
assert ag.allclose(y, fast(x), atol=1e-5)
assert ag.allclose(written_out.running_var, fast.running_var, atol=1e-5)

# %% [markdown]
# An example's output now depends on what else is in the batch. When the net is used, that must not
# be: in `eval()` mode $\mu$ and $\sigma^2$ are running means from training. Forgetting to switch is
# a common mistake, and looks like this:

# %%
one = x[:1]
for _ in range(50):
    fast(x)
together = fast.eval()(x)[0]
alone = fast(one)[0]
print("in eval mode:  alone", alone.detach().array, " among others", together.detach().array)
try:
    fast.train()(one)
except ValueError as refused:
    print("in train mode: alone", str(refused).splitlines()[0])
assert ag.allclose(alone, together)

# %% [markdown]
# "可以选择较大的学习率": it allows larger rates. Six hidden layers with and without, at rates from
# small to far too large:

# %%
rates = [float(rate) for rate in 2.0 ** np.arange(-6, 3, 2)]
curves = {False: [], True: []}
for rate in rates:
    for normalised, curve in curves.items():
        ag.manual_seed(0)
        model = Rectified(normalised)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            learn(model, few, optim.SGD(model.parameters(), rate), epochs=5)
            curve.append(measure(model, validation)["accuracy"])
draw_rates(plt.figure(figsize=(5, 3), layout="constrained"), rates, curves)
largest = {n: max(r for r, a in zip(rates, c, strict=True) if a > 0.7) for n, c in curves.items()}
print(f"largest rate that still learns: {largest[False]} without, {largest[True]} with")
assert largest[True] >= 4 * largest[False] and max(curves[True]) >= max(curves[False])

# %% [markdown]
# ## 5.6 Residual connections · 残差网络
#
# *Document 003, 残差神经网络.*
#
# One more problem remains: deeper nets got *worse*, even on the examples they were trained on
# (degradation, 网络退化). That is strange, because a deeper net could imitate the shallower one:
# its further layers would only have to do nothing. But doing nothing, $\mathcal{H}(x) = x$, is hard
# to learn for a layer. So let it be the beginning: a block computes
# $\mathcal{F}(x) = \mathcal{H}(x) - x$, and a shortcut adds the $x$ (捷径连接).
#
# $$\mathbf{x}^{l+1} = \mathbf{x}^l + \mathcal{F}(\mathbf{x}^l), \qquad
# \mathbf{x}^L = \mathbf{x}^l + \sum_{i=l}^{L-1} \mathcal{F}(\mathbf{x}^i), \qquad
# \frac{\partial E}{\partial \mathbf{x}^l} = \frac{\partial E}{\partial \mathbf{x}^L}
# \Big(1 + \frac{\partial}{\partial \mathbf{x}^l} \sum_{i=l}^{L-1} \mathcal{F}(\mathbf{x}^i)\Big)$$
#
# Look at the 1. Whatever the blocks do, the gradient also comes down unchanged.


# %%
class Block(nn.Module):
    """Normalise, rectify, mix; and add the input, if there is a shortcut."""

    def __init__(self, width, shortcut):
        super().__init__()
        self.norm, self.linear = nn.BatchNorm1d(width), nn.Linear(width, width)
        self.shortcut = shortcut

    def residual(self, x):
        return self.linear(F.relu(self.norm(x)))

    def forward(self, x):
        return x + self.residual(x) if self.shortcut else self.residual(x)


def deep(depth, shortcut, width=32):
    """A net with so many blocks between its first and its last layer."""
    blocks = (Block(width, shortcut) for _ in range(depth))
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), *blocks, nn.Linear(width, 10))


ag.manual_seed(0)
flatten, first, *blocks, last = deep(depth=6, shortcut=True)
stream = [first(flatten(few[0]))]
for block in blocks:
    stream.append(block(stream[-1]))
total = stream[0] + sum(block.residual(x) for block, x in zip(blocks, stream, strict=False))
print("x^L equals x^0 and the sum of all residuals:", ag.allclose(total, stream[-1], atol=1e-4))
assert ag.allclose(total, stream[-1], atol=1e-4)

# %% [markdown]
# The net of one block, with its shortcut around the block, and how fast the layers of deep nets
# learn before the first step: without shortcuts the gradients explode on their way back through 40
# blocks although every block is normalised; with them they hardly change.

# %%
small = deep(depth=1, shortcut=True)
ag.draw(small(few[0]).logsumexp(dim=1).sum(), params=small, depth=2)

# %%
axes, reach = plt.figure(figsize=(5, 3), layout="constrained").subplots(), {}
for shortcut in (False, True):
    ag.manual_seed(0)
    model = deep(depth=40, shortcut=shortcut)
    graded(model(few[0]), few[1])[0].backward()
    found = [block.linear.weight.grad.norm().item() for block in list(model)[2:-1]]
    reach[shortcut] = found[0] / found[-1]
    axes.semilogy(range(1, 41), found, label="residual" if shortcut else "plain")
    print(
        f"shortcut {shortcut!s:5}: gradient of the first block / of the last {reach[shortcut]:.3g}"
    )
axes.set(xlabel="block", ylabel="norm of its gradient")
axes.legend()
assert reach[False] > 100 and reach[True] < 10
axes.grid(alpha=0.3)

# %% [markdown]
# And do they learn? The training loss after 8 passes, at three depths. Plain nets get worse with
# depth, residual ones better: "the deeper the better", as the document has it.

# %%
losses = {False: [], True: []}
for depth in (5, 15, 40):
    for shortcut, found in losses.items():
        ag.manual_seed(0)
        model = deep(depth, shortcut)
        learn(model, few, optim.SGD(model.parameters(), lr=0.05), epochs=8, batch_size=64)
        found.append(measure(model, few)["loss"])
    print(f"{depth:3} blocks: plain {losses[False][-1]:.3f}, residual {losses[True][-1]:.3f}")
assert losses[False] == sorted(losses[False]) and losses[True] == sorted(losses[True])[::-1]

# %% [markdown]
# The next lesson puts the blocks where they were invented, into convolutional networks; the
# library's `resnet1202` has more than a thousand layers.
#
# *More: `python -m models train vanishing_gradients`, `initialisation`, `batch_norm`,
# `activations`; for deep residual networks `resnet_cifar`.*
