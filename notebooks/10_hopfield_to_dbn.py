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
# # 10. Hopfield, Boltzmann, deep belief · 霍普菲尔德网络、玻尔兹曼机、深度信念网络
#
# The networks of this lesson have no output. They have an energy, as a physical system has, and
# they roll downhill: to the memory that is nearest, or, if they are shaken a little, to what is
# likely. Out of them came the trick that began deep learning's present wave in 2006; and one of
# them came back in 2020 as attention.

# %%
import matplotlib.pyplot as plt
import numpy as np

import autograd as ag
import models
import optim
from models import boltzmann, datasets, dbn, hopfield, rbm
from models.hebb import flip, patterns
from models.training.pictures import tiled
from models.training.recipe import graded
from models.training.small import minibatches
from nn import functional as F

ag.manual_seed(0)
images, labels = datasets.digits(True, normalise=False).tensors
test_images, test_labels = datasets.digits(False, normalise=False).tensors
print("digits as binary pictures:", rbm.ink(images).flatten(1).shape)

# %% [markdown]
# ## 10.1 Memories as valleys · 霍普菲尔德网络
#
# *Documents 004, 早期的RNN: Hopfield Network, 1982; 001, 深度学习发展历史(二) and 人工神经网络特点
# (非局限性: 联想记忆).*
#
# Every unit $s_i = \pm 1$ is connected to every other, $w_{ij} = w_{ji}$, and agrees with the sign
# of what it hears, $\sum_j w_{ij} s_j$. No such step can raise the energy
#
# $$E(s) = -\tfrac12 \sum_{ij} w_{ij} s_i s_j$$
#
# and so the network comes to rest. Hebb's rule, document 001's origin of it all, puts the valleys
# where the memories are: $W = \frac1N \sum_m x^m x^{mT}$, without its diagonal. Three digits
# are stored, then shown with a fifth of their pixels turned over. (Not more than three: digits are
# much alike, and Hebb's rule wants memories that have little in common.)

# %%
ink = 2 * rbm.ink(images).flatten(1) - 1
chosen = [int(np.flatnonzero(labels.array == c)[0]) for c in (4, 5, 6)]
memories = ink[chosen]
memory = hopfield.Hopfield(64)
memory.store(memories)
cues = flip(memories, 0.2)
once = memory.sweep(cues)
settled = memory(cues)
figure = plt.figure(figsize=(3.6, 4.4), layout="constrained")
rows = {"stored": memories, "cue": cues, "each unit once": once, "at rest": settled}
for line, (name, states) in zip(figure.subplots(4, 3), rows.items(), strict=True):
    for axes, state in zip(line, states.array, strict=True):
        axes.imshow(state.reshape(8, 8), cmap="gray_r")
        axes.set(xticks=[], yticks=[])
    line[0].set_ylabel(name, fontsize=7)
right = (settled == memories).float().mean(1)
print("pixels that are right, in the cues:", (cues == memories).float().mean(1).array)
print("                       and at rest:", right.array)
assert right.min() > 0.95

# %% [markdown]
# The energy while a network of 200 units settles, one decision at a time: it never rises.

# %%
memory = hopfield.Hopfield(200)
memory.store(patterns(20, 200))
energies = hopfield.descent(memory, patterns(8, 200), sweeps=3)
axes = plt.figure(figsize=(5, 2.5), layout="constrained").subplots()
axes.plot(energies, linewidth=1)
axes.set(xlabel="decisions of single units", ylabel="energy E(s)")
print("largest rise:", np.diff(energies, axis=0).max())
assert np.diff(energies, axis=0).max() < 1e-4 and (energies[-1] < energies[0]).all()
axes.grid(alpha=0.3)

# %% [markdown]
# How many memories are there room for? Each disturbs the others a little. Up to about $0.138\, N$
# random patterns that does no harm; beyond, they drown, all at once if there are many units (Amit,
# Gutfreund and Sompolinsky 1985).

