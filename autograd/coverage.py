"""``python -m autograd coverage``: names and signatures compared with an installed PyTorch.

Says what PyTorch has and this library has not, and whose parameters differ in name, order or
default; what is left out on purpose is counted, with the reason.

Functions that PyTorch has in C++ have no signature Python could read, and the docstrings are not
always right about it: they call `bmm`'s parameter ``batch2``, which a call must name ``mat2``. So
the operator's schema counts as well, from which PyTorch generates the parser of a call's arguments.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from autograd.op import SPELLINGS as NAMES

SPACES = (  # PyTorch's namespaces, and ours
    ("torch", "autograd"),
    ("torch.Tensor", "autograd.Tensor"),
    ("torch.linalg", "autograd.linalg"),
    ("torch.special", "autograd.special"),
    ("torch.autograd.functional", "autograd.functional"),
    ("torch.nn", "nn"),
    ("torch.nn.functional", "nn.functional"),
    ("torch.nn.init", "nn.init"),
    ("torch.nn.utils", "nn.utils"),
    ("torch.nn.utils.rnn", "nn.utils.rnn"),
    ("torch.optim", "optim"),
    ("torch.optim.lr_scheduler", "optim.lr_scheduler"),
)
OUT_OF_SCOPE = (  # what a name matches -> why it is not here
    (r"complex|^(real|imag|angle|polar|isreal)|conj|resolve_|_H$|^H$|^mH$|adjoint"
     r"|^view_as_real$|^eig(vals)?$", "complex"),
    (r"[Ss]parse|coalesce|csr|csc|bsr|bsc|^(s?spmm|hspmm|smm|sspaddmm|dsmm|hsmm|saddmm)|^indices$"
     r"|crow|ccol|^row_|^col_|dense_dim|to_mkldnn|mkldnn|to_dense|values$", "sparse layouts"),
    (r"quant|^q_|q(int|uint)|fake_|fbgemm|choose_qparams|int_repr|^q[A-Z]", "quantised tensors"),
    (r"cuda|cudnn|miopen|xpu|mtia|hip|^mps|vulkan|privateuse|ipu|xla|maia|accelerator|record_stream"
     r"|pin_memory|is_pinned|to_padded|device|gpu|DataParallel|^is_(meta|ort)|SyncBatchNorm|^(scaled_|grouped_|scaled_grouped_)mm$",
     "other devices"),
    (r"float8|half|HalfTensor|bfloat|bits|^u?int[1-7]$|^(uint16|uint32|uint64)$|^c(double|float)"
     r"|cdouble|cfloat|^hash_tensor$", "dtypes that NumPy has not or PyTorch hardly uses"),
    (r"jit|script|compile|fx|export|symbolic|sym_|Sym|dynamo|vmap|_trace|graph|Type$|overrides"
     r"|package|library|^(classes|ops|futures|Future|fork|wait|Await|parse_|merge_type|import_ir"
     r"|unify_type|read_vitals|set_vital|vitals|cond|while_loop)|^Script"
     r"|^swap_in_optimizer", "compilers and their types"),
    (r"Storage|storage|^(set_$|share_memory|is_shared|resize|as_strided|map|module_load|reinforce"
     r"|const_data_ptr)",
     "raw memory"),
    (r"named|rename|align_|refine_|^names$|has_names", "named axes"),
    (r"autocast|GradScaler", "automatic mixed precision"),
    (r"(Tensor|Generator|Stream|Event|Stats|Tag|Size|Error|Guard|Mode|Protocol|Backend|Info|Node)$"
     r"|^(layout|memory_format|dtype|qscheme|finfo|iinfo|typename|DisableTorch|Dispatch|Excluded"
     r"|Operator|Argument|Code|Call|Capsule|Tensor$|set_default_tensor_type|as_subclass"
     r"|index$)", "types of PyTorch's own machinery"),
    (r"^(get|set|use|is|are|init|initial|prepare|fork|manual)_.*(threads|seed|workspace|printoptions"
     r"|determinis|flush|warn|precision|name|backend|rng|enabled|vmap|linked|loaded|compatib)",
     "switches of PyTorch's runtime"),
    (r"bernoulli|binomial|cauchy|geometric|multinomial|poisson$|log_normal|exponential_|random_"
     r"|(rrelu|dropout)_?$", "random numbers beyond those of autograd.random"),
    (r"^thread_safe_generator$", "data loaded by threads: workers here are processes"),
    (r"^(factory_kwargs|Optimizer|PackedSequence_)$", "helpers that PyTorch's modules also show"),
    (r"fft|^(stft|istft)|window$", "signal processing"),
    (r"nested|jagged|forward_ad|fw_grad|dual|batch_norm_(?!$)|native_|_copy$|_out$|_impl$|_for_"
     r"|foreach|segment_reduce|_backward|_reduce_scatter|has_torch_function|handle_torch|boolean_|_with_indices$"
     r"|^(to_dlpack|from_file|wait|dsplit_copy|rnn_|lstm_|gru_|quantize)", "internals"),
)  # fmt: skip
_PIECES = (
    "PyTorch's documentation has one name for what its calls name `sections`, a number, or "
    "`indices`, a list; here it is `indices_or_sections` for both, as in NumPy"
)
EXPLAINED = {  # differences that stay -> why
    "save": "nothing is pickled, so there is nothing to say about how; `metadata` is added",
    "set_num_threads": "PyTorch documents its parameter as `int`, a type",
    **dict.fromkeys(("dsplit", "hsplit", "vsplit"), _PIECES),
}
IGNORED = {  # parameters that may be missing here
    "out", "layout", "device", "pin_memory", "memory_format", "generator", "size_average", "reduce",
    "foreach", "fused", "capturable", "non_blocking", "_stacklevel", "sparse", "requires_grad",
    "dtype", "out_dtype", "self", "check_args",
}  # fmt: skip
SPELLINGS = {"self": "input", "axis": "dim", "keepdims": "keepdim"}
SELF = ("input", "A", "b", "B", "L")  # what a method may call its own tensor
PREFIXES = {"torch.linalg": "linalg_", "torch.special": "special_"}  # of PyTorch's operators


class Parameter(NamedTuple):
    """A parameter, as far as one can be compared."""

    name: str
    default: Any  # ... if there is none, or it cannot be compared
    keyword: bool = False  # given by name only: its place does not matter


class Report(NamedTuple):
    """What the comparison of one namespace found."""

    theirs: str
    present: list[str]
    missing: list[str]
    differing: dict[str, str]
    explained: dict[str, str]
    left_out: Counter


def main() -> int:
    """Print the comparison; returns the exit code, always 0."""
    try:
        torch = importlib.import_module("torch")
    except ImportError:
        print(
            "coverage compares with PyTorch, which is not installed here: pip install torch "
            "(the CPU build is enough)"
        )
        return 0
    print(f"Compared with PyTorch {torch.__version__}")
    for theirs, ours in SPACES:
        print(*lines(compare(theirs, ours)), sep="\n")
    print("\nLeft out on purpose:")
    for pattern, why in OUT_OF_SCOPE:
        print(f"  {why}: {_shortened(pattern)}")
    print(f"  parameters not compared: {', '.join(sorted(IGNORED))}")
    return 0


def _shortened(pattern: str) -> str:
    return pattern if len(pattern) < 60 else pattern[:57] + "..."


def lines(report: Report) -> Iterator[str]:
    """A report as text."""
    total = len(report.present) + len(report.missing)
    share = f"{100 * len(report.present) / total:.0f} %" if total else "nothing to compare"
    out = sum(report.left_out.values())
    yield f"\n{report.theirs}: {len(report.present)} of {total} names ({share}); {out} left out"
    for why, count in report.left_out.most_common():
        yield f"  left out: {count} ({why})"
    if report.missing:
        yield f"  missing: {', '.join(report.missing)}"
    for name, difference in report.differing.items():
        yield f"  differs: {name}: {difference}"
    for name, why in report.explained.items():
        yield f"  differs on purpose: {name}: {why}"


def compare(theirs: str, ours: str) -> Report:
    """Compare one namespace of PyTorch with ours."""
    there, here = _resolve(theirs), _resolve(ours)
    report = Report(theirs, [], [], {}, {}, Counter())
    for name in public_names(there):
        why = out_of_scope(name) or undocumented(getattr(there, name))
        mine = getattr(here, name, None) if here is not None else None
        if mine is None and why:
            report.left_out[why] += 1
        elif mine is None:
            report.missing.append(name)
        else:
            report.present.append(name)
            taken = accepted(getattr(there, name), name, theirs)
            given = signature(mine, name)
            if inspect.isclass(there):  # the tensor whose method it is does not count
                taken = [each and [p for p in each if p.name != "input"] for each in taken]
                given = given[1:] if given and given[0].name in SELF else given
            found = [differ(each, given) for each in taken]
            if None in found:
                continue
            if name in EXPLAINED:
                report.explained[name] = EXPLAINED[name]
            else:
                report.differing[name] = str(found[0])
    return report


def _resolve(path: str) -> Any:
    """A module, or a class in one; None if there is none."""
    try:
        return importlib.import_module(path)
    except ImportError:
        module, _, name = path.rpartition(".")
        return getattr(importlib.import_module(module), name, None) if module else None


def public_names(space: Any) -> list[str]:
    """The functions, classes and methods that a namespace shows, imported helpers aside."""
    return [
        name
        for name in dir(space)
        if not name.startswith("_") and _belongs(getattr(space, name, None), space)
    ]


def _belongs(value: Any, space: Any) -> bool:
    if inspect.ismodule(value) or not callable(value):
        return False
    if inspect.isclass(space):
        return True
    home = getattr(value, "__module__", None) or "torch"
    return home.startswith(("torch", "autograd", "nn", "optim")) and "typing" not in home


def out_of_scope(name: str) -> str | None:
    """Why a name of PyTorch's is not here on purpose; None if it should be.

    Examples
    --------
    >>> out_of_scope("quantize_per_tensor"), out_of_scope("matmul")
    ('quantised tensors', None)
    """
    return next((why for pattern, why in OUT_OF_SCOPE if re.search(pattern, name)), None)


def undocumented(value: Any) -> str | None:
    """PyTorch's top level also shows dispatch targets and types of its C++ side."""
    if inspect.isclass(value) and value.__module__.startswith("torch._C"):
        return "types of PyTorch's own machinery"
    return None if getattr(value, "__doc__", None) else "undocumented in PyTorch"


