"""Runs in worker processes that die with their parent."""

from __future__ import annotations

import multiprocessing
import os
import queue
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing.connection import wait as wait_for_handles
from typing import Any

from agents.progress import Bar, Progress
from rlsd_env.errors import ConfigurationError

_reports: Any = None
_stop: Any = None
POLL_SECONDS = 0.5


class StoppedError(Exception):
    """Another run failed; this one stops between two steps and can be resumed."""


def _start_worker(reports: Any, stop: Any) -> None:
    global _reports, _stop
    _reports, _stop = reports, stop
    reports.cancel_join_thread()  # a worker must be able to end while nobody reads its reports
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow_parent() -> None:
        wait_for_handles([parent.sentinel])
        os._exit(1)  # the parent was killed: nobody waits for a result, and a resumed run wants the files

    threading.Thread(target=follow_parent, daemon=True).start()


def report(progress: Progress) -> None:
    """Send a progress report from a worker to the parent's bar.

    Raises:
        StoppedError: the parent has asked all runs to stop.

    """
    if _stop.is_set():
        raise StoppedError
    _reports.put(progress)


def run_all(tasks: Mapping[str, tuple[Callable[..., Any], tuple[Any, ...]]], jobs: int, bar: Bar) -> dict[str, Any]:
    """Run named tasks in `jobs` worker processes and return their results by name.

    Args:
        tasks: for each name a picklable function and its arguments.
        jobs: worker processes, started afresh (spawn).
        bar: receives what the workers report.

    Raises:
        ConfigurationError: a task could not use an option; the message names the task.
        RuntimeError: a task failed otherwise; the message names it. The others stop after their current step.

    """
    context = multiprocessing.get_context("spawn")
    reports: Any = context.Queue()
    stop = context.Event()
    results: dict[str, Any] = {}
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_start_worker, initargs=(reports, stop)) as pool:
        futures: dict[Future[Any], str] = {pool.submit(f, *args): name for name, (f, args) in tasks.items()}
        try:
            waiting = set(futures)
            while waiting:
                done, waiting = wait(waiting, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
                _drain(reports, bar)
                for future in done:
                    try:
                        results[futures[future]] = future.result()
                    except ConfigurationError as error:
                        raise ConfigurationError(f"{futures[future]}: {error}") from error
                    except Exception as error:
                        raise RuntimeError(f"{futures[future]} failed: {error}") from error
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        _drain(reports, bar)
    return {name: results[name] for name in tasks}


def _drain(reports: Any, bar: Bar) -> None:
    while True:
        try:
            bar(reports.get_nowait())
        except queue.Empty:
            return
