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
# # 7. RNN, LSTM, GRU · 循环神经网络
#
# A sentence has no fixed length, and its words mean what they mean because of those before them.
# A recurrent network reads it one step at a time and carries a state along. This lesson builds one,
# unrolls it to see why it forgets, puts gates into it so that it need not, and lets three of them
# learn to write.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np

import autograd as ag
import models
import nn
import optim
from models import bptt, datasets, gru, lstm, rnn
from models.training.language import next_token, write_text
from models.training.recipe import graded
from models.training.small import learn, measure
from nn import functional as F

ag.manual_seed(0)
print("kinds of recurrent layers:", nn.RNN.__name__, nn.LSTM.__name__, nn.GRU.__name__)

# %% [markdown]
# ## 7.1 A state that is carried along · 循环神经网络
#
# *Documents 002, RNN; 003, RNN处理序列问题; 004, 循环神经网络.*
#
# At each step the network mixes what it sees, $x_t$, with what it made of everything before,
# $h_{t-1}$:
#
# $$h_t = \sigma(W x_t + V h_{t-1} + b)$$
#
# That is how document 002 writes it; 003 writes $W^{(hx)}$ and $W^{(hh)}$, and 004 has
# $x^{(i-1)}$ where the others have $x_t$, which only counts the inputs from another number. The
# $\sigma$ is a tanh nearly always. There is one cell, used again at every step: `nn.RNN` is this
# loop.

# %%
layer = nn.RNN(3, 4)
W, V = layer.weight_ih_l0, layer.weight_hh_l0
b = layer.bias_ih_l0 + layer.bias_hh_l0
xs = ag.randn(6, 1, 3)  # time, batch, features
h, states = ag.zeros(1, 4), []
for x in xs:
    h = ag.tanh(x @ W.T + h @ V.T + b)
    states.append(h)
print(ag.stack(states)[:, 0].detach().array.round(2))
assert ag.allclose(ag.stack(states), layer(xs)[0], atol=1e-6)

# %% [markdown]
# Unrolled (展开) over three steps it is an ordinary network, whose three layers happen to have the
# same weights: the picture shows `weight_hh_l0` once, with three arrows from it.

# %%
cell = rnn.Cell(3, 4)
ag.draw(cell(xs[:3])[-1].sum(), params=cell)

# %% [markdown]
# ## 7.2 Length, order, shared parameters · 循环神经网络的性质
#
# *Document 004, 循环神经网络的性质: 处理不同长度的序列, 捕捉序列的顺序信息, 参数共享.*
#
# Its example: "I went to Yellowstone National Park last summer" and "Last summer I went to
# Yellowstone National Park" have the same words. A network that adds up word vectors cannot tell
# them apart. The state of a recurrent one can; and it takes sentences of any length with the same
# parameters. (Whether the two *should* be told apart is for the training to say.)

# %%
sentences = [
    "I went to Yellowstone National Park last summer",
    "last summer I went to Yellowstone National Park",
    "I went",
]
words = sorted({word for sentence in sentences for word in sentence.split()})
embedding, reader = nn.Embedding(len(words), 8), nn.RNN(8, 8)
sums, ends = [], []
for sentence in sentences:
    vectors = embedding(ag.tensor([words.index(word) for word in sentence.split()]))
    sums.append(vectors.sum(0))
    ends.append(reader(vectors)[0][-1])
    print(f"{len(vectors)} words, last state {ends[-1].detach().array.round(2)}")
assert ag.allclose(sums[0], sums[1], atol=1e-5)
assert not ag.allclose(ends[0], ends[1], atol=0.1)

# %% [markdown]
# ## 7.3 Many to one, one to many · 多对一、一对多、多对多
#
# *Documents 003, 序列问题: 多对多, 一对多, 多对一; 004, 序列数据上的任务.*
#
# Where one reads the output decides what the network is for. Read it at the end: many to one. Here
# the sequence are the eight rows of a digit, shown one after the other; at the last row the network
# says which digit it was. Tell it a digit at the start and read a row at each step: one to many. It
# draws. (The best drawing is the mean of all digits of the class, for the label says no more.)

