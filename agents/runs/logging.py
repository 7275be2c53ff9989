"""The metrics of a run, written through Stable-Baselines3's logger in the formats that `--log` names.

What a run's files hold is a function of its rows: a resumed run begins by writing those of its checkpoint again, and so
ends with the files of one that never stopped. A tracker gets those of them that it lacks.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from stable_baselines3.common.logger import (
    HumanOutputFormat,
    JSONOutputFormat,
    KVWriter,
    Logger,
    TensorBoardOutputFormat,
)

from agents.options.commands import TrainOptions
from agents.runs.records import accuracies
from agents.runs.storage import write_csv
from agents.runs.trackers import open_trackers

Row = dict[str, float]


class MetricsTable(KVWriter):
    """metrics.csv, written whole: the columns are those of all rows, whenever they first appear."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[Row] = []

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        """Take a row; `save` writes it."""
        self.rows.append(dict(key_values))

    def close(self) -> None:
        """Do nothing: no file is open between writes."""

    def save(self) -> None:
        """Write all rows."""
        write_csv(self.path, self.rows)


class TitledTable(HumanOutputFormat):
    """Tables on the terminal that name the run and cut no key short, since keys that are cut may collide."""

    def __init__(self, title: str) -> None:
        super().__init__(sys.stdout)
        self.title = title

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        """Print one step's values."""
        indent = 3  # of what stands under a heading "name/"
        self.max_length = max(len(self.title), *(len(key) + indent for key in key_values))
        super().write({"run": self.title} | key_values, {"run": ()} | key_excluded, step)


class RunLog:
    """The metrics of one run, as a context: where it ends with an error, trackers have a run that failed.

    Args:
        options: of the run, whose folder is claimed: metrics.csv, metrics.jsonl and tensorboard/ go there.
        writes: whether this process writes anything, of several that train together.

    Raises:
        ConfigurationError: a tracker can open no run.

    """

    def __init__(self, options: TrainOptions, writes: bool = True) -> None:
        self._folder, self._title = options.out, options.title
        self._formats: Sequence[str] = options.log if writes else ()
        self._table = MetricsTable(self._folder / "metrics.csv")
        self._trackers = open_trackers(options) if writes else []
        self._logger: Logger | None = None

    @property
    def rows(self) -> list[Row]:
        """All rows so far."""
        return self._table.rows

    def replay(self, rows: Sequence[Row]) -> None:
        """Begin with what an interrupted run had come to; files of earlier rows are written anew."""
        files: list[KVWriter] = [self._table, *self._trackers]
        if "json" in self._formats:
            files.append(JSONOutputFormat(str(self._folder / "metrics.jsonl")))
        if "tensorboard" in self._formats:
            events = self._folder / "tensorboard"
            if events.exists():
                shutil.rmtree(events)
            files.append(TensorBoardOutputFormat(str(events)))
        self._logger = Logger(folder=str(self._folder), output_formats=files)
        for row in rows:
            self.append(row)
        if "stdout" in self._formats:
            self._logger.output_formats.append(TitledTable(self._title))

    def append(self, row: Mapping[str, float]) -> None:
        """Log the metrics of a training step; `step` is one of them."""
        if self._logger is None:
            self.replay(())
        assert self._logger is not None  # made there
        for name, value in row.items():
            self._logger.record(name, value)
        self._logger.dump(step=int(row["step"]))

    def save(self) -> None:
        """Write metrics.csv."""
        self._table.save()

    def conclude(self, outcome: Mapping[str, Any]) -> None:
        """Tell trackers the accuracies that the run has come to, as of the step after the last; see `accuracies`."""
        step = int(self.rows[-1]["step"]) + 1 if self.rows else 0
        for tracker in self._trackers:
            tracker.write(accuracies(outcome), {}, step)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._logger is not None:
            self._logger.close()
        for tracker in self._trackers:
            tracker.finish(failed=kind is not None)
