"""Optimisers, learning-rate schedules and early stopping, with PyTorch's names and numerics."""

from nn import _guard as _guard  # isort: skip - refuses another library's autograd

from optim import lr_scheduler as lr_scheduler
from optim.adam import Adam as Adam
from optim.adamw import AdamW as AdamW
from optim.early_stopping import EarlyStopping as EarlyStopping
from optim.optimizer import Optimizer as Optimizer
from optim.sgd import SGD as SGD
