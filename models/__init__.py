"""Complete architectures, one a file: the idea, the class, and the recipe that trains it.

``python -m models list`` shows the recipes, ``python -m models train NAME`` cooks one.
"""

from nn import _guard as _guard  # isort: skip - refuses another library's autograd

from models import activations as _activations
from models import alexnet as _alexnet
from models import alphago as _alphago
from models import augmentation as _augmentation
from models import autoencoder as _autoencoder
from models import backpropagation as _backpropagation
from models import batch_norm as _batch_norm
from models import bert_pydoc as _bert_pydoc
from models import boltzmann as _boltzmann
from models import bptt as _bptt
from models import captioning as _captioning
from models import classify2d as _classify2d
from models import colouring as _colouring
from models import contractive_autoencoder as _contractive_autoencoder
from models import convolution as _convolution
from models import cyclegan as _cyclegan
from models import datasets as datasets
from models import dbn as _dbn
from models import dcgan as _dcgan
from models import denoising_autoencoder as _denoising_autoencoder
from models import elmo_pydoc as _elmo_pydoc
from models import first_principles as _first_principles
from models import gan as _gan
from models import gan_theory as _gan_theory
from models import googlenet as _googlenet
from models import gpt as _gpt
from models import gradient_descent as _gradient_descent
from models import gru as _gru
from models import hebb as _hebb
from models import hopfield as _hopfield
from models import initialisation as _initialisation
from models import learning_rate as _learning_rate
from models import lenet as _lenet
from models import lenet_1998 as _lenet_1998
from models import losses as _losses
from models import lstm as _lstm
from models import mcculloch_pitts as _mcculloch_pitts
from models import mlp as _mlp
from models import neocognitron as _neocognitron
from models import optimisers as _optimisers
from models import perceptron as _perceptron
from models import rbm as _rbm
from models import regularisation as _regularisation
from models import regularised_autoencoder as _regularised_autoencoder
from models import resnet as _resnet
from models import resnet_cifar as _resnet_cifar
from models import rnn as _rnn
from models import seq2seq as _seq2seq
from models import style as _style
from models import transformer as _transformer
from models import transforms as transforms
from models import universal_approximation as _universal_approximation
from models import vae as _vae
from models import vanishing_gradients as _vanishing_gradients
from models import vgg as _vgg
from models import wgan_gp as _wgan_gp
from models import xor as _xor
from models.alexnet import AlexNet as AlexNet
from models.alexnet import alexnet as alexnet
from models.alphago import PolicyValueNet as PolicyValueNet
from models.alphago import policy_value_net as policy_value_net
from models.autoencoder import Autoencoder as Autoencoder
from models.bert import Bert as Bert
from models.bert import BertForMaskedLM as BertForMaskedLM
from models.bert import BertForPreTraining as BertForPreTraining
from models.bert import BertForSequenceClassification as BertForSequenceClassification
from models.bert import bert_base as bert_base
from models.boltzmann import BoltzmannMachine as BoltzmannMachine
from models.captioning import Captioner as Captioner
from models.classify2d import Classify2d as Classify2d
from models.colouring import UNet as UNet
from models.colouring import u_net as u_net
from models.contractive_autoencoder import ContractiveAutoencoder as ContractiveAutoencoder
from models.convolution import HandFilters as HandFilters
from models.convolution import hand_filters as hand_filters
from models.cyclegan import CycleGAN as CycleGAN
from models.cyclegan import cycle_gan as cycle_gan
from models.dbn import DBN as DBN
from models.dcgan import DCGAN as DCGAN
from models.dcgan import dcgan as dcgan
from models.denoising_autoencoder import DenoisingAutoencoder as DenoisingAutoencoder
from models.elmo import BiLM as BiLM
from models.elmo import ElmoClassifier as ElmoClassifier
from models.gan import GAN as GAN
from models.gan import gan as gan
from models.googlenet import GoogLeNet as GoogLeNet
from models.googlenet import GoogLeNetOutputs as GoogLeNetOutputs
from models.googlenet import googlenet as googlenet
from models.gpt import GPT as GPT
from models.gpt import gpt2 as gpt2
from models.gru import char_gru as char_gru
from models.hebb import HebbianMemory as HebbianMemory
from models.hopfield import Hopfield as Hopfield
from models.hopfield import ModernHopfield as ModernHopfield
from models.lenet import LeNet5 as LeNet5
from models.lenet import lenet5 as lenet5
from models.lenet_1998 import LeNet1998 as LeNet1998
from models.lenet_1998 import lenet1998 as lenet1998
from models.lstm import char_lstm as char_lstm
from models.mcculloch_pitts import McCullochPitts as McCullochPitts
from models.mlp import MLP as MLP
from models.mlp import mlp as mlp
from models.neocognitron import Neocognitron as Neocognitron
from models.neocognitron import neocognitron as neocognitron
from models.perceptron import Perceptron as Perceptron
from models.perceptron import perceptron as perceptron
from models.rbm import RBM as RBM
from models.regularised_autoencoder import RegularisedAutoencoder as RegularisedAutoencoder
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
from models.rnn import CharRNN as CharRNN
from models.rnn import RowReader as RowReader
from models.rnn import RowWriter as RowWriter
from models.seq2seq import Seq2Seq as Seq2Seq
from models.style import Eye as Eye
from models.style import style_eye as style_eye
from models.training.recipe import Recipe as Recipe
from models.transformer import Transformer as Transformer
from models.vae import VAE as VAE
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
from models.wgan_gp import WGAN as WGAN
from models.xor import StepXor as StepXor
from models.xor import XorNet as XorNet
from models.xor import xor as xor

# Every recipe by name, in the order of the field's history. A file has one, or several.
RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for module in (
        _mcculloch_pitts,
        _hebb,
        _perceptron,
        _xor,
        _mlp,
        _backpropagation,
        _classify2d,
        _universal_approximation,
        _first_principles,
        _activations,
        _losses,
        _gradient_descent,
        _learning_rate,
        _optimisers,
        _initialisation,
        _vanishing_gradients,
        _batch_norm,
        _regularisation,
        _augmentation,
        _convolution,
        _neocognitron,
        _lenet,
        _lenet_1998,
        _alexnet,
        _vgg,
        _googlenet,
        _resnet,
        _resnet_cifar,
        _colouring,
        _style,
        _cyclegan,
        _alphago,
        _rnn,
        _lstm,
        _gru,
        _gpt,
        _elmo_pydoc,
        _bert_pydoc,
        _bptt,
        _seq2seq,
        _captioning,
        _transformer,
        _hopfield,
        _boltzmann,
        _rbm,
        _dbn,
        _autoencoder,
        _regularised_autoencoder,
        _denoising_autoencoder,
        _contractive_autoencoder,
        _gan,
        _gan_theory,
        _dcgan,
        _vae,
        _wgan_gp,
    )
    for recipe in getattr(module, "RECIPES", None) or (module.RECIPE,)
}
