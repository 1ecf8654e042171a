"""The op record, the rules it holds, and the one table every public name comes from.

An op is a forward function on arrays and, beside it, a derivative rule per input *name*:

    @op(numpy=np.arctan, kind="unary", domain=(-3, 3))
    def atan(input):
        return np.arctan(input)

    atan.vjp(input=lambda g, input: g / (1 + input * input))

A rule's parameters say what it needs, and exactly that is kept until the backward pass:

    g                the gradient of the output (a tuple of them when the op has several outputs)
    <input>, out     an input's or the output's array (out: a tuple when there are several)
    <input>_shape    only an input's shape
    <residual>       an array the forward returned beside its output, named in `residuals=`
    <keyword>        an argument of the forward that is not an array
    needs            in a joint rule: which of its inputs want a gradient, one bool each

Rules are written once. On the ordinary path they run on bare arrays; under ``create_graph`` the
same lines run on tensors, which is how derivatives of every order exist. The engine undoes
broadcasting, so no rule mentions it. Rules must be pure: no in-place writes, no ``out=``.

Three forms go beyond one formula per input. A joint rule ``f.vjp(("input", "weight"), rule)``
returns the gradients of several inputs at once; ``f.vjp_together`` adds one to the rules of each,
for when all are wanted. And an op whose rule is a fused kernel, which only arrays can enter, names
a ``reference``: the same function composed of other ops. Under ``create_graph`` the engine
differentiates the reference instead; tests hold the two equal.

A parameter is an array input if it is annotated ``Array`` (``Array | None`` when it may be absent,
``Arrays`` for a list of them), or bare: without annotation and without default.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd import promotion

Array = np.ndarray  # an array input; a rule sees a Tensor in its place under create_graph
Arrays = Sequence[np.ndarray]  # a list of array inputs
Shape = Sequence[int]  # a parameter that may also be given as separate integers: x.reshape(2, 3)

OPS: dict[str, Op] = {}  # name -> record: functions, methods, stubs, reference and tests read this
NUMPY: dict[Callable, Callable] = {}  # NumPy function -> the function that answers for it

KINDS: dict[str | None, Callable | None] = {  # how operands of each kind of op get their dtype
    None: None,
    "unary": promotion.to_float,
    "unary_any": None,  # keeps integers: neg, abs, floor, ...
    "binary": promotion.promote,
    "binary_float": promotion.promote_float,
    "compare": promotion.promote,
    "join": promotion.promote,
    "contraction": promotion.same,
    "reduce": None,
    "view": None,
    "shape": None,
}
SAMPLED = ("unary", "unary_any", "binary", "binary_float", "compare", "reduce")  # no samples needed
ELEMENTWISE = ("unary", "unary_any", "binary", "binary_float")  # have an in-place twin, name_
PREFIXED = ("linalg", "special")  # modules that show their ops without the prefix of their names
SPELLINGS = {  # what a call may name a parameter -> what that may be here; the op has one of them
    "axis": ("dim",), "axes": ("dims",), "keepdims": ("keepdim",),  # NumPy's
    "a": ("input",), "x": ("input", "A"), "A": ("input",),
    # PyTorch's: matrices have other names in its documentation, which are ours, than in its calls.
    "input": ("b", "A", "x", "B", "L"), "other": ("B",), "b": ("B",),
    "input2": ("L", "tau"), "input3": ("other",),
}  # fmt: skip
MATRICES = {"A", "B", "L", "b", "tau", "x"}  # composites of these are called by other names too


class Rule(NamedTuple):
    function: Callable
    arguments: tuple[str, ...]
    inputs: tuple[str, ...]  # the inputs it gives gradients for; a joint rule has several


class Op:
    """One operation: what is computed, how it is differentiated, how tests draw its inputs.

    Parameters
    ----------
    forward : callable
        Arrays in, array out. Several outputs, or residuals, come as one tuple.
    numpy : callable, optional
        The NumPy function this op answers for when that is called on tensors.
    kind : str, optional
        A key of `KINDS`: settles dtypes and picks the strategy by which tests draw inputs.
    domain : (low, high) or dict, optional
        Where tests may draw an elementwise op's inputs. Or, by name, maps onto the inputs that an
        op is for, symmetric matrices say: tests take its derivatives after these.
    samples : callable, optional
        For ops of no kind: ``samples(rng)`` yields ``(args, kwargs)`` of arrays to test with.
    reference : callable, optional
        The same function composed of other ops, for second derivatives of a fused rule.
    residuals, outputs : sequence of str
        Names of what the forward returns beside, or instead of, one output.
    space : {"autograd", "nn", "both", "linalg", "special", "internal"}
        Where the function is public: `autograd`, `nn.functional`, both; `autograd.linalg` or
        `autograd.special`, there without the prefix ``linalg_`` or ``special_`` of the op's name;
        or nowhere.
    inplace : bool
        Whether Tensor also gets the method ``name_`` (elementwise ops always do).
    method : bool, optional
        Whether a function of `autograd` is a method of Tensor too; by default if its first
        parameter is ``input``.
    shown_as : str, optional
        For an internal op: the public function it does the work of, in messages and pictures.
    """

    def __init__(self, forward, numpy=None, kind=None, domain=None, samples=None, reference=None,
                 residuals=(), outputs=(), space="autograd", inplace=False, shown_as=None,
                 composite=False, method=None):  # fmt: skip
        if kind not in SAMPLED and samples is None:
            raise TypeError(
                f"op {forward.__name__!r} needs a kind or samples: it could not be tested"
            )
        self.forward, self.name = forward, forward.__name__
        self.numpy, self.kind, self.domain, self.samples = numpy, kind, domain, samples
        self.reference, self.residuals, self.outputs = reference, tuple(residuals), tuple(outputs)
        self.space, self.inplace, self.composite = space, inplace, composite
        self.may_be_method = method
        place = f"{space}." if space in PREFIXED else ""
        self.title = shown_as or place + self.public_name
        self.prepare = KINDS[kind]
        self.rules: dict[str, Rule] = {}
        self.together: dict[tuple[str, ...], Rule] = {}  # for these inputs, instead of their rules
        self.add_part: Callable | None = None  # see `Plan.add_part`
        # Puts the result over the one array given, if the rule does not ask for what was there.
        self.overwrite: Callable | None = None
        # The forward and ReLU after it by one kernel, for programs of `compile`.
        self.with_relu: Callable | None = None
        self.plans: dict[Any, Any] = {}  # which inputs want gradients -> Plan
        self.forms: dict[tuple, Callable] = {}  # how a call is written -> what sorts such calls
        self.function: Callable = forward
        self._read_signature()

    def _read_signature(self) -> None:
        """Sort the forward's parameters into array inputs and the rest."""
        names, self.defaults, annotations, by_position = _parameters(self.forward)
        text = {name: _as_written(annotations.get(name, "")) for name in names}
        bare = {name for name in names if name not in self.defaults and not text[name]}
        self.inputs = tuple(name for name in names if name in bare or "Array" in text[name])
        self.variadic = any("Arrays" in text[name] for name in self.inputs)
        self.params = tuple(name for name in names if name not in self.inputs)
        self.positional = names[:by_position]
        shaped = [i for i, name in enumerate(self.positional) if text[name].startswith("Shape")]
        self.star = shaped[0] if shaped else None
        # A call that names nothing then needs no sorting: what is given are the arrays.
        self.optional = all(name in self.defaults for name in self.params)
        self.leading = self.positional[: len(self.inputs)] == self.inputs
        self.simple = not (self.variadic or self.residuals or self.outputs)
        self.defaults_of_params = {n: self.defaults[n] for n in self.params if self.optional}

    @property
    def public_name(self) -> str:
        """What the op is called where it is public: `inv`, in `autograd.linalg`."""
        return self.name.removeprefix(f"{self.space}_") if self.space in PREFIXED else self.name

    @property
    def method(self) -> bool:
        """Whether the op is a method of Tensor."""
        public, usual = self.space in ("autograd", "both"), self.positional[:1] == ("input",)
        return public and (usual if self.may_be_method is None else self.may_be_method)

    def vjp(self, *joint, **rules) -> None:
        """Declare derivative rules: ``vjp(x=rule, y=rule)`` or ``vjp(("x", "y"), joint_rule)``."""
        if joint:
            names, function = joint
            rules = dict.fromkeys(names, function)
        unknown = [name for name in rules if name not in self.inputs]
        if unknown:
            raise TypeError(
                f"op {self.name!r} has no array input {unknown[0]!r}; it has {self.inputs}"
            )
        for name, function in rules.items():
            covers = tuple(rules) if joint else (name,)
            self.rules[name] = Rule(function, _parameters(function)[0], covers)

    def vjp_together(self, inputs: tuple[str, ...], function: Callable) -> None:
        """Declare what gives at once what the rules of these inputs give, if exactly they want it.

        It serves where a kernel is quicker for all than for each; a joint rule would keep for each
        what the others need.
        """
        self.together[inputs] = Rule(function, _parameters(function)[0], inputs)

    def bind(self, args: tuple, keywords: dict) -> tuple[tuple, dict]:
        """Sort a call's arguments as Python would, into array inputs and the rest with defaults."""
        star = self.star
        if star is not None and len(args) > star and isinstance(args[star], (int, np.integer)):
            args = (*args[:star], args[star:])
        form = (len(args), *keywords)
        sort = self.forms.get(form)
        if sort is None:
            sort = self.forms[form] = self._sorter(*form)
        return sort(args, keywords)

    def _sorter(self, count: int, *names: str) -> Callable:
        """What `bind` does for calls of so many arguments by position and these by name.

        It is written out as source once per form: most calls are of a few forms, over and over.
        """
        if count > len(self.positional):
            most = len(self.positional)
            raise TypeError(f"{self.name}() takes at most {most} positional arguments, got {count}")
        source = {name: f"args[{i}]" for i, name in enumerate(self.positional[:count])}
        for given in names:
            name = given if self.knows(given) else self.spelled(given)
            if not self.knows(name):
                raise TypeError(
                    f"{self.name}() got an unexpected argument {given!r}{self._hint(given)}"
                )
            if name in source:
                raise TypeError(f"{self.name}() got multiple values for argument {name!r}")
            source[name] = f"keywords[{given!r}]"
        for name in (*self.inputs, *self.params):
            if name not in source and name not in self.defaults:
                raise TypeError(f"{self.name}() is missing its argument {name!r}")
        inputs = "".join(source.get(n, f"defaults[{n!r}]") + ", " for n in self.inputs)
        params = "defaults_of_params"  # the same dict for every call that gives none of them
        if not source.keys().isdisjoint(self.params):
            items = (f"{n!r}: {source.get(n, f'defaults[{n!r}]')}" for n in self.params)
            params = f"{{{', '.join(items)}}}"
        known = {"defaults": self.defaults, "defaults_of_params": self.defaults_of_params}
        return eval(f"lambda args, keywords: (({inputs}), {params})", known)

    def knows(self, name: str) -> bool:
        """Whether the op has a parameter of that name."""
        return name in self.inputs or name in self.params

    def spelled(self, given: str) -> str:
        """The parameter that a call means by `given`: that of the same name, if there is one."""
        names = (given, *SPELLINGS.get(given, ()))
        return next((name for name in names if self.knows(name)), given)

    def _hint(self, name: str) -> str:
        known = [*self.inputs, *self.params]
        from difflib import get_close_matches

        near = get_close_matches(name, known, 1)
        return f"; did you mean {near[0]!r}?" if near else f"; it takes {', '.join(known)}"

    def __repr__(self) -> str:
        return f"<op {self.name}({', '.join(self.inputs)})>"