# %%
digits = tuple(datasets.digits(part).tensors for part in (True, False))
row_reader, row_writer = models.RowReader(), models.RowWriter()
learn(row_reader, digits[0], optim.Adam(row_reader.parameters(), 5e-3), epochs=8)
accuracy = measure(row_reader, digits[1])["accuracy"]
print(f"read row by row, {accuracy:.1%} of the test digits are named rightly")
assert accuracy > 0.85

descent = optim.Adam(row_writer.parameters(), 1e-2)
for _ in range(150):
    loss, metrics = rnn.draws(row_writer, digits[0])
    descent.zero_grad()
    loss.backward()
    descent.step()
blank = digits[0][0].var(dim=0).mean().item()  # the error of the mean of all digits
print(f"drawn row by row: squared error {metrics['squared_error']:.2f} of a pixel", end=" ")
print(f"(the mean of all digits: {blank:.2f})")
assert metrics["squared_error"] < 0.7 * blank
for axes, picture in zip(
    plt.figure(figsize=(9, 1.1), layout="constrained").subplots(1, 10),
    row_writer(ag.arange(10)).detach().array[:, 0],
    strict=True,
):
    axes.imshow(picture, cmap="gray_r")
    axes.set_axis_off()

# %% [markdown]
# Many to many, an output at every step, comes at the end of the lesson: networks that write.
#
# ## 7.4 Back-propagation through time · 随时间反向传播
#
# *Document 003, RNN训练-Back Prop Through Time.*
#
# Since all steps share $W$, its gradient is a sum over them, and each summand is a sum over all the
# steps before:
#
# $$\frac{\partial E}{\partial W} = \sum_{t=1}^{T} \frac{\partial E_t}{\partial W}, \qquad
# \frac{\partial E_t}{\partial W} = \sum_{k=1}^{t} \frac{\partial E_t}{\partial y_t}
# \frac{\partial y_t}{\partial h_t} \frac{\partial h_t}{\partial h_k}
# \frac{\partial h_k}{\partial W}$$
#
# where the last factor means the derivative of step $k$ *alone*, with $h_{k-1}$ held fixed. We
# compute the summands one by one, for an error at the end of 20 steps, and compare their sum with
# what `backward` says. The picture shows how much each of them contributes: the further back, the
# less. (The first is none at all, since it is multiplied by the state before it, $h_0 = 0$.)

# %%
cell, xs = rnn.Cell(4, 16), ag.randn(20, 8, 4)


def error(state):
    return (state**2).sum()


summands = bptt.terms(cell, xs, error)
error(cell(xs)[-1]).backward()
assert np.allclose(sum(summands), cell.V.weight.grad.array, atol=1e-4)
print("largest difference:", abs(sum(summands) - cell.V.weight.grad.array).max())
axes = plt.figure(figsize=(5, 2.4), layout="constrained").subplots()
axes.bar(range(1, 21), [np.linalg.norm(part) for part in summands])
axes.set(xlabel="step k", ylabel="norm of its summand", yscale="log")
assert np.linalg.norm(summands[1]) < 0.01 * np.linalg.norm(summands[-1])
axes.grid(alpha=0.3)

# %% [markdown]
# ## 7.5 Vanishing and exploding · 梯度消失与梯度爆炸
#
# *Documents 003, RNN中gradient vanishing/exploding; 004, 梯度消失与梯度爆炸; 002, RNN的缺陷.*
#
# Why less? Because $\partial h_t / \partial h_k$ is a product of $t - k$ Jacobian matrices, and
#
# $$\left\| \frac{\partial h_t}{\partial h_k} \right\|
# = \Big\| \prod_{j=k+1}^{t} W^T \operatorname{diag}[f'(h_{j-1})] \Big\|
# \le (\beta_W \beta_h)^{t-k}$$
#
# with $\beta_W$ the norm of the weights and $\beta_h$ the largest slope. A number to the power of
# 40 is next to nothing or enormous. (The document writes the cell as $h_t = W f(h_{t-1}) + W^{(hx)}
# x_t$ here, with the activation on the other side; the product is the same kind.) Take for $W$ a
# rotation times $\beta_W$, and feed noise in:

