"""Training on environments that a user has wrapped, and on a curriculum."""

from __future__ import annotations

import csv
import re
import sys

import gymnasium
import pytest
from gymnasium.wrappers.vector import TransformReward

import agents
from agents import experiment, train
from agents.distributed import World
from agents.methods import make_method
from agents.options.commands import TrainOptions
from agents.policy.base import Sampling
from agents.rollouts.collect import collect, completion_seeds
from agents.rollouts.environments import make_group_env
from agents.rollouts.metrics import batch_metrics
from agents.setup import check, check_world
from rlsd_env import ConfigurationError
from rlsd_env.curriculum import GroupCurriculum
from tests.conftest import ROOT

ID = "rlsd/ShapeCount-v0"
SMALL = "--prompts-per-step 3 --group-size 4 --eval-tasks 2 --eval-samples 2 --lr 1e-3".split()


@pytest.fixture
def lowered(tmp_path, monkeypatch):
    """The documented module with a wrapped environment, by its id."""
    text = (ROOT / "docs" / "guide.md").read_text("utf-8").partition("## Wrappers around groups")[2]
    (tmp_path / "my_envs.py").write_text(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1])
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "my_envs:mine/Lowered-v0"
    sys.modules.pop("my_envs", None)
    gymnasium.registry.pop("mine/Lowered-v0", None)


def rows_of(out):
    with (out / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def test_episodes_have_the_rewards_of_the_wrapper(policy):
    plain = gymnasium.make_vec(ID, num_envs=8, group_size=4, expose_privileged=True)
    seeds = completion_seeds(0, (1,), 8)

    def episodes(env):
        return [episode for _, _, episode in collect(env, policy, [3, 4], Sampling(1.0, 30), seeds, step=0)]

    usual = episodes(plain)
    wrapped = episodes(TransformReward(plain, lambda rewards: 10 * rewards + 1))
    assert {episode.reward for episode in usual} == {0.0, 1.0}
    assert [episode.reward for episode in wrapped] == [10 * episode.reward + 1 for episode in usual]
    assert [episode.verdict for episode in wrapped] == [episode.verdict for episode in usual]


def test_an_attempt_that_has_ended_is_rewarded_no_more(policy):
    """A wrapper that adds 1 at each step has given an attempt 1 per turn when it ends."""
    env = gymnasium.make_vec(ID, num_envs=8, group_size=4, max_turns=3, feedback="outcome", expose_privileged=True)
    batch = collect(
        TransformReward(env, lambda rewards: rewards + 1), policy, [3, 4], Sampling(1.0, 30), list(range(8)), step=0
    )
    episodes = [episode for _, _, episode in batch]
    assert len({len(episode.turns) for episode in episodes}) > 1
    assert [e.reward for e in episodes] == [e.verdict.reward + len(e.turns) for e in episodes]


def test_the_command_trains_on_the_documented_wrapper(lowered, tmp_path):
    out = tmp_path / "out"
    train.main(["--env", lowered, "--agent", "rlsd", "--steps", "3", *SMALL, "--out", str(out)])
    rows = rows_of(out)
    assert len(rows) == 3
    assert [float(row["reward"]) for row in rows] == pytest.approx([float(row["accuracy"]) - 0.5 for row in rows])
    assert "difficulty" not in rows[0]


def test_three_steps_on_a_curriculum_in_code(policy):
    agent = agents.make("grpo", policy, sampling=Sampling(1.0, 30))
    env = GroupCurriculum(make_group_env(ID, {"difficulty": 1, "fold": "train"}, 2, 4), window=8, lower_below=0.7)
    expected = env.difficulty
    for step in range(3):
        batch = agents.collect(env, policy, [2 * step, 2 * step + 1], agent.sampling, range(8), step)
        assert {group.item.task.metadata["difficulty"] for group in batch.groups} == {expected}
        right = [episode.verdict.correct for _, _, episode in batch]
        assert len(agent.update(batch)) > 0
        assert env.difficulty - expected == (sum(right) > 6.4 and expected < 3) - (sum(right) < 5.6 and expected > 1)
        expected = env.difficulty


SWINGING = ["--curriculum", "window=4", "raise_above=0.51", "lower_below=0.5", "hysteresis=0"]


def play(out, *arguments):
    env = ["--env-kwargs", "verifier=tests.plugged:Coin", "difficulty=2", *SWINGING]
    train.main(["--agent", "rlsd", "--steps", "5", "--seed", "3", *SMALL, *env, *arguments, "--out", str(out)])
    return (out / "metrics.csv").read_bytes(), (out / "model" / "model.safetensors").read_bytes()


@pytest.mark.parametrize("ahead", [(), ("--rollouts-ahead",)], ids=["", "ahead"])
def test_a_curriculum_that_is_stopped_and_resumed_is_as_if_never_stopped(tmp_path, monkeypatch, ahead):
    """Ahead, the environment is a batch further than the update at the checkpoint: it is put back."""
    straight = play(tmp_path / "straight", *ahead, "--checkpoint-every", "5")
    difficulties = [float(row["difficulty"]) for row in rows_of(tmp_path / "straight")]
    assert difficulties[0] == 2
    assert len(set(difficulties)) > 1
    for last in (1, 3):

        def stop(batch, *others, last=last):
            if batch.step == last:
                raise KeyboardInterrupt
            return batch_metrics(batch, *others)

        out = tmp_path / f"stopped at {last}"
        with monkeypatch.context() as patch:
            patch.setattr(experiment, "batch_metrics", stop)
            with pytest.raises(KeyboardInterrupt):
                play(out, *ahead, "--checkpoint-every", "1")
        assert not (out / "result.json").exists()
        assert play(out, *ahead, "--checkpoint-every", "1", "--resume") == straight


@pytest.mark.parametrize(
    ("options", "agent", "message"),
    [
        ({"env": "rlsd/Table-v0"}, "rlsd", "DataSource|Table"),
        ({"curriculum": {"widow": 3}}, "rlsd", "option of a curriculum 'widow'; did you mean 'window'"),
        ({"env": "rlsd/DotSumTokens-v0"}, "ppo", "ppo trains at one difficulty; leave curriculum out"),
    ],
)
def test_a_curriculum_that_cannot_be_is_refused_before_anything_is_loaded(tmp_path, options, agent, message):
    (tmp_path / "table.jsonl").write_text("\n".join(f'{{"question": "{k}?", "answer": "1"}}' for k in range(30)))
    if options.get("env") == "rlsd/Table-v0":
        options = options | {"env_kwargs": {"path": str(tmp_path / "table.jsonl")}}
    with pytest.raises(ConfigurationError, match=message):
        check([TrainOptions(agent=agent, **{"curriculum": {"window": 4}, **options})])


def test_a_curriculum_goes_inside_wrappers(lowered):
    with pytest.raises(ConfigurationError, match=r"TransformReward is a wrapper, .* put it around GroupCurriculum"):
        check([TrainOptions(env=lowered, curriculum={"window": 4})])


def test_a_curriculum_is_for_one_process():
    options = TrainOptions(curriculum={"window": 4})
    check_world(options, make_method("rlsd"), World())
    with pytest.raises(ConfigurationError, match="counts the successes of one process"):
        check_world(options, make_method("rlsd"), World(0, 2))
