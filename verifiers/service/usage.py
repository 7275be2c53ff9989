"""`Usage`: what a worker has used of its limit, so that no verdict depends on how busy the machine is."""

from __future__ import annotations

import contextlib
import time

from verifiers.waiting import waited

_LONGEST = 10.0
_FAR_OFF_S = 600.0
_SHORTEST_S = 0.005


class Usage:
    """The time of its own that a process uses from now on.

    That is its processor time, and the time for which it sleeps. What it waits for a processor is nobody's. Where the
    system does not tell another process's times (it is not Linux), the wall clock counts, at a tenth of its pace.

    Args:
        pid: the process.

    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._began = time.monotonic()
        self._busy = _processor_time(pid)
        self._waited = waited(pid)

    def seconds_left(self, limit: float) -> float:
        """For how long, at least, the process cannot have used up a limit; 0.0 where it has.

        Args:
            limit: seconds of its own.

        """
        passed = time.monotonic() - self._began
        busy = _processor_time(self._pid)
        if busy is None or self._busy is None:
            return max(0.0, _LONGEST * limit - passed)
        busy -= self._busy
        asleep = passed - busy - (waited(self._pid) - self._waited)
        is_up = busy >= limit or (asleep >= limit and _sleeps(self._pid)) or passed >= _FAR_OFF_S + _LONGEST * limit
        return 0.0 if is_up else max(_SHORTEST_S, limit - max(busy, asleep))


def _processor_time(pid: int) -> float | None:
    """Seconds of processor time of a process, all its threads together; None where nobody tells."""
    with contextlib.suppress(OSError, OverflowError):
        return time.clock_gettime((~pid << 3) | 2)  # clock_getcpuclockid(3) of Linux
    return None


def _sleeps(pid: int) -> bool:
    """Whether a process waits for something else than a processor or a disk."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()[:1] == [b"S"]
    return False
