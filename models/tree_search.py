"""Monte Carlo tree search guided by a network: how AlphaGo thinks ahead.

A search grows a tree from a position, one leaf a simulation. It walks down from the root, taking in
each position the move with the largest ``Q + U``: Q is the mean of what simulations through that
move came to, and

    U(s, a) = c P(s, a) sqrt(sum_b N(s, b)) / (1 + N(s, a))

favours moves that the policy network likes (P) and that were tried little (N). At a leaf the
position is not played to its end: the value network says what it is worth. That worth goes up the
path, changing its sign at every step, because what is good for one player is bad for the other.
How often the moves of the root were tried is the answer: a better policy than the network's.

A network is fast only with many positions at once. So many games are searched side by side, in lock
step: a simulation adds a leaf to every tree, and all leaves are valued in one batch. The trees are
arrays whose first two axes are game and position.

Silver et al., "Mastering the game of Go with deep neural networks and tree search", Nature 529
(2016), and "Mastering the game of Go without human knowledge", Nature 550 (2017). The first valued
a leaf half by the value network and half by playing on to the end with quick moves; the second left
the rollouts away. `Search.rollout` mixes them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

# What a network says of a list of positions: priors (positions, actions), values (positions,).
Evaluate = Callable[[list], tuple[np.ndarray, np.ndarray]]


class Search:
    """Trees over positions of one game.

    Parameters
    ----------
    evaluate : callable
        ``evaluate(positions)`` gives for each position the network's probabilities of the moves,
        and what the position is worth to the player to move, between -1 and 1.
    roots : list of Game
        Positions to think about, one a tree; none of them may be over.
    simulations : int
    exploration : float, default 1.5
        The c of U.
    noise : float, default 0
        Which part of the roots' priors is replaced by a Dirichlet distribution, so that self-play
        looks at every move now and then.
    rollout : float, default 0
        The weight of a random game, played from each leaf to its end, beside the network's value.
    generator : numpy.random.Generator, optional
        For noise and rollouts.

    Attributes
    ----------
    visits, total : array of shape (trees, positions, actions)
        N, and the sum of what the simulations through a move came to; Q is their ratio.

    Examples
    --------
    >>> import numpy as np
    >>> from models.games import TicTacToe
    >>> from models.tree_search import Search
    >>> def ignorant(positions):
    ...     return np.full((len(positions), 9), 1 / 9), np.zeros(len(positions))
    >>> position = TicTacToe.start()
    >>> for move in (0, 3, 1, 4):
    ...     position = position.play(move)  # 2 wins at once
    >>> search = Search(ignorant, [position], simulations=50)
    >>> int(search.policy()[0].argmax())
    2
    """

    def __init__(
        self,
        evaluate: Evaluate,
        roots: Sequence,
        simulations: int,
        exploration: float = 1.5,
        noise: float = 0.0,
        rollout: float = 0.0,
        generator: np.random.Generator | None = None,
    ):
        shape = (len(roots), simulations + 1, roots[0].actions)
        self.evaluate, self.exploration, self.rollout = evaluate, exploration, rollout
        self.random = generator or np.random.default_rng(0)
        self.prior, self.total = np.zeros(shape), np.zeros(shape)
        self.visits, self.child = np.zeros(shape, int), np.full(shape, -1)
        self.over = np.zeros(shape[:2], bool)
        self.worth = np.zeros(shape[:2])  # of each position, to the player to move there
        self.trees = np.arange(len(roots))
        self.positions: list[list] = [[] for _ in roots]
        self._add(self.trees, list(roots))
        if noise:
            self._disturb(noise)
        for _ in range(simulations):
            self._simulate()

    def policy(self, temperature: float = 1.0) -> np.ndarray:
        """The roots' visits as probabilities: ``N^(1 / temperature)``, normalised."""
        visits = self.visits[:, 0] / self.visits[:, 0].max(1, keepdims=True)
        power = visits ** (1 / temperature)
        return power / power.sum(1, keepdims=True)

    def best(self) -> list[int]:
        """The move that was tried most at each root."""
        return self.visits[:, 0].argmax(1).tolist()

    # -- one simulation --------------------------------------------------------------------------

    def _simulate(self) -> None:
        """Walk down every tree to a position that is new or final, and tell the path its worth."""
        path, at, walking = [], np.zeros_like(self.trees), self.trees
        while len(walking):
            here = at[walking]
            action = self._choose(walking, here)
            path.append((walking, here, action))
            at[walking] = self.child[walking, here, action]
            new = at[walking] < 0
            if new.any():
                at[walking[new]] = self._grow(walking[new], here[new], action[new])
            walking = walking[~new & ~self.over[walking, at[walking]]]
        value = self.worth[self.trees, at]
        for trees, here, action in reversed(path):
            value[trees] *= -1  # good for who is to move after it, bad for who made it
            self.visits[trees, here, action] += 1
            self.total[trees, here, action] += value[trees]

    def _choose(self, trees, here) -> np.ndarray:
        """The moves with the largest Q + U."""
        prior, visits = self.prior[trees, here], self.visits[trees, here]
        mean = self.total[trees, here] / np.maximum(visits, 1)
        tried = np.maximum(visits.sum(1, keepdims=True), 1)  # the first walk goes by the prior
        score = mean + self.exploration * prior * np.sqrt(tried) / (1 + visits)
        return np.where(prior > 0, score, -np.inf).argmax(1)

    def _grow(self, trees, here, action) -> np.ndarray:
        """Make the positions after moves that were never tried; returns their numbers."""
        steps = zip(trees.tolist(), here.tolist(), action.tolist(), strict=True)
        nodes = self._add(trees, [self.positions[t][h].play(a) for t, h, a in steps])
        self.child[trees, here, action] = nodes
        return nodes

    def _add(self, trees, positions: list) -> np.ndarray:
        """Put a position into each of some trees, and value them; returns their numbers there."""
        nodes = np.array([len(self.positions[t]) for t in trees])
        for tree, position in zip(trees.tolist(), positions, strict=True):
            self.positions[tree].append(position)
        results = [position.result() for position in positions]
        self.worth[trees, nodes] = [result or 0.0 for result in results]
        self.over[trees, nodes] = [result is not None for result in results]
        going = [i for i, result in enumerate(results) if result is None]
        if going:
            trees, open_nodes = trees[going], nodes[going]
            positions = [positions[i] for i in going]
            prior, value = self.evaluate(positions)
            self.prior[trees, open_nodes] = allowed(prior, positions)
            if self.rollout:
                played = [self._play_on(position) for position in positions]
                value = (1 - self.rollout) * value + self.rollout * np.array(played)
            self.worth[trees, open_nodes] = value
        return nodes

    def _play_on(self, position) -> float:
        """What random moves come to, for the player to move."""
        sign = 1.0
        while (result := position.result()) is None:
            position, sign = position.play(int(self.random.choice(position.legal()))), -sign
        return sign * result

    def _disturb(self, part: float) -> None:
        """Mix noise into the roots' priors, the spikier the more moves there are.

        The papers' 0.03 for Go, 0.15 for shogi and 0.3 for chess are about ten over the moves.
        """
        for prior in self.prior[:, 0]:
            legal = prior.nonzero()[0]
            noise = self.random.dirichlet(np.full(len(legal), 10 / len(legal)))
            prior[legal] = (1 - part) * prior[legal] + part * noise


def allowed(prior: np.ndarray, positions: list) -> np.ndarray:
    """Probabilities of moves, with nothing left for those that the rules forbid.

    Examples
    --------
    >>> import numpy as np
    >>> from models.games import TicTacToe
    >>> from models.tree_search import allowed
    >>> allowed(np.full((1, 9), 1 / 9), [TicTacToe.start().play(4)])[0]
    array([0.125, 0.125, 0.125, 0.125, 0.   , 0.125, 0.125, 0.125, 0.125])
    """
    legal = np.zeros(prior.shape)
    for row, position in zip(legal, positions, strict=True):
        row[position.legal()] = 1
    prior = legal * np.maximum(prior, 1e-6)
    return prior / prior.sum(1, keepdims=True)
