"""Two games for two players, as their rules: tic-tac-toe and Go on a small board.

A position is a value that never changes; playing makes a new one. The stones of the player to move
and of the other are two integers with a bit for each point, so a move costs a few operations on
integers, and the board looks the same to both players: "mine" and "theirs". All that a tree search
asks of a game is in `Game`; `minimax` solves the one that is small enough.

Documents: `models.alphago`. Rules of Go after Tromp and Taylor: area scoring, no suicide, and no
retaking of a ko at once (the shortest cycle; longer ones end at `Go.longest` moves).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Protocol, Self

import numpy as np


class Game(Protocol):
    """A position: whose board, what is possible, and what it came to."""

    size: ClassVar[int]  # points on a side
    actions: ClassVar[int]  # moves that exist, possible now or not

    @classmethod
    def start(cls) -> Self:
        """The position before the first move."""

    @property
    def mine(self) -> int:
        """The points of the player to move."""

    @property
    def theirs(self) -> int:
        """The points of the other player."""

    def legal(self) -> list[int]:
        """The moves that the rules allow."""

    def play(self, action: int) -> Self:
        """The position after a move, seen by the other player."""

    def result(self) -> float | None:
        """+1, 0 or -1 for the player to move when the game is over, else None."""


def planes(positions: list) -> np.ndarray:
    """Positions as images for a network: (positions, 2, size, size), mine and theirs.

    Examples
    --------
    >>> from models.games import TicTacToe, planes
    >>> planes([TicTacToe.start().play(4)])[0, 1]
    array([[0., 0., 0.],
           [0., 1., 0.],
           [0., 0., 0.]], dtype=float32)
    """
    size = positions[0].size
    boards = np.array([(p.mine, p.theirs) for p in positions])
    bits = boards[:, :, None] >> np.arange(size * size) & 1
    return bits.reshape(len(positions), 2, size, size).astype(np.float32)


def points(stones: int) -> Iterator[int]:
    """The numbers of the bits that are set, from the lowest.

    Examples
    --------
    >>> from models.games import points
    >>> list(points(0b1010))
    [1, 3]
    """
    while stones:
        lowest = stones & -stones
        yield lowest.bit_length() - 1
        stones ^= lowest


# -- tic-tac-toe -----------------------------------------------------------------------------------

_LINES = [sum(1 << point for point in line) for line in (
    (0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6),
)]  # fmt: skip


@dataclass(frozen=True)
class TicTacToe:
    """Three in a row wins.

    Examples
    --------
    >>> from models.games import TicTacToe
    >>> position = TicTacToe.start()
    >>> for move in (0, 3, 1, 4, 2):
    ...     position = position.play(move)
    >>> position.result()  # for the player to move, who has lost
    -1.0
    """

    mine: int = 0
    theirs: int = 0

    size: ClassVar[int] = 3
    actions: ClassVar[int] = 9

    @classmethod
    def start(cls) -> TicTacToe:
        """The empty board."""
        return cls()

    def legal(self) -> list[int]:
        """The empty points."""
        return list(points(0b111111111 & ~(self.mine | self.theirs)))

    def play(self, action: int) -> TicTacToe:
        """Mark a point; the other player is to move then."""
        stone = 1 << action
        if not 0 <= action < 9 or stone & (self.mine | self.theirs):
            raise ValueError(f"move {action} expected an empty point of {self.legal()}")
        return TicTacToe(self.theirs, self.mine | stone)

    def result(self) -> float | None:
        """-1 if the other player has three in a row, 0 if the board is full, else None."""
        if any(self.theirs & line == line for line in _LINES):
            return -1.0
        return 0.0 if (self.mine | self.theirs) == 0b111111111 else None


@cache
def minimax(position) -> float:
    """What perfect play makes of a position, for the player to move: +1, 0 or -1.

    Examples
    --------
    >>> from models.games import TicTacToe, minimax
    >>> minimax(TicTacToe.start())
    0.0
    """
    result = position.result()
    if result is not None:
        return result
    return max(0.0 - minimax(position.play(action)) for action in position.legal())


def best_moves(position) -> list[int]:
    """All moves of a perfect player.

    Examples
    --------
    >>> from models.games import TicTacToe, best_moves
    >>> best_moves(TicTacToe.start().play(4))  # against the centre, only a corner holds
    [0, 2, 6, 8]
    """
    value = minimax(position)
    return [a for a in position.legal() if -minimax(position.play(a)) == value]


# -- Go --------------------------------------------------------------------------------------------

FULL = (1 << 25) - 1
_LEFT = sum(1 << 5 * row for row in range(5))  # the points of the leftmost column
_RIGHT = _LEFT << 4


def around(stones: int) -> int:
    """All neighbours of some points of the board of 5 x 5.

    Examples
    --------
    >>> from models.games import around, points
    >>> list(points(around(1 << 4)))  # of the upper right corner
    [3, 9]
    """
    sideways = (stones & ~_RIGHT) << 1 | (stones & ~_LEFT) >> 1
    return (sideways | stones << 5 | stones >> 5) & FULL


def connected(seed: int, stones: int) -> int:
    """The chain of `stones` that a seed belongs to: neighbours of neighbours until no more come.

    Examples
    --------
    >>> from models.games import connected, points
    >>> list(points(connected(1 << 0, 0b10011)))
    [0, 1]
    """
    chain = 0
    while chain != seed:
        chain, seed = seed, seed | around(seed) & stones
    return chain


@dataclass(frozen=True)
class Go:
    """Go on 5 x 5 points; move 25 passes, and two passes end the game.

    Attributes
    ----------
    mine, theirs : int
        Stones of the player to move and of the other.
    black : bool
        Whether Black, who began, is to move.
    before : (int, int) or None
        The stones one move ago, which must not come back: the rule of ko.
    passes : int
        How many of the last moves were passes; two end the game.
    moves : int

    Examples
    --------
    >>> from models.games import Go
    >>> game = Go.start().play(12).play(Go.passing).play(Go.passing)
    >>> game.result()  # for White: one black stone owns the board
    -1.0
    """

    mine: int = 0
    theirs: int = 0
    black: bool = True
    before: tuple[int, int] | None = None
    passes: int = 0
    moves: int = 0

    size: ClassVar[int] = 5
    actions: ClassVar[int] = 26
    passing: ClassVar[int] = 25
    komi: ClassVar[float] = 0.5  # for White, so that nothing is drawn
    longest: ClassVar[int] = 60

    @classmethod
    def start(cls) -> Go:
        """The empty board, Black to move."""
        return cls()

    def legal(self) -> list[int]:
        """Points that may be played, and passing.

        A stone with an empty neighbour is no suicide and retakes no ko: only the others are tried.
        """
        empty = FULL & ~(self.mine | self.theirs)
        free = empty & around(empty)
        tried = (p for p in points(empty & ~free) if self._after(p) is not None)
        return [*points(free), *tried, self.passing]

    def play(self, action: int) -> Go:
        """Put a stone, take what has no liberty left, and turn the board round."""
        if action == self.passing:
            after: tuple[int, int] | None = (self.theirs, self.mine)
        else:
            free = 0 <= action < self.passing and not (self.mine | self.theirs) >> action & 1
            after = self._after(action) if free else None
        if after is None:
            raise ValueError(f"move {action} is taken, suicide or a ko; expected {self.legal()}")
        passes = self.passes + 1 if action == self.passing else 0
        return Go(*after, not self.black, (self.mine, self.theirs), passes, self.moves + 1)

    def _after(self, point: int) -> tuple[int, int] | None:
        """The stones, theirs first, after a stone on an empty point; None if it is forbidden."""
        stone = 1 << point
        mine, theirs = self.mine | stone, self.theirs
        for neighbour in points(around(stone) & theirs):
            group = connected(1 << neighbour, theirs)
            if not around(group) & ~(mine | theirs):
                theirs &= ~group
        group = connected(stone, mine)
        suicide = not around(group) & ~(mine | theirs)
        return None if suicide or (theirs, mine) == self.before else (theirs, mine)

    def result(self) -> float | None:
        """+1 or -1 for who has more area, after two passes or very many moves; else None."""
        if self.passes < 2 and self.moves < self.longest:
            return None
        lead = self.area() - (self.komi if self.black else -self.komi)
        return 1.0 if lead > 0 else -1.0

    def area(self) -> int:
        """Stones and the empty points that only they surround: mine less theirs."""
        score = self.mine.bit_count() - self.theirs.bit_count()
        empty = FULL & ~(self.mine | self.theirs)
        while empty:
            region = connected(empty & -empty, empty)
            border = around(region)
            score += region.bit_count() * (bool(border & self.mine) - bool(border & self.theirs))
            empty &= ~region
        return score
