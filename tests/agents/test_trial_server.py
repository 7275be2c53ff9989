"""Worker processes come from a server that has imported torch; on a GPU from nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys

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
    """Print what two workers find, as a command of its own."""
    server.start("cpu")
    with display({}, (), quiet=True) as board:
        found = LocalPool(2).run_all({"one": (seen, ()), "two": (seen, ())}, board).results
    print(json.dumps([os.getpid(), found]))


def test_a_worker_begins_with_everything_imported_and_a_gpu_untouched():
    """In a process of its own: a server of this one may be of another test's making."""
    command = [sys.executable, "-c", "from tests.agents.test_trial_server import measure; measure()"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300, check=True)
    parent, found = json.loads(done.stdout.splitlines()[-1])
    for worker in found.values():
        assert worker["modules"] == ["agents.experiment", "transformers"]
        assert not worker["cuda"]
        assert worker["parent"] != parent  # it is the server's child
    assert found["one"]["parent"] == found["two"]["parent"]


def test_workers_on_a_gpu_are_spawned():
    assert server.context("cuda").get_start_method() == "spawn"
    assert server.context("cpu").get_start_method() == "forkserver"
