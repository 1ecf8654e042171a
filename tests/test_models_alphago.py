"""The rules of the games, the tree search, and what is learned from games against oneself."""

import numpy as np
import pytest

import autograd as ag
import models
from models.alphago import (
    Examples,
    against_perfection,
    intuitive,
    match,
    random_player,
    searching,
    self_play,
)
from models.games import FULL, Go, TicTacToe, around, best_moves, connected, minimax, planes
from models.tree_search import Search


def board(text: str) -> tuple[int, int]:
    """The stones of X and O, from five rows."""
    points = "".join(text.split())
    return tuple(sum(1 << i for i, c in enumerate(points) if c == mark) for mark in "XO")


def ignorant(positions):
    actions = positions[0].actions
    return np.full((len(positions), actions), 1 / actions), np.zeros(len(positions))


# -- rules -----------------------------------------------------------------------------------------


def test_perfect_play_draws_tic_tac_toe_and_255168_games_exist():
    assert minimax(TicTacToe.start()) == 0
    count = {TicTacToe.start(): 1}
    ended = 0
    while count:
        after: dict = {}
        for position, number in count.items():
            for action in position.legal():
                new = position.play(action)
                after[new] = after.get(new, 0) + number
        ended += sum(n for p, n in after.items() if p.result() is not None)
        count = {p: n for p, n in after.items() if p.result() is None}
    assert ended == 255_168


def test_a_taken_point_is_refused():
    with pytest.raises(ValueError, match="move 4 expected an empty point"):
        TicTacToe.start().play(4).play(4)
    with pytest.raises(ValueError, match="move 12 is taken, suicide or a ko"):
        Go.start().play(12).play(12)


def test_stones_without_liberties_are_taken():
    mine, theirs = board("OOX.. .OX.. XX... ..... .....")
    game = Go(mine=mine, theirs=theirs)
    after = game.play(5)
    assert after.mine == 0 and after.theirs == mine | 1 << 5


def test_suicide_is_forbidden_unless_it_takes():
    mine, theirs = board(".O... O.... ..... ..... .....")
    assert 0 not in Go(mine=mine, theirs=theirs).legal()
    mine, theirs = board(".OX.. OX... X.... ..... .....")
    game = Go(mine=mine, theirs=theirs)
    assert 0 in game.legal() and game.play(0).mine == 0


def test_a_ko_may_not_be_retaken_at_once():
    mine, theirs = board(".XO.. XO.O. .XO.. ..... .....")
    game = Go(mine=mine, theirs=theirs).play(7)  # takes 6
    assert not game.mine >> 6 & 1 and 6 not in game.legal()
    elsewhere = game.play(24).play(20)
    assert 6 in elsewhere.legal() and not elsewhere.play(6).mine >> 7 & 1


def test_area_is_stones_and_what_they_surround():
    mine, theirs = board(".X.O. .X.O. .X.O. .X.O. .X.O.")
    assert Go(mine=mine, theirs=theirs).area() == 0  # 10 each, and a column of nobody
    mine, theirs = board(".XO.. .XO.. .XO.. .XO.. .XO..")
    assert Go(mine=mine, theirs=theirs).area() == -5
    assert Go(mine=theirs, theirs=mine, passes=2).result() == 1.0
    assert Go().area() == 0 and Go(passes=2).result() == -1.0  # komi


def naive_group(stones: set, seed: int) -> tuple[set, set]:
    """A chain and its neighbours, by walking."""
    group, edge, todo = set(), set(), [seed]
    while todo:
        point = todo.pop()
        if point in group:
            continue
        group.add(point)
        row, column = divmod(point, 5)
        for r, c in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
            if 0 <= r < 5 and 0 <= c < 5:
                (todo if 5 * r + c in stones else []).append(5 * r + c)
                edge.add(5 * r + c)
    return group, edge - group


def test_bits_agree_with_walking_in_random_games():
    random = np.random.default_rng(0)
    dice = random_player(random)
    positions = [Go.start()] * 10
    for _ in range(40):
        positions = [p.play(a) for p, a in zip(positions, dice(positions), strict=True)]
        for p in positions:
            assert not p.mine & p.theirs and (p.mine | p.theirs) <= FULL
            for stones in (p.mine, p.theirs):
                members = {i for i in range(25) if stones >> i & 1}
                for point in members:
                    group, edge = naive_group(members, point)
                    chain = connected(1 << point, stones)
                    assert {i for i in range(25) if chain >> i & 1} == group
                    assert {i for i in range(25) if around(chain) & ~chain & 1 << i} == edge
                    assert edge - {i for i in range(25) if (p.mine | p.theirs) >> i & 1}
            for action in range(25):  # what is not legal is refused, what is legal is played
                if action in p.legal():
                    p.play(action)
                else:
                    with pytest.raises(ValueError):
                        p.play(action)