# %%
loads = (0.05, 0.1, 0.12, 0.14, 0.16, 0.2, 0.3)
part = [hopfield.recalled(200, round(load * 200), flipped=0.1)[0] for load in loads]
axes = plt.figure(figsize=(5, 2.5), layout="constrained").subplots()
axes.plot(loads, part, ".-")
axes.axvline(0.138, color="C3", linestyle=":")
axes.set(xlabel="patterns for each unit", ylabel="part that is recalled", ylim=(0, 1.05))
print({load: round(found, 2) for load, found in zip(loads, part, strict=True)})
assert part[0] == 1 and part[1] > 0.8 and part[-1] < 0.2
axes.grid(alpha=0.3)

# %% [markdown]
# ## 10.2 The valley made steeper: attention · 现代霍普菲尔德网络
#
# *Documents 002, Self Attention; 004, Hopfield Network. Ramsauer et al. 2020.*
#
# Give the energy another form, $E(s) = -\frac1\beta \log \sum_m e^{\beta\, x^m \cdot s} + \frac12
# s \cdot s$, and the step downhill becomes
#
# $$s \leftarrow X^T\, \mathrm{softmax}(\beta X s)$$
#
# That is lesson 8's attention, with the memories as keys *and* values. It has room for far more
# patterns than there are units. Here it holds all 1,437 training digits, 22 for each of its 64
# units, and cleans up cues with noise in a step or three.

# %%
known = F.normalize(images.flatten(1))
state, beta = known[:3] + 0.1 * ag.randn(3, 64), 50.0
modern = models.ModernHopfield(known, beta)
by_hand = F.softmax(beta * state @ known.T, 1) @ known
assert ag.allclose(modern(state), by_hand, atol=1e-5)
assert (modern.energy(modern(state)) <= modern.energy(state)).all()
share = hopfield.modern_recalled(units=100, count=1000, flipped=0.1)
print(f"1000 random patterns in 100 units: {share:.1%} recalled in one step, every bit right")
assert share > 0.95
rows = hopfield.by_attention(noise=0.1)
hopfield.draw_digits(plt.figure(figsize=(7, 2.2), layout="constrained"), *rows)

# %% [markdown]
# The rows: what is stored, the cues, what is recalled.
#
# ## 10.3 Shaken: the Boltzmann machine · 玻尔兹曼机
#
# *Documents 001, 深度学习发展历史(二); 004, 深度学习简史.*
#
# (Document 001 puts Hopfield's network, Boltzmann's machine and BP in 1980. They are of 1982, 1985
# and 1986; "the eighties" is meant.)
#
# Let units be 0 or 1 and decide by chance, $P(s_i = 1) = \sigma(\sum_j w_{ij} s_j + b_i)$. Now the
# network does not come to rest; it visits its states, and in the long run as often as Boltzmann
# would have it: $P(s) = e^{-E(s)} / Z$. For four units all sixteen states can be counted.

# %%
machine = models.BoltzmannMachine(visible=4, hidden=0)
with ag.no_grad():
    random = ag.randn(4, 4)
    machine.weight += (random + random.T) * (1 - ag.eye(4))
    machine.bias += 0.5 * ag.randn(4)
    states = machine.dream(ag.bernoulli(ag.full((20_000, 4), 0.5)), sweeps=20)
    expected = machine.distribution().array
places = (states.array @ [8, 4, 2, 1]).astype(int)
visited = np.bincount(places, minlength=16) / len(places)
axes = plt.figure(figsize=(7, 2.4), layout="constrained").subplots()
axes.bar(np.arange(16) - 0.2, expected, 0.4, label="exp(-E) / Z")
axes.bar(np.arange(16) + 0.2, visited, 0.4, label="visited")
axes.set_xticks(range(16), [f"{state:04b}" for state in range(16)], fontsize=7)
axes.legend()
print(f"largest difference of two bars: {abs(visited - expected).max():.4f}")
assert abs(visited - expected).max() < 0.015
axes.set(xlabel="state", ylabel="probability")
axes.grid(alpha=0.3, axis="y")