# %%
steps, size = 40, 16
rotation = np.linalg.qr(ag.randn(size, size).array)[0]
left, right = plt.figure(figsize=(9, 2.8), layout="constrained").subplots(1, 2, sharey=True)
ends = {}
for axes, f in ((left, "identity"), (right, "tanh")):
    for i, beta in enumerate((0.8, 1.0, 1.2)):
        h, product, norms = np.zeros(size), np.eye(size), []
        for _ in range(steps):
            slope = 1 - np.tanh(h) ** 2 if f == "tanh" else np.ones(size)
            product = beta * rotation * slope @ product  # W diag(f'), times all before
            h = beta * rotation @ (np.tanh(h) if f == "tanh" else h) + 0.5 * ag.randn(size).array
            norms.append(np.linalg.norm(product, 2))
        ends[f, beta] = norms[-1]
        axes.semilogy(range(1, steps + 1), norms, f"C{i}", label=f"$\\beta_W$ = {beta}")
        axes.semilogy(range(1, steps + 1), beta ** np.arange(1, steps + 1), f"C{i}:")
        assert norms[-1] <= beta**steps * 1.001
    axes.set(xlabel="t - k", title=f"f is {f}; dotted: the bound")
left.set_ylabel("norm of $dh_t / dh_k$")
left.legend()
assert ends["identity", 1.2] > 1000 and ends["identity", 0.8] < 1e-3
assert ends["tanh", 1.0] < 0.2 * ends["identity", 1.0]
right.grid(alpha=0.3)

# %% [markdown]
# With $\beta_W = 1$ and no activation the norm stays. A tanh makes it fall even then, and even with
# 1.2, for its slope is 1 at zero only. Against explosion there is a simple remedy, clipping the
# gradient (`nn.utils.clip_grad_norm_`). Against vanishing there is not; for that the cell has to
# change.
#
# ## 7.6 LSTM · 长短时记忆网络
#
# *Documents 002, LSTM; 003, LSTM单元 (cell) 组成; 004, Long Short Term Memory.*
#
# Beside the state $h$ that it shows, the cell keeps a state $c$ that is only ever multiplied by a
# gate and added to. The input gate says what of the new to let in (输入门), the forget gate what of
# the old to keep (遗忘门), the output gate what to show (输出门):
#
# $$\begin{aligned}
# i_t &= \sigma(W_i x_t + U_i h_{t-1} + b_i) & f_t &= \sigma(W_f x_t + U_f h_{t-1} + b_f) \\
# o_t &= \sigma(W_o x_t + U_o h_{t-1} + b_o) & a_t &= \tanh(W_a x_t + U_a h_{t-1} + b_a) \\
# c_t &= f_t \cdot c_{t-1} + i_t \cdot a_t & h_t &= o_t \cdot \tanh(c_t)
# \end{aligned}$$
#
# (Document 002 prints $W_f$ in the input gate, which should be $W_i$: the gates share no weights.
# Documents 003 and 004 call $a_t$ the candidate, $\tilde{C}_t$.) `models/lstm.py` writes these
# lines as they stand; `nn.LSTM` has the gates in one matrix, in the order i, f, a, o.

# %%
by_formula, layer = lstm.Cell(3, 5), nn.LSTM(3, 5)
with ag.no_grad():
    layer.weight_ih_l0.copy_(ag.cat([by_formula.W[gate].weight for gate in "ifao"]))
    layer.weight_hh_l0.copy_(ag.cat([by_formula.U[gate].weight for gate in "ifao"]))
    layer.bias_ih_l0.copy_(ag.cat([by_formula.W[gate].get_parameter("bias") for gate in "ifao"]))
    layer.bias_hh_l0.zero_()
xs = ag.randn(7, 2, 3)
off = abs(by_formula(xs) - layer(xs)[0]).max().item()
print(f"the formulas and nn.LSTM differ by {off:.1e}")
assert off < 1e-6

# %% [markdown]
# Along $c$ the derivative is $\partial c_t / \partial c_{t-1} = f_t$ (and what comes round through
# the gates): no matrix, no squashing. Where the gate stays open, the error goes back as it came. So
# one begins with open gates, a bias of $\log T$ for memories of $T$ steps. The norms of
# $\partial E / \partial h_t$ over 40 steps, before any training:

