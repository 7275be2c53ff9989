"""Evaluation during training: on tasks of their own, without a trace in the training, and the best weights are kept."""

from __future__ import annotations

import csv
import json
import math
import shutil
import sys

import pytest

from agents import experiment
from agents.options.commands import TrainOptions
from agents.rollouts.curve import TuningCurve, summarise
from agents.rollouts.tasks import evaluation_tasks
from agents.runs.storage import replaced
from agents.setup import check
from rlsd_env import ConfigurationError
from tests.agents.commands import SMALL, call, outcome

ARGV = ["--agent", "grpo", *SMALL, "--steps", "5", "--lr", "3e-4"]


def rows(path):
    with path.open() as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]


def accuracy(evaluation, kind="sampled"):
    return sum(evaluation[kind]) / len(evaluation[kind])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("curve") / "out"
    done = call("agents.train", *ARGV, "--eval-every", "2", "--out", out)
    return out, done


def curve(*values):
    return [{"step": step, "sampled_accuracy": value} for step, value in values]


def test_a_curve_in_four_numbers_by_hand():
    # (0, .2) .. (4, .6): 4 x .4 = 1.6; .. (6, .6): 2 x .6 = 1.2; .. (7, .4): .5; 3.3 over 7 steps
    found = summarise(curve((0, 0.2), (4, 0.6), (6, 0.6), (7, 0.4)))
    assert found == {"final": 0.4, "peak": 0.6, "peak_step": 4, "area": pytest.approx(3.3 / 7)}
    assert summarise(curve((0, 0.5))) == {"final": 0.5, "peak": 0.5, "peak_step": 0, "area": 0.5}


def test_points_where_the_verifier_failed_are_left_out():
    # (2, .5) .. (4, 1): 2 x .75 over 2 steps
    found = summarise(curve((0, math.nan), (2, 0.5), (4, 1.0), (5, math.nan)))
    assert found == {"final": None, "peak": 1.0, "peak_step": 4, "area": 0.75}
    assert summarise(curve((0, math.nan)))["peak"] is None


def test_the_curve_starts_with_the_untrained_model_and_ends_with_the_last(trained):
    out, _ = trained
    points = rows(out / "evaluations.csv")
    assert [row["step"] for row in points] == [0, 2, 4, 5]
    assert {"sampled_accuracy", "greedy_accuracy", "entropy", "response_length", "leakage_per_1000"} <= set(points[0])
    result = json.loads((out / "result.json").read_text())
    best = max(points, key=lambda row: row["sampled_accuracy"])
    assert result["tuning"]["peak"] == best["sampled_accuracy"]
    assert result["tuning"]["peak_step"] == result["best"]["step"] == best["step"]
    assert result["tuning"]["final"] == points[-1]["sampled_accuracy"]


def test_training_is_the_same_bytes_with_and_without(trained, tmp_path):
    out, _ = trained
    call("agents.train", *ARGV, "--out", tmp_path / "out")
    for name in ("metrics.csv", "model/model.safetensors"):
        assert (out / name).read_bytes() == (tmp_path / "out" / name).read_bytes()
    plain, with_curve = (json.loads((path / "result.json").read_text()) for path in (tmp_path / "out", out))
    assert plain["evaluation"] == with_curve["evaluation"]
    assert "best" not in plain
    assert not (tmp_path / "out" / "evaluations.csv").exists()


def test_sampling_ahead_is_not_disturbed(tmp_path):
    """The engine gets the weights of the evaluation only once the next batch is sampled."""
    call("agents.train", *ARGV, "--rollouts-ahead", "--out", tmp_path / "without")
    call("agents.train", *ARGV, "--rollouts-ahead", "--eval-every", "1", "--out", tmp_path / "with")
    assert (tmp_path / "with" / "metrics.csv").read_bytes() == (tmp_path / "without" / "metrics.csv").read_bytes()


def test_the_best_weights_load_like_the_last(trained):
    """agents.evaluate on the same tasks finds what the run found, of both models."""
    out, done = trained
    result = json.loads((out / "result.json").read_text())
    argv = ["--limit", "6", "--samples", "2"]
    for folder, evaluation in (("model", result["evaluation"]), ("best", result["best"]["evaluation"])):
        found = call("agents.evaluate", "--policy", out / folder, *argv)
        assert f"{accuracy(evaluation):.3f}" in found.stdout
        assert f"{accuracy(evaluation):.3f}" in done.stdout
    tuning = call("agents.evaluate", "--policy", out / "best", *argv, "--fold", "tuning")
    assert f"{result['tuning']['peak']:.3f}" in tuning.stdout


