"""EmbeddingBag: sums, means or maxima of looked-up vectors."""

from __future__ import annotations

from autograd.device import check_device
from autograd.errors import ShapeError
from autograd.tensor import Tensor
from nn import functional as F
from nn import init
from nn.module import Module
from nn.parameter import Parameter, empty


class EmbeddingBag(Module):
    """A table of vectors; for each bag of numbers, the sum, mean or maximum of their vectors.

    Parameters
    ----------
    num_embeddings, embedding_dim : int
    mode : {"mean", "sum", "max"}
    include_last_offset : bool, default False
        Whether offsets also name the end of the last bag.
    padding_idx : int, optional
        A row that starts as zeros, is left out of every bag and never gets a gradient.
    max_norm, norm_type, scale_grad_by_freq, sparse
        As in `nn.functional.embedding_bag`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> layer = nn.EmbeddingBag(10, 3, mode="sum")
    >>> layer(ag.tensor([1, 2, 4, 5, 4]), ag.tensor([0, 3])).shape
    (2, 3)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device=None,
        dtype=None,
    ):
        super().__init__()
        check_device(device)
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"{padding_idx=} is out of range for {num_embeddings} embeddings")
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset
        if _weight is None:
            self.weight = empty(num_embeddings, embedding_dim, dtype=dtype)
            self.reset_parameters()
        else:
            if _weight.shape != (num_embeddings, embedding_dim):
                raise ShapeError(
                    f"EmbeddingBag expected a weight of shape {(num_embeddings, embedding_dim)}, "
                    f"got {_weight.shape}"
                )
            self.weight = Parameter(_weight)

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True, **options) -> EmbeddingBag:
        """Make a layer around an existing table, which is shared, not copied.

        Examples
        --------
        >>> import autograd as ag, nn
        >>> layer = nn.EmbeddingBag.from_pretrained(ag.tensor([[1.0, 2.0], [3.0, 4.0]]))
        >>> layer(ag.tensor([[0, 1]]))
        tensor([[2., 3.]], shape=(1, 2))
        """
        if embeddings.ndim != 2:
            raise ShapeError(f"from_pretrained expected a matrix, got shape {embeddings.shape}")
        rows, columns = embeddings.shape
        layer = cls(rows, columns, _weight=embeddings, **options)
        layer.weight.requires_grad_(not freeze)
        return layer

    def reset_parameters(self) -> None:
        """Draw the table from the standard normal distribution; zeros at `padding_idx`."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            self.weight.data[self.padding_idx] = 0

    def forward(self, input, offsets=None, per_sample_weights=None):
        """Return one vector for each bag."""
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        usual = {"max_norm": None, "norm_type": 2.0, "scale_grad_by_freq": False}
        for name, value in usual.items():
            if getattr(self, name) != value:
                parts.append(f"{name}={getattr(self, name)}")
        parts.append(f"mode={self.mode!r}")
        if self.padding_idx is not None:
            parts.append(f"padding_idx={self.padding_idx}")
        return ", ".join(parts)
