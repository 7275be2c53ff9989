"""Whole runs through the real command lines: repeatable, resumable after a kill, extensible, clear on bad input."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from agents.options.commands import TrainOptions
from agents.rollouts.collect import completion_seeds
from agents.rollouts.tasks import TaskStream
from agents.runs.storage import claimed, load_checkpoint
from rlsd_env import ConfigurationError
from tests.conftest import ROOT

SMALL = [
    "--steps",
    "4",
    "--prompts-per-step",
    "3",
    "--group-size",
    "4",
    "--eval-tasks",
    "6",
    "--eval-samples",
    "2",
    "--checkpoint-every",
    "1",
]


def run(module, *argv, cwd=ROOT, check=True, timeout=300):
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, argv)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=env,
        timeout=timeout,
    )
    if check and done.returncode:
        raise AssertionError(done.stdout + done.stderr)
    return done


def outcome(folder):
    """Return what must be the same bytes for the same command: metrics, and results without the seconds."""
    found = {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("metrics.csv"))}
    for path in sorted([*folder.rglob("result.json"), *folder.rglob("results.json")]):
        record = json.loads(path.read_text())
        record.pop("seconds", None)
        record.pop("timing", None)
        found[str(path.relative_to(folder))] = json.dumps(record).encode()
    for path in sorted(folder.rglob("model.safetensors")):
        found[str(path.relative_to(folder))] = path.read_bytes()
    assert any(name.endswith("metrics.csv") for name in found)
    return found


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """One small comparison through the command line, with all five agents."""
    out = tmp_path_factory.mktemp("compare") / "out"
    done = run("agents.compare", "--seeds", "3", "--out", out, *SMALL)
    return out, done


def test_compare_writes_and_prints_everything(compared):
    out, done = compared
    results = json.loads((out / "results.json").read_text())
    assert list(results["agents"]) == ["grpo", "opsd", "sdpo", "grpo+opsd", "rlsd"]
    assert results["schema"] == "rlsd-results-1"
    assert results["rollouts_per_agent_and_seed"] == 4 * 3 * 4
    for agent in results["agents"].values():
        for key in ("sampled_accuracy", "sampled_gain", "greedy_accuracy", "greedy_gain"):
            assert set(agent[key]) == {"mean", "low", "high"}
        assert [run["seed"] for run in agent["runs"]] == [3]
        assert {"entropy", "response_length", "kl_to_informed_self", "leakage_per_1000"} <= set(
            agent["heldout_metrics"]
        )
    assert (out / "learning_curve_reward.png").stat().st_size > 5000
    assert (out / "config.toml").exists()
    for word in ("untrained", "grpo+opsd", "gain over untrained"):
        assert word in done.stdout
    assert "seed" in done.stderr  # the progress bar names the run
    assert "reward" in done.stderr


def test_budgets_are_equal(compared):
    """Every agent saw the same tasks: the first batch, before any update, is the same for all."""
    out, _ = compared
    first = {
        path.parent.parent.name: path.read_text().splitlines()[1].split(",")[1]  # accuracy at step 0
        for path in out.glob("runs/*/seed3/metrics.csv")
    }
    assert len(first) == 5
    assert len(set(first.values())) == 1


def test_the_same_command_gives_the_same_bytes_however_many_jobs(compared, tmp_path):
    out, _ = compared
    run("agents.compare", "--seeds", "3", "--jobs", "1", "--out", tmp_path / "again", *SMALL)
    assert outcome(out) == outcome(tmp_path / "again")


def test_killed_in_the_middle_and_resumed_is_as_if_never_stopped(compared, tmp_path):
    """SIGKILL to the parent; the workers follow it; --resume ends with the same bytes."""
    out, _ = compared
    command = ["--seeds", "3", "--out", str(tmp_path / "killed"), *SMALL]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, "-m", "agents.compare", *command], cwd=ROOT, env=env, **quiet)
    deadline = time.monotonic() + 120
    # Past some runs and within another: a teacher that is synced or averaged has changed by then.
    while len(list((tmp_path / "killed").rglob("checkpoint.pt"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(2)
    partial = sorted((tmp_path / "killed").rglob("checkpoint.pt"))
    stamps = [path.stat().st_mtime_ns for path in partial]
    assert not (tmp_path / "killed" / "results.json").exists()
    time.sleep(3)
    assert [path.stat().st_mtime_ns for path in partial] == stamps  # no orphan goes on writing
    run("agents.compare", *command, "--resume")
    assert outcome(tmp_path / "killed") == outcome(out)


def test_a_training_stopped_between_steps_resumes_with_its_teacher(tmp_path):
    """The synced teacher is two updates old at the stop; a resumed run must not renew it."""
    common = ["--agent", "rlsd", "--agent-kwargs", "teacher=synced(3)", "decay_steps=6", *SMALL, "--steps", "5"]
    run("agents.train", *common, "--out", tmp_path / "straight")
    code = (
        "import sys; from agents import cli, experiment, train\n"
        "report = experiment.batch_metrics\n"
        "def stop(batch, world):\n"
        "    if batch.step == 2: sys.exit(9)\n"
        "    return report(batch, world)\n"
        "experiment.batch_metrics = stop\n"
        "train.entry()"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    argv = [*common, "--out", str(tmp_path / "stopped")]
    stopped = subprocess.run([sys.executable, "-c", code, *argv], cwd=ROOT, env=env, capture_output=True, timeout=120)
    assert stopped.returncode == 9
    run("agents.train", *argv, "--resume")
    assert outcome(tmp_path / "stopped") == outcome(tmp_path / "straight")


def test_the_documented_algorithm_trains_from_a_file_outside_the_package(tmp_path):
    """docs/own_algorithm.md: its code as my_module.py, its command with a smaller budget."""
    page = (ROOT / "docs" / "own_algorithm.md").read_text("utf-8")
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    command = re.search(r"^    python -m agents.compare (.*)$", page, re.MULTILINE)[1]
    assert len(code.splitlines()) < 100
    (tmp_path / "my_module.py").write_text(code)
    run("agents.compare", *command.split(), "--seeds", "0", "--out", "out", *SMALL, cwd=tmp_path)
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert list(results["agents"]) == ["mine", "grpo", "rlsd"]
    assert results["agents"]["mine"]["training_metrics"]["teacher_tokens_scored"] > 0


FAILING = """
from dataclasses import dataclass
from typing import ClassVar

