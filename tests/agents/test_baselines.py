"""Baselines: PPO on numeric views as a row of the comparison, and one of a user's own."""

from __future__ import annotations

import csv
import dataclasses
import json
import random

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3.common.vec_env import DummyVecEnv

from agents import baselines
from agents.baselines.ppo import PPO
from agents.baselines.training import EndsForGood, derived_seed, evaluate, seeded_globals
from agents.experiment import train
from agents.methods import make_method
from agents.options.commands import TrainOptions
from agents.rollouts.environments import find_view, make_group_env
from agents.rollouts.tasks import evaluation_tasks
from agents.setup import check
from rlsd_env import ConfigurationError
from rlsd_env.procedural.dot_sum import DotSum
from tests.agents.commands import SMALL, call, outcome

TOKENS = "rlsd/DotSumTokens-v0"
CHOICES = "rlsd/DotSumChoices-v0"
QUICK = {"total_steps": 48, "n_envs": 2, "n_steps": 8, "batch_size": 8}


def options(tmp_path, **changes):
    given = {"env": TOKENS, "env_kwargs": {"difficulty": 1}, "agent": "ppo", "agent_kwargs": QUICK}
    given |= {"eval_tasks": 6, "eval_samples": 2, "device": "cpu", "out": tmp_path / "out"}
    return TrainOptions(**given | changes)


def answer(task):
    return int(DotSum(difficulty=1).item(task).privileged.reference.answer)


class Scripted:
    """Writes the given tokens, whatever it sees."""

    def __init__(self, *tokens):
        self.tokens = tokens

    def predict(self, observation, deterministic):
        written = int((observation["prefix"] > 0).sum())
        return self.tokens[written], None


def test_evaluation_counts_right_answers_by_task():
    env = gymnasium.make(TOKENS, difficulty=1, fold="heldout")
    tasks = [2**30 + k for k in range(20)]
    found = evaluate(Scripted(3, 7), env, tasks, samples=2, seed=0)
    right = [float(answer(task) == 3) for task in tasks]
    assert 0 < sum(right) < len(right)
    assert found.sampled_K.tolist() == found.greedy_K.tolist() == right
    assert found.metrics["accuracy"] == pytest.approx(sum(right) / 20)
    assert found.metrics["response_length"] == 2


def test_a_truncated_answer_ends_for_good():
    """Stable-Baselines3 adds the value of going on to what is truncated."""
    env = EndsForGood(gymnasium.make(TOKENS, difficulty=1))
    env.reset(seed=0)
    assert env.step(1)[2:4] == (False, False)
    assert env.step(1)[2:4] == (True, False)
    venv = DummyVecEnv([lambda: env])
    venv.reset()
    venv.step([1])
    assert venv.step([1])[3][0]["TimeLimit.truncated"] is False


def test_global_generators_are_given_back_as_they_were():
    def draw():
        return random.random(), float(np.random.random()), float(torch.rand(()))

    python, numpy, state = random.getstate(), np.random.get_state(), torch.get_rng_state()
    expected = draw()
    random.setstate(python)
    np.random.set_state(numpy)
    torch.set_rng_state(state)
    inside = []
    for _ in range(2):
        with seeded_globals(5):
            inside.append(draw())
    assert inside[0] == inside[1]
    assert draw() == expected


def test_runs_share_no_environments_seed():
    seeds = {derived_seed(seed, 11) + env for seed in range(50) for env in range(16)}
    assert len(seeds) == 50 * 16
    assert all(0 <= seed < 2**31 + 16 for seed in seeds)


@pytest.mark.parametrize("env", [TOKENS, CHOICES, "rlsd/DotSum-v0"])
def test_the_same_run_gives_the_same_bytes_and_a_stopped_one_starts_again(tmp_path, env):
    first = train(options(tmp_path, env=env), lambda progress: None)

    def stop(progress):
        if progress.step == 2:
            raise RuntimeError("stopped")

    again = options(tmp_path, env=env, out=tmp_path / "again")
    state = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="stopped"):
        train(again, stop)
    steps = []
    train(TrainOptions(**vars(again) | {"resume": True}), lambda progress: steps.append(progress.step))
    assert steps == [0, 1, 2, 3]  # 48 steps in rollouts of 2 x 8
    assert outcome(tmp_path / "out") == outcome(tmp_path / "again")
    assert torch.equal(torch.get_rng_state(), state)
    assert first["environment_steps"] == 48
    assert first["environment"] == (TOKENS if env == TOKENS else CHOICES)
    assert (tmp_path / "out" / "model" / "ppo.zip").exists()
    with (tmp_path / "out" / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["environment_steps"] for row in rows] == ["16", "32", "48"]
    assert {"reward", "accuracy", "loss", "entropy", "value_loss", "approx_kl"} <= set(rows[0])


def test_held_out_tasks_are_the_text_environments(tmp_path):
    of_text, of_tokens, of_choices = (
        evaluation_tasks(options(tmp_path, env=env), "heldout") for env in ("rlsd/DotSum-v0", TOKENS, CHOICES)
    )
    assert of_text == of_tokens == of_choices
    text = make_group_env(TOKENS, {}, 1, 1)
    text.reset(options={"task_index": of_text[:1]})
    assert text.items[0].task.id.startswith("dot_sum-")


def test_ppo_learns_to_count(tmp_path):
    """Chance is 1 in 7, always 3 is right in 1 of 4."""
    ppo = PPO(total_steps=5000)
    model = ppo._model(CHOICES, {"difficulty": 1, "fold": "train"}, seed=1, device="cpu")
    with seeded_globals(1):
        model.learn(ppo.total_steps)
    env = gymnasium.make(CHOICES, difficulty=1, fold="heldout")
    assert evaluate(model, env, range(2**30, 2**30 + 100), 1, seed=0).greedy_K.mean() > 0.45


