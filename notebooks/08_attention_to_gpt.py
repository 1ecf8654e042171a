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
# # 8. From attention to GPT · 从注意力到 GPT
#
# A recurrent network hands its memory on from step to step, one step after the other. Attention
# lets every place of a text look at every other at once, and choose. This lesson computes it by
# hand, finds what the document's formula leaves out, tells the network about order, hides the
# future from it, and ends with a small GPT that writes.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np

import autograd as ag
import models
import nn
import optim
from models import datasets, transformer
from models.gpt import attention_maps, shown
from models.training.language import next_token, write_text
from nn import functional as F
from nn.utils import plots

ag.manual_seed(0)
print("the whole of attention:", F.scaled_dot_product_attention.__name__)

# %% [markdown]
# ## 8.1 Query, key, value · 自注意力
#
# *Document 002, Self Attention.*
#
# From the vector $x$ of each place three others are made, by three matrices that are drawn at
# random first and then learned: a query $q = W_Q x$ (what am I looking for?), a key $k = W_K x$
# (what have I got?) and a value $v = W_V x$ (what do I say?). The score of two places is query
# times key. A softmax makes weights of the scores of one place, and it gets the mean of all values
# under these weights:
#
# $$\mathrm{Attention}(Q, K, V) = \mathrm{softmax}\Big(\frac{Q K^T}{\sqrt{d}}\Big) V$$

# %%
words = ["the", "cat", "sat", "on", "the", "mat"]
time, d = len(words), 8
vocabulary = sorted(set(words))
embedding = nn.Embedding(len(vocabulary), d)
x = embedding(ag.tensor([vocabulary.index(word) for word in words]))
W_Q, W_K, W_V = (nn.Linear(d, d, bias=False) for _ in range(3))

Q, K, V = W_Q(x), W_K(x), W_V(x)  # each (time, d)
scores = Q @ K.T / math.sqrt(d)  # how much each place matters to each other
weights = F.softmax(scores, dim=1)  # each row adds up to 1
out = weights @ V

print(weights.detach().array.round(2))
assert ag.allclose(weights.sum(1), ag.ones(time))
assert ag.allclose(out, F.scaled_dot_product_attention(Q, K, V), atol=1e-6)
assert ag.allclose(out[0], out[4], atol=1e-6)  # both are "the"

# %% [markdown]
# The document says that a place's relevance to itself is "surely large". It need not be: queries
# and keys come from different matrices. Of places whose matrices are random, one in as many as
# there are places looks most at itself, and trained heads often look at the place before (8.7).

# %%
most_at_itself = []
for _ in range(300):
    x = ag.randn(time, d)
    Q, K = (x @ (ag.randn(d, d) / math.sqrt(d)) for _ in range(2))
    most_at_itself.append((Q @ K.T).argmax(1) == ag.arange(time))
share = ag.stack(most_at_itself).float().mean().item()
print(f"{share:.0%} of the places look most at themselves; chance would make it {1 / time:.0%}")
assert abs(share - 1 / time) < 0.1

# %% [markdown]
# ## 8.2 Why the root · 为什么除以 $\sqrt{d}$
#
# *Document 002, Self Attention, leaves it out; Vaswani et al. 2017, section 3.2.1.*
#
# The document multiplies query and key and takes the softmax at once. A sum of $d$ products of
# random numbers has the standard deviation $\sqrt{d}$: with wide vectors one score is far above the
# others, the softmax picks it, and where a softmax is sure of itself its slope is nothing. No
# gradient, no learning. Divided by $\sqrt{d}$ the scores are of size 1 whatever the width.

# %%
widths, sharp = (4, 16, 64, 256, 1024), {"with the root": [], "without it": []}
slopes = {name: [] for name in sharp}
for d in widths:
    Q, K = ag.randn(64, d), ag.randn(64, d)
    upstream = ag.randn(64, 64)
    for name, scale in (("with the root", 1 / math.sqrt(d)), ("without it", 1.0)):
        scores = (Q @ K.T * scale).requires_grad_()
        weights = F.softmax(scores, dim=1)
        (slope,) = ag.grad((weights * upstream).sum(), scores)
        sharp[name].append(weights.max(1)[0].mean().item())
        slopes[name].append(float(np.median(np.linalg.norm(slope.array, axis=1))))
