"""Complete architectures, one a file: the idea, the class, and the recipe that trains it.

``python -m models list`` shows the recipes, ``python -m models train NAME`` cooks one.
"""

from nn import _guard as _guard  # isort: skip - refuses another library's autograd

from models import alexnet as _alexnet
from models import datasets as datasets
from models import googlenet as _googlenet
from models import lenet as _lenet
from models import mlp as _mlp
from models import perceptron as _perceptron
from models import resnet as _resnet
from models import resnet_cifar as _resnet_cifar
from models import transforms as transforms
from models import vgg as _vgg
from models import xor as _xor
from models.alexnet import AlexNet as AlexNet
from models.alexnet import alexnet as alexnet
from models.googlenet import GoogLeNet as GoogLeNet
from models.googlenet import GoogLeNetOutputs as GoogLeNetOutputs
from models.googlenet import googlenet as googlenet
from models.lenet import LeNet5 as LeNet5
from models.lenet import lenet5 as lenet5
from models.mlp import MLP as MLP
from models.mlp import mlp as mlp
from models.perceptron import Perceptron as Perceptron
from models.perceptron import perceptron as perceptron
from models.resnet import ResNet as ResNet
from models.resnet import resnet18 as resnet18
from models.resnet import resnet34 as resnet34
from models.resnet import resnet50 as resnet50
from models.resnet import resnet101 as resnet101
from models.resnet import resnet152 as resnet152
from models.resnet_cifar import CifarResNet as CifarResNet
from models.resnet_cifar import resnet20 as resnet20
from models.resnet_cifar import resnet56 as resnet56
from models.resnet_cifar import resnet110 as resnet110
from models.resnet_cifar import resnet1202 as resnet1202
from models.training.recipe import Recipe as Recipe
from models.vgg import VGG as VGG
from models.vgg import vgg11 as vgg11
from models.vgg import vgg11_bn as vgg11_bn
from models.vgg import vgg13 as vgg13
from models.vgg import vgg13_bn as vgg13_bn
from models.vgg import vgg16 as vgg16
from models.vgg import vgg16_bn as vgg16_bn
from models.vgg import vgg19 as vgg19
from models.vgg import vgg19_bn as vgg19_bn
from models.weights import load_weights as load_weights
from models.xor import StepXor as StepXor
from models.xor import XorNet as XorNet
from models.xor import xor as xor

# Every recipe by name, in the order of the field's history. A file has one, or several.
RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for module in (
        _perceptron,
        _xor,
        _mlp,
        _lenet,
        _alexnet,
        _vgg,
        _googlenet,
        _resnet,
        _resnet_cifar,
    )
    for recipe in getattr(module, "RECIPES", None) or (module.RECIPE,)
}
