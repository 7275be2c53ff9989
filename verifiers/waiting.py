"""`waited`: how long a busy machine has kept a thread from running, which no limit of time should count."""

from __future__ import annotations

import os


def waited(pid: int | None = None) -> float:
    """Seconds that a thread was ready to run while others had the processors, since it began.

    Linux tells. Where nobody does it is 0.0, so that a limit is one of the wall clock.

    Args:
        pid: a process, of which the main thread is meant; None for the thread that calls.

    """
    try:
        fd = os.open("/proc/thread-self/schedstat" if pid is None else f"/proc/{pid}/schedstat", os.O_RDONLY)
        try:
            return int(os.read(fd, 100).split()[1]) / 1e9  # nanoseconds that it ran, that it waited, and how often
        finally:
            os.close(fd)
    except (OSError, ValueError, IndexError):
        return 0.0
