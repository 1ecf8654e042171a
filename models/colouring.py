"""Colouring a photograph: a network that looks at the forms and guesses the colours.

In the colours of the CIE's space Lab, L is how bright a pixel looks, a goes from green to red and b
from blue to yellow: a black and white photograph is L, and what is missing are two numbers for each
pixel. Any coloured photograph is an example with its own answer, so nobody has to label anything.

The network is a U-Net. An encoder halves the picture again and again to see what stands there
(sky, leaves, a roof); a decoder doubles it back to the pixels, and at each size is given what the
encoder saw at that size, for the edges. The loss is the squared error of a and b. What can be of
any colour gets the mean of its possible colours, therefore, and looks pale: a known limit.

``python -m models train colouring --data photo.jpg`` learns from patches of a photograph of yours
and colours parts that it has not seen.

Zhang, Isola and Efros, "Colorful image colorization" (2016), who choose among classes of colours
against the paleness; Ronneberger, Fischer and Brox, "U-Net" (2015); the CIE's Lab of 1976 with sRGB
and the white point D65. Deep Learning lecture notes, day 1: miners of 1937 in colour.
"""

from __future__ import annotations

import numpy as np

import autograd as ag
import nn
from autograd.utils.data import DataLoader, TensorDataset
from models.datasets.photographs import landscapes, patches, photograph
from models.training.recipe import Recipe
from models.training.run import Run, say
from nn import functional as F

RANGE = 100.0  # L goes up to 100, a and b to about as much either way: the network's unit

# -- colours ---------------------------------------------------------------------------------------

# The tristimulus values of sRGB's red, green and blue (IEC 61966-2-1), divided by those of white.
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375],
     [0.2126729, 0.7151522, 0.0721750],
     [0.0193339, 0.1191920, 0.9503041]]
)  # fmt: skip
TO_XYZ /= TO_XYZ.sum(1, keepdims=True)
TO_LAB = np.array([[0, 116, 0], [500, -500, 0], [0, 200, -200]])
KNEE = 6 / 29  # below its cube the cube root is replaced by a straight line


def to_lab(rgb: np.ndarray) -> np.ndarray:
    """Colours between 0 and 1 in Lab: (..., 3, height, width) -> the same shape.

    Examples
    --------
    >>> import numpy as np
    >>> from models.colouring import to_lab
    >>> to_lab(np.array([1.0, 0.0, 0.0]).reshape(3, 1, 1)).reshape(3).round(1)
    array([53.2, 80.1, 67.2])
    """
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = _apply(TO_XYZ, linear)
    bent = np.where(xyz > KNEE**3, np.cbrt(xyz), xyz / (3 * KNEE**2) + 4 / 29)
    lab = _apply(TO_LAB, bent)
    lab[..., 0, :, :] -= 16
    return lab