left, right = plt.figure(figsize=(8, 2.6), layout="constrained").subplots(1, 2)
for name in sharp:
    left.semilogx(widths, sharp[name], ".-", label=name)
    right.loglog(widths, slopes[name], ".-", label=name)
    print(f"{name:13} gradients from {slopes[name][0]:.3f} to {slopes[name][-1]:.3f}")
left.set(xlabel="width d", ylabel="largest weight", ylim=(0, 1))
right.set(xlabel="width d", ylabel="gradient of a place, median")
left.legend()
assert sharp["without it"][-1] > 0.8 and sharp["with the root"][-1] < 0.3
assert slopes["without it"][-1] < 0.3 * slopes["with the root"][-1]
right.grid(alpha=0.3)

# %% [markdown]
# ## 8.3 Where is what? · 位置编码
#
# *Document 002, Transformer (the picture of its architecture).*
#
# The two "the" above got the same vector: attention sees a *set*. Shuffle the words, and each word
# still gets what it got before. Order has to be told, by adding to each vector something that says
# where it stands. The paper adds waves of many lengths,
#
# $$PE_{(p, 2i)} = \sin(p / 10000^{2i/d}), \qquad PE_{(p, 2i+1)} = \cos(p / 10000^{2i/d})$$
#
# and from $p$ to $p + k$ each pair turns by an angle that depends on $k$ only. So the product of
# two encodings tells how far apart two places are, wherever they are: the right picture has the
# same values along each diagonal.

# %%
x, order = ag.randn(time, 8), ag.randperm(time)
attend = nn.MultiheadAttention(8, 2, batch_first=True).eval()
before, after = (attend(y[None], y[None], y[None])[0][0] for y in (x, x[order]))
assert ag.allclose(before[order], after, atol=1e-5)

waves = transformer.waves(64, 32)
products = waves @ waves.T
figure = plt.figure(figsize=(9, 3), layout="constrained")
left, right = figure.subplots(1, 2)
left.imshow(waves, cmap="coolwarm", aspect="auto")
left.set(xlabel="number of the vector", ylabel="place p", title="positional encoding")
shades = right.imshow(products, cmap="Greys")
right.set(xlabel="place", ylabel="place", title="products of encodings")
plt.colorbar(shades, label="product")
for k in range(0, 60, 7):
    assert np.ptp(np.diagonal(products, k)) < 1e-4
print("products at distance 0, 7, 14:", [round(float(products[0, k]), 2) for k in (0, 7, 14)])

# %% [markdown]
# ## 8.4 Hiding the future · 掩码
#
# *Document 002, Transformer: encoder and decoder.*
#
# Who learns to predict the next word must not see it. So the scores of later places are set to
# $-\infty$ before the softmax; their weights become 0. The test: change the last word, and nothing
# may change before it.

# %%
Q, K, V = (ag.randn(1, time, 8) for _ in range(3))
mask = ag.ones(time, time, dtype=ag.bool).tril()
scores = (Q @ K.mT / math.sqrt(8)).masked_fill(~mask, -math.inf)
by_hand = F.softmax(scores, -1) @ V
assert ag.allclose(by_hand, F.scaled_dot_product_attention(Q, K, V, is_causal=True), atol=1e-6)
changed = [ag.cat([part[:, :-1], ag.randn(1, 1, 8)], 1) for part in (Q, K, V)]
other = F.scaled_dot_product_attention(*changed, is_causal=True)
off = abs(other - by_hand).max(2)[0][0]
print("the last word has changed; what has changed at each place:", off.array.round(2))
assert off[:-1].max() < 1e-6 and off[-1] > 0.01
plots.attention(
    F.softmax(scores, -1), words, words, plt.figure(figsize=(2.8, 2.6), layout="constrained")
)
plt.gca().tick_params(length=0)

# %% [markdown]
# ## 8.5 Several heads · 多头注意力
#
# *Document 002, Multi-head Attention.*
#
# One softmax makes one choice. To look for several things at a time, have several sets of matrices
# and put the results side by side. The document gives two readings, several full sets or one whose
# vectors are cut into parts; the second is the usual one. With four heads the vectors of 32 numbers
# are cut into four of 8:

# %%
heads, width = 4, 32
layer = transformer.Attention(width, heads)
x = ag.randn(1, time, width)
found = layer(x, layer.read(x))
parts = []
for h in range(heads):
    cut = slice(8 * h, 8 * h + 8)
    Q, K, V = (linear(x)[..., cut] for linear in (layer.query, layer.key, layer.value))
    parts.append(F.scaled_dot_product_attention(Q, K, V))
