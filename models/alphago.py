"""AlphaGo: a network that says where to look, a tree that looks, and both taught by playing.

One network sees the board and says two things: which moves are worth a thought (the policy, a
probability for each) and who will win (the value, between -1 and 1). A tree search asks it about
the positions it meets (`models.tree_search`), and what the search prefers is a better policy than
what the network said. So the program plays against itself with the search, and afterwards the
network learns from these games: its policy ``p`` to be what the search came to, ``pi``, its value
``v`` to be who won, ``z``, by the loss

    (z - v)^2 - sum_a pi(a) log p(a) + c |theta|^2

With the better network the search gets better, and so on: nobody tells it anything but the rules.
A tower of residual blocks of filters is the common part of policy and value.

Silver et al., Nature 529 (2016): AlphaGo, with separate networks for policy and value, the first
taught by human games, and with rollouts (`Search.rollout`); Nature 550 (2017): AlphaGo Zero, which
is what this file follows. Deep Learning lecture notes, day 1: 4:1 against Lee Sedol in March 2016,
3:0 against Ke Jie in 2017; Machine Learning slides, a short history of deep learning: AlphaGo beats
the best of human players. Here the board is small: tic-tac-toe (`models.games`), where it can be
checked against a perfect player whatever that one does, and Go on 5 x 5 points.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import autograd as ag
import nn
import optim
from models.games import Go, TicTacToe, best_moves, planes
from models.training.recipe import Recipe, section
from models.training.run import Run
from models.tree_search import Search, allowed
from nn import functional as F
from nn.norm_relu import norm_relu

Player = Callable[[list], list[int]]  # positions of several games -> a move for each


class Residual(nn.Module):
    """Two layers of 3 x 3 filters, added to their input."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1, self.bn1 = _conv(channels, channels, 3), nn.BatchNorm2d(channels)
        self.conv2, self.bn2 = _conv(channels, channels, 3), nn.BatchNorm2d(channels)

    def forward(self, x):
        y = norm_relu(self.bn1, F.relu, self.conv1(x))
        return norm_relu(self.bn2, F.relu, self.conv2(y), x)


def _conv(before: int, after: int, kernel: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=False)


class PolicyValueNet(nn.Module):
    """A residual tower with two heads, for boards of shape (batch, 2, size, size).

    Parameters
    ----------
    size, actions : int
        Points on a side of the board, and moves of the game.
    channels : int, default 32
    blocks : int, default 2
        AlphaGo Zero had 256 channels and 19 or 39 blocks.

    Examples
    --------
    >>> import autograd as ag, models
    >>> logits, value = models.PolicyValueNet(5, 26)(ag.zeros(7, 2, 5, 5))
    >>> logits.shape, value.shape
    ((7, 26), (7,))
    """

    def __init__(self, size: int = 3, actions: int = 9, channels: int = 32, blocks: int = 2):
        super().__init__()
        self.stem = nn.Sequential(_conv(2, channels, 3), nn.BatchNorm2d(channels), nn.ReLU())
        self.tower = nn.Sequential(*(Residual(channels) for _ in range(blocks)))
        self.policy = nn.Sequential(
            _conv(channels, 2, 1), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(),
            nn.Linear(2 * size * size, actions),
        )  # fmt: skip
        self.value = nn.Sequential(
            _conv(channels, 1, 1), nn.BatchNorm2d(1), nn.ReLU(), nn.Flatten(),
            nn.Linear(size * size, channels), nn.ReLU(), nn.Linear(channels, 1), nn.Tanh(),
        )  # fmt: skip

    def forward(self, x):
        x = self.tower(self.stem(x))
        return self.policy(x), self.value(x).flatten()

    def evaluate(self, positions: list) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities of all moves, and values, of some positions: what a search asks for."""
        self.eval()
        with ag.no_grad():
            logits, value = self(ag.tensor(planes(positions)))
            return F.softmax(logits, 1).array, value.array


def policy_value_net(**settings) -> PolicyValueNet:
    """Make a `PolicyValueNet`.

    Examples
    --------
    >>> import models
    >>> len(models.policy_value_net(blocks=3).tower)
    3
    """
    return PolicyValueNet(**settings)


# -- learning from games against itself ------------------------------------------------------------


@dataclass
class Examples:
    """What some games taught: boards, the searches' policies, and how it ended for the mover."""

    boards: np.ndarray  # (examples, 2, size, size)
    policies: np.ndarray  # (examples, actions)
    results: np.ndarray  # (examples,)

    def turned(self, quarter: int, mirrored: bool) -> Examples:
        """The same games on a turned or mirrored board, whose rules are the same."""
        size = self.boards.shape[-1]
        points, rest = self.policies[:, : size * size], self.policies[:, size * size :]
        points = points.reshape(-1, 1, size, size)
        boards, points = (np.rot90(x, quarter, (2, 3)) for x in (self.boards, points))
        if mirrored:
            boards, points = boards[..., ::-1], points[..., ::-1]
        points = points.reshape(len(points), -1)
        policies = np.concatenate([points, rest], 1)
        return Examples(np.ascontiguousarray(boards), policies, self.results)

    def __getitem__(self, index) -> Examples:
        return Examples(self.boards[index], self.policies[index], self.results[index])

    def __len__(self) -> int:
        return len(self.results)