# %%
time = 40
xs, remembering = ag.randn(time, 16, 8), lstm.Cell(8, 32)
nn.init.constant_(remembering.W["f"].get_parameter("bias"), math.log(time))
norms = {
    "plain": bptt.errors(rnn.Cell(8, 32), xs, lambda h: F.softplus(h).sum()),
    "LSTM": bptt.errors(remembering, xs, lambda h: F.softplus(h).sum()),
}
axes = plt.figure(figsize=(5, 2.6), layout="constrained").subplots()
for name, values in norms.items():
    axes.semilogy(range(1, time + 1), values, label=name)
    print(f"{name:6} of the error at the end {values[0] / values[-1]:.1e} arrives at the beginning")
axes.set(xlabel="step t", ylabel="norm of $dE/dh_t$")
axes.legend()
assert norms["plain"][0] < 1e-6 * norms["plain"][-1] and norms["LSTM"][0] > 0.05 * norms["LSTM"][-1]
axes.grid(alpha=0.3)

# %% [markdown]
# ## 7.7 What is remembered · 长期依赖
#
# *Document 002, RNN的缺陷: 超过网络的记忆能力.*
#
# A test of memory: a sequence begins with one of four symbols and goes on with noise; at the end,
# name the symbol. Over 5 steps the plain network learns it. Over 40 it guesses for ever, because
# nothing tells its first step what it did wrong. The LSTM learns it in a few dozen steps of
# training.


# %%
class Recall(nn.Module):
    """Name the symbol that a sequence began with."""

    def __init__(self, kind, time):
        super().__init__()
        self.memory, self.output = kind(5, 32, batch_first=True), nn.Linear(32, 4)
        if kind is nn.LSTM:
            with ag.no_grad():
                self.memory.bias_ih_l0[32:64] = math.log(time)  # open forget gates

    def forward(self, xs):
        return self.output(self.memory(xs)[0][:, -1])


axes, final = plt.figure(figsize=(5, 2.6), layout="constrained").subplots(), {}
for kind, time in ((nn.RNN, 5), (nn.RNN, 40), (nn.LSTM, 40)):
    ag.manual_seed(0)
    generator = ag.Generator().manual_seed(0)
    model, right = Recall(kind, time), []
    descent = optim.Adam(model.parameters(), 5e-3)
    for _ in range(150):
        xs, symbols = bptt.examples(64, time, 4, generator)
        loss, metrics = graded(model(xs), symbols)
        descent.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        descent.step()
        right.append(metrics["accuracy"])
    final[kind.__name__, time] = np.mean(right[-20:])
    print(f"{kind.__name__:4} over {time:2} steps: {final[kind.__name__, time]:.0%} right")
    smooth = np.convolve(right, np.ones(10) / 10, "valid")
    axes.plot(smooth, label=f"{kind.__name__}, {time} steps")
axes.set(xlabel="training step", ylabel="part that is right", ylim=(0, 1.05))
axes.legend()
assert final["RNN", 5] > 0.95 and final["RNN", 40] < 0.4 and final["LSTM", 40] > 0.95
axes.grid(alpha=0.3)

# %% [markdown]
# ## 7.8 GRU · 门控循环单元
#
# *Documents 002, GRU; 004, Gated Recurrent Unit.*
#
# The same idea with two gates and one state. The update gate $z_t$ decides between old and new, in
# the place of forget and input gate; the reset gate $r_t$ what of the old the candidate may see:
#
# $$\begin{aligned}
# z_t &= \sigma(W_z \cdot [h_{t-1}, x_t]) &
# \tilde{h}_t &= \tanh(W \cdot [r_t \odot h_{t-1}, x_t]) \\
# r_t &= \sigma(W_r \cdot [h_{t-1}, x_t]) &
# h_t &= (1 - z_t) \odot h_{t-1} + z_t \odot \tilde{h}_t
# \end{aligned}$$
#
# Libraries compute a sister of it: the reset gate multiplies *after* the product with $h_{t-1}$, so
# that all products can be one, and $z$ and $1 - z$ change places. With the reset gates wide open
# the two are the same, and this is how one can see it:

