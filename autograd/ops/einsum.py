"""Einstein sums. The gradient of one is another, with the gradient in the place of an operand."""

from __future__ import annotations

import math
import string

import numpy as np

from autograd import kernels
from autograd.errors import ShapeError
from autograd.op import Arrays, answers, composite, op
from autograd.ops.views import zeros_with_diagonal


def _contraction_samples(rng):
    for equation, *shapes in (
        ("ij,jk->ik", (2, 3), (3, 2)), ("bij,bjk->ikb", (2, 1, 3), (2, 3, 2)), ("ij->", (2, 3)),
        ("iij->ji", (2, 2, 3)), ("i,j->ij", (2,), (3,)), ("ij,j,i->", (2, 3), (3,), (2,)),
        ("ij,ik->i", (2, 3), (2, 2)), ("bij,bkj->b", (1, 2, 3), (2, 2, 1)),
    ):  # fmt: skip
        terms, output = equation.split("->")
        operands = [rng.normal(size=shape) for shape in shapes]
        yield (operands,), {"terms": tuple(terms.split(",")), "output": output}


@op(kind="contraction", samples=_contraction_samples, space="internal", shown_as="einsum")
def contraction(operands: Arrays, terms: tuple[str, ...], output: str):
    """Return the Einstein sum whose operands have the letters `terms`, and the result `output`."""
    lengths = _lengths(operands, terms)
    arrays = [_wide(a, term, lengths) for a, term in zip(operands, terms, strict=True)]
    names = list(terms)
    for i, j in _order(arrays, names, output):
        rest = [k for k in range(len(arrays)) if k not in (i, j)]
        needed = set(output).union(*(names[k] for k in rest))
        product, name = _pair(arrays[i], names[i], arrays[j], names[j], needed)
        arrays, names = [*(arrays[k] for k in rest), product], [*(names[k] for k in rest), name]
    return _single(arrays[0], names[0], output)


def _order(operands, terms, output: str) -> list:
    """Which two operands to multiply at each step, the product being put last."""
    if len(operands) <= 2:
        return [(0, 1)] * (len(operands) - 1)
    path, _ = np.einsum_path(f"{','.join(terms)}->{output}", *operands, optimize="greedy")
    steps = [pair for pair in path[1:] if len(pair) == 2]
    # Where no order is better than another NumPy takes all operands at once.
    return steps if len(steps) == len(operands) - 1 else [(0, 1)] * (len(operands) - 1)


def _single(a, term: str, output: str):
    """Take diagonals of repeated letters, sum over letters not in `output`, reorder the rest."""
    if len(set(term)) != len(term) or set(term) != set(output):
        a = np.einsum(f"{term}->{output}", a)
        return a if a.base is None else a.copy()
    return np.transpose(a, [term.index(c) for c in output])


def _pair(a, left: str, b, right: str, needed: set):
    """The product of two operands, summed over the letters that are not `needed` later on.

    Letters of both that are needed number a stack of matrices; of those not needed the matrix
    product takes care; letters of one operand alone make its rows, or its columns.
    """
    both = set(left) & set(right)
    left, a = _reduced(a, left, needed | both)
    right, b = _reduced(b, right, needed | both)
    stack = [c for c in left if c in both and c in needed]
    inside = [c for c in left if c in both and c not in needed]
    rows = [c for c in left if c not in both]
    columns = [c for c in right if c not in both]
    a, (stacked, row_shape, _) = _grouped(a, left, stack, rows, inside)
    b, (_, _, column_shape) = _grouped(b, right, stack, inside, columns)
    product = kernels.gemm.matmul(a, b).reshape(stacked + row_shape + column_shape)
    return product, "".join(stack + rows + columns)


def _reduced(a, term: str, keep: set):
    letters = "".join(c for c in dict.fromkeys(term) if c in keep)
    return letters, a if letters == term else _single(a, term, letters)


def _grouped(a, term: str, *groups):
    """`a` with its axes in three groups, each made one axis; and the shapes of the groups."""
    order = [term.index(c) for group in groups for c in group]
    shapes = [tuple(a.shape[term.index(c)] for c in group) for group in groups]
    return np.transpose(a, order).reshape([math.prod(shape) for shape in shapes]), shapes


def _lengths(operands, terms) -> dict[str, int]:
    """The length of the axis that each letter stands for."""
    lengths: dict[str, int] = {}
    for a, term in zip(operands, terms, strict=True):
        for letter, n in zip(term, a.shape, strict=True):
            known = lengths.setdefault(letter, n)
            if known == 1:
                lengths[letter] = n
            elif n not in (1, known):
                raise ShapeError(f"index {letter!r} has the lengths {known} and {n}")
    return lengths


def _wide(a, term: str, lengths: dict):
    """`a` with axes of length one repeated where their letter has another length."""
    shape = tuple(lengths[letter] for letter in term)
    return a if tuple(a.shape) == shape else np.broadcast_to(a, shape)


def _contraction_rule(g, operands, terms, output, needs):
    lengths = _lengths(operands, terms)
    return [
        _operand_gradient(g, operands, terms, output, i, lengths) if wanted else None
        for i, wanted in enumerate(needs)
    ]