def _parameters(function: Callable) -> tuple[tuple[str, ...], dict[str, Any], dict, int]:
    """Names, defaults and annotations of the parameters; how many may be given by position.

    Read off the code object: with `inspect.signature` the table would take twice as long to fill,
    which everyone pays at import.
    """
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    code, count = function.__code__, function.__code__.co_argcount
    names = code.co_varnames[: count + code.co_kwonlyargcount]
    defaults = function.__defaults__ or ()
    values = dict(zip(names[count - len(defaults) : count], defaults, strict=True))
    return names, values | (function.__kwdefaults__ or {}), function.__annotations__, count


def _as_written(annotation) -> str:
    """An annotation's text, whether or not the module postpones evaluating annotations."""
    if isinstance(annotation, str):
        return annotation
    for name, meaning in (("Arrays", Arrays), ("Shape", Shape), ("Array", Array)):
        if annotation == meaning:
            return name
    return str(annotation).replace("numpy.ndarray", "Array")


def op(numpy=None, kind=None, domain=None, samples=None, reference=None, residuals=(), outputs=(),
       space="autograd", inplace=False, shown_as=None,
       method=None) -> Callable[[Callable], Any]:  # fmt: skip
    """Make a forward function on arrays a differentiable op; see `Op` for the fields.

    The function that replaces it takes tensors or arrays, and returns tensors if it was given any.
    Declare its derivative with ``name.vjp(...)``; an op without rules is not differentiable.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd as ag
    >>> from autograd.op import OPS, op
    >>> @op(kind="unary", domain=(-3, 3))
    ... def cubed(input):
    ...     return input * input * input
    >>> cubed.vjp(input=lambda g, input: 3 * g * input * input)
    >>> x = ag.tensor(2.0, requires_grad=True)
    >>> cubed(x).backward(); x.grad
    tensor(12.)
    >>> _ = OPS.pop("cubed")
    """

    def decorate(forward: Callable) -> Any:
        from autograd.call import make_function

        record = Op(
            forward,
            numpy,
            kind,
            domain,
            samples,
            reference,
            residuals,
            outputs,
            space,
            inplace,
            shown_as,
            method=method,
        )
        return register(record, make_function(record))

    return decorate