def signature(function: Any, name: str) -> list[Parameter] | None:
    """A callable's parameters; read off its docstring where Python knows none.

    Examples
    --------
    >>> def scale(input, by=2.0, *, out=None):
    ...     return input * by
    >>> [tuple(parameter) for parameter in signature(scale, "scale")]
    [('input', Ellipsis, False), ('by', 2.0, False)]
    """
    try:
        found = [
            Parameter(p.name, ... if p.default is p.empty else p.default, p.kind is p.KEYWORD_ONLY)
            for p in inspect.signature(function).parameters.values()
            if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        ]
    except (TypeError, ValueError):
        found = _from_text(getattr(function, "__doc__", None) or "", name)
    return _comparable(found)


def _comparable(found: list[Parameter]) -> list[Parameter] | None:
    return [p._replace(name=SPELLINGS.get(p.name, p.name)) for p in found
            if p.name not in IGNORED] or None  # fmt: skip


def accepted(function: Any, name: str, space: str) -> list[list[Parameter] | None]:
    """The signatures PyTorch's function may be called by: the documented one, and its schemas'.

    Of several schemas those with the most parameters: the others leave some out.
    """
    documented = signature(function, name)
    try:
        inspect.signature(function)
        return [documented]
    except (TypeError, ValueError):
        found = list(_schemas(PREFIXES.get(space, "") + name))
    most = max(map(len, found), default=0)
    return [documented, *(each for each in found if len(each) == most)]


