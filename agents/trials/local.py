"""Trials in worker processes of this machine, which die with their parent.

An interrupt from the keyboard reaches all processes of a command. Workers do not heed it: the parent ends them, at
once, and nothing but the parent speaks of it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import wait as wait_for_handles
from typing import Any, Protocol

from agents import faults
from agents.runs.board import Board
from agents.runs.progress import Progress
from agents.trials import server
from rlsd_env.errors import ConfigurationError

POLL_SECONDS = 0.5
Tasks = Mapping[str, tuple[Callable[..., Any], tuple[Any, ...]]]
"""For each name a function that a worker can import, and its arguments."""


class StoppedError(Exception):
    """Another trial failed; this one stops between two steps and can be resumed."""


_send: Callable[[Progress], None] | None = None


def report(progress: Progress) -> None:
    """Send a progress report from a worker to the parent's board.

    Raises:
        StoppedError: the parent has asked all trials to stop.

    """
    assert _send is not None, "only a worker of a pool can report"
    _send(progress)


def send_reports_to(send: Callable[[Progress], None]) -> None:
    """Say where `report` sends to in this process; `send` raises `StoppedError` once the trial should stop."""
    global _send
    _send = send


@dataclass(frozen=True)
class Finished:
    """What became of the tasks.

    Attributes:
        results: by name, in the order of the tasks.
        lost: how often each task's worker was lost; those that never lost one are not in it.

    """

    results: dict[str, Any]
    lost: dict[str, int]


class Pool(Protocol):
    """What runs the trials of a comparison."""

    @property
    def device(self) -> str:
        """Where trials run: cpu or cuda."""

    def run_all(self, tasks: Tasks, board: Board) -> Finished:
        """Run named tasks, and tell the board of them.

        Raises:
            ConfigurationError: a task could not use an option; the message names the task.
            RuntimeError: a task failed otherwise; the message names it. The others stop after their current step.

        """


def failure(name: str, error: BaseException) -> Exception:
    """Return the error that the command ends with where a task has failed."""
    if isinstance(error, ConfigurationError):
        return ConfigurationError(f"{name}: {error}")
    failed = RuntimeError(f"{name} failed: {error}")
    if told := faults.place(error):
        failed.add_note(f"{faults.MARK}{name}: {told}")
    return failed


class LocalPool:
    """Tasks in processes of this machine.

    Args:
        jobs: how many at a time.
        retries: how often a task is started again whose worker was lost.
        device: where they run.

    """

    def __init__(self, jobs: int, retries: int = 0, device: str = "cpu") -> None:
        self.device = device
        self._jobs = jobs
        self._retries = retries

    def run_all(self, tasks: Tasks, board: Board) -> Finished:
        """Run named tasks; see `Pool.run_all`."""
        results: dict[str, Any] = {}
        lost: Counter[str] = Counter()
        while left := {name: task for name, task in tasks.items() if name not in results}:
            if interrupted := self._run(left, results, board):
                lost.update(interrupted)
                worst = max(interrupted, key=lambda name: lost[name])
                if lost[worst] > self._retries:
                    board.failed(worst)
                    raise RuntimeError(
                        f"{worst} failed: a worker was killed {lost[worst]} times while it ran (out of memory?); "
                        "--resume continues from the checkpoints, --jobs 1 has one at a time"
                    )
                for name in interrupted:
                    board.lost(name)
                board.say(f"a worker was killed; again from the checkpoint: {'; '.join(interrupted)}")
        return Finished({name: results[name] for name in tasks}, dict(lost))

    def _run(self, tasks: Tasks, results: dict[str, Any], board: Board) -> list[str]:
        """Run tasks until they are done or a worker is lost, which takes the others with it; name those that ran."""
        context = server.context(self.device)
        reports: Any = context.Queue()  # a new one each time: a killed worker may have held its lock
        stop = context.Event()
        arguments = (reports, stop)
        with (
            _ended() as kill,
            ProcessPoolExecutor(self._jobs, mp_context=context, initializer=_start_worker, initargs=arguments) as pool,
        ):
            try:
                with server.deaf_to_interrupts():
                    futures: dict[Future[Any], str] = {
                        pool.submit(function, *args): name for name, (function, args) in tasks.items()
                    }
                waiting = set(futures)
                while waiting:
                    done, waiting = wait(waiting, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
                    _drain(reports, board)
                    for future, name in futures.items():
                        if future not in done:  # a set: those that ended together are told of in the order of the tasks
                            continue
                        try:
                            results[name] = future.result()
                        except BrokenProcessPool:
                            continue  # as all that have not ended
                        except Exception as error:  # of any trial, whose name it gets
                            board.failed(name)
                            raise failure(name, error) from error
                        board.done(name)
                _drain(reports, board)
            except BaseException as error:
                stop.set()
                if not isinstance(error, Exception):  # an interrupt: nobody waits
                    kill()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return [name for name in tasks if name not in results][: self._jobs]  # they start in this order


@contextlib.contextmanager
def _ended() -> Iterator[Callable[[], None]]:
    """Have the processes that are started within the context end with it at the latest; what kills them is returned.

    One that is starting does not follow its parent yet, and would complain of what the parent has taken away.
    """
    others = set(multiprocessing.active_children())

    def kill() -> None:
        for process in set(multiprocessing.active_children()) - others:
            process.kill()

    try:
        yield kill
    finally:
        kill()


def _start_worker(reports: Any, stop: Any) -> None:
    reports.cancel_join_thread()  # a worker must be able to end while nobody reads its reports
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow_parent() -> None:
        wait_for_handles([parent.sentinel])
        os._exit(1)  # the parent was killed: nobody waits for a result, and a resumed run wants the files

    def send(progress: Progress) -> None:
        if stop.is_set():
            raise StoppedError
        reports.put(progress)

    threading.Thread(target=follow_parent, daemon=True).start()
    send_reports_to(send)


def _drain(reports: Any, board: Board) -> None:
    while True:
        try:
            board(reports.get_nowait())
        except queue.Empty:
            return
