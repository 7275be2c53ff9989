"""The tasks of a run: real problems through the command lines, and which task comes when."""

from __future__ import annotations

import json

import pytest

from agents.rollouts.collect import completion_seeds
from agents.rollouts.tasks import TaskStream
from rlsd_env.cli import main as environments
from tests.agents.commands import call


def test_real_problems_train_and_evaluate(mathvision_dir, tmp_path, capsys):
    env = ["--env", "rlsd/MathVision-testmini-v0", "--env-kwargs", f"path={mathvision_dir}"]
    out = tmp_path / "evaluated"
    done = call("agents.evaluate", *env, "--limit", "6", "--samples", "2", "--out", out)
    assert "6 tasks" in done.stdout
    rows = [json.loads(line) for line in (out / "responses.jsonl").read_text().splitlines()]
    assert len(rows) == 6 * (2 + 1)
    results = json.loads((out / "results.json").read_text())
    found = results["environments"]["rlsd/MathVision-testmini-v0"]
    assert (results["schema"], found["tasks"], results["options"]["samples"]) == ("rlsd-evaluation-2", 6, 2)
    for kind, greedy in (("avg@2", False), ("greedy", True)):
        right = [row["correct"] for row in rows if row["greedy"] is greedy]
        assert found["scores"][found["own"]][kind]["mean"] == pytest.approx(sum(right) / len(right))
    call("agents.evaluate", "--config", out / "config.toml", "--out", tmp_path / "again")
    for name in ("responses.jsonl", "chunks.jsonl", "results.json", "config.toml"):
        assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes()
    assert environments.main(["reverify", str(out / "responses.jsonl"), *env]) == 0
    assert "agreement: 18 of 18 (100.0 %)" in capsys.readouterr().out
    small = ["--prompts-per-step", "2", "--group-size", "2", "--eval-tasks", "4", "--eval-samples", "2"]
    call("agents.train", "--agent", "rlsd", *env, "--steps", "3", *small, "--out", tmp_path / "train")
    assert len((tmp_path / "train" / "metrics.csv").read_text().splitlines()) == 4


def test_task_streams_depend_on_seed_and_step_alone():
    stream = TaskStream(range(2**30), 4, seed=1)
    assert stream(7) == TaskStream(range(2**30), 4, seed=1)(7)
    assert stream(7) != stream(8)
    small = TaskStream([10, 11, 12, 13, 14], 2, seed=1)
    epoch = [task for step in range(5) for task in small(step)]
    assert sorted(epoch[:5]) == sorted(epoch[5:]) == [10, 11, 12, 13, 14]


def test_completions_of_different_seeds_and_steps_share_no_seed():
    seeds = [completion_seeds(seed, (1, step), 100) for seed, step in ((0, 0), (0, 1), (1, 0))]
    assert len(set().union(*seeds)) == 300
