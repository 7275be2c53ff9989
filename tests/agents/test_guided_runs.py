"""Whole runs with attempts that are made with help: repeated, stopped and resumed, sampled by an engine, divided."""

from __future__ import annotations

import csv
import json

import pytest

from agents import experiment
from agents.options.model import ModelOptions
from agents.policy.actor import Actor
from agents.policy.loading import load_policy
from agents.policy.replica import ReplicaSampler
from tests.agents.commands import call, outcome
from tests.agents.test_distributed import launch

SMALL = "--env-kwargs difficulty=3 --steps 4 --prompts-per-step 6 --group-size 4".split()
SMALL += "--eval-tasks 4 --eval-samples 2".split()
HDPO = ["--agent", "hdpo", "--agent-kwargs", "lam=1.0", "--lr", "1e-3", *SMALL]


def rows(folder):
    with (folder / "metrics.csv").open() as file:
        return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """A run of HDPO that was never stopped."""
    out = tmp_path_factory.mktemp("guided") / "straight"
    call("agents.train", *HDPO, "--checkpoint-every", "4", "--out", out)
    return out


def test_hdpo_learns_from_attempts_with_help(straight):
    found = rows(straight)
    assert max(row["guided_share"] for row in found) > 0
    for row in found:
        assert row["teacher_tokens_sampled"] >= row["teacher_tokens_scored"] > 0 or row["guided_share"] == 0
        assert row["accuracy"] < 0.6  # of its own attempts: most were wrong, and those with help were right
    learned = [row for row in found if row["guided_share"]]
    assert all(row["distillation_loss"] > 0 for row in learned)


@pytest.mark.parametrize("last", [1, 3])
def test_stopped_after_any_step_and_resumed_is_as_if_never_stopped(straight, tmp_path, monkeypatch, last):
    metrics = experiment.batch_metrics

    def stop(batch, *others):
        if batch.step == last:
            raise KeyboardInterrupt
        return metrics(batch, *others)

    out = tmp_path / "stopped"
    monkeypatch.setattr(experiment, "batch_metrics", stop)
    assert call("agents.train", *HDPO, "--checkpoint-every", "1", "--out", out, check=False).returncode != 0
    assert not (out / "result.json").exists()
    monkeypatch.undo()
    call("agents.train", *HDPO, "--checkpoint-every", "1", "--out", out, "--resume")
    assert outcome(out) == outcome(straight)


def test_a_later_checkpoint_of_a_run_guides_an_earlier_start(tmp_path):
    """NPO with the guide that a short run of GRPO left; who is helped has no part in what the policy itself samples."""
    scout = tmp_path / "scout"
    call("agents.train", "--agent", "grpo", *SMALL, "--lr", "1e-3", "--out", scout)
    npo = ["--agent", "npo", "--agent-kwargs", f"guide=external({scout / 'model'})", *SMALL]
    runs = []
    for name in ("one", "two"):
        call("agents.train", *npo, "--evidence-every", "1", "--evidence-tasks", "6", "--out", tmp_path / name)
        runs.append(outcome(tmp_path / name))
    assert runs[0] == runs[1]
    call("agents.train", "--agent", "grpo", *SMALL, "--out", tmp_path / "grpo")
    helped, alone = rows(tmp_path / "one"), rows(tmp_path / "grpo")
    assert sum(row["guided_share"] for row in helped) > 0
    assert all(row["guided_share"] <= 1 / 4 for row in helped)  # one member of a group at most
    for name in ("accuracy", "reward", "response_length"):
        assert helped[0][name] == alone[0][name]
    assert helped[0]["sampler_difference"] < 1e-5
    from agents.evidence import read_evidence

    kept = read_evidence(tmp_path / "one")
    guided = [one for one in kept if one.guided]
    assert guided
    assert {(one.member, one.correct) for one in guided} == {(3, True)}


def test_two_processes_give_the_losses_of_one(tmp_path):
    argv = [*HDPO, "--steps", "3"]
    call("agents.train", *argv, "--out", tmp_path / "one")
    launch(tmp_path, 2, ("command", "two", [*argv, "--out", "two"]))
    seen = [json.loads((tmp_path / f"two-{rank}.json").read_text()) for rank in (0, 1)]
    assert [one["code"] for one in seen] == [0, 0], seen
    one, two = rows(tmp_path / "one"), rows(tmp_path / "two")
    assert sum(row["guided_share"] for row in one) > 0
    for a, b in zip(one, two, strict=True):
        assert a.keys() == b.keys()
        for key, value in a.items():
            assert b[key] == pytest.approx(value, rel=1e-4, abs=1e-5 if key == "sampler_difference" else 1e-8), key


def test_an_engine_samples_with_help_as_it_does_without(straight, tmp_path, monkeypatch):
    """Another sampler than the policy, which is corrected for: of its own attempts, and never of those with help."""

    def with_engine(options, world=None):
        policy = load_policy(options.policy, options.device, options)
        return Actor(policy, ReplicaSampler(load_policy(options.policy, options.device, ModelOptions())), current=True)

    monkeypatch.setattr(experiment, "prepare", with_engine)
    call("agents.train", *HDPO, "--sampler-correction", "truncate", "--out", tmp_path / "engine")
    found = rows(tmp_path / "engine")
    assert any("sampler_ratio_largest" in row for row in found)  # unless no own attempt is run
    for a, b in zip(rows(straight), found, strict=True):
        for name in ("guided_share", "guided_success_share", "accuracy", "teacher_tokens_sampled"):
            assert a.get(name) == b.get(name)
        assert b["loss"] == pytest.approx(a["loss"], rel=1e-3, abs=1e-7)
        assert b.get("sampler_corrected_share", 0.0) == 0
        assert b.get("sampler_ratio_largest", 1.0) < 1.001


def test_rollouts_ahead_are_refused(tmp_path):
    for agent in (["hdpo"], ["npo", "--agent-kwargs", "guide=external(tiny)"]):
        done = call("agents.train", "--agent", *agent, "--rollouts-ahead", "--out", tmp_path / "no", check=False)
        assert done.returncode != 0
        assert f"rollouts_ahead with {agent[0]}, whose attempts with help" in done.stderr
        assert not (tmp_path / "no").exists()
