"""Optimiser updates of whole groups of parameters: one call and one pass over memory for all.

Every parameter, its gradient and its state are read once and written once. The arrays come as a
table of addresses, a row for each parameter, so that many small ones cost no more than one. The
work is cut into blocks of elements, whatever array they belong to, which threads share.

The formulas are those of the twins in `autograd.kernels.plain`. The counts of
steps, which may differ between parameters, are arrays of one float32 and are raised here.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator

import numpy as np
from numba import carray, prange, types
from numba.extending import intrinsic

from autograd.kernels.compiled.jit import array, inner, kernel
from autograd.kernels.compiled.mathematics import choose
from autograd.kernels.compiled.memory import HEADER

# Every operation rounds by itself: a step is repeated thousands of times, and which of its sums and
# products are fused may differ from one compilation to the next. Memory is what takes the time.
EXACT: set[str] = set()
exact = functools.partial(inner, fastmath=EXACT)

BLOCK = 1 << 13  # elements in a block
WORK = 4  # elementary operations for each element, roughly
SIZE, PARAM, GRAD, STEP, STATE = range(5)  # columns of the table; the state has the rest
LIKE = {"f": np.empty(0, np.float32), "d": np.empty(0, np.float64)}


@intrinsic
def place(typingctx, of, address):
    """The pointer to numbers of the type `of` at an address."""
    pointer = types.CPointer(of.dtype)

    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[1], context.get_value_type(pointer))

    return pointer(of, address), generate


@exact
def part(like, table, row, column, start, stop):
    """The numbers from `start` to `stop` of an array in the table; of none, those of the param."""
    object_ = table[row, column] if table[row, column] != 0 else table[row, PARAM]
    address = carray(place(table, object_ + HEADER), 1)[0]
    return carray(place(like, address + like.itemsize * start), stop - start)


@exact
def steps(table, row):
    """The count of steps of a parameter, an array of one number."""
    return carray(place(np.float32, carray(place(table, table[row, STEP] + HEADER), 1)[0]), 1)


@exact
def begin(table):
    """Raise the counts of steps, and return how many blocks there are in all."""
    blocks = 0
    for row in range(len(table)):
        if table[row, STEP] != 0:
            steps(table, row)[0] += np.float32(1)
        blocks += (table[row, SIZE] + BLOCK - 1) // BLOCK
    return blocks


@exact
def find(table, block):
    """The row that a block belongs to, and where in its arrays it starts and stops."""
    row, before = 0, 0
    while True:
        count = (table[row, SIZE] + BLOCK - 1) // BLOCK
        if block < before + count:
            break
        before += count
        row += 1
    start = (block - before) * BLOCK
    return row, start, min(start + BLOCK, table[row, SIZE])


@exact
def penalised(p, g, decay, sign):
    """The gradient to descend: that of the loss (or of minus it) and of the penalty on `p`."""
    g *= sign
    return choose(decay != 0, g + decay * p, g)


@exact
def lerp(a, b, weight, rest):
    """From a towards b, computed from the nearer end; `rest` is one minus the weight."""
    return choose(weight < rest, a + weight * (b - a), b - rest * (b - a))


def signature(T):
    """Of all kernels here: an empty array of the parameters' dtype, the table, the options."""
    return array(T, 1), array(types.int64, 2), array(types.float64, 1)


@exact
def sgd_block(p, g, lr, decay, sign):
    for i in range(p.size):
        p[i] -= lr * penalised(p[i], g[i], decay, sign)


@exact
def momentum_block(p, g, b, lr, momentum, gain, ahead, decay, sign):
    # `ahead` is nesterov's momentum: what is descended along is ``b``, or ``g + momentum * b``.
    nesterov = ahead != 0
    for i in range(p.size):
        now = penalised(p[i], g[i], decay, sign)
        b[i] = momentum * b[i] + gain * now
        p[i] -= lr * choose(nesterov, now + ahead * b[i], b[i])


