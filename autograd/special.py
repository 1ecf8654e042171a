"""Special functions, as `torch.special`: ``special.erf`` is the op ``special_erf`` of the table."""

from __future__ import annotations

from autograd import ops as _ops  # noqa: F401 - fills the table
from autograd.op import OPS, functions_of

ALSO_HERE = {  # name here -> op of another space
    **{name: name for name in (
        "digamma", "erf", "erfc", "erfinv", "exp2", "expm1", "i0", "log1p", "log_softmax", "logit",
        "logsumexp", "polygamma", "round", "sinc", "softmax", "xlogy",
    )},
    "expit": "sigmoid",
    "gammainc": "igamma",
    "gammaincc": "igammac",
    "gammaln": "lgamma",
    "multigammaln": "mvlgamma",
    "modified_bessel_i0": "i0",
    "modified_bessel_i1": "special_i1",
    "psi": "digamma",
}  # fmt: skip

globals().update(functions_of("special"))
globals().update({here: OPS[name].function for here, name in ALSO_HERE.items()})