# %% [markdown]
# ## 10.4 Learning from dreams · 玻尔兹曼机的学习
#
# *Not in the documents, which name the machine only: Ackley, Hinton and Sejnowski 1985.*
#
# To make the visible units behave like the world, follow the slope of the log-likelihood, which is
# a difference between two experiences:
#
# $$\Delta w_{ij} = \eta\, \big( \langle s_i s_j \rangle_{\text{awake}}
# - \langle s_i s_j \rangle_{\text{dreaming}} \big)$$
#
# Awake the visible units are held to data, dreaming nothing is held. Is that the gradient? For a
# small machine `backward` can say, since the sum over all states is differentiable:

# %%
world = boltzmann.parity(3)  # none of three units is on, or two: nothing a single unit could see
tiny = models.BoltzmannMachine(visible=3, hidden=2)
with ag.no_grad():
    random = 0.5 * ag.randn(5, 5)
    tiny.weight += (random + random.T) * (1 - ag.eye(5))
loss = -(world * tiny.distribution().log()).sum()
loss.backward()

every = boltzmann.every_state(5)
with ag.no_grad():
    dreaming = F.softmax(-tiny.energy(every), 0)
    joint = dreaming.reshape(8, 4)
    awake = (world[:, None] * joint / joint.sum(1, keepdim=True)).flatten()
    together = [every.T @ (chance[:, None] * every) for chance in (awake, dreaming)]
by_rule = (together[0] - together[1]) * (1 - ag.eye(5)) / 2  # energy counts each pair twice, halved
by_backward = -tiny.weight.grad * (1 - ag.eye(5))
print("largest difference of rule and gradient:", abs(by_rule - by_backward).max().item())
assert ag.allclose(by_rule, by_backward, atol=1e-6)

# %% [markdown]
# Now with sampling, as it was meant. Three visible units of even parity look, each by itself and
# each pair, like coin flips; only hidden units can tell. The Kullback-Leibler divergence between
# world and machine goes down:

# %%
ag.manual_seed(0)
machine, copies, steps = models.BoltzmannMachine(visible=3, hidden=4), 1500, 400
with ag.no_grad():
    random = ag.randn(7, 7)  # hidden units that begin alike would stay alike
    machine.weight += (random + random.T) * (1 - ag.eye(7))
states, dreams = boltzmann.every_state(3), ag.bernoulli(ag.full((copies, 7), 0.5))
divergences = []
for step in range(steps):
    seen = states[ag.multinomial(world, copies, replacement=True)]
    start = ag.cat([seen, ag.bernoulli(ag.full((copies, 4), 0.5))], 1)
    awake = machine.dream(start, sweeps=2, held=3)
    dreams = machine.dream(dreams, sweeps=2)
    boltzmann.learn(machine, awake, dreams, eta=3 * (1 - step / steps), decay=3e-4)
    divergences.append(boltzmann.divergence(world, machine))
left, right = plt.figure(figsize=(9, 2.8), layout="constrained").subfigures(1, 2)
axes = left.subplots()
axes.semilogy(divergences)
axes.set(xlabel="steps", ylabel="KL(world, machine) in nats")
boltzmann.draw(right, world, machine)
right.axes[0].set_ylim(0, 0.36)
print(f"divergence {divergences[0]:.3f} at first, {divergences[-1]:.3f} at the end")
assert divergences[-1] < 0.2 < divergences[0]
axes.grid(alpha=0.3)

# %% [markdown]
# ## 10.5 Two layers: the restricted machine · 受限玻尔兹曼机
#
# *Document 001, 深度学习发展历史(三), needs it for the DBN; Smolensky 1986; Hinton 2002.*
#
# Unit by unit this is slow. Cut the connections inside the visible and inside the hidden layer, and
# all units of a layer are independent given the other:
#
# $$P(h = 1 | v) = \sigma(W v + c), \qquad P(v = 1 | h) = \sigma(W^T h + b)$$
#
# The hidden units can even be summed out, which leaves a free energy
# $F(v) = -b \cdot v - \sum_j \log(1 + e^{(W v + c)_j})$ with $P(v) = e^{-F(v)} / Z$. Check that
# against the sum over all hidden states:

