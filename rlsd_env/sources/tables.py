"""Rows by number, read when needed: `JsonLines`, `JsonArray`, `ArrowTable`, and several as one.

`rlsd_env.sources.csv_table` has the one for CSV.
"""

from __future__ import annotations

import abc
import bisect
import contextlib
import gzip
import json
import mmap
import re
import zlib
from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlsd_env.errors import DataError

if TYPE_CHECKING:
    import datasets
    import pyarrow

MAX_LINE_BYTES = 64 * 2**20
"""Lines of JSON with more bytes are refused."""
MAX_UNPACKED_BYTES = 4 * 2**30
"""Compressed files with more bytes of content are refused; they may be unpacked on disk."""
MAX_RATIO = 250
"""Compressed files that grow more than so many times are refused, from 64 MiB of content on: texts grow tenfold, and
what gzip is made to grow without end does so by 1,000."""

_BATCH = 4096
_BLOCK_BYTES = 2**24  # unpacked at a time
_LINE = re.compile(rb"\S[^\n]*")


class MissingColumnError(DataError):
    """A row or a table has not all columns that it must have; what to do about it is the caller's to say."""


class Table(abc.ABC):
    """Rows by number, each a dictionary; what is in an image's bytes is not touched before its row is read.

    Attributes:
        label: the file, or the data set with its split, in messages.
        revision: names the exact content: a commit or a fingerprint.

    """

    label: str
    revision: str

    @abc.abstractmethod
    def __len__(self) -> int:
        """Count the rows."""

    @abc.abstractmethod
    def row(self, number: int) -> dict[str, Any]:
        """Read a whole row, images undecoded."""

    @abc.abstractmethod
    def names(self) -> Sequence[str]:
        """Name the columns; of a table of JSON those of its first row that can be read, () where there is none."""

    @abc.abstractmethod
    def cells(self, columns: Sequence[str], required: Sequence[str]) -> Iterator[dict[str, Any] | DataError]:
        """Read some columns of all rows, in order; a cell that holds image bytes is given as True.

        In place of a row of JSON that cannot be read, or has not all columns, comes the error that says so.

        Args:
            columns: what is read, where it is there; a table of JSON gives whole rows.
            required: columns that must be there.

        Raises:
            MissingColumnError: the whole table has not all columns.

        """

    def where(self, number: int) -> str:
        """Name a row in messages."""
        return f"{self.label}, row {number + 1}"


def require(row: Sequence[str] | dict[str, Any], required: Sequence[str], where: str) -> None:
    """Check that columns are there.

    Args:
        row: a row, or the names of its columns.
        required: columns that must be there.
        where: what a message calls the row or the table.

    Raises:
        MissingColumnError: some are not.

    """
    missing = [column for column in required if column not in row]
    if missing:
        raise MissingColumnError(f"{where}: no column {', '.join(missing)}; it has {', '.join(row)}")


class JsonTable(Table):
    """Rows that are JSON objects, each with columns of its own."""

    def names(self) -> Sequence[str]:
        """Name the columns of the first row that can be read."""
        for number in range(len(self)):
            with contextlib.suppress(DataError):
                return tuple(self.row(number))
        return ()

    def cells(self, columns: Sequence[str], required: Sequence[str]) -> Iterator[dict[str, Any] | DataError]:
        """Read whole rows."""
        for number in range(len(self)):
            found: dict[str, Any] | DataError
            try:
                found = self.row(number)
                require(found, required, self.where(number))
            except DataError as error:
                found = error
            yield found


class JsonArray(JsonTable):
    """A `.json` file: a list of objects, or an object of objects, wholly in memory."""

    def __init__(self, path: Path, revision: str) -> None:
        self.label, self.revision = str(path), revision
        try:
            content = json.loads(path.read_bytes().decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}: not UTF-8 JSON ({error}); correct it or download it again") from error
        self._rows = list(content.values()) if isinstance(content, dict) else content
        for number, row in enumerate(self._rows if isinstance(self._rows, list) else [content]):
            if not isinstance(row, dict):
                raise DataError(
                    f"{self.where(number)}: a {type(row).__name__}; the file must be a list of JSON objects"
                )

    def __len__(self) -> int:
        return len(self._rows)

    def row(self, number: int) -> dict[str, Any]:
        """Return a row."""
        return dict(self._rows[number])


