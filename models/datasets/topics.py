"""Lines of Python's help pages, and which topic each is from: a small task of reading.

The help pages have some eighty topics. Of the longest eight, every line of at least 40 characters
is an example, and the topic it stands in is its label: "typically varies between 32-bit and 64-bit
builds" is from `specialnames`, "del s[i:j]" from `typesseq`. Every fifth line is for testing; what
is left of all topics, some 400,000 characters, is text to learn the language from without labels.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from models.datasets.characters import Alphabet
from models.datasets.text import ascii_fold

SHORTEST, LONGEST = 40, 80  # characters of a line that is an example
PAD, START, END, MASK = "\x00\x02\x03\x1a"  # ASCII's own: null, start and end of text, substitute


class Lines(NamedTuple):
    """Lines of text, the number of each one's topic, and the topics' names."""

    lines: list[str]
    labels: np.ndarray
    classes: list[str]


@cache
def _pages() -> dict[str, list[str]]:
    """The lines of each topic, white space made single blanks, longest topics first."""
    from pydoc_data.topics import topics

    pages = {name: [" ".join(line.split()) for line in ascii_fold(text).splitlines()]
             for name, text in sorted(topics.items())}  # fmt: skip
    return dict(sorted(pages.items(), key=lambda page: -sum(map(len, page[1]))))


@cache
def _examples(count: int) -> dict[str, list[str]]:
    """The examples of the longest topics, leaving out lines that two of them share.

    A topic of which more than half stands in a longer one is part of that, and none of its own.
    """
    chosen: dict[str, list[str]] = {}
    for name, page in _pages().items():
        lines = [line for line in dict.fromkeys(page) if SHORTEST <= len(line) <= LONGEST]
        if 2 * max((len({*lines} & {*other}) for other in chosen.values()), default=0) < len(lines):
            chosen[name] = lines
        if len(chosen) == count:
            break
    topics = {}
    for name, lines in chosen.items():
        shared = {line for other in chosen if other != name for line in chosen[other]}
        topics[name] = [line for line in lines if line not in shared]
    return topics


def topic_lines(train: bool, topics: int = 8) -> Lines:
    """Lines of the longest topics, to train on or, every fifth of a topic, to test on.

    No line is in both parts, or in two topics.

    Examples
    --------
    >>> from models import datasets
    >>> train, test = datasets.topic_lines(True), datasets.topic_lines(False)
    >>> len(train.classes), len(train.lines) > 1000, set(train.lines) & set(test.lines)
    (8, True, set())
    """
    examples = _examples(topics)
    parts = [[line for i, line in enumerate(lines) if (i % 5 < 4) == train]
             for lines in examples.values()]  # fmt: skip
    labels = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return Lines([line for part in parts for line in part], labels, list(examples))


def unlabelled_text(topics: int = 8) -> str:
    """All help pages without the lines of `topic_lines` that are for testing.

    Examples
    --------
    >>> from models import datasets
    >>> len(datasets.unlabelled_text()) > 300_000
    True
    """
    hidden = set(topic_lines(False, topics).lines)
    pages = sorted(_pages().items())
    return "\n".join(line for _, page in pages for line in page if line not in hidden)


def reading_alphabet() -> Alphabet:
    """The alphabet of the help pages, after the characters for padding, start, end and mask.

    Examples
    --------
    >>> from models import datasets
    >>> datasets.reading_alphabet().encode("\\x00\\x02\\x03\\x1a").tolist()
    [0, 1, 2, 3]
    """
    text = "".join("".join(page) for page in _pages().values())
    return Alphabet(PAD + START + END + MASK + "".join(sorted({*text, "\n"})))


def padded(lines: list[str], alphabet: Alphabet, context: int = LONGEST + 2) -> np.ndarray:
    """Each line between a start and an end, as numbers, padded to `context` with 0.

    Raises
    ------
    ValueError
        If a line is too long, or has a character that is not in the alphabet.

    Examples
    --------
    >>> from models import datasets
    >>> alphabet = datasets.Alphabet("\\x00\\x02\\x03\\x1aab")
    >>> datasets.padded(["ab", "b"], alphabet, context=5).tolist()
    [[1, 4, 5, 2, 0], [1, 5, 2, 0, 0]]
    """
    tokens = np.zeros((len(lines), context), np.int64)
    for row, line in zip(tokens, lines, strict=True):
        numbers = alphabet.encode(START + line + END)
        if len(numbers) > context:
            raise ValueError(
                f"a line of {len(line)} characters, with its start and end, does not fit into "
                f"{context} places: shorten it, or give a larger context ({line[:30]!r}...)"
            )
        row[: len(numbers)] = numbers
    return tokens
