"""The one pool of a process for what the library itself does in workers: symbolic comparisons."""

from __future__ import annotations

import os
import threading

from verifiers.service.pool import WorkerPool
from verifiers.service.protocol import in_worker

PRELOAD = ("verifiers.expressions.symbolic",)
SETUP = ("verifiers.expressions.symbolic:warm_up",)

_lock = threading.Lock()
_pool: WorkerPool | None = None


def shared_pool() -> WorkerPool:
    """The process's pool for symbolic comparisons, whose workers have imported sympy; made when first asked for.

    Ask for it each time and do not keep it, so that `configure` takes effect.

    Raises:
        RuntimeError: this process is a worker itself, whose own limits hold already; see `in_worker`.

    """
    global _pool
    if in_worker():
        raise RuntimeError("this process is a worker of a WorkerPool; do the work directly where in_worker() is true")
    with _lock:
        if _pool is None:
            _pool = WorkerPool(preload=PRELOAD, setup=SETUP)
        return _pool


def configure(*, workers: int | None = None, seconds: float | None = None, memory_mb: int | None = None) -> None:
    """Set the limits of the shared pool, best before its first use.

    A pool that is in use is closed, with an error outcome for the calls that are not done, and made anew.

    Args:
        workers: how many processes; None leaves it as it is.
        seconds: the limit of a call; None leaves it as it is.
        memory_mb: MiB of address space for a worker's calls; None leaves it as it is.

    Raises:
        ValueError: a number is out of range; the pool stays as it is.

    """
    global _pool
    old = shared_pool()
    new = WorkerPool(
        workers=old.workers if workers is None else workers,
        seconds=old.seconds if seconds is None else seconds,
        memory_mb=old.memory_mb if memory_mb is None else memory_mb,
        preload=PRELOAD,
        setup=SETUP,
    )
    with _lock:
        _pool = new
    old.close()


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
