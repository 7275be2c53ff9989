"""Trackers, with their real clients: each writes where it can without a network, and is read back from there."""

from __future__ import annotations

import contextlib
import csv
import importlib.util
import json

import pytest

from agents.options.commands import CompareOptions, TrainOptions, resolved
from agents.runs import trackers
from agents.runs.logging import RunLog
from agents.runs.tracking import Tracker
from agents.runs.wandb_files import steps_of
from rlsd_env import ConfigurationError
from tests.agents import commands
from tests.agents.commands import SMALL, call
from tests.agents.tracker_stores import Mlflow, Trackio, Wandb

ROWS = [
    {"step": 0, "reward": 0.125, "reward/format": 1.0},
    {"step": 1, "reward": 0.25, "entropy": 2.0},
    {"step": 2, "reward": 0.5, "entropy": 1.0},
]
POINTS = [(row["step"], {name: value for name, value in row.items() if name != "step"}) for row in ROWS]
OUTCOME = {
    "evaluation": {"sampled": [0.5, 0.25, None], "greedy": [1.0, 0.0, None]},
    "best": {"evaluation": {"sampled": [0.75, 0.25], "greedy": [1.0, 1.0]}},
}
END = (
    3,
    {"sampled_accuracy": 0.375, "greedy_accuracy": 0.5, "best_sampled_accuracy": 0.5, "best_greedy_accuracy": 1.0},
)


@pytest.fixture(params=[Wandb, Mlflow, Trackio], ids=lambda store: store.name)
def store(request, tmp_path, monkeypatch):
    if importlib.util.find_spec(request.param.name) is None:
        pytest.skip(f"{request.param.name} is not installed; pip install 'rlsd[{request.param.name}]'")
    (tmp_path / "store").mkdir()
    return request.param(tmp_path / "store", monkeypatch)


def options(folder, *formats, **more):
    folder.mkdir(exist_ok=True)
    return TrainOptions(agent="grpo", seed=3, lr=0.25, log=("csv", *formats), out=folder, **more)


def test_a_tracker_has_a_runs_name_options_rows_and_accuracies(store, tmp_path):
    with RunLog(options(tmp_path / "run", store.name, log_project="mine", log_group="cmp")) as log:
        for row in ROWS:
            log.append(row)
        log.conclude(OUTCOME)
    ends = [] if store.name == "trackio" else ["finished"]
    assert store.runs() == [
        {
            "project": "mine",
            "name": "grpo, seed 3",
            "group": "cmp",
            "lr": 0.25,
            "points": [*POINTS, END],
            "ends": ends,
        }
    ]


def test_a_resumed_run_goes_on_with_its_tracker_run_and_repeats_no_step(store, tmp_path):
    """The interrupted run had logged a step that its checkpoint does not hold; another run is none of its business."""
    with RunLog(options(tmp_path / "other", store.name)) as log:
        log.append(ROWS[0])
    first = options(tmp_path / "run", store.name)
    with contextlib.suppress(ZeroDivisionError), RunLog(first) as log:
        log.append(ROWS[0])
        log.append(ROWS[1])
        raise ZeroDivisionError
    if store.name == "mlflow":
        assert sorted(run["ends"] for run in store.runs()) == [["failed"], ["finished"]]
    with RunLog(first) as log:
        log.replay(ROWS[:1])
        log.append(ROWS[1])
        log.append(ROWS[2])
        log.conclude(OUTCOME)
    with RunLog(first) as log:  # killed after that and before its result was written, it evaluates again
        log.replay(ROWS)
        log.conclude(OUTCOME)
    other, found = sorted(store.runs(), key=lambda run: len(run["points"]))
    assert other["points"] == POINTS[:1]
    assert found["points"] == [*POINTS, END]
    ends = {"wandb": ["failed", "finished", "finished"], "mlflow": ["finished"], "trackio": []}
    assert found["ends"] == ends[store.name]


@pytest.mark.parametrize("store", [Wandb], indirect=True)
def test_what_a_kill_has_kept_from_wandbs_files_is_sent_again(store, tmp_path):
    first = options(tmp_path / "run", store.name)
    with RunLog(first) as log:
        for row in ROWS:
            log.append(row)
    assert store.runs()[0]["points"] == POINTS
    (path,) = tmp_path.glob("store/wandb/offline-run-*/*.wandb")
    while steps_of([path]) == 3:
        path.write_bytes(path.read_bytes()[:-8])
    assert steps_of([path]) == 2
    assert store.runs()[0]["points"] == POINTS[:2]
    with RunLog(first) as log:
        log.replay(ROWS)
    assert store.runs()[0]["points"] == POINTS


def test_training_is_tracked_through_the_command_line(store, tmp_path):
    argv = ["--agent", "grpo", *SMALL, "--steps", "2", "--log", f"csv,{store.name}", "--out", tmp_path / "run"]
    call("agents.train", *argv)
    (found,) = store.runs()
    assert (found["project"], found["name"], found["group"]) == ("rlsd", "grpo, seed 0", "")
    with (tmp_path / "run" / "metrics.csv").open() as file:
        rows = [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]
    assert [(row.pop("step"), row) for row in rows] == found["points"][:2]
    evaluation = json.loads((tmp_path / "run" / "result.json").read_text())["evaluation"]
    step, end = found["points"][2]
    assert step == 2
    assert end == {f"{kind}_accuracy": pytest.approx(sum(evaluation[kind]) / 6) for kind in ("sampled", "greedy")}
    assert "log" not in (tmp_path / "run" / "config.toml").read_text()


