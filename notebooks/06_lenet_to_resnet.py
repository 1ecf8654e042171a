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
# # 6. From LeNet to ResNet on digits · 卷积神经网络:从 LeNet 到 ResNet
#
# An image is more than a list of pixels: what stands beside what matters, and a cat in the left
# corner is as much a cat as one in the right. A layer that knows this needs a hundredth of the
# weights. This lesson looks at that layer, builds LeNet out of it, follows the networks that won
# ImageNet's competition as they became deeper, up to the point where deeper was worse, and ends
# with the line of code that mended it.

# %%
import matplotlib.pyplot as plt
import numpy as np

import autograd as ag
import models
import nn
import optim
from models import datasets
from models.convolution import (
    HandFilters,
    Pools,
    connections,
    correlate,
    difference,
    draw_filters,
    draw_matrices,
    draw_pools,
    draw_shift,
    equivariance_error,
    shift,
)
from models.googlenet import Inception
from models.training.small import learn, measure
from nn import functional as F
from nn.utils import plots

ag.manual_seed(0)
train, test = (datasets.digits(part, size=32).tensors for part in (True, False))
print(f"{len(train[0])} digits to learn from, {len(test[0])} to be tested on: {train[0].shape}")

# %% [markdown]
# ## 6.1 The convolution · 卷积操作
#
# *Document 004, 卷积操作 and 二维卷积操作: 输入, 卷积核, 输出.*
#
# Lay a small kernel (卷积核) on a place of the image, multiply what lies on one another, add up,
# write the sum down; then move on by one pixel. (A mathematician would turn the kernel by half a
# turn first and call this a correlation. A kernel that is learned does not care.)
#
# A 4 x 4 image and a 3 x 3 kernel make 2 x 2 sums. The first of them is
# $1\cdot2 + 2\cdot0 + 3\cdot1 + 0\cdot0 + 1\cdot1 + 2\cdot2 + 3\cdot1 + 0\cdot0 + 1\cdot2 = 15$.

# %%
image = np.array([[1, 2, 3, 0], [0, 1, 2, 3], [3, 0, 1, 2], [2, 3, 0, 1]], np.float32)
kernel = np.array([[2, 0, 1], [0, 1, 2], [1, 0, 2]], np.float32)
by_loops = correlate(image, kernel)
by_layer = F.conv2d(ag.tensor(image)[None, None], ag.tensor(kernel)[None, None])[0, 0]
print(by_loops)
assert by_loops[0, 0] == 15 and np.array_equal(by_loops, by_layer.array)

# %% [markdown]
# What a kernel finds depends on its numbers. Before anybody learned them they were written by hand:
# a mean of neighbours blurs, a difference of neighbours finds edges.

# %%
by_hand = HandFilters()
images = datasets.digits(train=False, size=20, normalise=False).data
draw_filters(plt.figure(figsize=(10, 2), layout="constrained"), by_hand, images[:1])

# %% [markdown]
# ## 6.2 Three properties · 稀疏连接、参数共享、平移等变
#
# *Document 004, 卷积操作:稀疏连接, 参数共享, 平移等变.*
#
# A convolution is linear, so it is a matrix, only one that is almost empty. Each output is
# connected to the nine inputs under the kernel and to no other (**sparse connections**). And in
# every row stand the same nine numbers (**shared parameters**). On an 8 x 8 image:

# %%
counted = connections(side=8)
for name, count in counted.items():
    print(f"{name.replace('_', ' '):20} {count:5}")
assert counted["weights_shared"] == 9 and counted["weights_dense"] == 36 * 64
draw_matrices(plt.figure(figsize=(7, 2.6), layout="constrained"))

# %% [markdown]
# From this follows the third: **translation equivariance**. Move the image, and the answer moves
# along, $f(\text{shift}(x)) = \text{shift}(f(x))$. A dense layer knows nothing of the kind. Nor
# does a convolution with a stride of 2, except for shifts by an even number of pixels.

