from __future__ import annotations

import importlib.util
import json

import pytest

from agents.options.commands import TrainOptions
from agents.runs.logging import RunLog
from agents.runs.storage import write_csv
from rlsd_env import ConfigurationError
from tests.agents.commands import SMALL, call

ROWS = [
    {"step": 0, "reward": 0.1, "loss": 1e-05},
    {"step": 1, "reward": 0.30000000000000004, "entropy": 2.0},
    {"step": 2, "reward": 0.5, "loss": 0.25, "entropy": 1.0},
]


def opened(folder, formats):
    return RunLog(TrainOptions(agent="grpo", seed=3, log=formats, out=folder))


def logged(folder, formats, rows, stored=()):
    folder.mkdir()
    with opened(folder, formats) as log:
        log.replay(stored)
        for row in rows:
            log.append(row)
        log.save()
        assert log.rows == [*stored, *rows]
    return folder


def test_metrics_csv_is_all_rows_under_all_columns(tmp_path):
    logged(tmp_path / "run", ("csv",), ROWS)
    assert (tmp_path / "run" / "metrics.csv").read_text() == (
        "step,entropy,loss,reward\n0,,1e-05,0.1\n1,2.0,,0.30000000000000004\n2,1.0,0.25,0.5\n"
    )
    write_csv(tmp_path / "direct.csv", ROWS)
    assert (tmp_path / "direct.csv").read_bytes() == (tmp_path / "run" / "metrics.csv").read_bytes()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["metrics.csv"]


def test_json_lines_are_the_rows(tmp_path):
    folder = logged(tmp_path / "run", ("csv", "json"), ROWS)
    assert [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()] == ROWS


def test_a_resumed_log_is_that_of_a_run_that_never_stopped(tmp_path):
    """The stopped run had logged a step that its checkpoint does not hold."""
    formats = ("csv", "json")
    straight = logged(tmp_path / "straight", formats, ROWS)
    stopped = tmp_path / "stopped"
    logged(stopped, formats, ROWS[:2])
    with opened(stopped, formats) as log:
        log.replay(ROWS[:1])
        for row in ROWS[1:]:
            log.append(row)
        log.save()
    for name in ("metrics.csv", "metrics.jsonl"):
        assert (stopped / name).read_bytes() == (straight / name).read_bytes()


def test_the_terminal_shows_each_new_row_with_the_runs_name_and_whole_keys(tmp_path, capsys):
    start = "a_diagnostic_whose_name_is_longer_than_36_characters"
    row = {"step": 1, f"{start}_low": 0.5, f"{start}_high": 0.25, f"group/{start}_low": 1.0, f"group/{start}_high": 2.0}
    logged(tmp_path / "run", ("csv", "stdout"), [row], stored=ROWS[:1])
    shown = capsys.readouterr().out
    assert shown.count("grpo, seed 3") == 1
    for key in (f"{start}_low", f"{start}_high"):
        assert shown.count(key) == 2
    assert "reward" not in shown  # of the stored row, which was shown before the interruption


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"log": ("csv", "jsn")}, "did you mean 'json'"),
        ({"log": ("json",)}, "csv must be one of them"),
        ({"log_project": "mine"}, "log_project is 'mine' and log 'csv' has no tracker; add one of wandb"),
        ({"log_group": "mine"}, "log_group is 'mine' and log 'csv' has no tracker; add one of wandb"),
        ({"log_project": ""}, "log_project is empty"),
    ],
)
def test_unusable_options_are_refused(options, message):
    with pytest.raises(ConfigurationError, match=message):
        TrainOptions(**options)


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "trackio", "mlflow"])
def test_a_format_whose_package_is_not_installed_is_refused(name, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda package: None)
    with pytest.raises(ConfigurationError) as caught:
        TrainOptions(log=("csv", name))
    assert str(caught.value) == f"log {name} needs {name}, which is not installed; pip install 'rlsd[{name}]'"


def test_tensorboard_gets_every_metric_once_after_a_resume(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = logged(tmp_path / "run", ("csv", "tensorboard"), ROWS[:2])
    with opened(folder, ("csv", "tensorboard")) as log:
        log.replay(ROWS[:1])
        log.append(ROWS[1])
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("reward")] == [
        (row["step"], pytest.approx(row["reward"])) for row in ROWS[:2]
    ]


def test_the_command_line_chooses_the_formats(tmp_path):
    argv = ["--agent", "grpo", *SMALL, "--steps", "2", "--log", "csv,json,stdout", "--out", tmp_path / "out"]
    done = call("agents.train", *argv)
    assert done.stdout.count("grpo, seed 0") == 2
    rows = [json.loads(line) for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    write_csv(tmp_path / "again.csv", rows)
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "out" / "metrics.csv").read_bytes()
    assert "log" not in (tmp_path / "out" / "config.toml").read_text()
