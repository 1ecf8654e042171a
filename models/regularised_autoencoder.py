"""Regularised autoencoders: a code that may be long, but must cost something.

A code with more numbers than the image has pixels can hold the image itself, and learning it would
teach nothing. Instead of making it small one can put a price Omega on it,

    ||x - g(f(x))||^2 + lambda Omega(h),    h = f(x)

so that everything the code says has to pay for itself. Three prices are here.

- ``norm``, the lecture's: Omega(h) = ||h||_2. It makes codes short.
- ``l1``: ``Omega(h) = sum |h_j|``. It makes them sparse: most numbers become exactly 0, and the
  decoder's columns become pieces of digits of which each image uses a few.
- ``kl``: units are sigmoids, and each is to be active with probability rho on average over images.
  Omega is the distance of its mean activity from that, KL(rho || mean h_j), summed over j.

A price on the size of h is none if the decoder may multiply: halve all codes, double the decoder's
weights, and the image is the same. So its columns have length 1 where Omega is a norm; the recipe
``regularised_autoencoder`` shows what happens with and without that, and what ``kl`` does.

The recipe ``sparse_autoencoder`` keeps only the 8 largest of a code's 256 numbers, and compares the
error with that of PCA's 8. (It has an advantage: which 8 it is can differ from image to image. That
is what sparse codes are for.)

Document 004 (regularised autoencoder, Omega(h) = ||h||_2). Olshausen and Field, "Emergence of
simple-cell receptive field properties by learning a sparse code", Nature 381 (1996); Ng, "Sparse
autoencoder", CS294A lecture notes (2011).
"""

from __future__ import annotations

import numpy as np

import autograd as ag
import nn
import optim
from models.autoencoder import PIXELS, SIDE, digits, draw_rows, flat, pca_error, squared_error
from models.training.claims import claims
from models.training.recipe import Recipe, section
from models.training.run import Run
from models.training.small import minibatches
from nn import functional as F

KEPT = 8  # numbers of a code that are looked at when it is compared with PCA


class RegularisedAutoencoder(nn.Module):
    """Images of shape (batch, 1, 8, 8) to long codes with a price, and back.

    Parameters
    ----------
    code, hidden : int, default 256
        Numbers in the code, and units of the encoder's hidden layer. The decoder is linear.
    omega : {"l1", "norm", "kl"}
        The price; see the top of this file.
    strength : float, default 0.3
        Lambda, by which it is multiplied.
    rho : float, default 0.03
        The mean activity that ``kl`` asks for.
    unit_columns : bool, default True
        Keep the decoder's columns at length 1; ``kl`` does without.

    Examples
    --------
    >>> import autograd as ag, models
    >>> model = models.RegularisedAutoencoder(code=100)
    >>> model.encode(ag.zeros(5, 1, 8, 8)).shape, model(ag.zeros(5, 1, 8, 8)).shape
    ((5, 100), (5, 1, 8, 8))
    """

    def __init__(
        self,
        code: int = 256,
        hidden: int = 256,
        omega: str = "l1",
        strength: float = 0.3,
        rho: float = 0.03,
        unit_columns: bool = True,
    ):
        super().__init__()
        if omega not in OMEGAS:
            raise ValueError(f"omega expected one of {', '.join(OMEGAS)}, got {omega!r}")
        if not 0 < rho < 1:
            raise ValueError(f"rho expected a mean activity between 0 and 1, got {rho}")
        self.omega, self.strength, self.rho = omega, strength, rho
        self.unit_columns = unit_columns and omega != "kl"
        self.encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(PIXELS, hidden), nn.ELU(), nn.Linear(hidden, code)
        )
        self.atoms = nn.Parameter(ag.randn(PIXELS, code) / PIXELS**0.5)
        self.mean = nn.Parameter(ag.tensor(flat(train=True).mean(0), dtype=ag.float32))

    def encode(self, images):
        """Codes of shape (batch, code), none below 0."""
        numbers = self.encoder(images - self.mean.reshape(1, SIDE, SIDE))
        return F.sigmoid(numbers) if self.omega == "kl" else F.relu(numbers)

    def columns(self):
        """The decoder's matrix, (pixels, code)."""
        return F.normalize(self.atoms, dim=0) if self.unit_columns else self.atoms

    def decode(self, codes):
        """``mean + sum_j h_j column_j``: images of shape (batch, 1, 8, 8)."""
        return (self.mean + codes @ self.columns().T).reshape(-1, 1, SIDE, SIDE)

    def forward(self, images):
        return self.decode(self.encode(images))

    def price(self, codes):
        """``lambda Omega(h)``, averaged over the batch."""
        return self.strength * OMEGAS[self.omega](codes, self.rho)