@kernel(signature, EXACT)
def sgd(like, table, options):
    """Rows: param, grad, none, buffer or none, something if the buffer is new (and zero)."""
    number = like.dtype.type
    lr, momentum, dampening, decay, nesterov, maximize = options
    for block in prange(begin(table)):
        row, start, stop = find(table, block)
        p = part(like, table, row, PARAM, start, stop)
        g = part(like, table, row, GRAD, start, stop)
        sign = number(-1 if maximize else 1)
        if table[row, STATE] == 0:
            sgd_block(p, g, number(lr), number(decay), sign)
        else:
            b = part(like, table, row, STATE, start, stop)
            gain = 1 if table[row, STATE + 1] != 0 else 1 - dampening
            momentum_block(
                p, g, b, number(lr), number(momentum), number(gain), number(nesterov * momentum),
                number(decay), sign,
            )  # fmt: skip


@exact
def adam_block(p, g, m, v, size, per_root, beta1, gain1, beta2, gain2, eps, shrink, decay, sign):
    for i in range(p.size):
        old = p[i] * shrink
        now = penalised(old, g[i], decay, sign)
        m[i] = lerp(m[i], now, gain1, beta1)
        v[i] = beta2 * v[i] + gain2 * now * now
        p[i] = old - size * m[i] / (math.sqrt(v[i]) * per_root + eps)


@exact
def amsgrad_block(p, g, m, v, top, size, per_root, beta1, gain1, beta2, gain2, eps, shrink, decay,
                  sign):  # fmt: skip
    for i in range(p.size):
        old = p[i] * shrink
        now = penalised(old, g[i], decay, sign)
        m[i] = lerp(m[i], now, gain1, beta1)
        square = beta2 * v[i] + gain2 * now * now
        v[i] = square
        # `not (a >= b)` lets a NaN through.
        top[i] = choose(top[i] >= square, top[i], choose(top[i] != top[i], top[i], square))
        p[i] = old - size * m[i] / (math.sqrt(top[i]) * per_root + eps)


@kernel(signature, EXACT)
def adam(like, table, options):
    """Rows: param, grad, step, mean, square, largest or none."""
    number = like.dtype.type
    lr, beta1, beta2, eps, decay, decoupled, maximize = options
    for block in prange(begin(table)):
        row, start, stop = find(table, block)
        p = part(like, table, row, PARAM, start, stop)
        g = part(like, table, row, GRAD, start, stop)
        m = part(like, table, row, STATE, start, stop)
        v = part(like, table, row, STATE + 1, start, stop)
        step = np.float64(steps(table, row)[0])
        size = number(lr / (1 - beta1**step))
        per_root = number(1 / math.sqrt(1 - beta2**step))
        keep1, gain1 = number(beta1), number(1 - beta1)
        keep2, gain2 = number(beta2), number(1 - beta2)
        shrink = number(1 - lr * decay if decoupled else 1)
        penalty, sign = number(0 if decoupled else decay), number(-1 if maximize else 1)
        if table[row, STATE + 2] == 0:
            adam_block(
                p, g, m, v, size, per_root, keep1, gain1, keep2, gain2, number(eps), shrink,
                penalty, sign,
            )  # fmt: skip
        else:
            top = part(like, table, row, STATE + 2, start, stop)
            amsgrad_block(
                p, g, m, v, top, size, per_root, keep1, gain1, keep2, gain2, number(eps), shrink,
                penalty, sign,
            )  # fmt: skip


@exact
def rmsprop_block(p, g, v, m, b, centred, buffered, lr, alpha, gain, eps, momentum, decay, sign):
    for i in range(p.size):
        now = penalised(p[i], g[i], decay, sign)
        square = alpha * v[i] + gain * now * now
        v[i] = square
        if centred:
            m[i] = lerp(m[i], now, gain, alpha)
            square -= m[i] * m[i]
        change = now / (math.sqrt(square) + eps)
        if buffered:
            change += momentum * b[i]
            b[i] = change
        p[i] -= lr * change


@kernel(signature, EXACT)
def rmsprop(like, table, options):
    """Rows: param, grad, step, square, mean or none, buffer or none."""
    number = like.dtype.type
    lr, alpha, eps, decay, momentum, maximize = options
    for block in prange(begin(table)):
        row, start, stop = find(table, block)
        rmsprop_block(
            part(like, table, row, PARAM, start, stop), part(like, table, row, GRAD, start, stop),
            part(like, table, row, STATE, start, stop),
            part(like, table, row, STATE + 1, start, stop),
            part(like, table, row, STATE + 2, start, stop),
            table[row, STATE + 1] != 0, table[row, STATE + 2] != 0, number(lr), number(alpha),
            number(1 - alpha), number(eps), number(momentum), number(decay),
            number(-1 if maximize else 1),
        )  # fmt: skip


