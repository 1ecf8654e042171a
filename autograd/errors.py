"""Exceptions: each is also the builtin (and PyTorch's RuntimeError) a caller expects to catch."""


class ArgumentError(ValueError, RuntimeError):
    """An argument that an operation cannot work with."""


class ShapeError(ArgumentError):
    """Shapes that do not fit together."""


class DtypeError(TypeError, RuntimeError):
    """A dtype an operation does not take, or a promotion that strict mode forbids."""


class GraphError(RuntimeError):
    """A backward pass that cannot be walked: released nodes, overwritten values, missing links."""