def composite(numpy=None, kind=None, domain=None, samples=None, space="autograd",
              inplace=False, method=None) -> Callable[[Callable], Any]:  # fmt: skip
    """Enter a function that is composed of ops, and so needs no rule, into the table.

    Examples
    --------
    >>> from autograd.op import OPS
    >>> OPS["square"].composite
    True
    """

    def decorate(function: Callable) -> Any:
        from autograd.call import make_composite

        record = Op(
            function, numpy, kind, domain, samples, space=space, inplace=inplace, composite=True,
            method=method,
        )  # fmt: skip
        return register(record, make_composite(record))

    return decorate


def register(record: Op, function: Callable) -> Callable:
    """Enter a record and its public function into the table.

    A definition may replace an earlier one of the same module: a notebook cell that is run again.
    """
    old = OPS.get(record.name)
    if old is not None and old.forward.__module__ != record.forward.__module__:
        raise TypeError(
            f"{old.forward.__module__} has an op {record.name!r} already: choose another name"
        )
    OPS[record.name] = record
    record.function = function
    function.op = record  # type: ignore[attr-defined]
    function.vjp = record.vjp  # type: ignore[attr-defined]
    function.vjp_together = record.vjp_together  # type: ignore[attr-defined]
    if record.numpy is not None:
        NUMPY[record.numpy] = function
    return function


def functions_of(space: str) -> dict[str, Callable]:
    """The functions that are public in `space`, by their names there."""
    return {r.public_name: r.function for r in OPS.values() if r.space == space}


def answers(numpy_function: Callable) -> Callable:
    """Let a function with NumPy's own signature answer for `numpy_function` on tensors.

    For the few whose arguments mean something else than PyTorch's, such as ``np.var(ddof=...)``.
    """

    def decorate(function: Callable) -> Callable:
        NUMPY[numpy_function] = function
        return function

    return decorate
