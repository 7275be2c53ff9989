"""Ctrl-C, which a terminal sends to all processes of a command: one line that says how to go on, and exit code 130."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from agents.runs.kept import kept, steps_done
from agents.terminal import counted
from tests.agents.commands import SMALL
from tests.agents.test_resume import in_use, wait_until
from tests.conftest import ROOT

NOTHING = "before anything was kept; {} may be used again"
LONG = [*SMALL, "--steps", "5000", "--threads", "1"]


def start(module, *argv):
    """Start a command in a session of its own, as a terminal does."""
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", module, *argv]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env=env, start_new_session=True, **pipes)


def interrupted(process):
    """Interrupt a command; what it still wrote to stderr, line by line."""
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 130, stderr
    return stderr.splitlines()


@pytest.mark.parametrize("moment", ["workers start", "runs go on"])
def test_an_interrupted_comparison_says_how_to_go_on_and_its_workers_say_nothing(tmp_path, moment):
    out = tmp_path / "out"
    argv = ["--agents", "grpo,rlsd", "--seeds", "0", "--jobs", "2", "--out", str(out), *LONG]
    process = start("agents.compare", *argv)
    if moment == "workers start":
        wait_until(lambda: (out / "config.toml").exists() or process.poll() is not None, 300)
    else:
        begun = set()
        while len(begun) < 2:  # both are in the midst of their runs
            line = process.stderr.readline()
            assert line, "it ended"
            begun |= set(re.findall(r"^(\S+) seed 0 step 1/5000 ", line))
    *others, last = interrupted(process)
    go_on = f"go on with: python -m agents.compare {' '.join(argv)} --resume"
    held = kept(out)
    assert last == f"interrupted: {f'{out} holds {held}, {go_on}' if held else NOTHING.format(out)}"
    assert moment == "workers start" or "the first steps of 2 runs" in held
    assert not [line for line in others if not re.match(r"\S+ seed 0 step \d+/5000 |untrained, seed 0: done; ", line)]
    assert not in_use(out)


def test_an_interrupted_training_says_how_to_go_on(tmp_path):
    out = tmp_path / "with space"
    process = start("agents.train", "--agent", "grpo", "--out", str(out), *LONG)
    assert process.stderr.readline().startswith("grpo seed 0 step 1/5000 ")
    (last,) = interrupted(process)
    command = f"python -m agents.train --agent grpo --out '{out}' {' '.join(LONG)} --resume"
    steps = steps_done(out)
    assert last == f"interrupted: {out} holds its first {counted(steps, 'step')}, go on with: {command}"


def test_a_command_that_wrote_nothing_has_nothing_to_go_on_with(tmp_path):
    code = (
        "import pathlib, sys; from agents import command_line\n"
        "def command(argv):\n"
        "    with command_line.resumable(pathlib.Path(argv[0]), 'python -m x', argv):\n"
        "        raise KeyboardInterrupt\n"
        "command_line.main(command)"
    )
    begun = tmp_path / "begun"
    begun.mkdir()
    (begun / "metrics.csv").write_text("step,reward\n0,0.5\n1,0.5\n")
    for folder, said in (
        (tmp_path / "nothing", "interrupted\n"),
        (tmp_path, f"interrupted: {NOTHING.format(tmp_path)}\n"),
        (begun, f"interrupted: {begun} holds its first 2 steps, go on with: python -m x {begun} --resume\n"),
    ):
        command = [sys.executable, "-c", code, str(folder), *(["--resume"] if folder == begun else [])]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300)
        assert (done.returncode, done.stderr) == (130, said)


def test_untrained_evaluations_are_no_finished_runs(tmp_path):
    assert kept(tmp_path) == ""
    (tmp_path / "untrained").mkdir()
    for seed in range(2):
        (tmp_path / "untrained" / f"seed{seed}.json").write_text("{}")
    assert kept(tmp_path) == "2 evaluations of the untrained model"
    for seed, name in enumerate(("metrics.csv", "result.json")):
        folder = tmp_path / "runs" / "grpo" / f"seed{seed}"
        folder.mkdir(parents=True)
        (folder / name).write_text("")
    assert kept(tmp_path) == "1 finished run and the first steps of 1 run"