class JsonLines(JsonTable):
    """A `.jsonl` or `.jsonl.gz` file: where its lines begin is remembered, each is parsed when it is asked for.

    A plain file is mapped into memory, a compressed one unpacked there.
    """

    def __init__(self, path: Path, revision: str) -> None:
        self.label, self.revision = str(path), revision
        self._path = path
        self._open()
        self._starts, self._numbers = array("q"), array("q")
        end = line = 0
        for match in _LINE.finditer(self._data):
            line += self._data[end : match.start()].count(b"\n")
            self._starts.append(match.start())
            self._numbers.append(line)
            end = match.end()

    def _open(self) -> None:
        self._data: bytes | bytearray | mmap.mmap = b""
        if self._path.suffix == ".gz":
            self._data = _unpacked(self._path)
        elif self._path.stat().st_size:
            with self._path.open("rb") as file:
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_data"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def __len__(self) -> int:
        return len(self._starts)

    def where(self, number: int) -> str:
        """Name a row by its line, from 1."""
        return f"{self.label}, line {self._numbers[number] + 1}"

    def row(self, number: int) -> dict[str, Any]:
        """Parse a line.

        Raises:
            DataError: it is not a JSON object in UTF-8.

        """
        start = self._starts[number]
        limit = min(len(self._data), start + MAX_LINE_BYTES + 1)
        end = self._data.find(b"\n", start, limit)
        end = limit if end < 0 else end
        if end - start > MAX_LINE_BYTES:
            raise DataError(
                f"{self.where(number)}: more than {MAX_LINE_BYTES:,} bytes in one line; put pictures into files of "
                "their own, or write one row a line"
            )
        try:
            row = json.loads(self._data[start:end].decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{self.where(number)}: not a UTF-8 JSON object ({error}); correct the line or download the file again"
            ) from error
        if not isinstance(row, dict):
            raise DataError(f"{self.where(number)}: a {type(row).__name__}; each line must be a JSON object")
        return row


def _unpacked(path: Path) -> bytearray:
    """Unpack a gzip file, within the limits."""
    limit = min(MAX_UNPACKED_BYTES, max(MAX_LINE_BYTES, MAX_RATIO * path.stat().st_size))
    data = bytearray()
    try:
        with gzip.open(path) as file:
            while block := file.read(_BLOCK_BYTES):
                data += block
                if len(data) > limit:
                    raise DataError(
                        f"{path}: {path.stat().st_size:,} bytes grow to more than {limit:,} when they are unpacked; if "
                        "the file is to be trusted, unpack it and pass the .jsonl"
                    )
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: broken gzip data ({error}); download it again") from error
    return data


class ArrowTable(Table):
    """A split that the library `datasets` opened: columns on disk, images never decoded by it."""

    def __init__(self, data: datasets.Dataset, label: str, revision: str) -> None:
        self.label, self.revision = label, revision
        self._data = data.with_format("arrow")

    def __len__(self) -> int:
        return len(self._data)

    def row(self, number: int) -> dict[str, Any]:
        """Read a row as plain Python, an image as {"bytes", "path"}."""
        return self._data[number].to_pylist()[0]

    def names(self) -> Sequence[str]:
        """Name the columns."""
        return self._data.column_names

    def cells(self, columns: Sequence[str], required: Sequence[str]) -> Iterator[dict[str, Any] | DataError]:
        """Read columns in batches; of those with image bytes only whether there is something."""
        require(self._data.column_names, required, self.label)
        chosen = [column for column in self._data.column_names if column in columns]
        for start in range(0, len(self), _BATCH) if chosen else ():
            batch = self._data.select_columns(chosen)[start : start + _BATCH]
            values = {name: _presence_or_values(batch.column(name)) for name in chosen}
            yield from (dict(zip(values, cells)) for cells in zip(*values.values()))
        if not chosen:
            yield from ({} for _ in range(len(self)))


def _presence_or_values(column: pyarrow.ChunkedArray) -> list[Any]:
    if "binary" in str(column.type):
        return [True if present else None for present in column.is_valid().to_pylist()]
    return column.to_pylist()


class Tables(Table):
    """Several tables, one after the other."""

    def __init__(self, tables: Sequence[Table]) -> None:
        self._tables = tuple(tables)
        self._ends = list(accumulate(map(len, tables)))
        self.label = f"{tables[0].label} .. {tables[-1].label}"
        self.revision = "+".join(dict.fromkeys(table.revision for table in tables))

    def __len__(self) -> int:
        return self._ends[-1]

    def _find(self, number: int) -> tuple[Table, int]:
        part = bisect.bisect_right(self._ends, number)
        return self._tables[part], number - (self._ends[part - 1] if part else 0)

    def row(self, number: int) -> dict[str, Any]:
        """Read a row of the table that it lies in."""
        table, inner = self._find(number)
        return table.row(inner)

    def where(self, number: int) -> str:
        """Name a row by its own table."""
        table, inner = self._find(number)
        return table.where(inner)

    def names(self) -> Sequence[str]:
        """Name the columns of the first table."""
        return self._tables[0].names()

    def cells(self, columns: Sequence[str], required: Sequence[str]) -> Iterator[dict[str, Any] | DataError]:
        """Read columns of each table in turn."""
        for table in self._tables:
            yield from table.cells(columns, required)
