"""Curves that grow while a network learns: lines of text on a terminal, a picture in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, TextIO

import numpy as np

from nn.utils import plots

BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int = 40) -> str:
    """A line of text that shows how numbers went, from their least to their greatest.

    More numbers than characters are shown as means of neighbours; what is not finite as ``!``.

    Examples
    --------
    >>> from nn.utils.live import sparkline
    >>> sparkline([8, 4, 2, 1, 1, 1])
    '█▄▂▁▁▁'
    """
    numbers = np.asarray(values, float)
    if len(numbers) > width:
        edges = np.linspace(0, len(numbers), width + 1).astype(int)
        numbers = np.add.reduceat(numbers, edges[:-1]) / np.diff(edges)
    finite = numbers[np.isfinite(numbers)]
    low, spread = (finite.min(), float(np.ptp(finite)) or 1.0) if finite.size else (0.0, 1.0)
    levels = [(n - low) / spread * (len(BLOCKS) - 1) for n in numbers]
    return "".join(BLOCKS[round(v)] if np.isfinite(v) else "!" for v in levels)


class Live:
    """Curves of named numbers, drawn anew with each `add`; a context manager.

    On a terminal each name has a line, which is rewritten in place. In a notebook a matplotlib
    figure is. Where the output goes to a file, the lines are written once, at the end.

    Parameters
    ----------
    file : file, default sys.stderr
    width : int, default 40
        Characters of a curve.

    Examples
    --------
    >>> import sys
    >>> from nn.utils.live import Live
    >>> with Live(sys.stdout) as live:
    ...     for step in range(6):
    ...         live.add(loss=0.5**step, accuracy=step / 5)
    loss      █▄▃▂▁▁ 0.03125
    accuracy  ▁▂▄▅▇█ 1
    """

    def __init__(self, file: TextIO | None = None, width: int = 40):
        self.file, self.width = file or sys.stderr, width
        self.values: dict[str, list[float]] = {}
        self._lines = 0  # that are on the terminal
        self._display: Any = None  # of the notebook

    def __enter__(self) -> Live:
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()

    def __str__(self) -> str:
        longest = max(map(len, self.values), default=0)
        return "".join(
            f"{name:<{longest}}  {sparkline(numbers, self.width)} {numbers[-1]:.4g}\n"
            for name, numbers in self.values.items()
        )

    def add(self, **numbers: float) -> None:
        """Add a number to each of the curves named, and draw."""
        for name, number in numbers.items():
            self.values.setdefault(name, []).append(float(number))
        if _in_notebook():
            self._show()
        elif self.file.isatty():
            self._rewrite()

    def close(self) -> None:
        """Draw for the last time where that was put off."""
        if not _in_notebook() and not self.file.isatty():
            self.file.write(str(self))

    def _rewrite(self) -> None:
        """Go up to the first of the lines, and write them again; what follows them is cleared."""
        up = f"\033[{self._lines}A\r" if self._lines else ""
        self.file.write(f"{up}\033[J{self}")
        self.file.flush()
        self._lines = len(self.values)

    def _show(self) -> None:
        from IPython.display import display  # type: ignore[import-not-found]
        from matplotlib.figure import Figure

        figure = plots.curves(self.values, Figure(figsize=(5, 3.2), layout="constrained"))
        picture = _Picture(figure)
        if self._display is None:
            self._display = display(picture, display_id=True)
        else:
            self._display.update(picture)


class _Picture:
    """A figure as a notebook shows it, whether or not pyplot is in use."""

    def __init__(self, figure: Any):
        self.figure = figure

    def _repr_png_(self) -> bytes:
        from io import BytesIO

        file = BytesIO()
        self.figure.savefig(file, format="png", dpi=100)
        return file.getvalue()


def _in_notebook() -> bool:
    """Whether a Jupyter kernel runs this."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"