# %%
small = models.RBM(visible=4, hidden=3)
with ag.no_grad():
    for parameter in small.parameters():
        parameter += ag.randn(parameter.shape)
    v, hidden = boltzmann.every_state(4), boltzmann.every_state(3)
    energy = -(v @ small.visible_bias)[:, None] - hidden @ small.hidden_bias
    energy = energy - v @ small.weight.T @ hidden.T
    off = abs(small.free_energy(v) + ag.logsumexp(-energy, 1)).max().item()
print(f"free energy, by the formula and by the sum: off by {off:.1e}")
assert off < 1e-4

# %% [markdown]
# Contrastive divergence lowers $F$ for data and raises it for what the machine dreams up from them.
# On binary digits, with 100 dreams that live on from batch to batch:

# %%
ag.manual_seed(0)
machine = models.RBM(visible=64, hidden=128, steps=3, chains=100)
descent = optim.Adam(machine.parameters(), 1e-2)
for epoch in range(12):
    for batch in minibatches((rbm.ink(images), labels), 32):
        loss, metrics = rbm.objective(machine, batch)
        descent.zero_grad()
        loss.backward()
        descent.step()
    if epoch % 4 == 3:
        print(f"epoch {epoch + 1}: {', '.join(f'{k} {v:.2f}' for k, v in metrics.items())}")
with ag.no_grad():
    dreams = rbm.sample(machine, {}, ag.Generator().manual_seed(0), count=40)
assert metrics["reconstruction"] < 0.12 and metrics["gap"] > 10
left, right = plt.figure(figsize=(9, 2.8), layout="constrained").subplots(1, 2)
weights = machine.weight.detach().array[:40].reshape(-1, 1, 8, 8)
for axes, pictures, title in (
    (left, 0.5 + weights / (6 * weights.std()), "weights of hidden units"),
    (right, 1 - dreams.array, "dreams"),
):
    axes.imshow(tiled(pictures, enlarged=1, columns=10))
    axes.set_title(title, fontsize=9)
    axes.set_axis_off()

# %% [markdown]
# The gap says how much likelier digits are to the machine than noise with as much ink, in nats. The
# weights are pieces of strokes, and the dreams, a thousand steps from noise, look like digits.
#
# ## 10.6 Machines on machines: 2006 · 深度信念网络
#
# *Documents 001, 深度学习发展历史(三); 000, 深度学习的兴起; 004, 深度学习简史.*
#
# With random weights nobody could train deep networks of sigmoids then (lesson 5 shows why).
# Hinton, Osindero and Teh taught them one layer at a time and without labels: a restricted machine
# learns the data, its hidden units are the data of the next one, and so on. A little
# back-propagation with labels finishes the work. (Document 000 speaks of a paper in *Nature* in
# 2006; it was *Science*, and *Neural Computation*. The one in *Nature* is the review of 2015.)
#
# It pays where labels are few. The same network twice, with five labels for each digit, begun from
# random weights and from what it saw without labels:

# %%
few, their_labels = dbn.a_few(images, labels, each=5)
scores = {"from random weights": [], "pretrained": []}
for trial in range(2):
    for name, found in scores.items():
        ag.manual_seed(trial)
        model = models.DBN(sizes=(64, 128, 128))
        if name == "pretrained":
            model.pretrain(images, epochs=12, lr=1e-2)
        else:
            dbn.begin_at_random(model)
        dbn.fine_tune(model, few, their_labels, epochs=40, lr=2e-3)
        with ag.no_grad():
            found.append(graded(model(test_images), test_labels)[1]["accuracy"])
for name, found in scores.items():
    print(f"{name:20} {', '.join(f'{accuracy:.1%}' for accuracy in found)} of the test digits")
assert np.mean(scores["pretrained"]) > np.mean(scores["from random weights"]) + 0.02 > 0.5

# %% [markdown]
# A few years later it was no longer needed: rectifiers, better first weights, batch normalisation
# and residual connections (lessons 5 and 6) train deep networks from random weights, if there are
# labels enough. The idea stayed. Learn from what has no labels first, and from few labels then:
# lesson 8's GPT was made that way, and every large model since.
#
# *More: `python -m models train hebb`, `hopfield`, `boltzmann`, `rbm`, `dbn`.*
