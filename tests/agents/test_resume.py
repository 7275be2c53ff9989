"""Runs that stop: killed and resumed they are as if they had never stopped; what they leave is claimed and checked."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from agents.options.commands import TrainOptions, to_toml
from agents.runs.storage import CONFIG, LOCK, check_stored, claimed, load_checkpoint
from rlsd_env import ConfigurationError
from tests.agents.commands import SMALL, call, leave_at, outcome, run
from tests.conftest import ROOT


def wait_until(condition, seconds):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.05)
    return found


def in_use(folder):
    """Tell whether a process holds a lock of a folder: one that is dying too, whose files /proc no longer shows."""
    for path in folder.rglob(f"{LOCK}*"):
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
    return False


def test_killed_in_the_middle_and_resumed_is_as_if_never_stopped(tmp_path):
    """SIGKILL to the parent; the workers follow it; --resume ends with the same bytes."""
    killed = tmp_path / "killed"
    command = ["agents.compare", "--seeds", "3", "--agents", "sdpo,rlsd-gated,belief", *SMALL, "--steps", "8"]
    command += ["--keep", "all"]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, "-m", *command, "--out", str(killed)], cwd=ROOT, env=env, **quiet)
    # Past one run and within another: weights of scorers and what an algorithm remembers have changed by then.
    wait_until(lambda: len(list(killed.rglob("checkpoint.pt"))) == 3 or process.poll() is not None, 900)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    wait_until(lambda: not in_use(killed), 300)  # every worker held its run's lock
    assert len(list(killed.rglob("checkpoint.pt"))) == 3
    assert not (killed / "results.json").exists()
    call(*command, "--out", killed, "--resume")
    call(*command, "--out", tmp_path / "straight")
    assert outcome(killed) == outcome(tmp_path / "straight")


@pytest.mark.parametrize(
    ("agent", "options"),
    [("rlsd", ["teacher=synced(3)", "decay_steps=6"]), ("antisd", ["warmup_steps=2", "lam=0.5"])],
)
def test_a_training_stopped_between_steps_resumes_with_what_it_remembers(tmp_path, monkeypatch, agent, options):
    """A synced teacher that is two updates old must not be renewed, nor a warm-up that is over be begun again."""
    argv = ["--agent", agent, "--agent-kwargs", *options, *SMALL, "--steps", "5"]
    call("agents.train", *argv, "--out", tmp_path / "straight")
    leave_at(2, monkeypatch)
    assert call("agents.train", *argv, "--out", tmp_path / "stopped", check=False).returncode == 9
    assert (tmp_path / "stopped" / "checkpoint.pt").exists()
    assert not (tmp_path / "stopped" / "result.json").exists()
    run("agents.train", *argv, "--out", tmp_path / "stopped", "--resume")
    assert outcome(tmp_path / "stopped") == outcome(tmp_path / "straight")


@pytest.mark.parametrize("mended", [False, True])
def test_a_run_that_goes_on_with_other_files_than_it_was_begun_with_says_so(tmp_path, monkeypatch, caplog, mended):
    rows = [{"id": str(number), "question": f"{number} + 1?", "answer": str(number + 1)} for number in range(40)]
    table = tmp_path / "sums.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    few = "--prompts-per-step 2 --group-size 2 --eval-tasks 2 --eval-samples 1 --max-tokens 6 --checkpoint-every 1"
    argv = ["--env", "rlsd/Table-v0", "--env-kwargs", f"path={table}", "--agent", "grpo", *few.split(), "--steps", "2"]
    with monkeypatch.context() as patch:
        leave_at(1, patch)
        assert call("agents.train", *argv, "--out", tmp_path / "out", check=False).returncode == 9
    assert f"file {table}" in json.loads((tmp_path / "out" / "versions.json").read_text())
    if mended:
        table.write_text(table.read_text().replace('"1"}', '"one"}'))
    call("agents.train", *argv, "--out", tmp_path / "out", "--resume")
    told = f"out was begun with others of these, and goes on with what is here now: file {table}"
    assert (told in caplog.text) is mended


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


def test_options_of_adapters_that_there_are_none_of_do_not_count(tmp_path):
    """A run from before `all-linear` was the default goes on, where it has no adapters."""
    (tmp_path / CONFIG).write_text(to_toml(TrainOptions(lora_targets=("q_proj", "v_proj"), lora_alpha=3.0)))
    check_stored(tmp_path, TrainOptions())
    (tmp_path / CONFIG).write_text(to_toml(TrainOptions(lora_rank=2, lora_targets=("q_proj",))))
    with pytest.raises(ConfigurationError, match=r"lora_targets = \['q_proj'\], not \['all-linear'\]; resume with"):
        check_stored(tmp_path, TrainOptions(lora_rank=2))
