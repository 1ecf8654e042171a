"""Data to learn from: the digits in the package, points in the plane, text, and sets on disk."""

from models.datasets.characters import Alphabet as Alphabet
from models.datasets.characters import Windows as Windows
from models.datasets.characters import characters as characters
from models.datasets.cifar import CIFAR10 as CIFAR10
from models.datasets.cifar import CIFAR100 as CIFAR100
from models.datasets.folder import data_root as data_root
from models.datasets.image_folder import ImageFolder as ImageFolder
from models.datasets.images import images as images
from models.datasets.labelled import Labelled as Labelled
from models.datasets.mnist import KMNIST as KMNIST
from models.datasets.mnist import MNIST as MNIST
from models.datasets.mnist import FashionMNIST as FashionMNIST
from models.datasets.optical_digits import digits as digits
from models.datasets.plane import circles as circles
from models.datasets.plane import moons as moons
from models.datasets.plane import spirals as spirals
from models.datasets.text import ascii_fold as ascii_fold
from models.datasets.text import pydoc_text as pydoc_text
from models.datasets.text import read_text as read_text
