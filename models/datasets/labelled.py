"""Examples with labels, held in memory: what every image and point data set here is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

import autograd as ag
from autograd.utils.data import Dataset


class Labelled(Dataset):
    """Inputs and class numbers of equal length, with the names of the classes.

    Parameters
    ----------
    data : array or Tensor of shape (examples, ...)
    targets : array or Tensor of shape (examples,)
    classes : sequence of str
    transform, target_transform : callable, optional
        Applied to one input, or one label, each time it is asked for; see `models.transforms`.

    Attributes
    ----------
    tensors : (Tensor, Tensor)
        All inputs and all labels, untransformed, as a TensorDataset has them.

    Examples
    --------
    >>> import numpy as np
    >>> from models.datasets import Labelled
    >>> pairs = Labelled(np.eye(2, dtype="float32"), np.array([0, 1]), ["left", "right"])
    >>> pairs[1]
    (tensor([0., 1.]), tensor(1))
    """

    def __init__(
        self,
        data,
        targets,
        classes: Sequence[str],
        transform: Callable | None = None,
        target_transform: Callable | None = None,
    ):
        if len(data) != len(targets):
            raise ValueError(
                f"expected a label for every example, got {len(data)} and {len(targets)}"
            )
        self.data, self.targets = ag.as_tensor(data), ag.as_tensor(np.asarray(targets, "int64"))
        self.classes = list(classes)
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}
        self.transform, self.target_transform = transform, target_transform

    @property
    def tensors(self) -> tuple[ag.Tensor, ag.Tensor]:
        return self.data, self.targets

    @property
    def rows(self) -> tuple[ag.Tensor, ag.Tensor] | None:
        """The tensors whose rows the examples are, unless a transform makes others of them.

        A DataLoader takes whole batches from these at once.
        """
        own = type(self).__getitem__ is Labelled.__getitem__  # a subclass's change must be asked
        plain = own and self.transform is None and self.target_transform is None
        return self.tensors if plain else None

    def __getitem__(self, index):
        # Through the arrays: a view of a tensor is a graph operation, which this need not be.
        input = ag.from_numpy(self.data.array[index])
        target = ag.as_tensor(self.targets.array[index])
        if self.transform is not None:
            input = self.transform(input)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return input, target

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({len(self)} examples of shape {self.data.shape[1:]}, "
            f"{len(self.classes)} classes)"
        )