def joined(parts) -> Examples:
    """The examples of several lots as one."""
    fields = zip(*((p.boards, p.policies, p.results) for p in parts), strict=True)
    return Examples(*(np.concatenate(field) for field in fields))


def self_play(
    evaluate, start, games: int, simulations: int, bold: int, random: np.random.Generator
) -> Examples:
    """Play games side by side, both sides by search; the first `bold` moves of each by lot."""
    positions, owners = [start] * games, list(range(games))
    seen: list[tuple] = []  # position, policy, game, moves made
    ends = np.zeros(games)  # for who made the first move
    moves = 0
    while positions:
        search = Search(evaluate, positions, simulations, noise=0.25, generator=random)
        policies = search.policy()
        chosen = [random.choice(len(p), p=p) for p in policies] if moves < bold else search.best()
        seen += zip(positions, policies, owners, [moves] * len(owners), strict=True)
        positions = [p.play(int(a)) for p, a in zip(positions, chosen, strict=True)]
        moves += 1
        results = [p.result() for p in positions]
        for owner, result in zip(owners, results, strict=True):
            if result is not None:
                ends[owner] = result * (-1) ** moves
        going = [i for i, result in enumerate(results) if result is None]
        positions, owners = [positions[i] for i in going], [owners[i] for i in going]
    boards = planes([position for position, *_ in seen])
    results = [ends[game] * (-1) ** made for *_, game, made in seen]
    policies = np.array([policy for _, policy, *_ in seen], np.float32)
    return Examples(boards, policies, np.array(results, np.float32))


def learn(model, optimizer, examples: Examples, steps: int, batch: int, random) -> dict[str, float]:
    """Some steps on random examples, each lot turned at random; returns the mean losses."""
    model.train()
    sums = Counter[str]()
    for _ in range(steps):
        part = examples[random.integers(len(examples), size=min(batch, len(examples)))]
        part = part.turned(int(random.integers(4)), bool(random.integers(2)))
        logits, value = model(ag.tensor(part.boards))
        value_loss = F.mse_loss(value, ag.tensor(part.results))
        policy_loss = F.cross_entropy(logits, ag.tensor(part.policies))
        optimizer.zero_grad()
        (value_loss + policy_loss).backward()
        optimizer.step()
        sums.update(train_value_loss=value_loss.item(), train_policy_loss=policy_loss.item())
    return {name: total / steps for name, total in sums.items()}


def school(run: Run, start, watch) -> PolicyValueNet:
    """Play and learn in turns, in so many rounds; ``watch(model)`` gives more numbers to log."""
    settings = run.settings
    random = np.random.default_rng(run.seed)
    model = PolicyValueNet(**section(settings, "model"))
    optimizer = optim.Adam(model.parameters(), **section(settings, "optim"))
    memory: deque[Examples] = deque(maxlen=settings["memory"])
    for number in range(settings["rounds"]):
        memory.append(
            self_play(
                model.evaluate, start, settings["games"], settings["simulations"],
                settings["bold"], random,
            )
        )  # fmt: skip
        losses = learn(model, optimizer, joined(memory), settings["steps"], 128, random)
        last = number == settings["rounds"] - 1
        seen = watch(model) if last or number % settings["watch"] == 0 else {}
        run.log({"round": number + 1, **losses, **seen, "seconds": round(run.seconds, 1)})
    return model


# -- players, and what they are worth --------------------------------------------------------------


def searching(model: PolicyValueNet, simulations: int) -> Player:
    """A player who thinks before every move; with 0 simulations, who does not."""
    if not simulations:
        return intuitive(model)
    return lambda positions: Search(model.evaluate, positions, simulations).best()


def intuitive(model: PolicyValueNet) -> Player:
    """A player who takes the move that the policy likes best, without search."""
    return lambda positions: allowed(model.evaluate(positions)[0], positions).argmax(1).tolist()


def random_player(random: np.random.Generator) -> Player:
    """A player who throws dice, and passes only when nothing else is allowed."""
    return lambda positions: [
        int(random.choice([a for a in legal if a < p.size**2] or legal))
        for p, legal in ((p, p.legal()) for p in positions)
    ]


