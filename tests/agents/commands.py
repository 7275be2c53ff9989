"""What tests of the command lines share: small budgets, commands in this process or their own, and what they write."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import gymnasium
import pytest

from agents import command_line, compare, experiment
from agents.trials import server
from agents.trials.local import Finished, failure, send_reports_to
from tests.conftest import ROOT

SMALL = "--steps 4 --prompts-per-step 3 --group-size 4 --eval-tasks 6 --eval-samples 2 --checkpoint-every 1".split()


def run(module, *argv, cwd=ROOT, check=True, timeout=900):
    """Run a command as a user does; Python, torch and transformers are started for it: seconds."""
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", module, *map(str, argv)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=env, timeout=timeout)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def leave_at(step, monkeypatch):
    """Have a training in this process exit with 9 when the rollouts of a step are there, before its update."""
    metrics = experiment.batch_metrics

    def leave(batch, world):
        if batch.step == step:
            sys.exit(9)
        return metrics(batch, world)

    monkeypatch.setattr(experiment, "batch_metrics", leave)


def call(module, *argv, cwd=ROOT, check=True, workers=False):
    """Run a command of `agents` in this process, through its console script.

    Args:
        module: e.g. agents.train.
        argv: its arguments.
        cwd: the folder that it is started in, whose modules it may import.
        check: whether it must succeed.
        workers: whether a comparison's trials get worker processes.

    Returns:
        Exit code and output, as of `run`.

    """
    out, err, code = io.StringIO(), io.StringIO(), 0
    known = set(gymnasium.registry)
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.setattr(sys, "argv", [module, *map(str, argv)])
        patch.setattr(sys, "path", [*sys.path])
        patch.setattr(command_line, "end", lambda: None)
        if not workers:
            patch.setattr(compare, "LocalPool", Here)
            patch.setattr(server, "start", lambda device: None)
        try:
            importlib.import_module(module).entry()
        except SystemExit as stop:
            code = stop.code or 0
        finally:
            forget(Path(cwd), known)
    assert not check or code == 0, out.getvalue() + err.getvalue()
    return subprocess.CompletedProcess([module, *argv], code, out.getvalue(), err.getvalue())


def algorithm(name, *credit):
    """Write a module with an algorithm of the user's own.

    Args:
        name: of the class; in lower case the algorithm's.
        credit: the lines of its hook.

    """
    lines = "".join(f"        {line}\n" for line in credit)
    return f'''
from dataclasses import dataclass
from typing import ClassVar

from agents import Algorithm, Credit


@dataclass(frozen=True)
class {name}(Algorithm):
    name: ClassVar[str] = "{name.lower()}"

    def credit(self, signals):
{lines}'''


class Here:
    """A pool of trials that has them run in this process, one after the other."""

    def __init__(self, jobs, retries, device):
        self.device = device

    def run_all(self, tasks, board):
        """Run named tasks; see `agents.trials.local.Pool`."""
        send_reports_to(board)
        results = {}
        for name, (function, arguments) in tasks.items():
            try:
                results[name] = function(*arguments)
            except Exception as error:
                raise failure(name, error) from error
            board.done(name)
        return Finished(results, {})


def forget(folder, known):
    """Take back the modules of a folder that were imported, and the environments beside the known ones."""
    if folder == ROOT:
        return
    for name, module in [*sys.modules.items()]:
        if (getattr(module, "__file__", None) or "").startswith(f"{folder}{os.sep}"):
            del sys.modules[name]
    for id in set(gymnasium.registry) - known:
        del gymnasium.registry[id]
    importlib.invalidate_caches()


def outcome(folder):
    """Return what must be the same bytes for the same command: metrics, models, and results without the seconds."""
    tables = sorted([*folder.rglob("metrics.csv"), *folder.rglob("evaluations.csv")])
    found = {str(path.relative_to(folder)): path.read_bytes() for path in tables}
    for path in sorted([*folder.rglob("result.json"), *folder.rglob("results.json")]):
        record = json.loads(path.read_text())
        record.pop("seconds", None)
        record.pop("timing", None)
        found[str(path.relative_to(folder))] = json.dumps(record).encode()
    for path in sorted(folder.rglob("model.safetensors")):
        found[str(path.relative_to(folder))] = path.read_bytes()
    assert any(name.endswith("metrics.csv") for name in found)
    return found
