"""Where worker processes come from: a server that has imported torch and transformers, or, on a GPU, from nothing.

The imports take about ten seconds of a core. A server does them once, beside the checks of the parent, and each worker
is a fork of it. A driver that was asked before a fork is unusable after it, so that workers on a GPU are spawned.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path

IMPORTED = "agents.trials.imported"
"""The module that the server imports."""
POLL_SECONDS = 0.2


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


@contextlib.contextmanager
def ends_with_parent() -> Iterator[None]:
    """Have this process end with its parent within the context, which the server spends on imports.

    A server looks for its parent between forks. Until its first one, it would outlive an interrupted command by all of
    its imports, and whoever reads what the command prints would wait for it.
    """
    parent, done = os.getppid(), threading.Event()

    def follow() -> None:
        while not done.wait(POLL_SECONDS):
            if os.getppid() != parent:
                os._exit(1)

    following = threading.Thread(target=follow, daemon=True)
    following.start()
    try:
        yield
    finally:
        done.set()
        following.join()  # who forks has no other thread


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