@exact
def adagrad_block(p, g, v, rate, eps, decay, sign):
    for i in range(p.size):
        now = penalised(p[i], g[i], decay, sign)
        v[i] += now * now
        p[i] -= rate * now / (math.sqrt(v[i]) + eps)


@kernel(signature, EXACT)
def adagrad(like, table, options):
    """Rows: param, grad, step, total."""
    number = like.dtype.type
    lr, lr_decay, eps, decay, maximize = options
    for block in prange(begin(table)):
        row, start, stop = find(table, block)
        step = np.float64(steps(table, row)[0])
        adagrad_block(
            part(like, table, row, PARAM, start, stop), part(like, table, row, GRAD, start, stop),
            part(like, table, row, STATE, start, stop), number(lr / (1 + (step - 1) * lr_decay)),
            number(eps), number(decay), number(-1 if maximize else 1),
        )  # fmt: skip


KERNELS = {"sgd": sgd, "adam": adam, "rmsprop": rmsprop, "adagrad": adagrad}
FLOAT32 = np.dtype(np.float32)


class Tables:
    """The rows of a group of parameters as the kernels read them, kept from one step to the next.

    A row has the arrays of one parameter: itself, and its state in the order of the kernel; None
    for what there is not. As long as these are the same objects only the gradients, new in every
    step, are entered. What is kept here holds on to all the others, so that no other object can
    come to stand at their addresses.

    Parameters
    ----------
    name : {"sgd", "adam", "rmsprop", "adagrad"}
    """

    def __init__(self, name: str) -> None:
        self.kernel = KERNELS[name]
        self.kept: list = []  # all arrays but the gradients, row by row
        self.fit: list[bool] = []  # which gradients the kernels can read
        self.left: list[int] = []  # the rows that do not suit
        self.tables: list[tuple] = []  # for each dtype its letter, table, rows, and work
        self.options: tuple[float, ...] = ()
        self.numbers = np.empty(0)

    def update(
        self, rows: list[tuple], grads: list[np.ndarray], options: tuple[float, ...]
    ) -> list[int]:
        """Update the parameters of all rows that suit; return the numbers of those that do not.

        Suitable is what has one dtype, float32 or float64, one size, and contiguous memory. The
        options are in the order of the kernel.
        """
        given = [*itertools.chain.from_iterable(rows)]
        fit = [
            grad.dtype is row[0].dtype and grad.size == row[0].size and grad.flags.c_contiguous
            for grad, row in zip(grads, rows, strict=True)
        ]
        same = len(given) == len(self.kept) and all(map(operator.is_, given, self.kept))
        if not same or fit != self.fit:
            self.kept, self.fit = given, fit
            self._lay_out(rows)
        if options != self.options:
            self.options, self.numbers = options, np.array(options, np.float64)
        for char, table, chosen, work in self.tables:
            table[:, GRAD] = [id(grads[i]) for i in chosen]
            self.kernel(LIKE[char], table, self.numbers, work=work)
        return self.left

    def _lay_out(self, rows: list[tuple]) -> None:
        """Make a table of the rows of each dtype, and a list of those that do not suit."""
        chosen: dict[str, list[int]] = {"f": [], "d": []}
        self.left = []
        for i, row in enumerate(rows):
            suits = self.fit[i] and _suits(*row)
            (chosen[row[0].dtype.char] if suits else self.left).append(i)
        self.tables = []
        for char, numbers in chosen.items():
            if numbers:
                table = np.zeros((len(numbers), 2 + len(rows[0])), np.int64)
                for entry, i in zip(table, numbers, strict=True):
                    param, *state = rows[i]
                    entry[SIZE], entry[PARAM] = param.size, id(param)
                    entry[STEP:] = [0 if a is None else id(a) for a in state]
                work = WORK * sum(rows[i][0].size for i in numbers)
                self.tables.append((char, table, numbers, work))


def _suits(param: np.ndarray, step: np.ndarray | None, *state) -> bool:
    """Whether the kernels can update a parameter, given its row but for the gradient."""
    dtype, size = param.dtype, param.size
    if not (dtype.char in "fd" and param.flags.carray and (step is None or step.dtype is FLOAT32)):
        return False
    for a in state:
        if a is not None and not (a.flags.carray and a.dtype is dtype and a.size == size):
            return False
    return True