# %%
by_formula, layer = gru.Cell(3, 5), nn.GRU(3, 5)
nn.init.constant_(by_formula.W_r.get_parameter("bias"), 50.0)  # r = 1
parts = (  # nn.GRU has r, z, candidate; its z is the formula's 1 - z, hence the minus
    (1, by_formula.W_r, by_formula.U_r),
    (-1, by_formula.W_z, by_formula.U_z),
    (1, by_formula.W, by_formula.U),
)
with ag.no_grad():
    layer.weight_ih_l0.copy_(ag.cat([sign * W.weight for sign, W, _ in parts]))
    layer.weight_hh_l0.copy_(ag.cat([sign * U.weight for sign, _, U in parts]))
    layer.bias_ih_l0.copy_(ag.cat([sign * W.get_parameter("bias") for sign, W, _ in parts]))
    layer.bias_hh_l0.zero_()
xs = ag.randn(7, 2, 3)
assert ag.allclose(by_formula(xs), layer(xs)[0], atol=1e-6)
counts = {
    kind.__name__: sum(p.numel() for p in kind(32, 128).parameters())
    for kind in (nn.RNN, nn.GRU, nn.LSTM)
}
print("parameters:", counts)
assert counts["GRU"] == 3 * counts["RNN"] and counts["LSTM"] == 4 * counts["RNN"]

# %% [markdown]
# Document 002 holds it against the LSTM that its three gates have many parameters, and counts fewer
# in favour of the GRU: they are as 4 to 3.
#
# ## 7.9 Many to many: they write · 多对多:逐字生成
#
# *Documents 003, 多对多 and 输出: $y_t = \mathrm{softmax}(W^{(S)} h_t)$; 004, 序列数据上的任务.*
#
# Let each of the three read Python's help pages, character by character, and at every place predict
# the next one. The loss is the cross entropy in nats a character; $\log 94 = 4.5$ would be mere
# guessing. 250 small steps are a few seconds each.

# %%
text = datasets.read_text("pydoc")
letters = datasets.Alphabet.of(text)
numbers = letters.encode(text)
print(f"{len(text):,} characters, {len(letters)} different ones; for example")
print(text[200_000:200_200])

# %%
curves, writers = {}, {}
for kind, rate in ((nn.RNN, 3e-3), (nn.GRU, 8e-3), (nn.LSTM, 8e-3)):
    name = kind.__name__
    ag.manual_seed(0)
    random = ag.default_generator().numpy
    writers[name] = models.CharRNN(len(letters), embedding=32, hidden=128, kind=kind)
    descent, curves[name] = optim.Adam(writers[name].parameters(), rate), []
    for _ in range(250):
        starts = random.integers(0, len(numbers) - 65, 16)
        windows = ag.tensor(numbers[starts[:, None] + np.arange(65)])
        loss, _ = next_token(writers[name], (windows[:, :-1], windows[:, 1:]))
        descent.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(writers[name].parameters(), 1.0)
        descent.step()
        curves[name].append(loss.item())
axes = plt.figure(figsize=(5, 2.8), layout="constrained").subplots()
last = {}
for name, losses in curves.items():
    axes.plot(np.convolve(losses, np.ones(10) / 10, "valid"), label=name)
    last[name] = np.mean(losses[-50:])
    print(f"{name:4} {last[name]:.2f} nats a character at the end")
axes.set(xlabel="training step", ylabel="nats a character")
axes.legend()
assert max(last.values()) < 2.3 and max(last["GRU"], last["LSTM"]) < last["RNN"]
axes.grid(alpha=0.3)

# %% [markdown]
# And now they write. Draw a character from the softmax, feed it in as the next input, go on. A
# temperature below 1 prefers what is likely. So few steps teach words, quotation marks and line
# breaks, but no Python.

# %%
for name, writer in writers.items():
    written = write_text(writer, letters, ag.Generator().manual_seed(0), "The ", 240, 0.6)
    print(f"--- {name}\n{written}\n")
    assert len(written) == 244 and written.count(" ") > 20

# %% [markdown]
# *More: `python -m models train rnn`, `lstm`, `gru`, `rnn_reads`, `rnn_draws`, `bptt`, `seq2seq`,
# `captioning`. The next lesson does without the loop.*