def _operand_gradient(g, operands, terms, output, i, lengths):
    """The gradient of operand i: a sum with `g` in its place, and its letters for the result."""
    term, names = terms[i], (output, *terms[:i], *terms[i + 1 :])
    letters = "".join(dict.fromkeys(term))
    present = "".join(c for c in letters if any(c in name for name in names))
    grad = contraction([g, *operands[:i], *operands[i + 1 :]], terms=names, output=present)
    # What only this operand has was summed over: every element gets the same gradient.
    grad = grad[tuple(slice(None) if c in present else None for c in letters)]
    grad = np.broadcast_to(grad, tuple(lengths[c] for c in letters))
    return _onto_diagonals(grad, letters, term)


def _onto_diagonals(grad, letters: str, term: str):
    """Spread `grad`, whose axes are `letters`, over the diagonals that `term` stands for."""
    axes = list(letters)
    for c in letters:
        for _ in range(term.count(c) - 1):
            grad = np.moveaxis(grad, axes.index(c), -1)
            grad = zeros_with_diagonal(grad, (*grad.shape, grad.shape[-1]), 0, -2, -1)
            axes.remove(c)
            axes += [c, c]
    order = []
    for c in term:
        order.append(next(i for i, other in enumerate(axes) if other == c and i not in order))
    return np.transpose(grad, order)


contraction.vjp(operands=_contraction_rule)


# -- reading an equation ---------------------------------------------------------------------------


@composite(samples=lambda rng: [
    (("...ij,jk", rng.normal(size=(2, 1, 3)), rng.normal(size=(3, 2))), {}),
    (("ii->i", rng.normal(size=(3, 3))), {}),
])  # fmt: skip
def einsum(equation: str, *operands: Arrays):
    """Return sums of products of the elements of the operands, as an equation describes them.

    Every letter numbers an axis. Elements whose letters agree are multiplied, and summed over the
    letters that the result does not have. Without ``->`` the result has the letters that come up
    once, in alphabetical order. ``...`` stands for axes that are broadcast.

    Parameters
    ----------
    equation : str
        Such as ``"bij,bjk->bik"``.
    *operands : Tensor

    Examples
    --------
    >>> import autograd as ag
    >>> ag.einsum("ij,j->i", ag.ones(2, 3), ag.ones(3))
    tensor([3., 3.])
    """
    if not isinstance(equation, str):
        equation, operands = _from_lists(equation, *operands)
    elif len(operands) == 1 and isinstance(operands[0], (tuple, list)):
        operands = tuple(operands[0])
    terms, output = _parse(equation, operands)
    return contraction(list(operands), terms, output)


@answers(np.einsum)
def _numpy_einsum(*operands, optimize=True):
    return einsum(*operands)


def _from_lists(*arguments):
    """The equation that operands interleaved with lists of axis numbers stand for."""

    def spell(numbers):
        return "".join("..." if n is ... else string.ascii_letters[n] for n in numbers)

    pairs = len(arguments) // 2
    equation = ",".join(spell(arguments[2 * i + 1]) for i in range(pairs))
    if len(arguments) % 2:
        equation += "->" + spell(arguments[-1])
    return equation, arguments[: 2 * pairs : 2]


def _parse(equation: str, operands) -> tuple[tuple[str, ...], str]:
    """The letters of each operand and of the result, spelling out ``...`` and what is implied."""
    left, arrow, output = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise ShapeError(f"einsum {equation!r} expected {len(terms)} operands, got {len(operands)}")
    spare = [c for c in string.ascii_letters if c not in equation]
    widths = [_ellipsis_width(term, a, equation) for term, a in zip(terms, operands, strict=True)]
    most = max(widths)
    dots = "".join(spare[:most])
    terms = [
        term.replace("...", dots[most - width :]) for term, width in zip(terms, widths, strict=True)
    ]
    if not arrow:
        letters = "".join(terms)
        output = "..." + "".join(
            c for c in sorted(set(letters) - set(dots)) if letters.count(c) == 1
        )
    output = output.replace("...", dots)
    _check_output(output, terms, equation)
    return tuple(terms), output


def _ellipsis_width(term: str, operand, equation: str) -> int:
    """How many axes ``...`` stands for in a term."""
    letters = term.replace("...", "", 1)
    if letters and not (letters.isascii() and letters.isalpha()):
        raise ShapeError(
            f"einsum {equation!r}: expected letters and at most one '...', got {term!r}"
        )
    width = operand.ndim - len(letters)
    if width < 0 or (width and letters == term):
        raise ShapeError(
            f"einsum {equation!r}: {term!r} names {len(letters)} axes of an operand of shape "
            f"{tuple(operand.shape)}"
        )
    return width


def _check_output(output: str, terms, equation: str) -> None:
    for c in output:
        if output.count(c) > 1:
            raise ShapeError(f"einsum {equation!r}: {c!r} comes up more than once in the result")
        if not any(c in term for term in terms):
            raise ShapeError(f"einsum {equation!r}: no operand has {c!r}, which is in the result")
