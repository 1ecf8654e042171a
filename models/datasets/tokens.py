"""A text as tokens, whichever they are: characters, or byte pairs learned from it."""

from __future__ import annotations

import numpy as np

import autograd as ag
from models.datasets.bpe import BytePairs
from models.datasets.characters import Alphabet, Windows
from models.datasets.text import read_text


def parts_of(name: str) -> tuple[str, str]:
    """The first nine tenths of a text, to train on, and the rest, to test on."""
    text = read_text(name)
    cut = len(text) * 9 // 10
    return text[:cut], text[cut:]


def tokenizer(
    name: str = "pydoc", merges: int = 0, alphabet: str = "", pairs: str = "", **_
) -> Alphabet | BytePairs:
    """What makes tokens of a text: its characters, or with `merges` its byte pairs.

    Parameters
    ----------
    name : str
        See `read_text`; the text is looked at where the next two leave something open.
    merges : int, default 0
        How many pairs to learn from the part of the text to train on; 0 for characters.
    alphabet, pairs : str, optional
        The characters to expect, and the pairs: of `Alphabet` and `BytePairs`.

    Raises
    ------
    ValueError
        If `merges` is negative.

    Examples
    --------
    >>> from models.datasets.tokens import tokenizer
    >>> len(tokenizer(alphabet="abc")), len(tokenizer(merges=10))
    (3, 266)
    """
    if merges < 0:
        raise ValueError(f"merges expected 0, for characters, or more, got {merges}")
    if merges:
        return BytePairs(pairs) if pairs else BytePairs.learn(parts_of(name)[0], merges)
    return Alphabet(alphabet) if alphabet else Alphabet.of(read_text(name))


def characters(train: bool, name: str = "pydoc", context: int = 128, alphabet: str = "") -> Windows:
    """Windows over the first nine tenths of a text, to train on, or over the rest, to test on.

    Parameters
    ----------
    train : bool
    name : str
        See `read_text`.
    context : int, default 128
        How many characters a window has.
    alphabet : str, optional
        The characters to expect; those of the text unless given.

    Examples
    --------
    >>> from models import datasets
    >>> datasets.characters(train=False, context=64)[0][0].shape
    (64,)
    """
    letters = tokenizer(name, alphabet=alphabet)
    return Windows(letters.encode(parts_of(name)[0 if train else 1]), context)


class Pieces(Windows):
    """Windows over tokens that also tell how many characters their targets have.

    Parameters
    ----------
    tokens : int array of shape (length,)
    letters : Alphabet or BytePairs
        What the tokens stand for.
    context : int
    stride : int, optional
        As of `Windows`.

    Examples
    --------
    >>> from models.datasets import BytePairs, Pieces
    >>> letters = BytePairs("l o")
    >>> windows = Pieces(letters.encode("lolo lo"), letters, context=2)
    >>> [int(characters) for _, _, characters in windows]
    [3]
    """

    def __init__(self, tokens: np.ndarray, letters, context: int, stride: int | None = None):
        super().__init__(tokens, context, stride)
        ends = np.cumsum(character_counts(letters)[tokens])
        starts = np.arange(len(self)) * self.stride
        self.characters = ends[starts + context] - ends[starts]

    def __getitem__(self, index):
        return (*super().__getitem__(index), ag.tensor(self.characters[index]))


def character_counts(letters: Alphabet | BytePairs) -> np.ndarray:
    """How many characters begin in each token: int64 of shape (tokens,).

    Examples
    --------
    >>> from models.datasets import BytePairs
    >>> from models.datasets.tokens import character_counts
    >>> letters = BytePairs("\u00c3 \u00a9")
    >>> character_counts(letters)[letters.encode("e\u00e9")].tolist(), letters.decode([256])
    ([1, 1], '\u00e9')
    """
    if isinstance(letters, Alphabet):
        return np.ones(len(letters), np.int64)
    beginnings = (
        sum(byte & 0xC0 != 0x80 for byte in letters.bytes_of(number))  # UTF-8: 10xxxxxx goes on
        for number in range(len(letters))
    )
    return np.fromiter(beginnings, np.int64)


def pieces(
    train: bool,
    name: str = "pydoc",
    context: int = 128,
    merges: int = 0,
    alphabet: str = "",
    pairs: str = "",
) -> Pieces:
    """Windows over the first nine tenths of a text, to train on, or over the rest, to test on.

    Parameters
    ----------
    train : bool
    name : str
        See `read_text`.
    context : int, default 128
        How many tokens a window has.
    merges, alphabet, pairs : int, str, str
        See `tokenizer`.

    Examples
    --------
    >>> from models import datasets
    >>> datasets.pieces(train=False, context=64)[0][0].shape
    (64,)
    """
    letters = tokenizer(name, merges, alphabet, pairs)
    return Pieces(letters.encode(parts_of(name)[0 if train else 1]), letters, context)
