"""The documented Blackjack, which others wrote, trains with GRPO and RLSD, and its reward rises."""

from __future__ import annotations

import csv
import sys

import gymnasium
import numpy as np
import pytest

from agents.episodes import Completion, StopReason
from agents.policy.base import Sampling
from agents.rollouts.collect import collect, completion_seeds
from agents.rollouts.environments import make_group_env
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
