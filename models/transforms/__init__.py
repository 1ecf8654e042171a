"""Transforms of single images, for data sets and for augmentation, named as torchvision names them.

Each takes a Tensor or an array whose last two axes are height and width, and returns the same kind;
only `ToTensor` also takes height x width x channels. Random ones draw from the generator they are
given, else from the default one, so a seed settles them and a checkpoint can restore them; in the
workers of a DataLoader only the default one is each worker's own.

``transform.batch(images)`` is for a whole batch, of shape (N, ...), at a time: every image gets
random numbers of its own, and the work is done at the speed of array operations.
"""

from models.transforms.base import BatchTransform as BatchTransform
from models.transforms.base import Compose as Compose
from models.transforms.base import Lambda as Lambda
from models.transforms.base import Normalize as Normalize
from models.transforms.base import RandomTransform as RandomTransform
from models.transforms.base import ToTensor as ToTensor
from models.transforms.base import Transform as Transform
from models.transforms.base import batched as batched
from models.transforms.color import ColorJitter as ColorJitter
from models.transforms.crop import CenterCrop as CenterCrop
from models.transforms.crop import Pad as Pad
from models.transforms.crop import RandomCrop as RandomCrop
from models.transforms.crop import RandomResizedCrop as RandomResizedCrop
from models.transforms.crop import Resize as Resize
from models.transforms.crop import resized as resized
from models.transforms.geometry import RandomAffine as RandomAffine
from models.transforms.geometry import RandomHorizontalFlip as RandomHorizontalFlip
from models.transforms.geometry import RandomRotation as RandomRotation
from models.transforms.geometry import RandomVerticalFlip as RandomVerticalFlip
from models.transforms.geometry import rotated as rotated
from models.transforms.noise import GaussianNoise as GaussianNoise
from models.transforms.noise import RandomErasing as RandomErasing
from models.transforms.noise import RandomWordReplacement as RandomWordReplacement
