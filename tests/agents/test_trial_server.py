"""Worker processes come from a server that has imported torch; on a GPU from nothing."""

from __future__ import annotations

import os
import sys

from agents.runs.display import display
from agents.trials import server
from agents.trials.local import LocalPool


def seen():
    """Return what a worker finds when it begins, before a trial imports anything."""
    import torch

    return {
        "modules": sorted({"agents.experiment", "transformers"} & set(sys.modules)),
        "cuda": torch.cuda.is_initialized(),
        "parent": os.getppid(),
    }


def test_a_worker_begins_with_everything_imported_and_a_gpu_untouched():
    server.start("cpu")
    with display({}, (), quiet=True) as board:
        found = LocalPool(2).run_all({"one": (seen, ()), "two": (seen, ())}, board).results
    for worker in found.values():
        assert worker["modules"] == ["agents.experiment", "transformers"]
        assert not worker["cuda"]
        assert worker["parent"] != os.getpid()  # it is the server's child
    assert found["one"]["parent"] == found["two"]["parent"]


def test_workers_on_a_gpu_are_spawned():
    assert server.context("cuda").get_start_method() == "spawn"
    assert server.context("cpu").get_start_method() == "forkserver"
