"""The processor time that work takes, to be held against a limit."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Iterator


class Spent:
    """Seconds of this thread's processor time."""

    seconds = 0.0


@contextlib.contextmanager
def cpu_time() -> Iterator[Spent]:
    """Measure what the context takes: neither what other processes and threads do, nor a walk of the garbage collector.

    That walk is over all that the tests before have left in the process, which can be a second of it.
    """
    spent, collects = Spent(), gc.isenabled()
    gc.disable()
    start = time.thread_time()
    try:
        yield spent
    finally:
        spent.seconds = time.thread_time() - start
        if collects:
            gc.enable()
