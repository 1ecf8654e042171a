"""Optimisers, schedules, averages of weights and early stopping, PyTorch's names and numerics."""

from nn import _guard as _guard  # isort: skip - refuses another library's autograd

from optim import lr_scheduler as lr_scheduler
from optim import swa_utils as swa_utils
from optim.adadelta import Adadelta as Adadelta
from optim.adafactor import Adafactor as Adafactor
from optim.adagrad import Adagrad as Adagrad
from optim.adam import Adam as Adam
from optim.adamax import Adamax as Adamax
from optim.adamw import AdamW as AdamW
from optim.asgd import ASGD as ASGD
from optim.decay import decay_groups as decay_groups
from optim.early_stopping import EarlyStopping as EarlyStopping
from optim.lbfgs import LBFGS as LBFGS
from optim.muon import Muon as Muon
from optim.nadam import NAdam as NAdam
from optim.optimizer import Optimizer as Optimizer
from optim.radam import RAdam as RAdam
from optim.range_test import RangeTest as RangeTest
from optim.range_test import range_test as range_test
from optim.rmsprop import RMSprop as RMSprop
from optim.rprop import Rprop as Rprop
from optim.sgd import SGD as SGD
