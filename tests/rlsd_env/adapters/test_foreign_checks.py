"""Environments whose hidden state, or what follows, does not come of the seed are found."""

from __future__ import annotations

import gymnasium
import pytest

from agents.foresight import opened
from rlsd_env.adapters import foreign
from rlsd_env.adapters.foreign import ForeignGroups
from rlsd_env.adapters.foreign_checks import form_of, play, responses
from rlsd_env.adapters.texts import AnswerToAction
from rlsd_env.errors import ConfigurationError
from tests.rlsd_env.adapters import games
from tests.rlsd_env.adapters.secret import Secret
from tests.rlsd_env.adapters.test_protocol import Told
from verifiers import Status


def test_what_is_hidden_must_come_of_the_seed_where_teachers_are_told_of_it(secret):
    opened(secret, {"fold": "train"})
    message = (
        r"privileged of .*:Secret tells \{'answer': '\d+'\} and then .* of reset\(seed=0\); what is hidden must come"
    )
    with pytest.raises(ConfigurationError, match=message):
        opened(secret, {"fold": "train", "make_kwargs": {"seeded": False}})
    opened(secret, {"fold": "train", "make_kwargs": {"seeded": False}, "privileged": None})  # nobody is told


def test_an_old_step_is_found_before_anything_is_loaded():
    id = "games/Old-v0"
    came = ("word", 1.0, True, {})
    foreign.register(id, make="tests.rlsd_env.adapters.test_protocol:Told", make_kwargs={"came": came})
    try:
        with pytest.raises(ConfigurationError, match=r"step\(\) of Told returned 4 values"):
            opened(id, {"fold": "train"})
    finally:
        gymnasium.registry.pop(id)


def pair(make, **options):
    return ForeignGroups(2, make, group_size=2, **options)


def test_answers_are_written_as_the_wrapper_reads_them():
    names, odd = responses(pair(games.lake))
    assert names == [f"<answer>{name}</answer>" for name in ("left", "down", "right", "up")]
    assert odd[:2] == ["<answer>7</answer>", "<answer>-1.5</answer>"]
    assert responses(pair(games.pictures)) == ([], ["7", "-1.5", "B", "ten", "x = y", "1/0", "(1, 2)", "?"])
    assert form_of(pair(lambda: AnswerToAction(Told(), answer_format="boxed"))) == "\\boxed{{gold}}"
    assert form_of(pair(lambda: AnswerToAction(Told(), answer_format="none"))) == "<answer>{gold}</answer>"


def test_a_play_of_sound_environments():
    played = play(pair(games.pictures, success=1.5), range(3))
    assert (played.problems, played.turns, played.pictures) == ({}, 9, 9)
    assert [verdict.reward for verdict in played.verdicts] == [1.5] * 3
    played = play(pair(games.lake, make_kwargs={"desc": ["SG"]}), range(3))
    turns = 3 + 11 + 2  # left, down, right; eight odd answers and the same; down, right
    assert (played.problems, played.turns, [verdict.reward for verdict in played.verdicts]) == ({}, turns, [1.0] * 3)
    assert [verdict.status for verdict in played.verdicts] == [Status.OK, Status.UNPARSABLE, Status.OK]


def test_a_play_finds_what_goes_on_differently():
    played = play(pair(lambda: Secret(drifts=True), max_turns=2), range(2))
    assert [len(found) for found in played.problems.values()] == [1, 1]
    assert "two attempts with the same seed and answers go on differently after '7'" in played.problems[0][0]


def test_a_play_tells_of_what_fails():
    class Picky(Secret):
        def step(self, action):
            return f"{int(action)}", 0.0, True, False, {}

    played = play(pair(Picky), range(3))
    assert played.problems.keys() == {1, 2}
    assert played.problems[2] == [
        "on 'B' the environment failed: ValueError: invalid literal for int() with base 10: 'B'"
    ]
    assert sum(played.failed.values()) == 2
