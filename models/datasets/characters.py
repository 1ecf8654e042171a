"""Text as numbers: an alphabet, and windows over a long text for models that predict what comes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

import autograd as ag
from autograd.utils.data import Dataset


class Alphabet:
    """The characters a model knows; the number of a character is its place among them.

    Parameters
    ----------
    characters : str
        Each of them once.

    Examples
    --------
    >>> from models.datasets import Alphabet
    >>> letters = Alphabet("abc")
    >>> letters.encode("cab").tolist(), letters.decode([2, 0, 1]), len(letters)
    ([2, 0, 1], 'cab', 3)
    """

    def __init__(self, characters: str):
        self.characters = characters
        self.numbers = {character: i for i, character in enumerate(characters)}
        if len(self.numbers) < len(characters):
            raise ValueError("an alphabet has each of its characters once")

    @classmethod
    def of(cls, text: str) -> Alphabet:
        """The alphabet of a text: its characters, sorted."""
        return cls("".join(sorted(set(text))))

    def encode(self, text: str) -> np.ndarray:
        """The numbers of a text's characters, int64 of shape (characters,).

        Raises
        ------
        ValueError
            If a character is not in the alphabet; the error names it and its place.
        """
        try:
            return np.array([self.numbers[character] for character in text], np.int64)
        except KeyError as error:
            character = error.args[0]
            raise ValueError(
                f"the model does not know the character {character!r} (place "
                f"{text.index(character)} of the text): it was trained on the {len(self)} "
                f"characters {self.characters!r}"
            ) from None

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of a sequence of numbers."""
        return "".join(self.characters[int(number)] for number in numbers)

    def __len__(self) -> int:
        return len(self.characters)


class Windows(Dataset):
    """Pieces of a long sequence, each with the same piece one step further on as its target.

    Parameters
    ----------
    tokens : int array of shape (length,)
    context : int
        How many tokens a piece has.
    stride : int, optional
        From the beginning of one piece to that of the next; `context` unless given.

    Raises
    ------
    ValueError
        If the sequence is too short for one piece and its target.

    Examples
    --------
    >>> import numpy as np
    >>> from models.datasets import Windows
    >>> pieces = Windows(np.arange(10), context=3)
    >>> len(pieces), pieces[1]
    (3, (tensor([3, 4, 5]), tensor([4, 5, 6])))
    """

    def __init__(self, tokens: np.ndarray, context: int, stride: int | None = None):
        if len(tokens) <= context:
            raise ValueError(
                f"the text has {len(tokens)} tokens here, too few for one piece of {context} and "
                "the token that follows it: give more text, or a smaller data.context"
            )
        self.tokens, self.context, self.stride = tokens, context, stride or context

    def __getitem__(self, index):
        if not -len(self) <= index < len(self):
            raise IndexError(f"piece {index} of {len(self)}")
        start = index % len(self) * self.stride
        piece = self.tokens[start : start + self.context + 1]
        return ag.from_numpy(piece[:-1]), ag.from_numpy(piece[1:])

    def __len__(self) -> int:
        return (len(self.tokens) - 1 - self.context) // self.stride + 1
