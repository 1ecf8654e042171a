"""Every layer and every loss keeps the promises that `certify` checks, for its parameters too.

A row: how the module is made, and what it is called with; a tuple is a shape to draw numbers of.
"""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag
import nn
from autograd.testing import certify

LINE, IMAGE, BLOCK = (2, 4, 5), (1, 2, 4, 4), (1, 1, 3, 3, 3)
PAIR = ((3, 2), (3, 2))
SIGNS, LABELS = np.array([1.0, -1.0, 1.0]), np.array([1, 0, 1])
SHARES = np.array([[0.3, 0.9], [0.6, 0.2], [0.7, 0.4]])
ROWS = np.array([[0.3, 0.7], [0.6, 0.4], [0.25, 0.75]])
POSITIVE = np.arange(1.0, 19.0).reshape(2, 3, 3) ** 0.5
PLACES = np.array([[[[0, 3], [9, 14]], [[1, 2], [4, 15]]]])  # where the largest were, in IMAGE

ACTIVATIONS = (
    "CELU ELU GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh Identity LeakyReLU LogSigmoid "
    "Mish PReLU RReLU ReLU ReLU6 SELU SiLU Sigmoid Softplus Softshrink Softsign Tanh Tanhshrink"
)
TABLE: dict[str, tuple] = {
    **{f"{name}()": ((2, 4),) for name in ACTIVATIONS.split()},
    "GELU('tanh')": ((2, 4),),
    "PReLU(4)": ((2, 4),),
    "Threshold(0.1, 2.0)": ((2, 4),),
    "Softmax(1)": ((2, 4),),
    "Softmax2d()": (IMAGE,),
    "Softmin(1)": ((2, 4),),
    "LogSoftmax(1)": ((2, 4),),
    "Dropout()": ((2, 4),),
    "Dropout1d()": (LINE,),
    "Dropout2d()": (IMAGE,),
    "Dropout3d()": (BLOCK,),
    "AlphaDropout()": ((2, 4),),
    "FeatureAlphaDropout()": (LINE,),
    "DropConnect(nn.Linear(4, 3))": ((2, 4),),
    # linear, embedding
    "Linear(4, 3)": ((2, 4),),
    "Bilinear(2, 3, 2)": ((2, 2), (2, 3)),
    "Embedding(4, 2)": (np.array([[1, 0], [3, 1]]),),
    "EmbeddingBag(4, 2)": (np.array([[1, 0], [3, 1]]),),
    "EmbeddingBag(4, 2, mode='max')": (np.array([[1, 0], [3, 1]]),),
    "Sequential(nn.Linear(4, 3), nn.Tanh())": ((2, 4),),
    # convolution
    "Conv1d(4, 2, 3, padding=1, groups=2)": (LINE,),
    "Conv2d(2, 2, 3, stride=2, padding=1, padding_mode='reflect')": (IMAGE,),
    "Conv3d(1, 2, 2)": (BLOCK,),
    "ConvTranspose1d(4, 2, 3, stride=2, output_padding=1)": (LINE,),
    "ConvTranspose2d(2, 1, 3, padding=1)": (IMAGE,),
    "ConvTranspose3d(1, 1, 2)": ((1, 1, 2, 2, 2),),
    "Fold((4, 4), 2, stride=2)": ((1, 4, 4),),
    "Unfold(2)": (IMAGE,),
    # made at their first call
    "LazyLinear(3)": ((2, 4),),
    "LazyConv1d(2, 3)": (LINE,),
    "LazyConv2d(1, 3)": (IMAGE,),
    "LazyConv3d(1, 2)": (BLOCK,),
    "LazyConvTranspose1d(1, 2)": (LINE,),
    "LazyConvTranspose2d(1, 2)": (IMAGE,),
    "LazyConvTranspose3d(1, 2)": ((1, 1, 2, 2, 2),),
    "LazyBatchNorm1d()": ((4, 3),),
    "LazyBatchNorm2d()": (IMAGE,),
    "LazyBatchNorm3d()": (BLOCK,),
    "LazyInstanceNorm1d()": (LINE,),
    "LazyInstanceNorm2d()": (IMAGE,),
    "LazyInstanceNorm3d()": (BLOCK,),
    # norms
    "BatchNorm1d(3)": ((4, 3),),
    "BatchNorm2d(2)": (IMAGE,),
    "BatchNorm2d(2).eval()": (IMAGE,),
    "BatchNorm3d(1)": (BLOCK,),
    "InstanceNorm1d(4, affine=True)": (LINE,),
    "InstanceNorm2d(2)": (IMAGE,),
    "InstanceNorm3d(1)": (BLOCK,),
    "GroupNorm(2, 4)": (LINE,),
    "LayerNorm((4, 5))": (LINE,),
    "RMSNorm(5)": (LINE,),
    "LocalResponseNorm(3)": (LINE,),
    # pooling
    **{f"{name}Pool1d(2)": (LINE,) for name in ("AdaptiveAvg", "AdaptiveMax", "Avg", "Max")},
    **{f"{name}Pool2d(2)": (IMAGE,) for name in ("AdaptiveAvg", "AdaptiveMax", "Avg", "Max")},
    **{f"{name}Pool3d(2)": (BLOCK,) for name in ("AdaptiveAvg", "AdaptiveMax", "Avg", "Max")},
    "LPPool1d(2, 3)": (LINE,),
    "LPPool2d(3, 2)": (IMAGE,),
    "LPPool3d(2, 2)": (BLOCK,),
    "FractionalMaxPool2d(2, output_size=2)": (IMAGE,),
    "FractionalMaxPool3d(2, output_ratio=0.7)": (BLOCK,),
    "StochasticPool2d(2, stride=1, padding=1)": (POSITIVE,),
    "StochasticPool2d(2).eval()": (POSITIVE,),
    "MaxUnpool1d(2)": ((1, 1, 3), np.array([[[0, 3, 4]]])),
    "MaxUnpool2d(2)": ((1, 2, 2, 2), PLACES),
    "MaxUnpool3d(2)": ((1, 1, 1, 2, 2), np.array([[[[[0, 3], [5, 14]]]]])),
    # shapes, padding, sizes
    "Flatten()": (LINE,),
    "Unflatten(1, (2, 2))": (LINE,),
    "PixelShuffle(2)": ((1, 4, 2, 2),),
    "PixelUnshuffle(2)": (IMAGE,),
    "ChannelShuffle(2)": (LINE,),
    **{
        f"{name}Pad1d((1, 2))": (LINE,)
        for name in ("Zero", "Circular", "Reflection", "Replication")
    },
    **{f"{name}Pad2d(1)": (IMAGE,) for name in ("Zero", "Circular", "Reflection", "Replication")},
    **{f"{name}Pad3d(1)": ((1, 1, 2, 2, 2),) for name in ("Zero", "Circular", "Replication")},
    "ReflectionPad3d(1)": ((1, 1, 2, 2, 2),),
    "ConstantPad1d(1, 0.5)": (LINE,),
    "ConstantPad2d(1, 0.5)": (IMAGE,),
    "ConstantPad3d(1, 0.5)": ((1, 1, 2, 2, 2),),
    "Upsample(scale_factor=2, mode='bicubic')": ((1, 1, 3, 3),),
    "UpsamplingBilinear2d(5)": ((1, 1, 3, 3),),
    "UpsamplingNearest2d(5)": ((1, 1, 3, 3),),
    # recurrent, attention
    "RNN(2, 2, nonlinearity='relu')": ((3, 1, 2),),
    "LSTM(2, 2, bidirectional=True)": ((2, 1, 2),),
    "LSTM(2, 2, proj_size=1)": ((2, 1, 2),),
    "GRU(2, 2, 2, dropout=0.5)": ((2, 1, 2),),
    "RNNCell(2, 2)": ((3, 2), (3, 2)),
    "LSTMCell(2, 2)": ((3, 2),),
    "GRUCell(2, 2)": ((3, 2), (3, 2)),
    "MultiheadAttention(2, 2)": ((3, 1, 2), (2, 1, 2), (2, 1, 2)),
    "TransformerEncoderLayer(2, 1, 3, dropout=0.0)": ((2, 1, 2),),
    "TransformerEncoder(nn.TransformerEncoderLayer(2, 1, 2), 1)": ((2, 1, 2),),
    "TransformerDecoderLayer(2, 1, 2, norm_first=True)": ((2, 1, 2), (2, 1, 2)),
    "TransformerDecoder(nn.TransformerDecoderLayer(2, 1, 2), 1)": ((2, 1, 2), (2, 1, 2)),
    "Transformer(2, 1, 1, 1, 2)": ((2, 1, 2), (2, 1, 2)),
    # losses
    "L1Loss()": PAIR,
    "MSELoss()": PAIR,
    "HuberLoss()": PAIR,
    "SmoothL1Loss(beta=0.5)": PAIR,
    "BCELoss()": (SHARES, SHARES[::-1]),
    "BCEWithLogitsLoss()": ((3, 2), SHARES),
    "CrossEntropyLoss(label_smoothing=0.1)": ((3, 2), LABELS),
    "CrossEntropyLoss(reduction='sum')": ((3, 2), ROWS),
    "NLLLoss()": ((3, 2), LABELS),
    "KLDivLoss(reduction='batchmean')": ((3, 2), ROWS),
    "CTCLoss()": ((4, 1, 3), np.array([[1, 2]]), np.array([4]), np.array([2])),
    "AdaptiveLogSoftmaxWithLoss(4, 6, [2, 4], div_value=2.0)": ((3, 4), np.array([0, 3, 5])),
    "LinearCrossEntropyLoss(4, 3)": ((3, 4), np.array([0, 2, 1])),
    "MultiLabelMarginLoss()": ((2, 3), np.array([[2, 0, -1], [1, -1, 0]])),
    "MultiLabelSoftMarginLoss()": ((2, 3), np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])),
    "MultiMarginLoss()": ((3, 2), LABELS),
    "SoftMarginLoss()": ((3,), SIGNS),
    "HingeEmbeddingLoss()": ((3,), SIGNS),
    "MarginRankingLoss(margin=0.1)": ((3,), (3,), SIGNS),
    "CosineEmbeddingLoss(margin=-0.9)": (*PAIR, SIGNS),
    "TripletMarginLoss()": (*PAIR, (3, 2)),
    "TripletMarginWithDistanceLoss()": (*PAIR, (3, 2)),
    "PoissonNLLLoss()": PAIR,
    "GaussianNLLLoss()": (*PAIR, SHARES),
    "CosineSimilarity()": PAIR,
    "PairwiseDistance()": PAIR,
}
NOT_CALLED = {  # bases and containers, which have no forward; an old name of NLLLoss
    "Module", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "RNNBase",
    "RNNCellBase", "NLLLoss2d",
}  # fmt: skip


@pytest.mark.parametrize("made", list(TABLE))
def test_certified(made):
    rng = np.random.default_rng(0)
    inputs = tuple(rng.normal(size=x) if isinstance(x, tuple) else x for x in TABLE[made])
    module = eval(f"nn.{made}", {"nn": nn})
    if made.startswith("Lazy"):
        module(*(ag.tensor(x).float() for x in inputs))
    certify(module, inputs=inputs)


def test_every_module_has_a_row():
    public = {
        name
        for name, value in vars(nn).items()
        if isinstance(value, type) and issubclass(value, nn.Module) and not name.startswith("_")
    }
    rows = {made.partition("(")[0] for made in TABLE}
    assert public - NOT_CALLED - rows == set(), "a new module needs a row in TABLE"
    assert rows - public == set() and NOT_CALLED - public == set()
