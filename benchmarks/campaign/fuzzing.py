"""What random and hostile answers cost a verifier: `fuzz`."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.campaign.hostile import answers
from verifiers import Reference, Status, Verifier
from verifiers.service import shared_pool

BATCH = 10_000
LATE = 1.0
"""Seconds of CPU above which a verdict is late."""
STOP_S = 5.0
"""Seconds of CPU after which a verdict is stopped; it counts with as many."""
TIMEOUT_S = 0.8
"""Seconds that a worker has worked which was stopped at its limit, that of `AnswerVerifier`."""


@dataclasses.dataclass
class Found:
    """What fuzzing found.

    Attributes:
        answers: judged so far.
        statuses: how many of each.
        correct: how many were right.
        raised: what the verifier raised or reported as its own failure, with a response.
        executed: responses after whose batch the file of the payloads was there.
        late: (seconds, response, gold) of verdicts above `LATE`.
        seconds: CPU of each verdict, the workers' included.
        slowest: (seconds, response, gold).

    """

    answers: int = 0
    statuses: Counter[str] = dataclasses.field(default_factory=Counter)
    correct: int = 0
    raised: dict[str, tuple[str, str]] = dataclasses.field(default_factory=dict)
    executed: int = 0
    late: list[tuple[float, str, str]] = dataclasses.field(default_factory=list)
    seconds: list[float] = dataclasses.field(default_factory=list)
    slowest: tuple[float, str, str] = (0.0, "", "")

    def figures(self) -> dict[str, Any]:
        """Return what the file holds."""
        ordered = sorted(self.seconds)
        return {
            "answers": self.answers,
            "statuses": dict(sorted(self.statuses.items())),
            "correct": self.correct,
            "raised": self.raised,
            "executed": self.executed,
            "over_1_s": len(self.late),
            "late": self.late[:20],
            "mean_ms": 1e3 * sum(ordered) / len(ordered),
            "p99_ms": 1e3 * ordered[int(len(ordered) * 0.99)],
            "max_ms": 1e3 * ordered[-1],
            "slowest": self.slowest,
        }


def fuzz(verifier: Verifier, count: int, seed: int, told: Callable[[Found], None]) -> Found:
    """Judge random and hostile answers.

    Args:
        verifier: judges them.
        count: how many.
        seed: of the answers.
        told: is called after every `BATCH` of them, and at the end.

    """
    verifier.warm_up()
    found, meter = Found(), WorkerMeter()
    meter.settle()
    with tempfile.TemporaryDirectory() as folder:
        mark = Path(folder) / "mark"
        for response, reference in answers(count, seed, str(mark)):
            _judge(verifier, response, reference, found, meter)
            if mark.exists():
                found.executed += 1
                mark.unlink()
            if found.answers % BATCH == 0 or found.answers == count:
                told(found)
    return found


def _judge(verifier: Verifier, response: str, reference: Reference, found: Found, meter: WorkerMeter) -> None:
    found.answers += 1
    calls, began, started = meter.calls(), time.thread_time(), time.perf_counter()
    try:
        with stopped(STOP_S):
            verdict = verifier.verify(response, reference)
    except TooLate:
        found.statuses["stopped"] += 1
        found.late.append((STOP_S, response[:300], reference.answer))
        found.seconds.append(STOP_S)
        found.slowest = max(found.slowest, found.late[-1])
        return
    except Exception as error:  # what fuzzing looks for
        found.raised.setdefault(f"{type(error).__name__}: {error}"[:200], (response[:300], reference.answer))
        found.statuses["raised"] += 1
        return
    seconds, passed = time.thread_time() - began, time.perf_counter() - started
    if verdict.status is Status.TIMEOUT:
        seconds += TIMEOUT_S
        meter.settle()
    elif meter.calls() > calls:
        seconds += min(meter.spent(), passed)  # a worker's start is of no verdict
    found.seconds.append(seconds)
    told = (seconds, response[:300], reference.answer)
    found.slowest = max(found.slowest, told)
    if seconds > LATE:
        found.late.append(told)
    found.statuses[verdict.status.value] += 1
    found.correct += verdict.correct
    if verdict.status is Status.ERROR:
        found.raised.setdefault(verdict.feedback[:200], (response[:300], reference.answer))


class TooLate(BaseException):
    """A verdict was stopped; no `Exception`, so that no verifier takes it for a failure of its own."""


@contextlib.contextmanager
def stopped(seconds: float) -> Iterator[None]:
    """Stop what runs within after so many seconds of this process's CPU. In the main thread only.

    Raises:
        TooLate: it was stopped.

    """

    def stop(*_: object) -> None:
        raise TooLate

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


class WorkerMeter:
    """CPU seconds of this process's worker processes (Linux; elsewhere none are seen)."""

    def __init__(self) -> None:
        self._seen: dict[int, float] = {}

    def calls(self) -> int:
        """Return how many calls workers have done."""
        return shared_pool().stats()["calls"]

    def spent(self) -> float:
        """Return the seconds since the last call of the processes that were there then and are still."""
        now = _children()
        spent = sum(seconds - self._seen[pid] for pid, seconds in now.items() if pid in self._seen)
        self._seen = now
        return spent

    def settle(self) -> None:
        """Wait, for at most 20 s, until all workers have started and none works."""
        for _ in range(40):
            self.spent()
            time.sleep(0.5)
            if self.spent() < 0.02:
                break


def _children() -> dict[int, float]:
    """Return the CPU seconds of the direct children, by process."""
    found: dict[int, float] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[1]) == os.getpid():
            found[int(entry.parent.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found