# %%
dense = nn.Sequential(nn.Flatten(), nn.Linear(400, 400), nn.Unflatten(1, (1, 20, 20)))
thinned = nn.Conv2d(1, 4, 3, stride=2, padding=1, padding_mode="circular")
far_off = {
    "a convolution": equivariance_error(by_hand, images),
    "a dense layer": equivariance_error(dense, images),
    "stride 2, shifted by 2": equivariance_error(thinned, images, by=2, thinned=2),
    "stride 2, shifted by 1": equivariance_error(thinned, images, by=1, thinned=2),
}
for name, error in far_off.items():
    print(f"{name:24} off by {error:.1%}")
assert max(far_off["a convolution"], far_off["stride 2, shifted by 2"]) < 1e-5
assert min(far_off["a dense layer"], far_off["stride 2, shifted by 1"]) > 0.2
draw_shift(plt.figure(figsize=(6, 3.6), layout="constrained"), by_hand, images[3:4])

# %% [markdown]
# ## 6.3 Pooling · 池化操作
#
# *Documents 004, 池化操作; 002, 正则化 (随机池化).*
#
# To know *that* there is an edge one need not know its place to the pixel. Pooling makes one number
# of a neighbourhood: the largest, the mean, or one drawn by lot. After it a digit that moved by one
# pixel looks less different than it did; the wider the neighbourhood, the less. Equivariance has
# become, a little, *in*variance.

# %%
pools, found = Pools(), F.relu(by_hand(images))
changes = {"before": difference(found, shift(found, 1, 1))}
for name, pool in pools.items():
    changes[name] = difference(pool(found), pool(shift(found, 1, 1)))
for name, change in changes.items():
    print(f"{name:11} one pixel changes {change:.1%}")
assert changes["before"] > changes["maximum"] > changes["adaptive"] > changes["global"]
draw_pools(plt.figure(figsize=(10, 2), layout="constrained"), found[:1, :1], pools)

# %% [markdown]
# ## 6.4 LeNet-5 · 卷积神经网络的整体框架
#
# *Documents 004, 卷积神经网络的整体框架 and LeNet-5; 001, 深度学习发展历史(二); 000,
# 什么是深度学习?*
#
# Convolve, pool, convolve, pool, and decide with dense layers: this is LeNet-5, which read cheques.
# The document dates it to 1989; that was its ancestor, which read zip codes, and the name belongs
# to the network of LeCun, Bottou, Bengio and Haffner (1998). Here it is in today's form. Look where
# its 61,706 weights are: the two layers that see have 2,572 of them.

# %%
lenet = models.LeNet5()
assert sum(p.numel() for p in lenet.parameters()) == 61706
assert sum(p.numel() for layer in (lenet.conv1, lenet.conv2) for p in layer.parameters()) == 2572
nn.summary(lenet, input_size=(1, 1, 32, 32))

# %%
results: dict[str, list[float]] = {}
sizes: dict[str, int] = {}


def teach(name, model, data, epochs, rate=2e-3):
    """Train a classifier; note and return its accuracy on the test digits after every epoch."""
    results[name], sizes[name] = [], sum(p.numel() for p in model.parameters())

    def note():
        results[name].append(measure(model, data[1])["accuracy"])

    learn(model, data[0], optim.Adam(model.parameters(), rate), epochs, 64, after_epoch=note)
    print(f"{name:28}", *(f"{accuracy:6.1%}" for accuracy in results[name]))
    return results[name][-1]


assert teach("LeNet-5", lenet, (train, test), epochs=8) > 0.96

# %% [markdown]
# Which digits does it take for which? Rows are the truth, columns the answer.

# %%
with ag.no_grad():
    answers = lenet(test[0]).argmax(1)
plots.confusion_matrix(
    plots.confusion(test[1], answers), figure=plt.figure(figsize=(4, 3.7), layout="constrained")
)
wrong = (answers != test[1]).nonzero().flatten().tolist()
print("wrong:", ", ".join(f"a {test[1][i].item()} as {answers[i].item()}" for i in wrong))

