"""Byte pair encoding: pieces of words as tokens, learned from a text.

A text is bytes to begin with, so that nothing is ever unknown. The pair of neighbours that is most
frequent becomes a token of its own, and again, a number of times (Gage 1994; Sennrich, Haddow and
Birch 2016): common words end up as one token, rare ones as a few. Pairs never reach from one word
into the next. The ways to write bytes as letters, to cut a text into words, and to number the
tokens are those of GPT-2 (Radford et al. 2019), so that its published ``merges.txt`` can be read.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np

# Each byte has a letter that can be seen: its own, or else one from U+0100 on. Tokens 0 to 255 are
# the bytes in this order.
_SEEN = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_HIDDEN = [byte for byte in range(256) if byte not in _SEEN]
LETTERS = {byte: chr(byte) for byte in _SEEN} | {b: chr(256 + i) for i, b in enumerate(_HIDDEN)}
BYTES = {letter: byte for byte, letter in LETTERS.items()}


class BytePairs:
    """Tokens for pieces of words; `encode`, `decode` and `len` as of `Alphabet`.

    Parameters
    ----------
    pairs : str
        The pairs that become tokens, in their order: a line for each, its two parts with a space
        between them, in the letters that stand for bytes. It is all there is to know, so a run's
        settings hold it.
    special : sequence of str, optional
        Further tokens, after all others, which `decode` writes but `encode` never finds.

    Raises
    ------
    ValueError
        If a line is not two tokens known before it.

    Examples
    --------
    >>> from models.datasets import BytePairs
    >>> pieces = BytePairs.learn("low lower lowest, low lower", merges=3)
    >>> pieces.pairs.splitlines()
    ['l o', 'lo w', '\u0120 low']
    >>> pieces.encode("low low").tolist(), pieces.decode([257, 258]), len(pieces)
    ([257, 258], 'low low', 259)
    """

    def __init__(self, pairs: str = "", special: Sequence[str] = ()):
        self.pairs = pairs
        self.tokens = list(LETTERS.values())
        self.numbers = {token: i for i, token in enumerate(self.tokens)}
        self.ranks: dict[tuple[str, str], int] = {}
        for place, line in enumerate(pairs.splitlines()):
            first, _, second = line.partition(" ")
            if first not in self.numbers or second not in self.numbers:
                raise ValueError(
                    f"pair {place + 1} of the tokens, {line!r}, expected two tokens that are bytes "
                    "or were made by pairs before it, with a space between them"
                )
            self.ranks[first, second] = place
            if first + second not in self.numbers:  # two pairs may make the same token
                self.numbers[first + second] = len(self.tokens)
                self.tokens.append(first + second)
        self.special = list(special)
        self.found: dict[str, list[int]] = {}  # the tokens of words met before

    @classmethod
    def learn(cls, text: str, merges: int) -> BytePairs:
        """The tokens of a text: at most so many pairs, of two occurrences at least each.

        Among pairs that are equally frequent, the one that was met first is taken.
        """
        return cls("\n".join(" ".join(pair) for pair in frequent_pairs(words(text), merges)))

    @classmethod
    def read(cls, path: str | os.PathLike) -> BytePairs:
        """GPT-2's tokens, from its ``merges.txt``; the last of them is its end of a text."""
        lines = Path(path).read_text(encoding="utf-8").strip("\n").split("\n")
        return cls("\n".join(lines[lines[0].startswith("#version") :]), ["<|endoftext|>"])

    def encode(self, text: str) -> np.ndarray:
        """The tokens of a text, int64 of shape (tokens,)."""
        return np.array([token for word in words(text) for token in self._pieces(word)], np.int64)

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of a sequence of tokens; bytes that are no text become U+FFFD."""
        return b"".join(map(self.bytes_of, map(int, numbers))).decode(errors="replace")

    def bytes_of(self, number: int) -> bytes:
        """The bytes that a token stands for."""
        if number >= len(self.tokens):
            return self.special[number - len(self.tokens)].encode()
        return bytes(BYTES[letter] for letter in self.tokens[number])

    def __len__(self) -> int:
        return len(self.tokens) + len(self.special)

    def _pieces(self, word: str) -> list[int]:
        """The tokens of a word: of all pairs in it, the one that was learned first is joined."""
        if word not in self.found:
            parts = spelt(word)
            while len(parts) > 1:
                pair = min(pairwise(parts), key=self._rank)
                if pair not in self.ranks:
                    break
                parts = joined(parts, pair)
            self.found[word] = [self.numbers[part] for part in parts]
        return self.found[word]

    def _rank(self, pair: tuple[str, str]) -> float:
        return self.ranks.get(pair, np.inf)


def words(text: str) -> list[str]:
    """A text cut into words, each with the space before it, numbers, signs, and white space.

    Examples
    --------
    >>> from models.datasets.bpe import words
    >>> words("It's 24  bytes, no?\\n")
    ['It', "'s", ' 24', ' ', ' bytes', ',', ' no', '?', '\\n']
    """
    return _pattern().findall(text)


@cache
def _pattern() -> re.Pattern:
    """GPT-2's rule; of Unicode's numbers Python's `re` has a sign for the digits only."""
    others = "".join(c for c in map(chr, range(0x20000)) if unicodedata.category(c) in ("Nl", "No"))
    return re.compile(
        rf"'(?:s|t|re|ve|m|ll|d)| ?[^\W\d_{others}]+| ?[\d{others}]+| ?(?:[^\s\w]|_)+"
        r"|\s+(?!\S)|\s+"
    )


def spelt(word: str) -> list[str]:
    """The letters that stand for the bytes of a word."""
    return [LETTERS[byte] for byte in word.encode()]


def joined(parts: list[str], pair: tuple[str, str]) -> list[str]:
    """Parts of a word, with each occurrence of a pair made one.

    Examples
    --------
    >>> from models.datasets.bpe import joined
    >>> joined(["l", "o", "l", "o", "o"], ("l", "o"))
    ['lo', 'lo', 'o']
    """
    made: list[str] = []
    for part in parts:
        if made and (made[-1], part) == pair:
            made[-1] += part
        else:
            made.append(part)
    return made


def frequent_pairs(words: Iterable[str], merges: int) -> list[tuple[str, str]]:
    """The pairs to join, most frequent first, each counted after those before it were joined."""
    times = Counter(words)
    parts = {word: spelt(word) for word in times}
    counts: Counter[tuple[str, str]] = Counter()
    homes: defaultdict[tuple[str, str], dict[str, None]] = defaultdict(dict)  # words with the pair

    def count(word: str, sign: int) -> None:
        for pair in pairwise(parts[word]):
            counts[pair] += sign * times[word]
            homes[pair][word] = None

    for word in parts:
        count(word, 1)
    chosen: list[tuple[str, str]] = []
    while len(chosen) < merges and counts:
        pair = max(counts, key=counts.__getitem__)
        if counts[pair] < 2:
            break
        chosen.append(pair)
        for word in homes.pop(pair):
            count(word, -1)
            parts[word] = joined(parts[word], pair)
            count(word, 1)
        del counts[pair]
    return chosen
