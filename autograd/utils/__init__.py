"""What is used around tensors: data loading in `autograd.utils.data`."""

from autograd.utils import data as data
