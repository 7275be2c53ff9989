"""What runs on a cluster: a trial in a worker of some node, and the actor on the head node that takes its reports."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agents.runs.progress import Progress
from agents.runs.storage import InUseError
from agents.trials import local as pool
from agents.trials.local import StoppedError
from agents.trials.ray_preflight import enter, is_held
from rlsd_env.errors import ConfigurationError

ANSWER_SECONDS = 60.0
"""How long a trial waits for the driver's answer after a step; below the time that a file system keeps a lock."""
LOCK_SECONDS = 180.0
"""How long a retry waits for the lock of a copy that was taken for lost; above that time."""


class Reports:
    """Where trials report to: an actor on the cluster's head node."""

    def __init__(self) -> None:
        self._current: dict[str, int] = {}
        self._begun: set[str] = set()
        self._unread: list[Progress | str] = []
        self._stopping = False

    def reopen(self) -> None:
        """Forget all trials."""
        self._current.clear()
        self._begun.clear()
        self._unread.clear()
        self._stopping = False

    def expect(self, name: str, attempt: int) -> None:
        """Turn away all other attempts at a trial from now on."""
        self._current[name] = attempt
        self._begun.discard(name)

    def report(self, name: str, attempt: int, progress: Progress | str | None) -> bool:
        """Take a report, a line to show, or only the question; return whether the attempt may go on."""
        if self._stopping or self._current.get(name) != attempt:
            return False
        self._begun.add(name)
        if progress is not None:
            self._unread.append(progress)
        return True

    def collect(self) -> list[Progress | str]:
        """Return the reports since the last time."""
        reports, self._unread = self._unread, []
        return reports

    def stop(self) -> set[str]:
        """Let no trial go on; return those that have begun."""
        self._stopping = True
        return self._begun


def run_trial(
    reports: Any, name: str, attempt: int, folder: str, driver: Path, task: tuple[Callable[..., Any], tuple[Any, ...]]
) -> Any:
    """Run an attempt at a trial in a worker of the cluster.

    Args:
        reports: handle of the `Reports`.
        name: the trial's name.
        attempt: which attempt it is.
        folder: the driver's current folder.
        driver: the lock that the driver holds.
        task: what to run.

    Raises:
        ConfigurationError: the task could not use an option, or the node does not see the output folder.
        InUseError: the task's folder stays locked.
        StoppedError: the trial is to stop, or another attempt has taken its place.

    """
    import ray

    def tell(progress: Progress | str | None) -> None:
        if not ray.get(reports.report.remote(name, attempt, progress), timeout=ANSWER_SECONDS):
            raise StoppedError

    tell(None)
    enter(folder)
    if not is_held(driver):
        raise ConfigurationError(f"node {os.uname().nodename} does not see out {str(driver.parent)!r} and its lock")
    pool.send_reports_to(tell)
    function, arguments = task
    deadline = time.monotonic() + LOCK_SECONDS
    waiting = False
    while True:
        try:
            return function(*arguments)
        except InUseError as error:
            if time.monotonic() > deadline:
                raise
            tell(None if waiting else f"{name}: {error}")
            waiting = True
            time.sleep(1)
