"""A run of a tracker that follows a run of ours: what is sent when, and what becomes of a client's failures.

The run's folder keeps tracker-NAME.json: the id of the run there and how many steps it has been sent, so that a resumed
run goes on with it and sends no step twice.
"""

from __future__ import annotations

import abc
import sys
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar

from stable_baselines3.common.logger import KVWriter

from agents.options.commands import TrainOptions
from agents.runs.storage import read_json, write_json
from rlsd_env.errors import ConfigurationError, one_line


class Tracker(KVWriter, abc.ABC):
    """A run of a tracker.

    A client that fails once the run is open costs no training: there is one warning, and what has not been sent is sent
    once more at the end.

    Args:
        options: of the run; its folder is claimed.

    Raises:
        ConfigurationError: the client cannot open a run.

    """

    name: ClassVar[str]
    """The format in `--log`, and the package."""

    def __init__(self, options: TrainOptions) -> None:
        self._title = options.title
        self._note = options.out / f"tracker-{self.name}.json"
        noted = read_json(self._note) if self._note.exists() else {}
        self._id: str = noted.get("id", "")
        self._steps: int = noted.get("steps", 0)
        self._unsent: deque[tuple[int, int, dict[str, float]]] = deque()
        self._failed = False
        try:
            self._open(options)
        except Exception as error:  # of a client, which may be any
            raise ConfigurationError(
                f"log {self.name} can open no run: {one_line(error)}; mend that, or leave {self.name} out of --log, "
                "and --resume"
            ) from error
        self._write_note()

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        """Send a step's values, unless they have been sent."""
        if step < self._steps:
            return
        values = {name: float(value) for name, value in key_values.items() if name != "step"}
        self._unsent.append((step, time.time_ns() // 10**6, values))
        if not self._failed:
            self._send_all(f"training goes on, and {self.name} gets what it lacks at the end if it answers then")

    def close(self) -> None:
        """Do nothing: `finish` says how the run has ended."""

    def finish(self, *, failed: bool) -> None:
        """Close the run as one that has succeeded or failed."""
        if self._failed and failed:
            return  # a user who has interrupted the run does not wait for a host that may not answer
        self._send_all("metrics.csv has every step")
        if self._unsent:
            return
        try:
            self._close(failed)
        except Exception as error:  # costs no training
            self._warn(error, "metrics.csv has every step")

    def _send_all(self, then: str) -> None:
        try:
            while self._unsent:
                step, milliseconds, values = self._unsent[0]
                self._send(step, milliseconds, values)
                self._unsent.popleft()
                self._steps = step + 1
                self._write_note()
        except Exception as error:  # costs no training
            self._warn(error, then)

    def _warn(self, error: Exception, then: str) -> None:
        if not self._failed:
            print(f"warning: {self._title}: log {self.name}: {one_line(error)}; {then}", file=sys.stderr)
        self._failed = True

    def _write_note(self) -> None:
        write_json(self._note, {"id": self._id, "steps": self._steps})

    @abc.abstractmethod
    def _open(self, options: TrainOptions) -> None:
        """Open the run `_id`, or a new one where there is none; where the client knows better, correct `_steps`."""

    @abc.abstractmethod
    def _send(self, step: int, milliseconds: int, values: Mapping[str, float]) -> None:
        """Send a step's values, which are of that time since 1970."""

    @abc.abstractmethod
    def _close(self, failed: bool) -> None:
        """Close the run."""