# %% [markdown]
# The six filters it has found, and what they and the sixteen of the second layer make of one digit.
# Filters are hard to read; their maps show what they answer to, edges of one direction or another.
# Nobody told the network that edges matter (document 001: 深度学习不需要特征工程).

# %%
digit = test[0][3:4]
seen = plots.activations(lenet, digit)
figure = plt.figure(figsize=(10, 3), layout="constrained")
panels = figure.subfigures(1, 4, width_ratios=(1, 1.4, 1.4, 1.8))
panels[0].subplots().imshow(digit.array[0, 0], cmap="gray")
plots.filters(lenet.conv1.weight, panels[1])
plots.feature_maps(seen["conv1"][0], panels[2])
plots.feature_maps(seen["conv2"][0], panels[3])
titles = ("a digit", "filters of layer 1", "its maps, 28 x 28", "maps of layer 2, 10 x 10")
for panel, title in zip(panels, titles, strict=True):
    panel.suptitle(title, fontsize=9)
panels[0].axes[0].set_axis_off()

# %% [markdown]
# ## 6.5 Deeper · 深度网络进化过程
#
# *Documents 001, ImageNet Top5错误率和网络深度 and 深度学习发展历史(四); 000, 深度学习的兴起.*
#
# Then, for fourteen years, not much; data and machines were missing. In 2012 AlexNet won ImageNet's
# competition with eight layers, ten points ahead of the second, and the race for depth was open.
# The numbers are the document's:

# %%
winners = {
    "AlexNet 2012": (8, 16.4),
    "VGG 2014": (19, 7.3),
    "GoogLeNet 2014": (22, 6.7),
    "ResNet 2015": (152, 3.57),
}
axes = plt.figure(figsize=(5.5, 3), layout="constrained").subplots()
for name, (layers, error) in winners.items():
    axes.semilogx(layers, error, "o")
    below = name.startswith("Goog")  # it stands right beside VGG
    place = (4, -13) if below else (-10, 7)
    axes.annotate(name, (layers, error), place, textcoords="offset points", fontsize=8)
axes.set(xlabel="layers with weights", ylabel="top-5 error in %", xlim=(6, 400), ylim=(0, 19))
axes.grid(alpha=0.3)

# %% [markdown]
# **VGG** (2014) uses nothing but 3 x 3 filters. Two of them in a row see as far as one of 5 x 5,
# and three as far as one of 7 x 7, with a rectifier more between each two and fewer weights: for
# $C$ channels $2 \cdot 9\, C^2$ instead of $25\, C^2$. How far an output sees, the gradient tells:
# ask which inputs it depends on.