# -- search ----------------------------------------------------------------------------------------


def test_a_simulation_is_a_visit_of_the_root():
    search = Search(ignorant, [TicTacToe.start(), TicTacToe.start().play(4)], simulations=30)
    assert search.visits[:, 0].sum(1).tolist() == [30, 30]
    assert search.visits[1, 0, 4] == 0 and abs(search.policy().sum(1) - 1).max() < 1e-12
    for tree, nodes in enumerate(search.positions):  # every other position: once less than entered
        for node in range(1, len(nodes)):
            entered = search.visits[tree][search.child[tree] == node].sum()
            assert search.visits[tree, node].sum() == (
                0 if search.over[tree, node] else entered - 1
            )


def test_trees_do_not_depend_on_their_neighbours():
    random = np.random.default_rng(1)
    prior = random.random((9,))

    def evaluate(positions):
        worth = [np.sin(p.mine * 3 + p.theirs) for p in positions]
        return np.tile(prior / prior.sum(), (len(positions), 1)), np.array(worth)

    roots = [TicTacToe.start(), TicTacToe.start().play(0), TicTacToe.start().play(4).play(1)]
    together = Search(evaluate, roots, 60).visits[:, 0]
    alone = [Search(evaluate, [root], 60).visits[0, 0] for root in roots]
    assert together.tolist() == np.array(alone).tolist()


def test_search_without_knowledge_finds_perfect_play_given_time():
    def player(positions):
        return Search(ignorant, positions, simulations=1500).best()

    position = TicTacToe.start().play(0)
    assert set(player([position])) <= set(best_moves(position))


def test_rollouts_alone_see_who_is_ahead():
    position = TicTacToe.start()
    for move in (0, 3, 1, 8):
        position = position.play(move)
    search = Search(ignorant, [position], 40, rollout=1.0)
    assert search.best() == [2] and search.total[0, 0, 2] == search.visits[0, 0, 2] > 10


# -- learning --------------------------------------------------------------------------------------


def test_perfect_play_never_loses_and_the_first_free_point_does():
    perfect = against_perfection(lambda positions: [best_moves(p)[0] for p in positions])
    assert perfect["lost"] == 0 and perfect["drawn"] > 0
    assert against_perfection(lambda positions: [p.legal()[0] for p in positions])["lost"] > 0


def test_games_against_oneself_teach_who_won():
    random = np.random.default_rng(0)
    examples = self_play(ignorant, TicTacToe.start(), 6, 10, 3, random)
    starts = examples.boards.sum((1, 2, 3)) == 0
    assert starts.sum() == 6 and set(examples.results) <= {-1, 0, 1}
    for stones, result in zip(examples.boards, examples.results, strict=True):
        mine, theirs = (sum(1 << i for i in np.flatnonzero(side).tolist()) for side in stones)
        for move in TicTacToe(mine, theirs).legal():  # who wins at once has won when he did
            if TicTacToe(mine, theirs).play(move).result() == -1 and stones.sum() == 8:
                assert result == 1
    np.testing.assert_allclose(examples.policies.sum(1), 1, atol=1e-5)
    taken = examples.boards.sum(1).reshape(-1, 9) > 0
    assert not examples.policies[taken].any()


def test_a_turned_board_has_its_policy_turned():
    position = Go.start().play(3)
    policy = np.zeros((1, 26), np.float32)
    policy[0, 3], policy[0, 25] = 0.75, 0.25
    examples = Examples(planes([position]), policy, np.ones(1, np.float32))
    for quarter in range(4):
        for mirrored in (False, True):
            turned = examples.turned(quarter, mirrored)
            (stone,) = np.flatnonzero(turned.boards[0, 1])
            assert turned.policies[0, stone] == 0.75 and turned.policies[0, 25] == 0.25
    assert np.flatnonzero(examples.turned(1, False).boards[0, 1]) == [5]  # 3 is the row's fourth


def test_players_play_what_is_allowed():
    ag.manual_seed(0)
    model, random = models.PolicyValueNet(5, 26, 8, 1), np.random.default_rng(0)
    openings = [Go.start().play(12), Go.start().play(0)]
    won = match(intuitive(model), searching(model, 4), openings)
    assert 0 <= won <= 1
    assert match(random_player(random), lambda ps: [25] * len(ps), openings) >= 0.5