def to_rgb(lab: np.ndarray) -> np.ndarray:
    """The inverse of `to_lab`; what no screen can show is cut off at 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> from models.colouring import to_lab, to_rgb
    >>> to_rgb(to_lab(np.full((3, 1, 1), 0.5))).reshape(3).round(6)
    array([0.5, 0.5, 0.5])
    """
    lab = np.array(lab, np.float64)
    lab[..., 0, :, :] += 16
    bent = _apply(np.linalg.inv(TO_LAB), lab)
    xyz = np.where(bent > KNEE, bent**3, 3 * KNEE**2 * (bent - 4 / 29))
    linear = np.clip(_apply(np.linalg.inv(TO_XYZ), xyz), 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _apply(matrix, colors) -> np.ndarray:
    """A matrix for each pixel's three numbers."""
    return np.einsum("ij,...jhw->...ihw", matrix, colors)


# -- the network -----------------------------------------------------------------------------------


def layers(before: int, after: int) -> nn.Sequential:
    """Two layers of filters with normalisation."""
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(),
        nn.Conv2d(after, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(),
    )  # fmt: skip


class UNet(nn.Module):
    """Guess colours from brightness: (batch, 1, h, w) -> (batch, 2, h, w).

    Parameters
    ----------
    width : int, default 16
        Channels at full size; they double whenever the picture is halved.
    depth : int, default 3
        How often it is halved: sides should be multiples of ``2 ** depth``.

    Examples
    --------
    >>> import autograd as ag, models
    >>> models.UNet(width=4)(ag.zeros(2, 1, 48, 32)).shape
    (2, 2, 48, 32)
    """

    def __init__(self, width: int = 16, depth: int = 3):
        super().__init__()
        widths = [width << level for level in range(depth + 1)]
        self.down = nn.ModuleList(
            layers(before, after) for before, after in zip([1, *widths], widths, strict=False)
        )
        self.up = nn.ModuleList(
            layers(below + beside, beside)
            for below, beside in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.out = nn.Conv2d(width, 2, 1)

    def forward(self, x):
        step = 2 ** (len(self.down) - 1)
        if x.shape[-1] % step or x.shape[-2] % step:
            raise ValueError(f"expected sides that are multiples of {step}, got {list(x.shape)}")
        seen: list[ag.Tensor] = []
        for level in self.down:
            x = level(F.max_pool2d(x, 2) if seen else x)
            seen.append(x)
        for level, beside in zip(self.up, seen[-2::-1], strict=True):
            x = level(ag.cat([F.interpolate(x, scale_factor=2), beside], 1))
        return self.out(x)


def u_net(**settings) -> UNet:
    """Make a `UNet`.

    Examples
    --------
    >>> import models
    >>> models.u_net(width=4, depth=1).out.in_channels
    4
    """
    return UNet(**settings)


# -- learning --------------------------------------------------------------------------------------


def data(train: bool, name: str = "landscapes", count: int = 512, size: int = 48) -> TensorDataset:
    """Brightness and colours of patches of a photograph, or of landscapes, in the network's unit.

    Parameters
    ----------
    train : bool
        Patches of the left four fifths of a photograph, or of the rest.
    name : str
        "landscapes", "china", "flower", or the path of a photo; see `photograph`.
    count, size : int
        So many patches to train on, and a quarter of them to test, of so many pixels each way.
    """
    random = np.random.default_rng(0 if train else 1)
    count = count if train else count // 4
    if name == "landscapes":
        pictures = landscapes(count, size, random)
    else:
        pictures = patches(photograph(name), train, count, size, random)
    lab = (to_lab(pictures) / RANGE).astype(np.float32)
    return TensorDataset(ag.tensor(lab[:, :1]), ag.tensor(lab[:, 1:]))


def objective(model: UNet, batch):
    """The squared error, and what part it is of the error of the best single colour.

    That is the mean colour of the batch itself, which a guess made beforehand cannot beat.
    """
    light, colors = batch
    loss = F.mse_loss(model(light), colors)
    spread = ((colors.array - colors.array.mean((0, 2, 3), keepdims=True)) ** 2).mean()
    return loss, {"error": loss.item() / max(float(spread), 1e-12)}


def show(run: Run, model: UNet) -> None:
    """Draw patches of the test part: grey, as guessed, and as they are."""
    test = run.recipe.examples(False, run.settings)
    light, colors = next(iter(DataLoader(test, 8)))
    with ag.no_grad():
        guess = model(light)
    parts = {"grey": colors * 0, "predicted": guess, "true": colors}
    rows = {
        title: to_rgb(RANGE * ag.cat([light, part], 1).numpy()) for title, part in parts.items()
    }

    def plot(figure) -> None:
        grid = figure.subplots(len(rows), len(light))
        for line, (title, pictures) in zip(grid, rows.items(), strict=True):
            line[0].set_title(title, loc="left", fontsize=9)
            for axes, picture in zip(line, pictures, strict=True):
                axes.imshow(picture.transpose(1, 2, 0))
                axes.axis("off")

    run.draw("colours", plot, (8.0, 3.4))
    if run.settings["data.name"] == "landscapes":
        say("these landscapes were drawn by a program: colour a photo of yours by --data photo.jpg")


RECIPE = Recipe(
    name="colouring",
    summary="colouring a photograph: a U-Net guesses colours from brightness",
    build=u_net,
    data=data,
    objective=objective,
    show=show,
    documents="001",
    paper="Zhang, Isola, Efros 2016",
    metric="error",
    higher_is_better=False,
    epochs=12,
    batch_size=16,
    options={
        "optim.lr": 3e-3,
        "model.width": 16,
        "model.depth": 3,
        "data.name": "landscapes",
        "data.count": 512,
        "data.size": 48,
    },
    bar=0.3,
    seconds=120,
    quick={
        "epochs": 5,
        "batch_size": 8,
        "data.count": 160,
        "data.size": 32,
        "model.width": 8,
        "model.depth": 2,
    },
    quick_bar=0.5,
)
