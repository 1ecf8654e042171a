"""The contractive autoencoder: a code that does not listen to small changes.

The price here is on the slope of the code. With J = dh/dx, the encoder's Jacobian,

    ||x - g(f(x))||^2 + lambda ||J||_F^2

asks for codes that stay as they are when a pixel changes a little. Reconstruction objects where
a change matters, where it makes another digit of the digit: so the code goes on listening in the
directions along which digits differ, and grows deaf in the others. For one layer of sigmoids
the price is cheap, since h_j = s(w_j x + b_j) has the slope h_j (1 - h_j) w_j:

    ||J||_F^2 = sum_j (h_j (1 - h_j))^2 ||w_j||^2

For any other encoder automatic differentiation has it, one backward pass for each number of the
code, and differentiating that price again is a second derivative. `jacobian_norm` is the first way,
`jacobian_norm_by_autograd` the second; they agree to the last digits, gradients too.

The decoder's matrix is the encoder's, transposed: else the code could shrink, which lowers every
slope, while the decoder grows.

Rifai, Vincent, Muller, Glorot and Bengio, "Contractive auto-encoders: explicit invariance during
feature extraction", ICML 2011. Document 004, autoencoders (this is one of the regularised).
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


class ContractiveAutoencoder(nn.Module):
    """One layer of sigmoids, and its transpose to come back: images of shape (batch, 1, 8, 8).

    Examples
    --------
    >>> import autograd as ag, models
    >>> model = models.ContractiveAutoencoder(code=20)
    >>> model.encode(ag.zeros(5, 1, 8, 8)).shape, model(ag.zeros(5, 1, 8, 8)).shape
    ((5, 20), (5, 1, 8, 8))
    """

    def __init__(self, code: int = 64):
        super().__init__()
        self.hidden = nn.Linear(PIXELS, code)
        self.mean = nn.Parameter(ag.tensor(flat(train=True).mean(0), dtype=ag.float32))

    def encode(self, images):
        """Codes of shape (batch, code), between 0 and 1."""
        return F.sigmoid(self.hidden(images.flatten(1)))

    def decode(self, codes):
        """Images of shape (batch, 1, 8, 8)."""
        return (self.mean + (codes - 0.5) @ self.hidden.weight).reshape(-1, 1, SIDE, SIDE)

    def forward(self, images):
        return self.decode(self.encode(images))

    def jacobian_norm(self, codes):
        """``||dh/dx||_F^2`` at images with these codes, by its formula: shape (batch,)."""
        lengths = (self.hidden.weight**2).sum(1)
        return (codes * (1 - codes)) ** 2 @ lengths


def jacobian_norm_by_autograd(encode, images):
    """``||dh/dx||_F^2`` for any encoder, which can be differentiated again: shape (batch,).

    One backward pass for each number of the code. Images do not see one another, so the sum of a
    number over the batch has the slopes of all of them.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.contractive_autoencoder import jacobian_norm_by_autograd
    >>> images = ag.tensor([[1.0, 2.0], [0.0, 3.0]])
    >>> jacobian_norm_by_autograd(lambda x: x * x, images).detach()
    tensor([20., 36.])
    """
    images = images.detach().requires_grad_()
    codes = encode(images)
    slopes = [ag.grad(number, images, create_graph=True)[0] for number in codes.sum(0)]
    return sum((slope**2).flatten(1).sum(1) for slope in slopes)


def directions(images) -> tuple[ag.Tensor, ag.Tensor]:
    """Steps of length 1 from every image: towards its nearest neighbour, and in random directions.

    Two tensors of shape (count, pixels).
    """
    rows = images.flatten(1).numpy()
    distances = ((rows[:, None] - rows) ** 2).sum(2) + 1e9 * np.eye(len(rows), dtype=rows.dtype)
    along = ag.from_numpy(rows[distances.argmin(1)] - rows)
    return F.normalize(along, dim=1), F.normalize(ag.randn(along.shape), dim=1)


def selectivity(model: ContractiveAutoencoder, images) -> float:
    """How much more the code changes towards another digit than in a random direction.

    The mean of ``||J u||^2`` over such directions u, divided by that over the others.
    """
    codes = model.encode(images)
    listens = [
        ((codes * (1 - codes) * (way @ model.hidden.weight.T)) ** 2).sum(1).mean().item()
        for way in directions(images)
    ]
    return listens[0] / listens[1]


def trained(run: Run, strength: float) -> ContractiveAutoencoder:
    """Train with this lambda, from the same weights whatever it is."""
    settings = run.settings
    ag.manual_seed(run.seed)
    model = ContractiveAutoencoder(**section(settings, "model"))
    descent = optim.Adam(model.parameters(), settings["optim.lr"])
    for epoch in range(settings["epochs"]):
        for images, _ in minibatches(digits(train=True).tensors, settings["batch_size"]):
            codes = model.encode(images)
            loss = squared_error(images, model.decode(codes))
            loss = loss + strength * model.jacobian_norm(codes).mean()
            descent.zero_grad()
            loss.backward()
            descent.step()
        if epoch % 10 == 9 or epoch + 1 == settings["epochs"]:
            run.log({"epoch": epoch + 1, "strength": strength, **measured(model)})
    return model


def measured(model: ContractiveAutoencoder) -> dict[str, float]:
    """Error, squared norm of the Jacobian, and selectivity, on the test part."""
    images = digits(train=False).data
    with ag.no_grad():
        codes = model.encode(images)
        return {
            "squared_error": squared_error(images, model.decode(codes)).item(),
            "jacobian": model.jacobian_norm(codes).mean().item(),
            "selectivity": selectivity(model, images),
        }


def fit(run: Run) -> tuple[ContractiveAutoencoder, dict[str, float]]:
    """Train with the price and without it, and compare slopes."""
    plain, model = (trained(run, strength) for strength in (0.0, run.settings["strength"]))
    before, after = measured(plain), measured(model)
    images = digits(train=False).data
    slopes = jacobian_norm_by_autograd(model.encode, images).mean().item()
    draw(run, plain, model)
    return model, {
        "jacobian_left": after["jacobian"] / before["jacobian"],
        "error_to_pca": after["squared_error"] / pca_error(8),
        "selectivity_gained": after["selectivity"] / before["selectivity"],
        **claims(
            jacobian_falls=after["jacobian"] < 0.5 * before["jacobian"],
            formula_is_autograds=bool(np.isclose(slopes, after["jacobian"], 1e-4)),
            digits_come_back=after["squared_error"] < pca_error(8),
            it_listens_along_the_digits=after["selectivity"] > before["selectivity"],
        ),
    }


def draw(run: Run, plain: ContractiveAutoencoder, model: ContractiveAutoencoder) -> None:
    """Draw the singular values of both Jacobians, filters, and what comes back."""
    images = digits(train=False).data[:100]

    def spectrum(net):
        with ag.no_grad():
            slopes = (lambda h: h * (1 - h))(net.encode(images)).array
        jacobians = slopes[:, :, None] * net.hidden.weight.array
        return np.linalg.svd(jacobians, compute_uv=False).mean(0)

    def plot(figure) -> None:
        axes = figure.subplots()
        axes.semilogy(spectrum(plain), label="without the price")
        axes.semilogy(spectrum(model), label="contractive")
        axes.set(xlabel="direction", ylabel="how much the code listens (singular value)")
        axes.legend()

    run.draw("spectrum", plot, (5, 3.4))
    filters = model.hidden.weight.array
    filters = 0.5 + 0.5 * filters[np.argsort(-(filters**2).sum(1))[:20]] / abs(filters).max()
    with ag.no_grad():
        rows = {"original": images[:10], "from the code": model(images[:10])}
    rows |= {"filters": filters[:10].reshape(-1, 8, 8), "more": filters[10:].reshape(-1, 8, 8)}
    run.draw("digits", lambda figure: draw_rows(figure, rows), (7, 3.2))


RECIPE = Recipe(
    name="contractive_autoencoder",
    summary="a code whose slope has a price: deaf to noise, not to what makes another digit",
    build=ContractiveAutoencoder,
    fit=fit,
    documents="004",
    paper="Rifai, Vincent, Muller, Glorot, Bengio 2011",
    metric="claims",
    options={
        "epochs": 40,
        "batch_size": 32,
        "strength": 0.3,
        "optim.lr": 3e-3,
        "model.code": 64,
    },
    bar=1.0,
    seconds=30,
    quick={"epochs": 10},
    quick_bar=1.0,
)