def norm(codes, rho: float = 0.0):
    """``||h||_2`` of each code, averaged.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.regularised_autoencoder import norm
    >>> norm(ag.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor(2.5)
    """
    return ag.linalg.vector_norm(codes, dim=1).mean()


def l1(codes, rho: float = 0.0):
    """``sum_j |h_j|`` of each code, averaged.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.regularised_autoencoder import l1
    >>> l1(ag.tensor([[3.0, -4.0], [0.0, 1.0]]))
    tensor(4.)
    """
    return codes.abs().sum(1).mean()


def kl(codes, rho: float):
    """How far mean activities r_j are from rho: ``sum_j KL(rho || r_j)``.

    ``KL(rho || r) = rho log(rho / r) + (1 - rho) log((1 - rho) / (1 - r))``, Ng (2011).

    Examples
    --------
    >>> import autograd as ag
    >>> from models.regularised_autoencoder import kl
    >>> kl(ag.full((4, 10), 0.05), rho=0.05).item(), kl(ag.full((4, 10), 0.5), rho=0.05).item() > 4
    (0.0, True)
    """
    active = codes.mean(0)
    return (rho * ag.log(rho / active) + (1 - rho) * ag.log((1 - rho) / (1 - active))).sum()


OMEGAS = {"l1": l1, "norm": norm, "kl": kl}


def largest(codes, count: int = KEPT):
    """The codes with all but their `count` largest numbers set to 0.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.regularised_autoencoder import largest
    >>> largest(ag.tensor([[0.1, 0.7, 0.0, 0.4]]), count=2)
    tensor([[0. , 0.7, 0. , 0.4]], shape=(1, 4))
    """
    values, places = codes.topk(count, 1)
    return ag.zeros_like(codes).scatter(1, places, values)


def objective(model: RegularisedAutoencoder, batch):
    """Error and price; the error of codes' 8 largest numbers beside PCA's; how many are active."""
    images, _ = batch
    codes = model.encode(images)
    error = squared_error(images, model.decode(codes))
    with ag.no_grad():
        kept = squared_error(images, model.decode(largest(codes))).item()
    return error + model.price(codes), {
        "error_to_pca": kept / pca_error(KEPT),
        "squared_error": error.item(),
        "active": float((codes.array > 0.1).mean()),
    }


def show(run: Run, model: RegularisedAutoencoder) -> None:
    """Draw digits and what their codes give, the columns used most, and how codes are filled."""
    images = digits(train=False).data
    with ag.no_grad():
        codes = model.encode(images)
        rows = {"original": images[:10], "from the code": model.decode(codes)[:10]}
        rows["from its 8 largest numbers"] = model.decode(largest(codes))[:10]
        columns = model.columns().array.T[np.argsort(-codes.array.mean(0))[:30]]
    pieces = 0.5 + 0.5 * columns.reshape(3, 10, SIDE, SIDE) / abs(columns).max()
    rows |= {f"columns {1 + 10 * i} to {10 + 10 * i}": line for i, line in enumerate(pieces)}
    run.draw("columns", lambda figure: draw_rows(figure, rows), (7, 4.4))

    def plot(figure) -> None:
        axes = figure.subplots()
        axes.hist(codes.array.ravel(), 50, log=True)
        axes.set(xlabel="number in the code", ylabel="how often")

    run.draw("codes", plot, (5, 3))


