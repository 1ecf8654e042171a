"""Complete architectures, one a file: the idea, the class, and the recipe that trains it.

``python -m models list`` shows the recipes, ``python -m models train NAME`` cooks one.
"""

from nn import _guard as _guard  # isort: skip - refuses another library's autograd

from models import datasets as datasets
from models import lenet as _lenet
from models import mlp as _mlp
from models import perceptron as _perceptron
from models import transforms as transforms
from models import xor as _xor
from models.lenet import LeNet5 as LeNet5
from models.lenet import lenet5 as lenet5
from models.mlp import MLP as MLP
from models.mlp import mlp as mlp
from models.perceptron import Perceptron as Perceptron
from models.perceptron import perceptron as perceptron
from models.training.recipe import Recipe as Recipe
from models.xor import StepXor as StepXor
from models.xor import XorNet as XorNet
from models.xor import xor as xor

# Every recipe by name, in the order of the field's history. A file has one, or several.
RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for module in (_perceptron, _xor, _mlp, _lenet)
    for recipe in getattr(module, "RECIPES", None) or (module.RECIPE,)
}
