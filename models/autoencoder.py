"""The autoencoder: an image through a narrow door, and back.

An encoder f turns the image x into a code h = f(x), a decoder g turns the code into an image again,
x' = g(h), and both learn, without any labels, to make

    l(x, x') = ||x - x'||^2

small. Were the code as large as the image, copying would do. In the undercomplete autoencoder it is
smaller, so that h has to say what is particular about x: the goal is a good code, and the image
that is made of it is only how one sees that it is good.

If f and g are linear, nothing is new: the best they can do is what principal component analysis
does, and the decoder's columns span the same subspace (Baldi and Hornik 1989). The recipe
``linear_autoencoder`` shows it. With units that bend in between, the surface of all g(h) can follow
the digits round their corners, and eight numbers say more than PCA's best eight: ``autoencoder``.

Document 004 (encoder, decoder, loss, undercomplete). Rumelhart, Hinton and Williams (1986); Baldi
and Hornik, "Neural networks and principal component analysis", Neural Networks 2 (1989); Hinton and
Salakhutdinov, "Reducing the dimensionality of data with neural networks", Science 313 (2006).
"""

from __future__ import annotations

from functools import cache

import numpy as np

import autograd as ag
import nn
import optim
from models import datasets
from models.datasets import Labelled
from models.training.recipe import Recipe
from models.training.run import Run

SIDE = 8
PIXELS = SIDE * SIDE


class Autoencoder(nn.Module):
    """Images of shape (batch, 1, 8, 8) to codes of shape (batch, code), and back.

    Parameters
    ----------
    code : int, default 8
        Numbers in the code.
    hidden : int, default 256
        Units of the layer on either side of it; 0 makes encoder and decoder linear.

    Examples
    --------
    >>> import autograd as ag, models
    >>> model = models.Autoencoder(code=2)
    >>> images = ag.zeros(5, 1, 8, 8)
    >>> model.encoder(images).shape, model(images).shape
    ((5, 2), (5, 1, 8, 8))
    """

    def __init__(self, code: int = 8, hidden: int = 256):
        super().__init__()
        if code < 1 or hidden < 0:
            raise ValueError(
                f"Autoencoder expected code >= 1 and hidden >= 0, got code={code}, hidden={hidden}"
            )
        back = nn.Unflatten(1, (1, SIDE, SIDE))
        if hidden:
            self.encoder = nn.Sequential(
                nn.Flatten(), nn.Linear(PIXELS, hidden), nn.ELU(), nn.Linear(hidden, code)
            )
            self.decoder = nn.Sequential(
                nn.Linear(code, hidden), nn.ELU(), nn.Linear(hidden, PIXELS), back
            )
        else:
            self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, code))
            self.decoder = nn.Sequential(nn.Linear(code, PIXELS), back)

    def forward(self, images):
        return self.decoder(self.encoder(images))


def squared_error(images, others):
    """``||x - x'||^2`` of every image, averaged over the batch.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.autoencoder import squared_error
    >>> squared_error(ag.ones(3, 1, 8, 8), ag.zeros(3, 1, 8, 8))
    tensor(64.)
    """
    return ((images - others) ** 2).flatten(1).sum(1).mean()


# -- the rival -------------------------------------------------------------------------------------


class PCA:
    """Principal components: the directions in which rows of numbers differ most.

    Attributes
    ----------
    mean : array of shape (features,)
    components : array of shape (count, features)
        Orthonormal, those of the largest variance first.

    Examples
    --------
    >>> import numpy as np
    >>> from models.autoencoder import PCA
    >>> line = np.array([[0.0, 0.0], [1.0, 2.0], [2.0, 4.0]])
    >>> np.allclose(PCA(line, 1)(line), line)
    True
    """

    def __init__(self, rows: np.ndarray, count: int):
        if not 1 <= count <= rows.shape[1]:
            raise ValueError(f"PCA expected 1 to {rows.shape[1]} components, got {count}")
        self.mean = rows.mean(0)
        self.components = np.linalg.svd(rows - self.mean, full_matrices=False)[2][:count]

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """What is left of the rows after going through the components and back."""
        return self.mean + (rows - self.mean) @ self.components.T @ self.components


def digits(train: bool) -> Labelled:
    """The digits, with pixels between 0 (paper) and 1 (ink).

    Examples
    --------
    >>> from models.autoencoder import digits
    >>> digits(train=False)[0][0].shape
    (1, 8, 8)
    """
    return datasets.digits(train, normalise=False)


def flat(train: bool) -> np.ndarray:
    """The digits as rows of 64 pixels."""
    return digits(train).data.array.reshape(-1, PIXELS).astype("float64")


@cache
def pca_error(count: int) -> float:
    """What PCA leaves of a test digit: ``||x - x'||^2`` with `count` numbers, on average.

    Its components are those of the training part.

    Examples
    --------
    >>> from models.autoencoder import pca_error
    >>> round(pca_error(8), 3), round(pca_error(64), 3)
    (1.578, 0.0)
    """
    rows = flat(train=False)
    return float(((rows - PCA(flat(train=True), count)(rows)) ** 2).sum(1).mean())


# -- recipes ---------------------------------------------------------------------------------------