from agents import Algorithm


@dataclass(frozen=True)
class Failing(Algorithm):
    name: ClassVar[str] = "failing"

    def advantages(self, signals):
        if signals.step == 1:
            raise ZeroDivisionError("on purpose")
        return signals.A_N1
"""


def test_a_run_that_fails_stops_the_others_and_is_named(tmp_path):
    (tmp_path / "my_module.py").write_text(FAILING)
    argv = ["--agents", "my_module:Failing,grpo", "--seeds", "0", "--out", "out", *SMALL, "--steps", "2000"]
    done = run("agents.compare", *argv, cwd=tmp_path, check=False, timeout=120)
    assert done.returncode == 1
    assert "failing, seed 0 failed: on purpose" in done.stderr
    assert not (tmp_path / "out" / "results.json").exists()


def test_a_method_is_compared_with_itself_under_a_label(tmp_path):
    argv = ["--agents", "rlsd,loose=rlsd", "--agent-kwargs", "loose.epsilon=0.9", "loose.lam=1.0", "--seeds", "0"]
    run("agents.compare", *argv, "--out", tmp_path / "out", *SMALL)
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert {name: agent["hyperparameters"]["epsilon"] for name, agent in results["agents"].items()} == {
        "rlsd": 0.2,
        "loose": 0.9,
    }
    weights = [agent["training_metrics"]["weight"] for agent in results["agents"].values()]
    assert weights[0] != weights[1]


def test_what_a_kill_left_is_removed_and_does_not_stop_a_resume(tmp_path):
    options = TrainOptions(out=tmp_path / "out")
    options.out.mkdir()
    (options.out / ".config.toml.partial").write_text("half")
    with claimed(options.out, options, resume=True):
        assert sorted(path.name for path in options.out.iterdir()) == [".lock", "config.toml"]


def test_a_folder_in_use_is_refused(tmp_path):
    options = TrainOptions(out=tmp_path / "out")
    with (
        claimed(options.out, options, resume=False),
        pytest.raises(ConfigurationError, match="in use by another process"),
        claimed(options.out, options, resume=True),
    ):
        raise AssertionError("claimed twice")


def test_a_broken_checkpoint_is_named(tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"garbage")
    with pytest.raises(ConfigurationError, match="delete it to start over"):
        load_checkpoint(tmp_path / "checkpoint.pt")


def test_real_problems_train_and_evaluate(mathvision_dir, tmp_path):
    env = ["--env", "rlsd/MathVision-testmini-v0", "--env-kwargs", f"path={mathvision_dir}"]
    done = run("agents.evaluate", *env, "--limit", "6", "--samples", "2", "--out", tmp_path / "answers.jsonl")
    assert "6 tasks" in done.stdout
    rows = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert len(rows) == 6 * (2 + 1)
    small = ["--prompts-per-step", "2", "--group-size", "2", "--eval-tasks", "4", "--eval-samples", "2"]
    run("agents.train", "--agent", "rlsd", *env, "--steps", "3", *small, "--out", tmp_path / "train")
    assert len((tmp_path / "train" / "metrics.csv").read_text().splitlines()) == 4


@pytest.mark.parametrize(
    ("module", "argv", "message"),
    [
        ("agents.train", ["--agent", "grop"], "unknown agent 'grop'; did you mean 'grpo'"),
        ("agents.train", ["--env", "rlsd/ShapeCoun-v0"], "did you mean 'rlsd/ShapeCount-v0'"),
        ("agents.train", ["--env", "CartPole-v1"], "not a reasoning environment"),
        ("agents.train", ["--stepz", "3"], "did you mean '--steps'"),
        ("agents.train", ["--env-kwargs", "dificulty=1"], "did you mean 'difficulty'"),
        ("agents.train", ["--env-kwargs", "fold=train"], "evaluates on heldout by itself"),
        ("agents.train", ["--env", "rlsd/MathVision-testmini-v0"], "pass path=FOLDER"),
        ("agents.train", ["--policy", "./nowhere"], "policy './nowhere'"),
        ("agents.train", ["--device", "tpu"], "allowed: auto, cpu, cuda"),
        ("agents.compare", ["--agents", "grpo,rsld"], "did you mean 'rlsd'"),
        ("agents.compare", ["--agents", "my_module:Nothing"], "no module named 'my_module'"),
        ("agents.compare", ["--agents", "untrained=grpo"], "not 'untrained'"),
        ("agents.compare", ["--agents", "a/b=grpo"], "agent name 'a/b'"),
        ("agents.train", ["--env", "my_pkg.envs:x/Y-v0"], "no module named 'my_pkg'"),
        ("agents.compare", ["--config", "bad.toml"], "not readable TOML"),
        ("agents.evaluate", ["--env", "no_module:x/Y-v0"], "no module named 'no_module'"),
    ],
)
def test_bad_input_is_one_line_exit_2_and_nothing_written(tmp_path, module, argv, message):
    (tmp_path / "bad.toml").write_text("steps = ")
    done = run(module, *argv, cwd=tmp_path, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert message in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bad.toml"]


def test_a_broken_picture_stops_the_run_before_anything_is_written(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1.png").write_bytes(b"not a picture")
    row = {"question": "<image1>?", "options": [], "answer": "1", "solution": None}
    row |= {"level": 1, "subject": "x", "image": "images/1.png"}
    (tmp_path / "testmini.jsonl").write_text("\n".join(json.dumps(row | {"id": str(i)}) for i in range(9)))
    env = ["--env", "rlsd/MathVision-testmini-v0", "--env-kwargs", "path=."]
    for module in ("agents.train", "agents.evaluate"):
        done = run(module, *env, cwd=tmp_path, check=False)
        assert done.returncode == 2
        assert "images/1.png" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not (tmp_path / "runs").exists()


def test_an_output_folder_is_not_overwritten(compared):
    out, _ = compared
    done = run("agents.compare", "--seeds", "3", "--out", out, *SMALL, check=False)
    assert (done.returncode, "--resume" in done.stderr) == (2, True)
    done = run("agents.compare", "--seeds", "3", "--out", out, *SMALL, "--lr", "0.5", "--resume", check=False)
    assert done.returncode == 2
    assert "lr = 5e-05, not 0.5" in done.stderr


def test_help_is_for_strangers():
    for module in ("agents.train", "agents.evaluate", "agents.compare"):
        text = run(module, "--help").stdout
        assert "--env-kwargs" in text
        assert "difficulty=3" in text


def test_task_streams_depend_on_seed_and_step_alone():
    stream = TaskStream(range(2**30), 4, seed=1)
    assert stream(7) == TaskStream(range(2**30), 4, seed=1)(7)
    assert stream(7) != stream(8)
    small = TaskStream([10, 11, 12, 13, 14], 2, seed=1)
    epoch = [task for step in range(5) for task in small(step)]
    assert sorted(epoch[:5]) == sorted(epoch[5:]) == [10, 11, 12, 13, 14]
    assert (
        len(set(completion_seeds(0, (1, 0), 100) + completion_seeds(0, (1, 1), 100) + completion_seeds(1, (1, 0), 100)))
        == 300
    )
