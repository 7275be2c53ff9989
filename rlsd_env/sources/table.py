"""Data sets in a local folder: one JSON-lines table and the pictures that its rows name, read when needed."""

from __future__ import annotations

import abc
import functools
import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image as PILImage

from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.sources.base import FOLDS, TaskSource
from rlsd_env.task import Image, Item

MAX_PIXELS = 64_000_000
"""Pictures with more pixels are refused before they are decoded."""
HELDOUT_ONE_IN = 5


class DataError(ConfigurationError):
    """A data file is broken; the message names the file, the row and the fix."""


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read a `.jsonl` or `.jsonl.gz` table as (line number from 1, row).

    Raises:
        DataError: a line is not UTF-8 or not a JSON object.

    """
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        try:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line.decode("utf-8"))
                except ValueError as error:
                    raise DataError(f"{path}, line {number}: not a UTF-8 JSON object ({error})") from error
                if not isinstance(row, dict):
                    raise DataError(f"{path}, line {number}: a {type(row).__name__}; each line must be a JSON object")
                yield number, row
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(f"{path}: broken gzip data ({error}); download it again") from error


def load_image(folder: Path, name: str, where: str) -> Image:
    """Decode a picture of a data set to uint8 RGB, transparent parts on white.

    Args:
        folder: the data set's folder; a picture outside it is refused.
        name: the picture's path relative to `folder`.
        where: what an error message calls the row, e.g. "testmini.jsonl, line 3 (id 4)".

    Raises:
        DataError: the path leaves the folder, the file is missing or broken, or the picture is too large.

    """
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise DataError(f"{where}: image {name!r} lies outside {folder}; image paths must stay inside the folder")
    try:
        with PILImage.open(path) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise DataError(
                    f"{where}: image {name!r} has {picture.width} x {picture.height} pixels; "
                    f"at most {MAX_PIXELS:,} are decoded"
                )
            if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
                white = PILImage.new("RGBA", picture.size, "white")
                return np.asarray(PILImage.alpha_composite(white, picture.convert("RGBA")).convert("RGB")).copy()
            return np.asarray(picture.convert("RGB")).copy()
    except FileNotFoundError as error:
        raise DataError(f"{where}: image {name!r} is missing in {folder}") from error
    except (OSError, SyntaxError, ValueError, PILImage.DecompressionBombError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{where}: image {name!r} cannot be read ({error}); download it again") from error


class TableSource(TaskSource):
    """A data set as a table of rows in memory and pictures on disk.

    Args:
        folder: where `<split>.jsonl` or `<split>.jsonl.gz` lies.
        split: the table's name.

    Raises:
        ConfigurationError: the folder or the table is missing.
        DataError: the table is broken, lacks a column, is empty or repeats an id.

    """

    columns: ClassVar[tuple[str, ...]] = ("id",)

    def __init__(self, folder: Path, split: str) -> None:
        if not folder.is_dir():
            raise ConfigurationError(f"data_dir {str(folder)!r} is not a folder; pass the folder with {split}.jsonl")
        candidates = [folder / f"{split}.jsonl", folder / f"{split}.jsonl.gz"]
        path = next((candidate for candidate in candidates if candidate.is_file()), None)
        if path is None:
            raise ConfigurationError(f"data_dir {str(folder)!r} holds neither {split}.jsonl nor {split}.jsonl.gz")
        self.folder, self.path = folder, path
        self._rows: list[dict[str, Any]] = []
        self._lines: dict[str, int] = {}
        for line, row in read_rows(path):
            missing = [column for column in self.columns if column not in row]
            if missing:
                raise DataError(f"{path}, line {line}: no column {', '.join(missing)}; it has {', '.join(row)}")
            if (task_id := str(row["id"])) in self._lines:
                raise DataError(f"{path}, line {line}: id {task_id!r} is on line {self._lines[task_id]} already")
            self._lines[task_id] = line
            self._rows.append(row)
        if not self._rows:
            raise DataError(f"{path} holds no rows")
        self._numbers = {str(row["id"]): number for number, row in enumerate(self._rows)}
        self._item = functools.lru_cache(maxsize=256)(self._convert)

    @abc.abstractmethod
    def convert(self, row: dict[str, Any]) -> Item:
        """Turn one row into a task with its privileged part."""

    def where(self, row: dict[str, Any]) -> str:
        """Name a row for an error message."""
        return f"{self.path}, line {self._lines[str(row['id'])]} (id {row['id']})"

    def _convert(self, index: int) -> Item:
        row = self._rows[index]
        try:
            return self.convert(row)
        except DataError:
            raise
        except (TypeError, ValueError) as error:
            raise DataError(f"{self.where(row)}: {error}") from error

    def __len__(self) -> int:
        return len(self._rows)

    def item(self, index: int) -> Item:
        """Return row number `index`; the latest 256 stay decoded."""
        if not 0 <= index < len(self):
            raise IndexError(f"task index {index}: it must be 0 to {len(self) - 1}")
        return self._item(index)

    def index_of(self, task_id: str) -> int:
        """Look an id up."""
        if task_id not in self._numbers:
            if len(self) > 20:
                known = f"ids look like {', '.join(list(self._numbers)[:3])} .."
                raise ConfigurationError(f"unknown task id {task_id!r} in {self.path}; {known}")
            raise ConfigurationError(one_of("task id", task_id, self._numbers))
        return self._numbers[task_id]

    def fold(self, name: str) -> Sequence[int]:
        """Return a fold: "heldout" is the fifth of the ids whose CRC-32 is divisible by five."""
        if name not in FOLDS:
            raise ConfigurationError(one_of("fold", name, FOLDS))
        if name == "all":
            return range(len(self))
        heldout = name == "heldout"
        return [n for id, n in self._numbers.items() if (zlib.crc32(id.encode()) % HELDOUT_ONE_IN == 0) == heldout]