# %%
def sight(*layers):
    """How many pixels, from side to side, the middle output depends on."""
    x = ag.ones(1, 1, 15, 15, requires_grad=True)
    y = nn.Sequential(*layers)(x)[0, 0]
    (slope,) = ag.grad(y[len(y) // 2, len(y) // 2], x)
    return int((slope != 0).any(2).sum())


three, five = (lambda: nn.Conv2d(1, 1, 3)), nn.Conv2d(1, 1, 5)
print("3 x 3 twice:", sight(three(), three()), " three times:", sight(three(), three(), three()))
print("weights for 64 channels:", 2 * 9 * 64**2, "instead of", 25 * 64**2)
assert sight(three(), three()) == sight(five) == 5 and sight(three(), three(), three()) == 7

# %% [markdown]
# The family's smallest, with a quarter of its channels, on our digits:

# %%
ag.manual_seed(0)
vgg = models.VGG(11, batch_norm=True, num_classes=10, in_channels=1, small=True, dropout=0.2)
weighty = [layer for layer in vgg.modules() if isinstance(layer, (nn.Conv2d, nn.Linear))]
assert len(weighty) == 11
assert teach("VGG of 11 layers, small", vgg, (train, test), epochs=3) > 0.8

# %% [markdown]
# **GoogLeNet** (2014) does not choose a size of filters: its *inception* block looks with 1 x 1 and
# 3 x 3 filters, with two 3 x 3 in a row (the paper's 5 x 5) and with a pooling, all at once, and
# puts the results side by side. Filters of a single pixel reduce the channels first, so that the
# wide ones cost little. Without them the same block would be several times as dear:

# %%
block = Inception(192, 64, 96, 128, 16, 32, 32).eval()  # GoogLeNet's first
print("channels:", [branch(ag.zeros(1, 192, 28, 28)).shape[1] for branch in block.children()])
wide = nn.ModuleList([nn.Conv2d(192, 64, 1), nn.Conv2d(192, 128, 3), nn.Conv2d(192, 32, 5)])
cost = [sum(p.numel() for p in part.parameters()) for part in (block, wide)]
print(f"{cost[0]:,} weights; without the filters of one pixel {cost[1]:,}")
assert cost[1] > 2 * cost[0]

# %%
ag.manual_seed(0)
small = tuple(datasets.digits(part, size=8).tensors for part in (True, False))
inception = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
    Inception(16, 8, 12, 16, 4, 8, 8),
    nn.MaxPool2d(2),
    Inception(40, 16, 16, 32, 8, 16, 16),
    nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(80, 10),
)  # fmt: skip
assert teach("two inception blocks", inception, small, epochs=5, rate=5e-3) > 0.9

# %% [markdown]
# ## 6.6 Deeper is worse · 网络退化
#
# *Document 003, 残差神经网络 (Residual CNN).*
#
# "The deeper the better", says the document, and at once: deeper networks are hard to optimise, and
# when they do converge, they degrade (网络退化). Not because they overfit. They are worse *on the
# training images*, although they could at least do as well as a shallow network: let the additional
# layers do nothing. The point is that a stack of layers does not easily learn to do nothing.
#
# A residual block (残差模块) is given a shortcut and learns the rest only,
# $\mathcal{F}(\mathbf{x}) := \mathcal{H}(\mathbf{x}) - \mathbf{x}$. Now doing nothing is
# $\mathcal{F} = 0$. For blocks in a row
#
# $$\mathbf{x}^{l+1} = \mathbf{x}^l + \mathcal{F}(\mathbf{x}^l), \qquad
# \mathbf{x}^{L} = \mathbf{x}^l + \sum_{i=l}^{L-1} \mathcal{F}(\mathbf{x}^i)$$
#
# $$\frac{\partial E}{\partial \mathbf{x}^l} = \frac{\partial E}{\partial \mathbf{x}^L}
# \Big(1 + \frac{\partial}{\partial \mathbf{x}^l} \sum_{i=l}^{L-1} \mathcal{F}(\mathbf{x}^i)\Big)$$
#
# Whatever the layers do, the gradient at the end arrives at every block, whole: that is the 1. Both
# formulas can be checked to the last digit.

# %%
blocks = [nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 16)) for _ in range(20)]
x = ag.randn(4, 16, dtype=ag.float64)
states, added = [x.requires_grad_()], []
for block in blocks:
    added.append(block.double()(states[-1]))
    states.append(states[-1] + added[-1])
total = ag.stack(added).sum(0)
loss = F.logsigmoid(states[-1]).sum()
at_start, at_end = ag.grad(loss, (states[0], states[-1]), retain_graph=True)
(through_blocks,) = ag.grad(total, states[0], at_end, retain_graph=True)
print("forward: off by", abs(states[-1] - states[0] - total).max().item())
print("backward: off by", abs(at_start - at_end - through_blocks).max().item())
assert ag.allclose(states[-1], states[0] + total)
assert ag.allclose(at_start, at_end + through_blocks)

# %% [markdown]
# ## 6.7 The shortcut, cut · 捷径连接
#
# *Document 003, 残差神经网络: 易收敛,不退化,深达千层.*
#
# Now the experiment. The same network four times, of 8 and of 44 layers, with its shortcuts and
# with the shortcuts cut; the digits are 8 x 8 pixels, so that this is quick.