def test_best_is_what_was_best_and_not_the_last(tmp_path):
    """At a ruinous learning rate the untrained weights stay the best."""
    call("agents.train", *ARGV, "--lr", "0.05", "--eval-every", "2", "--out", tmp_path / "out")
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert (result["best"]["step"], accuracy(result["evaluation"])) == (0, 0.0)
    assert accuracy(result["best"]["evaluation"]) > 0
    assert result["tuning"]["final"] == 0.0 < result["tuning"]["area"] < result["tuning"]["peak"]


@pytest.fixture
def scripted(monkeypatch):
    """Have the weights of step 4 be the best and those of step 2 better than before, whatever the model."""
    measure = TuningCurve.measure

    def as_written(self, step):
        measure(self, step)
        self.rows[-1]["sampled_accuracy"] = {0: 0.2, 2: 0.4, 4: 0.6, 5: 0.6}[step]
        return summarise(self.rows)["peak_step"] == step

    monkeypatch.setattr(TuningCurve, "measure", as_written)


STOPS = [(experiment, "batch_metrics", 2), (experiment, "batch_metrics", 3), (TuningCurve, "keep", 4)]
"""In the step after an improvement, in a later one before the next checkpoint; and between the checkpoint of the best
weights and those weights."""


@pytest.mark.parametrize(("owner", "name", "step"), STOPS)
def test_stopped_and_resumed_is_as_if_never_stopped(scripted, tmp_path, monkeypatch, owner, name, step):
    real = getattr(owner, name)

    def stop(first, *others):
        if (first.rows[-1]["step"] if owner is TuningCurve else first.step) == step:
            sys.exit(9)
        return real(first, *others)

    argv = ["agents.train", *ARGV, "--checkpoint-every", "3", "--eval-every", "2", "--out"]
    call(*argv, tmp_path / "straight")
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, stop)
        assert call(*argv, tmp_path / "out", check=False).returncode == 9
    call(*argv, tmp_path / "out", "--resume")
    found = outcome(tmp_path / "out")
    assert found == outcome(tmp_path / "straight")
    assert {"metrics.csv", "evaluations.csv", "best/model.safetensors", "result.json"} <= found.keys()
    assert json.loads(found["result.json"])["best"]["step"] == 4


def test_a_folder_is_replaced_whole(tmp_path):
    for text in ("one", "two"):
        replaced(tmp_path / "best", lambda folder, text=text: (folder.mkdir(), (folder / text).write_text(text)))
    assert [path.name for path in (tmp_path / "best").iterdir()] == ["two"]
    assert [path.name for path in tmp_path.iterdir()] == ["best"]
    shutil.rmtree(tmp_path / "best")


def test_the_last_evaluation_may_be_on_the_tuning_fold(tmp_path):
    options = TrainOptions(eval_tasks=6)
    assert evaluation_tasks(options, "heldout") == list(range(2**30, 2**30 + 6))
    assert evaluation_tasks(options, "tuning") == list(range(2**31, 2**31 + 6))
    done = call("agents.train", *ARGV, "--eval-every", "5", "--eval-fold", "tuning", "--out", tmp_path / "out")
    assert "on 6 tasks of fold tuning" in done.stdout
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert accuracy(result["evaluation"]) == pytest.approx(result["tuning"]["final"])


def test_what_cannot_be_evaluated_is_refused_early(tmp_path):
    numeric = {"env": "rlsd/DotSumTokens-v0", "env_kwargs": {"difficulty": 1}}
    with pytest.raises(ConfigurationError, match="ppo is not evaluated while it trains; leave eval_every out"):
        check([TrainOptions(agent="ppo", eval_every=2, **numeric)])
    (tmp_path / "table.jsonl").write_text('{"question": "1?", "answer": "1"}\n{"question": "2?", "answer": "2"}\n')
    table = {"env": "rlsd/Table-v0", "env_kwargs": {"path": str(tmp_path / "table.jsonl")}}
    with pytest.raises(ConfigurationError, match=r"OwnTable\.fold\('(tuning|heldout|train)'\) is empty"):
        check([TrainOptions(eval_every=2, **table)])
