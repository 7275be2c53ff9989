"""The documented Blackjack, which others wrote, trains with GRPO and RLSD, and its reward rises."""

from __future__ import annotations

import csv
import re
import sys

import gymnasium
import numpy as np
import pytest

from agents.episodes import Completion, StopReason
from agents.policy.base import Sampling
from agents.rollouts.collect import collect, completion_seeds
from agents.rollouts.environments import make_group_env, what_tells
from rlsd_env.errors import ConfigurationError
from tests.agents.commands import call
from tests.conftest import ROOT
from tests.doc_blocks import blocks
from tests.rlsd_env.adapters import games
from verifiers import Status

ID = "mine/Blackjack-v0"


@pytest.fixture
def blackjack(tmp_path, monkeypatch):
    """A folder with the documented module."""
    page = blocks((ROOT / "docs" / "own_tasks.md").read_text("utf-8"))
    (text,) = (block.text for block in page if block.detail == "blackjack.py")
    (tmp_path / "blackjack.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("blackjack", None)
    gymnasium.registry.pop(ID, None)


@pytest.mark.slow
@pytest.mark.parametrize("agent", ["grpo", "rlsd"])
def test_the_reward_rises(agent, blackjack):
    options = "--steps 8 --prompts-per-step 8 --group-size 8 --lr 3e-4 --max-tokens 32 --eval-tasks 2 --eval-samples 1"
    call("agents.train", "--env", f"blackjack:{ID}", "--agent", agent, *options.split(), "--out", "out", cwd=blackjack)
    with (blackjack / "out" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    rewards = [float(row["reward"]) for row in rows]
    assert np.mean(rewards[-3:]) > rewards[0] + 0.3
    assert float(rows[-1]["status_unparsable_share"]) < float(rows[0]["status_unparsable_share"])
    scored = sum(float(row.get("teacher_tokens_scored") or 0) for row in rows)
    assert (scored > 0) == (agent == "rlsd")


def test_a_teacher_is_shown_the_move_that_would_have_been_best(blackjack):
    env = make_group_env(f"blackjack:{ID}", {}, 2, 2)
    env.reset(options={"task_index": [0, 1]})
    for group, item in enumerate(env.items):
        assert env.hints(item)["answer"] in ("1", "2")
        assert f"Your cards sum to {sum_of(group)}" in item.task.question


@pytest.mark.parametrize(
    ("env_kwargs", "message"),
    [
        (
            {"high": 3},
            r"unknown option of games/Lake-v0 'high'; allowed: fold, .*, tasks, .*; arguments of the environment "
            r"itself go into make_kwargs=\{high=3\}$",
        ),
        ({"mx_turns": 2}, "unknown option of games/Lake-v0 'mx_turns'; did you mean 'max_turns'"),
        ({"make_kwargs": {"high": 3}}, r"games:lake\(.*is given make_kwargs \{'high': 3\}: .*argument 'high'"),
    ],
)
def test_an_option_that_is_not_there(env_kwargs, message):
    with pytest.raises(ConfigurationError, match=message) as refused:
        make_group_env("tests.rlsd_env.adapters.games:games/Lake-v0", env_kwargs, 1, 2).reset()
    assert "num_envs" not in str(refused.value)


def test_the_command_that_tells_what_is_rewarded_is_one_that_works():
    lake = "tests.rlsd_env.adapters.games:games/Lake-v0"
    assert what_tells(lake, {}, "out") == f"python -m rlsd_env validate {lake} plays it and tells what answers earn"
    shapes = "python -m rlsd_env validate rlsd/ShapeCount-v0 tells whether right answers score"
    assert what_tells("rlsd/ShapeCount-v0", {}, "out") == shapes
    assert (
        what_tells("CartPole-v1", {}, "out") == "python -m agents.samples out shows them"
    )  # no command for its groups


def test_arguments_of_the_environment_itself():
    env = make_group_env("games/Lake-v0", {"make_kwargs": {"desc": ["SFFG"]}, "max_turns": 2}, 1, 2)
    assert env.reset()[0]["question"][0].startswith("[S]FFG\n")


def test_an_environment_of_gymnasiums_own_is_told_the_line_that_registers_it():
    gymnasium.register("games/Alone-v0", entry_point="tests.rlsd_env.adapters.games:Pictures")
    line = (
        "rlsd_env.adapters.foreign.register('games/AloneGroups-v0', make='gymnasium:make', "
        "make_kwargs={'id': 'games/Alone-v0'})"
    )
    try:
        with pytest.raises(ConfigurationError, match=re.escape(f"write {line} and take that id")):
            make_group_env("games/Alone-v0", {}, 1, 2)
        exec(f"import rlsd_env.adapters.foreign; {line}")
        assert make_group_env("games/AloneGroups-v0", {}, 1, 2).reset()[0]["images"][0][0].shape == (8, 8, 3)
    finally:
        for id in ("games/Alone-v0", "games/AloneGroups-v0"):
            gymnasium.registry.pop(id, None)


def sum_of(seed):
    return gymnasium.make("Blackjack-v1").reset(seed=seed)[0][0]


class Script:
    """Says in each turn what was written for it."""

    def __init__(self, said, policy):
        self.said, self.policy, self.asked = [*said], policy, []

    def generate(self, request, on_completion=None):
        self.asked.append(request.prompts)
        text = self.said.pop(0)
        tokens = tuple(self.policy.encoder.text_ids(text))
        made = Completion(tokens, (0.0,) * len(tokens), text, StopReason.LENGTH)
        return [[made] * request.n for _ in request.prompts]


def test_turns_are_a_conversation_with_the_pictures_of_each(policy):
    script = Script(["first", "second", "third"], policy)
    env = gymnasium.make_vec("games/Pictures-v0", num_envs=2, group_size=2, expose_privileged=True)
    batch = collect(env, script, [4], Sampling(1.0, 10), completion_seeds(0, (1,), 2), step=0)
    episode = batch.groups[0].episodes[0]
    assert (episode.reward, episode.verdict.correct, episode.verdict.status) == (1.5, True, Status.OK)
    last = episode.turns[-1].prompt
    assert [message["role"] for message in last.messages] == ["user", "assistant", "user", "assistant", "user"]
    assert last.messages[0]["content"][0]["text"] == "<image> is a word here\n"
    assert [int(image.max()) for image in last.images][1:] == [1, 2]
    assert episode.turns[-1].feedback == "turn 3\n[image]"
    assert games.Pictures  # registers the id
