"""What a pool consists of: a queue of jobs, and for each worker a thread, its lane, that feeds it."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from verifiers.service.protocol import Outcome, OutcomeKind, Settings, WorkerDied, WorkerStartError, describe

if TYPE_CHECKING:
    from verifiers.service.process import WorkerProcess

_LOG = logging.getLogger(__name__)

_START_ATTEMPTS = 3
_PAUSE_S = 1.0
_JOIN_S = 15.0
_CLOSED = "the pool was closed before the call was done"


@dataclass(eq=False)
class Job:
    """A pickled call on its way; `future` gets its one outcome."""

    call: bytes
    seconds: float
    future: Future[Outcome] = field(default_factory=Future)


class Core:
    """The queue, the lanes and the counters. It knows no `WorkerPool`, so that a forgotten pool can be collected.

    Args:
        workers: how many lanes.
        settings: of every worker.

    """

    def __init__(self, workers: int, settings: Settings) -> None:
        self.settings = settings
        self.closed = False
        self._workers = workers
        self._empty()
        _CORES.add(self)

    def _empty(self) -> None:
        self.condition = threading.Condition()
        self.counts: Counter[str] = Counter()
        self._jobs: deque[Job] = deque()
        self._lanes: list[_Lane] = []

    def put(self, jobs: Sequence[Job]) -> None:
        """Queue jobs; the first ones start the lanes.

        Raises:
            RuntimeError: the pool is closed.

        """
        with self.condition:
            if self.closed:
                raise RuntimeError("this WorkerPool is closed; make a new one, or close it later")
            while len(self._lanes) < self._workers:
                lane = _Lane(self)
                lane.thread.start()
                self._lanes.append(lane)
            self._jobs.extend(jobs)
            self.condition.notify_all()

    def wait_for_job(self) -> bool:
        """Wait until a job is queued; False when the pool is closed."""
        with self.condition:
            self.condition.wait_for(lambda: self._jobs or self.closed)
            return not self.closed

    def take(self) -> Job | None:
        """The next job that nobody has cancelled; None where others were faster."""
        with self.condition:
            while self._jobs:
                job = self._jobs.popleft()
                if job.future.set_running_or_notify_cancel():
                    return job
        return None

    def pause(self) -> None:
        """Wait a little, or until the pool is closed."""
        with self.condition:
            self.condition.wait_for(lambda: self.closed, _PAUSE_S)

    def count(self, what: str) -> None:
        """Count one of what `WorkerPool.stats` reports."""
        with self.condition:
            self.counts[what] += 1

    def finish(self, job: Job, outcome: Outcome) -> None:
        """Hand over the one outcome of a job."""
        with self.condition:
            self.counts["calls"] += 1
            if outcome.kind is not OutcomeKind.DONE:
                self.counts["timeouts" if outcome.kind is OutcomeKind.TIMEOUT else "errors"] += 1
        job.future.set_result(outcome)

    def no_worker(self, lane: _Lane, message: str) -> bool:
        """A lane has no worker. The queued jobs fail if no other lane has, or is starting, one either.

        Args:
            lane: whose worker could not be started.
            message: why.

        Returns:
            Whether they failed.

        """
        with self.condition:
            lane.stuck = True
            if not all(other.stuck for other in self._lanes):
                return False
        self._fail_queued(message)
        return True

    def _fail_queued(self, message: str) -> None:
        while (job := self.take()) is not None:
            self.finish(job, Outcome(OutcomeKind.ERROR, message=message))

    def close(self) -> None:
        """End all workers and lanes; what is queued or running ends with an error outcome."""
        with self.condition:
            self.closed = True
            self.condition.notify_all()
            lanes = list(self._lanes)
        for lane in lanes:
            lane.kill()
        self._fail_queued(_CLOSED)
        threads = [lane.thread for lane in lanes]
        if threading.current_thread() not in threads:  # a lane that collects garbage may be the one that closes
            for thread in threads:
                thread.join(_JOIN_S)

    def after_fork(self) -> None:
        """Start afresh in a forked child: the workers and the threads belong to the parent."""
        lanes = self._lanes
        self._empty()
        for lane in lanes:
            lane.forget()


class _Lane:
    """One thread and the worker process that it starts, feeds, kills and replaces.

    The thread lives as long as the pool, as PR_SET_PDEATHSIG in its worker needs.
    """

    def __init__(self, core: Core) -> None:
        self.stuck = False
        self.thread = threading.Thread(target=self._run, name="verifiers-worker", daemon=True)
        self._core = core
        self._worker: WorkerProcess | None = None
        self._started = 0

    def kill(self) -> None:
        """Kill the worker, from any thread; the lane notices."""
        worker = self._worker
        if worker is not None:
            worker.kill()

    def forget(self) -> None:
        """Let go of the worker in a forked child."""
        if self._worker is not None:
            self._worker.forget()

    def _run(self) -> None:
        while not self._core.closed:
            if self._worker is None and not self._try_start():
                continue
            if self._core.wait_for_job():
                self._serve_next()
        self._drop()

    def _try_start(self) -> bool:
        try:
            self._start()
        except Exception as error:
            if self._core.closed:
                return False
            message = str(error) if isinstance(error, WorkerStartError) else f"the pool failed ({describe(error)})"
            _LOG.error("%s", message)
            failed = self._core.no_worker(self, message)
            if self._core.wait_for_job() and not failed:
                self._core.pause()
            return False
        self.stuck = False
        return True

    def _start(self) -> None:
        from verifiers.service.process import WorkerProcess  # not needed by a process that only imports this one

        for attempt in range(_START_ATTEMPTS):
            if self._started:
                self._core.count("restarts")
            self._started += 1
            worker = self._worker = WorkerProcess(self._core.settings)
            if self._core.closed:
                worker.kill()
            try:
                worker.wait_ready()
                return
            except WorkerStartError as error:
                self._worker = None
                if self._core.closed or not error.killed or attempt + 1 == _START_ATTEMPTS:
                    raise

    def _serve_next(self) -> None:
        if self._worker is None or not self._worker.quiet():
            self._drop()
            return
        job = self._core.take()
        if job is None:
            return
        try:
            outcome = self._serve(job)
        except Exception as error:
            _LOG.exception("the pool failed on a call")
            self._drop()
            outcome = Outcome(OutcomeKind.ERROR, message=f"the pool failed ({describe(error)})")
        self._core.finish(job, outcome)

    def _serve(self, job: Job) -> Outcome:
        died = ""
        while True:
            try:
                if self._worker is None:
                    self._start()
                assert self._worker is not None
                outcome, usable = self._worker.run(job.call, job.seconds)
                if not usable:
                    self._drop()
                return outcome
            except (WorkerDied, WorkerStartError) as error:
                self._worker = None
                if self._core.closed:
                    return Outcome(OutcomeKind.ERROR, message=_CLOSED)
                if isinstance(error, WorkerStartError):
                    return Outcome(OutcomeKind.ERROR, message=f"the call's worker died ({died}), and then {error}")
                if died:
                    message = f"the call's worker died ({died}), and so did a fresh one that tried again ({error})"
                    return Outcome(OutcomeKind.ERROR, message=message)
                died = str(error)
                self._core.count("retries")

    def _drop(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.retire()


_CORES: weakref.WeakSet[Core] = weakref.WeakSet()


def _after_fork() -> None:
    for core in _CORES:
        core.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