assert ag.allclose(found, layer.out(ag.cat(parts, -1)), atol=1e-6)
maps = layer.weights(x, layer.read(x))[0].detach()
titles = [f"head {h + 1}" for h in range(heads)]
plots.attention(maps, words, words, plt.figure(figsize=(9, 2.3), layout="constrained"), titles)
print("weights of the heads:", maps.shape)

# %% [markdown]
# ## 8.6 Encoder and decoder · 编码器与解码器
#
# *Document 002, Transformer: 均由 6 个 encoder layer 和 decoder layer 组成.*
#
# The transformer of 2017 translates. Six layers read the source; six others write, looking at what
# is written (with a mask) and at what was read. Each layer is attention and a small network for
# each place, with a sum and a normalisation around both. There is no state, so all places are
# learned at once (快速并行), where a recurrent network needs one step after the other. Only writing
# remains sequential; then keys and values of what stands there are kept, and the scores are the
# same:

# %%
translator = models.Transformer(vocabulary=20, width=32, inner=64).eval()
assert len(translator.encoder) == len(translator.decoder) == 6
source, target = ag.randint(4, 20, (1, 9)), ag.randint(4, 20, (1, 7))
with ag.no_grad():
    at_once = translator(source, target)
    state, one_by_one = translator.begin(source), []
    for token in target[0, :-1]:
        scores, state = translator.step(token[None], state)
        one_by_one.append(scores)
off = abs(at_once - ag.stack(one_by_one, 1)).max().item()
print(f"all places at once, or one after the other: the scores differ by {off:.1e}")
assert off < 1e-4

# %% [markdown]
# `python -m models train transformer` teaches one to translate dates, with 99 % of them right in a
# few minutes.
#
# ## 8.7 GPT · 生成式预训练
#
# *Documents 004, the GLUE table (OpenAI GPT, BERT); 002, Transformer.*
#
# GPT is the decoder alone, without anything to consult: it reads a text from left to right and
# predicts at every place what comes next. Ours has two blocks of width 64 and reads Python's help
# pages by characters, 32 at a time; its table of positions begins as the waves above. The optimiser
# is Muon (Jordan et al. 2024), which makes the steps of a matrix equally long in all directions;
# small transformers learn in half the steps with it.

# %%
text = datasets.read_text("pydoc")
letters = datasets.Alphabet.of(text)
numbers = letters.encode(text)
context = 32
gpt = models.GPT(len(letters), positions=context, width=64, layers=2, heads=4)
blocks = gpt.transformer.h
matrices = [p for p in blocks.parameters() if p.ndim == 2]
others = [p for p in gpt.parameters() if not any(p is matrix for matrix in matrices)]
with ag.no_grad():
    gpt.transformer.wpe.weight.copy_(0.2 * ag.tensor(transformer.waves(context, 64)))
nn.init.normal_(gpt.transformer.wte.weight, std=0.1)
for block in blocks:  # 0.02, GPT-2's, is for wider vectors
    nn.init.normal_(block.attn.c_attn.weight, std=0.12)
    nn.init.normal_(block.mlp.c_fc.weight, std=0.12)
nn.summary(gpt, input_size=(1, context), dtypes=[ag.int64], col_names=("output_size", "num_params"))

# %%
steps, losses, random = 220, [], ag.default_generator().numpy
optimisers = optim.Muon(matrices, 0.04), optim.Adam(others, 5e-3)
schedules = [optim.lr_scheduler.CosineAnnealingLR(each, steps) for each in optimisers]
for _ in range(steps):
    starts = random.integers(0, len(numbers) - context - 1, 32)
    windows = ag.tensor(numbers[starts[:, None] + np.arange(context + 1)])
    loss, _ = next_token(gpt, (windows[:, :-1], windows[:, 1:]))
    gpt.zero_grad()
    loss.backward()
    for each in (*optimisers, *schedules):
        each.step()
    losses.append(loss.item())
start, end = losses[0], float(np.mean(losses[-20:]))
print(f"{start:.2f} nats a character at first, {end:.2f} at the end; guessing: {math.log(94):.2f}")
axes = plt.figure(figsize=(5, 2.6), layout="constrained").subplots()
axes.plot(losses)
axes.set(xlabel="training step", ylabel="nats a character")
assert end < 2.2
axes.grid(alpha=0.3)