def objective(model: Autoencoder, batch):
    """The squared error, and what part it is of PCA's on the test part with as many numbers."""
    images, _ = batch
    codes = model.encoder(images)
    loss = squared_error(images, model.decoder(codes))
    return loss, {"error_to_pca": loss.item() / pca_error(codes.shape[1])}


def fit_linear(run: Run) -> tuple[Autoencoder, dict[str, float]]:
    """Descend the error of all digits at once, and compare decoder and principal components.

    Two subspaces are as near as the cosines of their principal angles say, the singular values of
    ``Q^T P`` for orthonormal bases Q and P; all are 1 if the subspaces are the same.
    """
    settings = run.settings
    images = ag.tensor(flat(train=True)).reshape(-1, 1, SIDE, SIDE)
    model = Autoencoder(settings["model.code"], hidden=0).double()
    pca = PCA(flat(train=True), settings["model.code"])
    best = ((flat(train=True) - pca(flat(train=True))) ** 2).sum(1).mean()
    descent = optim.LBFGS(model.parameters(), max_iter=20, line_search_fn="strong_wolfe")

    def error():
        descent.zero_grad()
        loss = squared_error(images, model(images))
        loss.backward()
        return loss

    for epoch in range(settings["epochs"]):
        loss = descent.step(error).item()
        basis = np.linalg.qr(model.decoder[0].weight.array)[0]
        cosines = np.linalg.svd(pca.components @ basis, compute_uv=False)
        found = {"error_to_pca": float(loss / best), "same_subspace": float(cosines.min())}
        run.log({"epoch": epoch + 1, **found})
    return model, found


def show(run: Run, model: Autoencoder) -> None:
    """Draw digits of the test part with what came back, all their codes, and walks between them."""
    test = digits(train=False)
    with ag.no_grad():
        codes = model.encoder(test.data)
        chosen = [int(np.flatnonzero(test.targets.array == c)[0]) for c in range(10)]
        pairs = {"original": test.data.array[chosen], "from the code": model(test.data[chosen])}
        steps = ag.linspace(0, 1, 10)[:, None]
        ways = {
            f"{a} to {b}": model.decoder(codes[chosen[a]] * (1 - steps) + codes[chosen[b]] * steps)
            for a, b in ((0, 6), (3, 8), (4, 9))
        }
    run.draw("reconstructions", lambda figure: draw_rows(figure, pairs | ways), (7, 3.6))
    run.draw("codes", lambda figure: draw_codes(figure, codes.numpy(), test.targets.array), (5, 4))


def draw_rows(figure, rows) -> None:
    """Draw rows of images, each under its title."""
    grid = figure.subplots(len(rows), max(map(len, rows.values())), squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for line, (title, images) in zip(grid, rows.items(), strict=True):
        line[0].set_title(title, loc="left", fontsize=8)
        for axes, image in zip(line, np.asarray(images), strict=False):
            axes.imshow(image.squeeze(), cmap="gray_r", vmin=0, vmax=1)


def draw_codes(figure, codes: np.ndarray, labels: np.ndarray) -> None:
    """A dot for each code, coloured by its digit; of long codes, their first two components."""
    places = codes
    if codes.shape[1] > 2:
        pca = PCA(codes, 2)
        places = (codes - pca.mean) @ pca.components.T
    axes = figure.subplots()
    dots = axes.scatter(*places.T, c=labels, cmap="tab10", s=8, vmin=-0.5, vmax=9.5)
    figure.colorbar(dots, ticks=range(10))
    axes.set(xlabel="first number", ylabel="second number")


def show_linear(run: Run, model: Autoencoder) -> None:
    """Draw the decoder's columns, and the principal components."""
    count = run.settings["model.code"]
    rows = {"decoder's columns": model.decoder[0].weight.array.T}
    rows["principal components"] = PCA(flat(train=True), count).components
    pictures = {
        title: 0.5 + 0.5 * images.reshape(-1, SIDE, SIDE) / abs(images).max()
        for title, images in rows.items()
    }
    run.draw("columns", lambda figure: draw_rows(figure, pictures), (7, 2.2))


RECIPES = (
    Recipe(
        name="autoencoder",
        summary="digits through eight numbers and back, with less error than PCA",
        build=Autoencoder,
        data=digits,
        objective=objective,
        show=show,
        metric="error_to_pca",
        higher_is_better=False,
        documents="004",
        paper="Hinton, Salakhutdinov 2006",
        epochs=100,
        batch_size=32,
        options={"optim.lr": 2e-3, "model.code": 8, "model.hidden": 256},
        bar=0.7,
        seconds=20,
        quick={"epochs": 25},
        quick_bar=0.95,
    ),
    Recipe(
        name="linear_autoencoder",
        summary="a linear autoencoder finds the subspace of the principal components",
        build=Autoencoder,
        fit=fit_linear,
        show=show_linear,
        metric="same_subspace",
        documents="004",
        paper="Baldi, Hornik 1989",
        options={"epochs": 25, "model.code": 8},
        bar=0.999,
        seconds=10,
        quick={"epochs": 15},
        quick_bar=0.95,
    ),
)