def examine(player: Player, start, first: bool, replies=best_moves) -> Counter:
    """Play every game that can happen against somebody who knows all good `replies`.

    The player answers a position always in the same way; of the other's replies each is tried. All
    positions after the same number of moves are answered at once.

    Returns
    -------
    Counter
        How many different games the player won, drew and lost.
    """
    outcome = Counter(won=0, drawn=0, lost=0)
    frontier, on_move = Counter({start: 1}), first
    while frontier:
        positions, after = list(frontier), Counter[TicTacToe]()
        moves = [[a] for a in player(positions)] if on_move else map(replies, positions)
        for position, choices in zip(positions, moves, strict=True):
            for action in choices:
                after[position.play(action)] += frontier[position]
        on_move, frontier = not on_move, Counter()
        for position, games in after.items():
            result = position.result()
            if result is None:
                frontier[position] = games
            else:
                mine = result if on_move else -result
                outcome[{1: "won", 0: "drawn", -1: "lost"}[int(mine)]] += games
    return outcome


def match(player: Player, other: Player, openings: list) -> float:
    """The part of the games that a player wins who plays each opening twice, once as each side."""
    wins = 0
    for begins in (True, False):
        positions, on_move = openings, begins
        while positions:
            moves = (player if on_move else other)(positions)
            positions = [p.play(a) for p, a in zip(positions, moves, strict=True)]
            on_move = not on_move
            results = [p.result() for p in positions]
            wins += results.count(1.0 if on_move else -1.0)
            positions = [p for p, r in zip(positions, results, strict=True) if r is None]
    return wins / (2 * len(openings))


def go_openings(count: int, random: np.random.Generator) -> list[Go]:
    """Boards with a stone of each side somewhere, so that no two games need be the same."""
    dice, positions = random_player(random), [Go.start()] * count
    for _ in range(2):
        positions = [p.play(a) for p, a in zip(positions, dice(positions), strict=True)]
    return positions


def against_perfection(player: Player, replies=best_moves) -> Counter:
    """`examine` tic-tac-toe from both sides of the board."""
    start = TicTacToe.start()
    return examine(player, start, True, replies) + examine(player, start, False, replies)


def fit_tic_tac_toe(run: Run) -> tuple[PolicyValueNet, dict[str, float]]:
    """Learn tic-tac-toe, and meet a perfect player in every game that can happen."""
    model = school(
        run,
        TicTacToe.start(),
        lambda model: {"lost_by_intuition": against_perfection(intuitive(model))["lost"]},
    )
    player = searching(model, run.settings["think"])
    against_all = against_perfection(player, replies=lambda position: position.legal())
    return model, {
        "lost": against_perfection(player)["lost"],
        "lost_by_intuition": against_perfection(intuitive(model))["lost"],
        **{f"{outcome}_against_all": against_all[outcome] for outcome in ("won", "drawn", "lost")},
    }


def fit_go(run: Run) -> tuple[PolicyValueNet, dict[str, float]]:
    """Learn Go on 5 x 5 points, and play against random moves and against the untaught self."""
    random = np.random.default_rng(run.seed)
    dice, openings = random_player(random), go_openings(run.settings["openings"], random)

    def thinking(model) -> Player:
        return searching(model, run.settings["think"])

    untaught = PolicyValueNet(**section(run.settings, "model"))
    model = school(
        run, Go.start(), lambda model: {"won_by_intuition": match(intuitive(model), dice, openings)}
    )
    return model, {
        "won": match(thinking(model), dice, openings),
        "won_untaught": match(thinking(untaught), dice, openings),
        "won_by_intuition": match(intuitive(model), dice, openings),
        "won_against_untaught": match(thinking(model), thinking(untaught), openings),
    }


TIC_TAC_TOE = Recipe(
    name="alphago_tic_tac_toe",
    summary="AlphaGo Zero's method at tic-tac-toe: games lost to a perfect player",
    build=policy_value_net,
    documents="001, 004",
    paper="Silver et al. 2016, 2017",
    fit=fit_tic_tac_toe,
    metric="lost",
    higher_is_better=False,
    options={
        "rounds": 30,
        "games": 64,
        "simulations": 25,
        "bold": 4,
        "memory": 6,
        "steps": 40,
        "watch": 1,
        "think": 128,
        "model.channels": 32,
        "model.blocks": 2,
        "optim.lr": 2e-3,
        "optim.weight_decay": 1e-4,
    },
    bar=0,
    seconds=120,
    quick={"rounds": 6, "think": 0},
    quick_bar=40,
)

GO = Recipe(
    name="alphago_go5",
    summary="AlphaGo Zero's method at Go on 5 x 5 points: games won against random moves",
    build=policy_value_net,
    documents="001, 004",
    paper="Silver et al. 2016, 2017",
    fit=fit_go,
    metric="won",
    options={
        "rounds": 6,
        "games": 48,
        "simulations": 24,
        "bold": 10,
        "memory": 4,
        "steps": 60,
        "watch": 1,
        "think": 24,
        "openings": 20,
        "model.size": Go.size,
        "model.actions": Go.actions,
        "model.channels": 32,
        "model.blocks": 2,
        "optim.lr": 2e-3,
        "optim.weight_decay": 1e-4,
    },
    bar=0.95,
    seconds=180,
    quick={"rounds": 2, "games": 24, "simulations": 8, "think": 8, "openings": 8},
    quick_bar=0.5,
)

RECIPES = (TIC_TAC_TOE, GO)
