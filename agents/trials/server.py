"""Where worker processes come from: a server that has imported torch and transformers, or, on a GPU, from nothing.

The imports take about ten seconds of a core. A server does them once, beside the checks of the parent, and each worker
is a fork of it. A driver that was asked before a fork is unusable after it, so that workers on a GPU are spawned.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Iterator
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path

IMPORTED = "agents.trials.imported"
"""The module that the server imports."""


def start(device: str) -> None:
    """Have the server import, and do not wait for it; nothing happens where a GPU may be used.

    Args:
        device: auto, cpu or cuda.

    """
    if device == "cpu" or (device == "auto" and not any(Path("/dev").glob("nvidia[0-9]*"))):
        _preload()
        with deaf_to_interrupts():
            forkserver.ensure_running()


@contextlib.contextmanager
def deaf_to_interrupts() -> Iterator[None]:
    """Have the processes that are started here never see an interrupt; this one sees it afterwards."""
    resource_tracker.ensure_running()  # where this starts it, it unblocks the signal afterwards
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def context(device: str) -> ForkServerContext | SpawnContext:
    """Return what starts workers.

    Args:
        device: where they run: cpu or cuda.

    """
    if device == "cuda":
        return multiprocessing.get_context("spawn")
    _preload()
    return multiprocessing.get_context("forkserver")


def _preload() -> None:
    multiprocessing.set_forkserver_preload([IMPORTED])