def _schemas(name: str) -> Iterator[list[Parameter]]:
    torch = importlib.import_module("torch")
    for schema in torch._C._jit_get_schemas_for_operator(f"aten::{name}"):
        types = [str(a.type) for a in schema.arguments]
        if any(a.is_out for a in schema.arguments) or "Dimname" in "".join(types):
            continue
        if not any("Tensor" in each for each in types):  # of numbers in compiled programs
            continue
        found = [
            Parameter(
                "input" if a.name == "self" else a.name,
                a.default_value if a.has_default_value() else ...,
                a.kwarg_only,
            )
            for a in schema.arguments
        ]
        yield _comparable(found) or []


def _from_text(text: str, name: str) -> list[Parameter]:
    """The parameters in a docstring's first line, ``name(input, dim=None, *, out=None) -> ...``."""
    match = re.search(rf"(?:^|\W){re.escape(name)}\((.*?)\)(?:\s*->|\s*$)", text, re.MULTILINE)
    if not match:
        return []
    found, depth, word, keyword = [], 0, "", False
    for letter in match[1] + ",":
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth == 0:
            left, _, default = word.partition("=")
            words = left.replace(":", " ").split()
            if words and words[0].isidentifier():
                value = _literal(default) if default else ...
                found.append(Parameter(words[0], value, keyword))
            keyword = keyword or words == ["*"]
            word = ""
        else:
            word += letter
    return found


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        return ...


def differ(theirs: list[Parameter] | None, ours: list[Parameter] | None) -> str | None:
    """How two signatures differ; None if not, or if one is unknown.

    Examples
    --------
    >>> differ([Parameter("dim", 0)], [Parameter("dim", -1)])
    'dim=-1, PyTorch dim=0'
    >>> differ([Parameter("dim", 0), Parameter("p", 2)], [Parameter("p", 2), Parameter("dim", 0)])
    '(p, dim), PyTorch (dim, p)'
    """
    if not theirs or not ours:
        return None
    places = [p for p in ours if not p.keyword]
    pairs = list(zip((p for p in theirs if not p.keyword), places, strict=False))
    pairs += [(p, q) for p in theirs if p.keyword for q in ours if q.name == p.name]
    if len(pairs) < len(theirs) or not all(_answers(b, a) for a, b in pairs):
        return f"({_names(ours)}), PyTorch ({_names(theirs)})"
    for a, b in pairs:
        comparable = ... not in (a.default, b.default) and _plain(a.default) and _plain(b.default)
        if comparable and a.default != b.default:
            return f"{b.name}={b.default!r}, PyTorch {a.name}={a.default!r}"
    return None


def _names(found: list[Parameter]) -> str:
    return ", ".join(p.name for p in found)


def _answers(ours: Parameter, theirs: Parameter) -> bool:
    """Whether a call that uses PyTorch's name finds our parameter."""
    return ours.name == theirs.name or ours.name in NAMES.get(theirs.name, ())


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str, tuple))