# %%
class Cut(nn.Module):
    """In place of a shortcut: nothing."""

    def forward(self, x):
        return 0.0


def network(depth, plain):
    ag.manual_seed(0)
    model = models.CifarResNet(depth, in_channels=1)
    if plain:
        for block in model.blocks:
            block.shortcut = Cut()
    return model


steepness, on_training = {}, {}
for depth in (8, 44):
    for plain in (False, True):
        model = network(depth, plain)
        name = f"{'plain' if plain else 'residual'}, {depth} layers"
        F.cross_entropy(model(small[0][0][:64]), small[0][1][:64]).backward()
        steepness[name] = [
            float(np.linalg.norm(block.conv1.weight.grad.array)) for block in model.blocks
        ]
        teach(name, model, small, epochs=2)
        on_training[name] = measure(model, small[0])["accuracy"]

# %% [markdown]
# With shortcuts 44 layers learn as fast as 8. Without them 8 are as good as with, and 44 hardly
# learn at all, on the training digits either. Document 003 speaks of networks a thousand layers
# deep: `python -m models train resnet1202` makes one learn on this machine.

# %%
print({name: f"{accuracy:.1%}" for name, accuracy in on_training.items()})
for name in ("residual, 8 layers", "plain, 8 layers", "residual, 44 layers"):
    assert results[name][-1] > 0.85
assert on_training["plain, 44 layers"] < 0.6 < on_training["residual, 44 layers"]
figure = plt.figure(figsize=(9, 3), layout="constrained")
left, right = figure.subplots(1, 2)
for name, norms in steepness.items():
    style = ("C0" if "residual" in name else "C3") + ("--" if " 8 " in name else "-")
    left.plot((1, 2), results[name], style, marker=".", label=name)
    right.semilogy(np.linspace(0, 1, len(norms)), norms, style, label=name)
left.set(xlabel="epoch", ylabel="accuracy on test digits", xticks=(1, 2), ylim=(0, 1))
right.set(xlabel="block, from first to last", ylabel="norm of its gradient at the start")
right.legend(fontsize=7)
left.grid(alpha=0.3)

# %% [markdown]
# The right picture is a surprise: the plain network's gradients do not vanish. Batch normalisation
# sees to that, and overdoes it: without shortcuts they grow from layer to layer on their way back
# (Yang et al. 2019, "A mean field theory of batch normalization"). Adam, which divides by their
# length, would not mind that. But after so many layers their *directions* are noise as well
# (Balduzzi et al. 2017, "The shattered gradients problem"), and those a shortcut keeps.
#
# ## 6.8 What a shortcut looks like · 残差模块
#
# *Document 003, 残差模块 Residual block.*
#
# One residual block, as the graph has it: the line past the two convolutions is all there is to it.

# %%
block = models.CifarResNet(8, in_channels=1).blocks[0]
x = ag.ones(1, 16, 8, 8, requires_grad=True)
ag.draw(block(x).sum(), params={**dict(block.named_parameters()), "x": x})

# %% [markdown]
# ## 6.9 Which is the best? · 小结
#
# *Document 001, 深度学习缺点: 深度学习在小数据上性能不如传统机器学习.*
#
# On 1,437 digits of 8 x 8 pixels: hardly anything is gained by more than LeNet has. Depth and width
# pay where there is much to see and much to learn from, and there, as the competition showed, they
# pay a great deal.

# %%
print("                               weights  accuracy  epochs")
for name, accuracies in sorted(results.items(), key=lambda item: -item[1][-1]):
    print(f"{name:26} {sizes[name]:11,} {accuracies[-1]:9.1%} {len(accuracies):7}")
assert max(last for *_, last in results.values()) - results["LeNet-5"][-1] < 0.02

# %% [markdown]
# *More: `python -m models train lenet5`, `lenet5_1998`, `alexnet`, `vgg`, `googlenet`, `resnet`,
# `resnet1202`, `convolution`, `neocognitron`.*
