"""Texts of several lengths in one array: a mark where each begins and ends, padding behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from models.datasets.characters import Alphabet

PAD, BEGIN, END = 0, 1, 2
MARKS = 3  # so many numbers come before the alphabet's own


def framed(texts: Sequence[str], alphabet: Alphabet) -> np.ndarray:
    """Number the characters of some texts, between BEGIN and END, and pad them to one length.

    Returns
    -------
    int64 array of shape (texts, longest + 2)

    Raises
    ------
    ValueError
        If a character is not in the alphabet; the error names it and its place.

    Examples
    --------
    >>> from models.datasets import Alphabet, framed
    >>> framed(["ab", "c"], Alphabet("abc")).tolist()
    [[1, 3, 4, 2], [1, 5, 2, 0]]
    """
    page = np.full((len(texts), max(map(len, texts), default=0) + 2), PAD, np.int64)
    page[:, 0] = BEGIN
    for line, text in zip(page, texts, strict=True):
        line[1 : len(text) + 1] = alphabet.encode(text) + MARKS
        line[len(text) + 1] = END
    return page


def unframed(tokens: Iterable[int], alphabet: Alphabet) -> str:
    """The text that such numbers stand for, as far as the first END and without any marks.

    Examples
    --------
    >>> from models.datasets import Alphabet, unframed
    >>> unframed([1, 3, 4, 2, 0, 0], Alphabet("abc"))
    'ab'
    """
    written: list[int] = []
    for token in map(int, tokens):
        if token == END:
            break
        if token >= MARKS:
            written.append(token - MARKS)
    return alphabet.decode(written)