# -- the lecture's norm, and KL --------------------------------------------------------------------


def trained(run: Run, **model) -> RegularisedAutoencoder:
    """Train with this price, from the same weights whatever it is."""
    settings = run.settings
    ag.manual_seed(run.seed)
    network = RegularisedAutoencoder(**section(settings, "model"), **model)
    descent = optim.Adam(network.parameters(), settings["optim.lr"])
    for _ in range(settings["epochs"]):
        for images, _ in minibatches(digits(train=True).tensors, settings["batch_size"]):
            codes = network.encode(images)
            loss = squared_error(images, network.decode(codes)) + network.price(codes)
            descent.zero_grad()
            loss.backward()
            descent.step()
    run.log({**model, **measured(network)})
    return network


def measured(model: RegularisedAutoencoder) -> dict[str, float]:
    """Squared error, length of the codes and how active they are, on the test part."""
    images = digits(train=False).data
    with ag.no_grad():
        codes = model.encode(images)
        error = squared_error(images, model.decode(codes)).item()
    return {
        "squared_error": error,
        "norm": norm(codes).item(),
        "activity": codes.mean().item(),
        "active": float((codes.array > 0.1).mean()),
    }


def fit(run: Run) -> tuple[RegularisedAutoencoder, dict[str, float]]:
    """Raise the price of ||h||, free the decoder's columns; then keep units from being active."""
    prices = [trained(run, omega="norm", strength=strength) for strength in (0.0, 0.3, 1.0)]
    evading = trained(run, omega="norm", strength=1.0, unit_columns=False)
    rare = trained(run, omega="kl", strength=1.0, rho=0.05)
    none, some, much, free, kept = map(measured, (*prices, evading, rare))
    return prices[1], {
        "norm_left": much["norm"] / none["norm"],
        "norm_left_free": free["norm"] / none["norm"],
        "activity": kept["activity"],
        **claims(
            codes_get_shorter=none["norm"] > some["norm"] > much["norm"],
            it_costs_reconstruction=none["squared_error"] < some["squared_error"]
            < much["squared_error"] < pca_error(KEPT),
            free_columns_evade_the_price=free["norm"] < much["norm"]
            and free["squared_error"] < much["squared_error"],
            kl_brings_activity_to_rho=abs(kept["activity"] / rare.rho - 1) < 0.3,
            few_units_are_active=kept["active"] < 0.25 and kept["squared_error"] < pca_error(KEPT),
        ),
    }  # fmt: skip


RECIPES = (
    Recipe(
        name="regularised_autoencoder",
        summary="a long code whose norm, or activity, has a price; how a free decoder evades it",
        build=RegularisedAutoencoder,
        fit=fit,
        show=show,
        documents="004",
        paper="Goodfellow, Bengio, Courville 2016",
        metric="claims",
        options={
            "epochs": 15,
            "batch_size": 32,
            "optim.lr": 2e-3,
            "model.code": 128,
            "model.hidden": 128,
        },
        bar=1.0,
        seconds=40,
        quick={"epochs": 6},
        quick_bar=0.8,
    ),
    Recipe(
        name="sparse_autoencoder",
        summary="a code of 256 numbers, most of them 0: its 8 largest beat PCA's 8",
        build=RegularisedAutoencoder,
        data=digits,
        objective=objective,
        show=show,
        metric="error_to_pca",
        higher_is_better=False,
        documents="004",
        paper="Olshausen, Field 1996",
        epochs=60,
        batch_size=32,
        options={
            "optim.lr": 2e-3,
            "model.omega": "l1",
            "model.strength": 0.3,
            "model.code": 256,
            "model.hidden": 256,
        },
        bar=0.6,
        seconds=40,
        quick={"epochs": 15},
        quick_bar=0.95,
    ),
)
