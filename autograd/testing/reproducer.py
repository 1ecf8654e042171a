"""What a broken promise is reported with: a snippet to paste that breaks it again."""

from __future__ import annotations

import numpy as np

from autograd.tensor import Tensor
from autograd.testing.cases import Case
from autograd.testing.subject import Subject, named_in_source


def reproducer(subject: Subject, check: str, case: Case, gradients=None) -> str:
    """A snippet that makes one check of one case again.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd as ag
    >>> subject = Subject(ag.sin, reference=np.cos)
    >>> print(reproducer(subject, "value", Case((np.array([1.0, 2.0]),), {})))
    import numpy as np
    from numpy import inf, nan
    from autograd.testing import certify
    from autograd.op import OPS
    <BLANKLINE>
    certify(
        OPS['sin'],
        inputs=(np.array([1.0, 2.0], np.float64),),
        reference=np.cos,
        only='value',
    )
    """
    before, name = subject.expression()
    lines = [before]
    if gradients is not None:
        given = f"kinks=[({source(case.args)}, {source(tuple(gradients))})]"
    elif case.keywords:
        given = f"samples=lambda rng: [({source(case.args)}, {source(case.keywords)})]"
    else:
        given = f"inputs={source(case.args)}"
    options = [name, given]
    if subject.given_kind is not None:
        options.append(f"kind={subject.given_kind!r}")
    if subject.reference is not None:
        line, reference = named_in_source(subject.reference, "reference")
        lines.append(line)
        options.append(f"reference={reference}")
    if subject.tolerance != 1e-9:
        options.append(f"tolerance={subject.tolerance}")
    options.append(f"only={check!r}")
    imports = [
        "import numpy as np",
        "from numpy import inf, nan",
        "from autograd.testing import certify",
        *(line for line in dict.fromkeys(lines) if line),
    ]
    inside = "".join(f"    {option},\n" for option in options)
    return "\n".join(imports) + f"\n\ncertify(\n{inside})"


def source(value) -> str:
    """A value as Python source; arrays with every digit.

    Examples
    --------
    >>> import numpy as np
    >>> source({"dim": 1, "weights": [np.zeros((0, 2))]})
    "{'dim': 1, 'weights': [np.zeros((0, 2), np.float64)]}"
    """
    if isinstance(value, Tensor):
        return source(value.detach().numpy())
    if isinstance(value, np.ndarray):
        if not value.size:
            return f"np.zeros({value.shape}, np.{value.dtype})"
        return f"np.array({value.tolist()!r}, np.{value.dtype})"
    if isinstance(value, list):
        return f"[{', '.join(source(item) for item in value)}]"
    if isinstance(value, tuple):
        inside = "".join(source(item) + ", " for item in value)
        return f"({inside.rstrip() if len(value) == 1 else inside.rstrip(', ')})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {source(item)}" for key, item in value.items()) + "}"
    return repr(value)
