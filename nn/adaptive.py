"""Adaptive softmax: a cheap output layer for very many classes of very unequal frequency."""

from __future__ import annotations

from collections.abc import Sequence as Numbers
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

import autograd as ag
from autograd.errors import ShapeError
from autograd.tensor import Tensor, wrap
from nn import functional as F
from nn.container import ModuleList, Sequential
from nn.linear import Linear
from nn.module import Module


class ASMoutput(NamedTuple):
    """What `AdaptiveLogSoftmaxWithLoss` returns: each label's log probability, and the loss."""

    output: Any
    loss: Any


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log softmax over classes sorted by frequency, in clusters (Grave et al. 2017).

    The head scores the most frequent classes and one entry for each cluster of the others; a
    cluster's own scores come through a narrower layer and are computed for its samples only.

    Parameters
    ----------
    in_features, n_classes : int
    cutoffs : sequence of int
        Where the clusters begin, rising, below `n_classes`.
    div_value : float, default 4
        How much narrower each cluster is than the one before.
    head_bias : bool, default False

    Examples
    --------
    >>> import autograd as ag, nn
    >>> layer = nn.AdaptiveLogSoftmaxWithLoss(8, 20, cutoffs=[5, 10])
    >>> layer(ag.ones(3, 8), ag.tensor([0, 7, 19])).output.shape
    (3,)
    """

    def __init__(self, in_features: int, n_classes: int, cutoffs: Numbers[int],
                 div_value: float = 4.0, head_bias: bool = False, device=None,
                 dtype=None):  # fmt: skip
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ValueError("cutoffs expected at least one number, got none")
        rising = all(a < b for a, b in pairwise(cutoffs))
        if not rising or cutoffs[0] <= 0 or cutoffs[-1] > n_classes - 1:
            raise ValueError(
                f"cutoffs expected rising integers from 1 to {n_classes - 1}, got {cutoffs}"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = cutoffs[0]
        self.n_clusters = len(cutoffs)
        self.head_size = self.shortlist_size + self.n_clusters
        options = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **options)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            width = int(in_features // div_value ** (i + 1))
            classes = self.cutoffs[i + 1] - self.cutoffs[i]
            self.tail.append(
                Sequential(
                    Linear(in_features, width, bias=False, **options),
                    Linear(width, classes, bias=False, **options),
                )
            )

    def reset_parameters(self) -> None:
        """Draw all weights afresh."""
        self.head.reset_parameters()
        for cluster in self.tail.children():
            for layer in cluster.children():
                layer.reset_parameters()

    def forward(self, input, target):
        """Return the log probability of each label, and minus their mean."""
        labels = self._labels(input, target)
        batched = input if input.ndim == 2 else input.unsqueeze(0)
        cluster_of = np.searchsorted(self.cutoffs, labels, side="right")  # 0: in the shortlist
        entry = np.where(cluster_of == 0, labels, self.shortlist_size + cluster_of - 1)
        rows = np.arange(len(labels))
        output = F.log_softmax(self.head(batched), dim=1)[rows, entry]
        parts, places = [wrap(np.zeros(int((cluster_of == 0).sum()), output.dtype))], []
        places.append(np.flatnonzero(cluster_of == 0))
        for i, cluster in enumerate(self.tail):
            mine = np.flatnonzero(cluster_of == i + 1)
            if len(mine):
                scores = F.log_softmax(cluster(batched[mine]), dim=1)
                parts.append(scores[np.arange(len(mine)), labels[mine] - self.cutoffs[i]])
                places.append(mine)
        within = ag.cat(parts)[np.argsort(np.concatenate(places), kind="stable")]
        output = output + within
        loss = -output.mean()
        return ASMoutput(output if input.ndim == 2 else output[0], loss)

    def _labels(self, input, target) -> np.ndarray:
        expected = input.shape[:1] if input.ndim == 2 else ()
        if input.ndim not in (1, 2) or target.shape != expected:
            raise ShapeError(
                "AdaptiveLogSoftmaxWithLoss expected (N, in_features) with labels (N,), or "
                f"(in_features,) with (); got {input.shape} with {target.shape}"
            )
        labels = (target.array if isinstance(target, Tensor) else np.asarray(target)).reshape(-1)
        if labels.dtype.kind not in "iu":
            raise TypeError(f"expected class labels as integers, got {labels.dtype}")
        if ((labels < 0) | (labels >= self.n_classes)).any():
            raise IndexError(
                f"labels go from 0 to {self.n_classes - 1}, got {labels.min()} to {labels.max()}"
            )
        return labels

    def log_prob(self, input):
        """Return the log probabilities of all classes, (N, n_classes)."""
        return self._all(input, F.log_softmax(self.head(input), dim=1))

    def _all(self, input, head):
        parts = [head[:, : self.shortlist_size]]
        for i, cluster in enumerate(self.tail):
            entry = head[:, self.shortlist_size + i].unsqueeze(1)
            parts.append(F.log_softmax(cluster(input), dim=1) + entry)
        return ag.cat(parts, dim=1)

    def predict(self, input):
        """Return the most probable class of each sample, (N,)."""
        head = self.head(input)
        best = head.array.argmax(axis=1)
        far = np.flatnonzero(best >= self.shortlist_size)
        if len(far):
            every = self.log_prob(input[far]).array
            best[far] = every.argmax(axis=1)
        return wrap(best)