def test_which_view_an_agent_gets():
    assert find_view("rlsd/DotSum-v0") == find_view(TOKENS, "choices") == CHOICES
    assert find_view(TOKENS) == find_view("rlsd_env:rlsd/DotSum-v0", "tokens") == TOKENS
    with pytest.raises(ConfigurationError, match="'rlsd/MathVision-testmini-v0' has no numeric view"):
        find_view("rlsd/MathVision-testmini-v0")
    with pytest.raises(ConfigurationError, match="did you mean 'rlsd/DotSumTokens-v0'"):
        find_view("rlsd/DotSumToken-v0")


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"view": "token"}, "did you mean 'tokens'"),
        ({"total_step": 5}, "did you mean 'total_steps'"),
        ({"total_steps": 2.5}, "ppo.total_steps is 2.5; it must be of type int"),
        ({"total_steps": 0}, "it must be at least 1"),
        ({"learning_rate": 0}, "ppo.learning_rate is 0.0; it must be above 0"),
        ({"gamma": 1.5}, "it must be 0 to 1"),
        ({"batch_size": 100}, "n_envs \\* n_steps = 512 must be a multiple of it"),
    ],
)
def test_unusable_options_are_named(kwargs, message):
    with pytest.raises(ConfigurationError, match=message):
        make_method("ppo", kwargs)


def test_unknown_agents_are_told_of_both_kinds():
    with pytest.raises(ConfigurationError, match=r"did you mean 'ppo'\? allowed: .*grpo.*ppo.*rlsd"):
        make_method("pppo")
    with pytest.raises(ConfigurationError, match="unknown baseline 'grpo'"):
        baselines.find("grpo")


def test_a_task_without_a_view_is_refused_before_anything_is_written(tmp_path):
    chart = options(tmp_path, env="rlsd/BarChart-v0", env_kwargs={"difficulty": 3})
    with pytest.raises(ConfigurationError, match="fractions for answers"):
        check([dataclasses.replace(chart, agent=agent, agent_kwargs={}) for agent in ("grpo", "ppo")])
    assert not chart.out.exists()


def test_a_new_users_comparison_of_both_kinds(tmp_path):
    argv = ["--env", TOKENS, "--env-kwargs", "difficulty=1", "--agents", "ppo,grpo", "--seeds", "3", *SMALL]
    argv += ["--steps", "2", "--agent-kwargs", *(f"ppo.{key}={value}" for key, value in QUICK.items())]
    out = tmp_path / "out"
    done = call("agents.compare", *argv, "--out", out)
    results = json.loads((out / "results.json").read_text())
    ppo, grpo = results["agents"]["ppo"], results["agents"]["grpo"]
    assert (ppo["environment"], ppo["environment_steps"]) == (TOKENS, 48)
    assert "environment_steps" not in grpo
    assert results["rollouts_per_agent_and_seed"] == 2 * 3 * 4
    assert results["options"]["agent_kwargs"]["ppo.clip_range"] == 0.2
    assert ppo["hyperparameters"]["view"] == "auto"
    for agent in (ppo, grpo):
        assert {"sampled_accuracy", "sampled_gain", "greedy_accuracy", "greedy_gain"} <= set(agent)
        assert [one["seed"] for one in agent["runs"]] == [3]
    assert "ppo took 48 environment steps of rlsd/DotSumTokens-v0" in " ".join(done.stdout.split())
    assert "ppo took 48 environment steps of rlsd/DotSumTokens-v0" in (out / "report.md").read_text()
    stored = outcome(out)
    stamps = {path: path.stat().st_mtime_ns for path in out.rglob("result.json")}
    call("agents.compare", *argv, "--out", out, "--resume")
    assert outcome(out) == stored
    assert {path: path.stat().st_mtime_ns for path in out.rglob("result.json")} == stamps


OWN = """
from dataclasses import dataclass
from typing import ClassVar

from agents.baselines import Baseline, Outcome
from agents.rollouts.tasks import evaluation_tasks
from agents.runs.logging import RunLog
from agents.runs.progress import Progress


@dataclass(frozen=True)
class AlwaysRight(Baseline):
    name: ClassVar[str] = "always-right"

    share: float = 0.5

    def check(self, options):
        pass

    @property
    def updates(self):
        return 1

    def train(self, options, report):
        with RunLog(options) as log:
            log.append({"step": 0, "reward": self.share})
            log.save()
        report(Progress(options.label, options.seed, 1, 1, 0.1, {"reward": self.share}))
        tasks = len(evaluation_tasks(options, "heldout"))
        before, after = ({"sampled": [x] * tasks, "greedy": [x] * tasks, "metrics": {}} for x in (0.0, 1.0))
        return Outcome(options.env, 7, after, before, {"reward": self.share}, {"rollout": 0.0, "update": 0.0})
"""


def test_a_baseline_of_ones_own_is_compared_without_a_language_model(tmp_path):
    (tmp_path / "my_module.py").write_text(OWN)
    argv = ["--agents", "a=my_module:AlwaysRight", "--agent-kwargs", "a.share=0.25", "--seeds", "0", *SMALL]
    done = call("agents.compare", *argv, "--out", "out", cwd=tmp_path)
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["untrained"] is None
    assert results["heldout_tasks"] == 6
    assert results["agents"]["a"]["sampled_gain"]["mean"] == 1.0
    assert results["agents"]["a"]["hyperparameters"] == {"share": 0.25}
    assert "untrained  " not in done.stdout
    assert not (tmp_path / "out" / "untrained").exists()


def test_only_baselines_can_be_registered():
    with pytest.raises(ConfigurationError, match="not a dataclass derived from agents"):
        baselines.register(Scripted)
