"""The metrics of a run, written through Stable-Baselines3's logger in the formats that `--log` names.

What a run's files hold is a function of its rows: a resumed run begins by writing those of its checkpoint again, and so
ends with the files of one that never stopped.
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

from agents.runs.storage import write_csv

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
    """The metrics of one run.

    Args:
        folder: where metrics.csv, metrics.jsonl and tensorboard/ go.
        formats: keys of `agents.options.commands.LOG_FORMATS`, "csv" among them.
        title: the run's name on the terminal.
        rows: what an interrupted run had come to.

    """

    def __init__(self, folder: Path, formats: Sequence[str], title: str, rows: Sequence[Row] = ()) -> None:
        self._table = MetricsTable(folder / "metrics.csv")
        files: list[KVWriter] = [self._table]
        if "json" in formats:
            files.append(JSONOutputFormat(str(folder / "metrics.jsonl")))
        if "tensorboard" in formats:
            events = folder / "tensorboard"
            if events.exists():
                shutil.rmtree(events)
            files.append(TensorBoardOutputFormat(str(events)))
        self._logger = Logger(folder=str(folder), output_formats=files)
        for row in rows:
            self.append(row)
        if "stdout" in formats:
            self._logger.output_formats.append(TitledTable(title))

    @property
    def rows(self) -> list[Row]:
        """All rows so far."""
        return self._table.rows

    def append(self, row: Mapping[str, float]) -> None:
        """Log the metrics of a training step; `step` is one of them."""
        for name, value in row.items():
            self._logger.record(name, value)
        self._logger.dump(step=int(row["step"]))

    def save(self) -> None:
        """Write metrics.csv."""
        self._table.save()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._logger.close()
