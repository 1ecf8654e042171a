"""Learning-rate schedules: what changes an optimiser's learning rates from epoch to epoch."""

from optim.lr_scheduler.base import LRScheduler as LRScheduler
from optim.lr_scheduler.combine import ChainedScheduler as ChainedScheduler
from optim.lr_scheduler.combine import SequentialLR as SequentialLR
from optim.lr_scheduler.cosine import CosineAnnealingLR as CosineAnnealingLR
from optim.lr_scheduler.cosine import CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts
from optim.lr_scheduler.cyclic import CyclicLR as CyclicLR
from optim.lr_scheduler.decay import ConstantLR as ConstantLR
from optim.lr_scheduler.decay import ExponentialLR as ExponentialLR
from optim.lr_scheduler.decay import LambdaLR as LambdaLR
from optim.lr_scheduler.decay import LinearLR as LinearLR
from optim.lr_scheduler.decay import MultiStepLR as MultiStepLR
from optim.lr_scheduler.decay import PolynomialLR as PolynomialLR
from optim.lr_scheduler.decay import StepLR as StepLR
from optim.lr_scheduler.multiplicative import MultiplicativeLR as MultiplicativeLR
from optim.lr_scheduler.one_cycle import OneCycleLR as OneCycleLR
from optim.lr_scheduler.plateau import ReduceLROnPlateau as ReduceLROnPlateau
