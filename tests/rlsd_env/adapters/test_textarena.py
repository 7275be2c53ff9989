"""Games of TextArena: their own rewards and seeds, the global generators left alone, and what cannot be played."""

from __future__ import annotations

import importlib.util
import random

import numpy as np
import pytest

from rlsd_env.adapters.foreign import ForeignGroups
from rlsd_env.adapters.textarena import TextArenaGame, make
from rlsd_env.errors import ConfigurationError
from verifiers import Status

INSTALLED = importlib.util.find_spec("textarena") is not None
needs_textarena = pytest.mark.skipif(not INSTALLED, reason="TextArena is not installed; make test-adapters installs it")


@pytest.mark.skipif(INSTALLED, reason="TextArena is installed")
def test_without_textarena_it_says_what_to_install():
    with pytest.raises(ConfigurationError, match=r"a game of TextArena needs textarena, .*pip install 'rlsd\[texta"):
        make("GuessTheNumber-v0")


@needs_textarena
def test_a_game_is_played_by_its_own_rules():
    env = TextArenaGame("GuessTheNumber-v0")
    shown, _ = env.reset(seed=5)
    assert "between 1 and 20 within 10 turns" in shown
    number = env.game_state["game_number"]
    assert number == random.Random(5).randint(1, 20)  # TextArena's own, with that seed
    guess = number - 1 if number > 1 else 2
    shown, reward, terminated, truncated, info = env.step(f"[{guess}]")
    assert shown == f"The target number is {'higher' if number > 1 else 'lower'}."
    assert (reward, terminated, truncated, info) == (0.0, False, False, {"invalid": "ok"})
    shown, reward, terminated, _, info = env.step("[99]")
    assert "outside the range" in shown
    assert (reward, terminated, info["invalid"]) == (0.0, False, "unparsable")
    shown, reward, terminated, _, info = env.step(str(number))  # TextArena puts the brackets
    assert (reward, terminated, info["invalid"]) == (1.0, True, "ok")
    assert shown == "Congratulations! You guessed the correct number."
    env.reset(seed=6)
    env.step("[99]")
    shown, reward, terminated, _, info = env.step("[99]")
    assert (reward, terminated, info["invalid"]) == (0.0, True, "unparsable")
    assert shown.startswith("Invalid Move: ")


@needs_textarena
@pytest.mark.parametrize("game", ["Countdown-v0", "Mastermind-v0", "Sudoku-v0-easy", "TowerOfHanoi-v0"])
def test_games_say_what_has_become_of_a_move_and_not_the_move(game):
    env = TextArenaGame(game)
    env.reset(seed=1)
    shown, *_ = env.step("[a strange move]")
    assert "invalid move" in shown
    assert "a strange move" not in shown


@needs_textarena
def test_draws_are_a_games_own():
    """Cards are drawn in turns: attempts that are played one beside the other see what each would see alone."""

    def played(env):
        yield env.reset(seed=3)[0]
        for _ in range(4):
            yield env.step("[Hit]")[0]

    alone = [*played(TextArenaGame("Blackjack-v0"))]
    random.seed(1)
    np.random.seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist()
    both = [*zip(played(TextArenaGame("Blackjack-v0")), played(TextArenaGame("Blackjack-v0")))]
    assert [one for one, _ in both] == alone == [other for _, other in both]
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before
    env = TextArenaGame("Blackjack-v0")
    assert env.reset(seed=4)[0] != alone[0]
    assert env.reset()[0] != env.reset()[0]


@needs_textarena
def test_attempts_in_groups_have_the_games_verdicts():
    env = ForeignGroups(2, make, make_kwargs={"game": "GuessTheNumber-v0"}, group_size=2, expose_privileged=True)
    env.reset(options={"task_index": [5]})
    number = random.Random(5).randint(1, 20)
    env.step([f"<answer>[{number}]</answer>", "<answer>99</answer>"])
    _, _, terminated, _, infos = env.step([None, "<answer>none</answer>"])
    right, wrong = infos["verdict"]
    assert (right.reward, right.correct, right.status) == (1.0, True, Status.OK)
    assert (wrong.reward, wrong.correct, wrong.status) == (0.0, False, Status.UNPARSABLE)
    assert terminated[1]


@needs_textarena
@pytest.mark.parametrize(
    ("game", "message"),
    [
        ("TicTacToe-v0", "number of players has to be 2"),
        ("QuantumTicTacToe-v0", "it is for several players"),
        ("PublicGoodsGame-v0", "it is for several players"),
        ("GuessTheNumbr-v0", "not found in registry"),
    ],
)
def test_what_one_player_cannot_play_is_one_line(game, message):
    with pytest.raises(ConfigurationError, match=message) as told:
        make(game)
    assert "such as GuessTheNumber-v0" in str(told.value)
    assert "\n" not in str(told.value)