# %% [markdown]
# ## 8.8 What it looks at · 注意力图
#
# *Document 002, Self Attention: 序列中不同部分之间的关注程度.*
#
# Rows look at columns; nobody looks to the right. Some heads look at the place just before them as
# much as at themselves, others far back, or for certain characters: no sign of the document's
# "surely large" weight of a place on itself.

# %%
phrase = "for name in names:\n    return "
maps = [block[0] for block in attention_maps(gpt, ag.tensor(letters.encode(phrase))[None])]
labels = [shown(character) for character in phrase]
figure = plt.figure(figsize=(11, 5.6), layout="constrained")
for number, (panel, heads) in enumerate(zip(figure.subfigures(2, 1), maps, strict=True), 1):
    titles = [f"block {number}, head {head + 1}" for head in range(4)]
    plots.attention(heads, labels, labels, panel, titles)
at_itself, one_before = (
    [float(np.diagonal(head, k)[1:].mean()) for heads in maps for head in heads] for k in (0, -1)
)
print("each head's mean weight on itself:         ", np.round(at_itself, 2))
print("each head's mean weight on the place before:", np.round(one_before, 2))
assert all((np.triu(head, 1) == 0).all() for heads in maps for head in heads)
assert max(one_before) > 0.2 and min(at_itself) < 0.2

# %% [markdown]
# ## 8.9 It writes · 文本生成
#
# *Document 004, the history's end: language models.*
#
# Draw a character from the softmax, append it, go on. What was read is not computed again: the keys
# and values of each block are kept (the "KV cache"), and a new character costs one pass for itself.
# That this gives the same scores can be checked:

# %%
tokens = ag.tensor(letters.encode("The following example"))[None]
with ag.no_grad():
    at_once, state, one_by_one = gpt(tokens), None, []
    for token in tokens[0]:
        scores, state = gpt.read(token[None, None], state)
        one_by_one.append(scores)
off = abs(at_once - ag.cat(one_by_one, 1)).max().item()
print(f"with and without the cache the scores differ by {off:.1e}")
assert off < 1e-4

# %%
for temperature in (0.3, 0.7, 1.2):
    generator = ag.Generator().manual_seed(1)
    written = write_text(gpt, letters, generator, "The ", 250, temperature)
    print(f"--- temperature {temperature}\n{written}\n")
    assert len(written) == 254

# %% [markdown]
# Words and line breaks after 220 steps; `python -m models train gpt` goes on for some minutes and
# gets to 1.7 nats.
#
# ## 8.10 What it was for · GLUE 测试结果
#
# *Document 004, 深度学习简史, Table 1 (of Devlin et al. 2018).*
#
# Trained on much text first and on a task later, GPT (left to right) and BERT (which sees both
# sides, and fills in blanks) beat everything else in 2018. The slide shows the table; its last
# column is "slightly different than the official score". One can find out what it is: the plain
# mean of the nine numbers, in which MNLI counts twice.

# %%
table = {  # MNLI-m, MNLI-mm, QQP, QNLI, SST-2, CoLA, STS-B, MRPC, RTE; the average as printed
    "Pre-OpenAI SOTA": (80.6, 80.1, 66.1, 82.3, 93.2, 35.0, 81.0, 86.0, 61.7, 74.0),
    "BiLSTM+ELMo+Attn": (76.4, 76.1, 64.8, 79.8, 90.4, 36.0, 73.3, 84.9, 56.8, 71.0),
    "OpenAI GPT": (82.1, 81.4, 70.3, 87.4, 91.3, 45.4, 80.0, 82.3, 56.0, 75.1),
    "BERT base": (84.6, 83.4, 71.2, 90.5, 93.5, 52.1, 85.8, 88.9, 66.4, 79.6),
    "BERT large": (86.7, 85.9, 72.1, 92.7, 94.9, 60.5, 86.5, 89.3, 70.1, 82.1),
}
for name, (*each, printed) in table.items():
    print(f"{name:17} mean {np.mean(each):.2f}, printed {printed}")
    assert abs(np.mean(each) - printed) < 0.1

# %% [markdown]
# *More: `python -m models train transformer`, `gpt`, `seq2seq`; `models/bert.py` and
# `models/gpt.py` read the published weights of BERT and GPT-2.*