def test_ppo_is_tracked_and_draws_the_same_numbers(store, tmp_path):
    argv = [
        "--agent",
        "ppo",
        "--env",
        "rlsd/DotSum-v0",
        "--agent-kwargs",
        "total_steps=64",
        "n_steps=8",
        "batch_size=16",
    ]
    argv += ["--eval-tasks", "2", "--eval-samples", "1"]
    call("agents.train", *argv, "--out", tmp_path / "plain")
    call("agents.train", *argv, "--log", f"csv,{store.name}", "--out", tmp_path / "run")
    assert (tmp_path / "run" / "metrics.csv").read_bytes() == (tmp_path / "plain" / "metrics.csv").read_bytes()
    (found,) = store.runs()
    assert found["name"] == "ppo, seed 0"
    assert [step for step, _ in found["points"]] == [0, 1]
    assert set(found["points"][-1][1]) == {"sampled_accuracy", "greedy_accuracy"}


def test_a_comparison_groups_its_runs_under_its_folders_name(tmp_path):
    def one(**given):
        return CompareOptions(out=tmp_path / "cmp", **given).train_options("grpo", "grpo", 0, tmp_path / "x")

    assert one(log=("csv", "wandb")).log_group == "cmp"
    assert one(log=("csv", "wandb"), log_group="mine").log_group == "mine"
    assert one().log_group == ""
    assert not {"log", "log_project", "log_group"} & set(resolved(one(log=("csv", "wandb"))))


class Flaky(Tracker):
    """A client whose host does not answer for a while."""

    name = "wandb"
    sent, ended, broken = [], [], False

    def _open(self, options):
        self._id = "one"

    def _send(self, step, milliseconds, values):
        if self.broken:
            raise ConnectionError("no route\n  to host")
        self.sent.append((step, dict(values)))

    def _close(self, failed):
        self.ended.append(failed)


@pytest.fixture
def flaky(monkeypatch):
    monkeypatch.setattr(trackers, "CLIENTS", (Flaky,))
    for name, value in (("sent", []), ("ended", []), ("broken", False)):
        monkeypatch.setattr(Flaky, name, value)
    return Flaky


@pytest.mark.parametrize("recovers", [True, False])
def test_a_client_that_fails_on_the_way_is_one_warning(flaky, recovers, tmp_path, capsys):
    with RunLog(options(tmp_path / "run", "wandb")) as log:
        log.append(ROWS[0])
        flaky.broken = True
        log.append(ROWS[1])
        flaky.broken = not recovers
        log.append(ROWS[2])
        log.save()
        assert flaky.sent == POINTS[:1]  # a client that has failed does not hold up every step
    assert capsys.readouterr().err == (
        "warning: grpo, seed 3: log wandb: ConnectionError: no route to host; training goes on, and wandb gets what it "
        "lacks at the end if it answers then\n"
    )
    assert flaky.sent == (POINTS if recovers else POINTS[:1])
    assert flaky.ended == ([False] if recovers else [])
    assert (tmp_path / "run" / "metrics.csv").read_text().count("\n") == 4
    assert json.loads((tmp_path / "run" / "tracker-wandb.json").read_text()) == {
        "id": "one",
        "steps": 3 if recovers else 1,
    }


def test_a_client_that_cannot_start_is_an_error_and_the_others_are_closed(flaky, tmp_path, monkeypatch):
    class Refused(Flaky):
        name = "mlflow"

        def _open(self, options):
            raise PermissionError("bad\n key")

    monkeypatch.setattr(trackers, "CLIENTS", (Flaky, Refused))
    with pytest.raises(ConfigurationError) as caught:
        RunLog(options(tmp_path / "run", "wandb", "mlflow"))
    assert str(caught.value) == (
        "log mlflow can open no run: PermissionError: bad key; mend that, or leave mlflow out of --log, and --resume"
    )
    assert flaky.ended == [True]
    assert not (tmp_path / "run" / "tracker-mlflow.json").exists()


def test_of_several_processes_one_logs(flaky, tmp_path):
    with RunLog(options(tmp_path / "run", "wandb"), writes=False) as log:
        log.append(ROWS[0])
        assert log.rows == ROWS[:1]
    assert flaky.sent == flaky.ended == []
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.skipif(importlib.util.find_spec("wandb") is None, reason="wandb is not installed")
def test_a_key_that_is_none_is_an_error_of_one_line(tmp_path, monkeypatch):
    """In a process of its own: wandb reads its environment once."""
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_API_KEY", "short")
    done = commands.run("agents.train", *SMALL, "--log", "csv,wandb", "--out", tmp_path / "run", check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1] == (
        "error: log wandb can open no run: AuthenticationError: WANDB_API_KEY invalid: API key must have 40+ "
        "characters, has 5.; mend that, or leave wandb out of --log, and --resume"
    )
