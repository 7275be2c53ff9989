"""Worker processes come from a server that has imported torch and heeds no interrupt; on a GPU from nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from multiprocessing import forkserver

from agents.runs.display import display
from agents.trials import server
from agents.trials.local import LocalPool
from tests.conftest import ROOT


def seen():
    """Return what a worker finds when it begins, before a trial imports anything."""
    modules = sorted({"agents.experiment", "transformers"} & set(sys.modules))
    import torch

    return {"modules": modules, "cuda": torch.cuda.is_initialized(), "parent": os.getppid()}


def measure():
    """Print what two workers find, as a command of its own; the server is interrupted as soon as it is there."""
    server.start("cpu")
    interrupted = int(forkserver._forkserver._forkserver_pid)
    os.kill(interrupted, signal.SIGINT)
    with display({}, (), quiet=True) as board:
        found = LocalPool(2).run_all({"one": (seen, ()), "two": (seen, ())}, board).results
    print(json.dumps([interrupted, found]))


def test_a_worker_begins_with_everything_imported_and_no_interrupt_ends_its_server():
    """In a process of its own: a server of this one may be of another test's making."""
    command = [sys.executable, "-c", "from tests.agents.test_trial_server import measure; measure()"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300, check=True)
    interrupted, found = json.loads(done.stdout.splitlines()[-1])
    for worker in found.values():
        assert worker["modules"] == ["agents.experiment", "transformers"]
        assert not worker["cuda"]
        assert worker["parent"] == interrupted  # a child of that server, which an interrupt did not end
    assert not done.stderr


NEVER_DONE = """
import time
from agents.trials.server import ends_with_parent
with ends_with_parent():
    while True:
        time.sleep(0.1)
"""


def leave():
    """Leave while the server imports, as an interrupted command does."""
    server.IMPORTED = "never_done"
    server.start("cpu")
    print(forkserver._forkserver._forkserver_pid, flush=True)


def test_a_server_that_still_imports_ends_with_its_command(tmp_path):
    """What reads the command's output comes to its end only when the server has closed it."""
    (tmp_path / "never_done.py").write_text(NEVER_DONE, "utf-8")
    command = [sys.executable, "-c", "from tests.agents.test_trial_server import leave; leave()"]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=env) as process:
        number = int(process.stdout.readline())
        try:
            assert process.communicate(timeout=300) == ("", None)
        except subprocess.TimeoutExpired:
            os.kill(number, signal.SIGKILL)
            raise


def test_workers_on_a_gpu_are_spawned():
    assert server.context("cuda").get_start_method() == "spawn"
    assert server.context("cpu").get_start_method() == "forkserver"
