"""`CsvTable`: a CSV file whose cells stay the texts that they are."""

from __future__ import annotations

import csv
import io
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rlsd_env.errors import DataError
from rlsd_env.sources.tables import Table, require

_MAX_CELL = 2**24  # characters; the reader's own limit of 131,072 is too small for some reasoning traces


class CsvTable(Table):
    """A `.csv` file, wholly in memory: commas, double quotes, a first line that names the columns, UTF-8.

    No cell is taken for a number, so that "007" and "1.10" stay as they are, as do "None" and "NA". An empty cell
    is None.

    Raises:
        DataError: the first line is not that of a CSV file in UTF-8, or names a column twice.

    """

    def __init__(self, path: Path, revision: str) -> None:
        self.label, self.revision = str(path), revision
        self._rows: list[list[str] | DataError] = []
        self._lines = array("q")
        self._names: list[str] = []
        self._read(path.read_bytes().decode("utf-8-sig", "surrogateescape"))

    def _read(self, content: str) -> None:
        reader = csv.reader(io.StringIO(content, newline=""), strict=True)
        limit = csv.field_size_limit(_MAX_CELL)
        try:
            while True:
                line = reader.line_num + 1
                row: list[str] | DataError
                try:
                    row = next(reader)
                    ",".join(row).encode()
                except StopIteration:
                    return
                except UnicodeEncodeError:
                    row = DataError(f"{self.label}, line {line}: not UTF-8; save the file as UTF-8")
                except csv.Error as error:
                    row = DataError(f"{self.label}, line {line}: not CSV ({error}); correct the quotes of the line")
                if not self._names:
                    self._names = self._header(row)
                elif row:
                    self._rows.append(self._of_full_width(row, line))
                    self._lines.append(line)
        finally:
            csv.field_size_limit(limit)

    def _header(self, row: list[str] | DataError) -> list[str]:
        if isinstance(row, DataError):
            raise row
        if twice := [name for name in row if row.count(name) > 1]:
            raise DataError(f"{self.label}: two columns are called {twice[0]!r}; rename one of them")
        return row

    def _of_full_width(self, row: list[str] | DataError, line: int) -> list[str] | DataError:
        if isinstance(row, DataError) or len(row) == len(self._names):
            return row
        return DataError(
            f"{self.label}, line {line}: {len(row)} cells, and {len(self._names)} columns "
            f"({', '.join(self._names)}); put a cell with a comma in it into double quotes, and write empty cells too"
        )

    def __len__(self) -> int:
        return len(self._rows)

    def where(self, number: int) -> str:
        """Name a row by the line that it begins in, from 1."""
        return f"{self.label}, line {self._lines[number]}"

    def row(self, number: int) -> dict[str, Any]:
        """Return a row.

        Raises:
            DataError: it has more or fewer cells than there are columns, is not UTF-8, or its quotes are wrong.

        """
        row = self._rows[number]
        if isinstance(row, DataError):
            raise row
        return {name: cell or None for name, cell in zip(self._names, row)}

    def names(self) -> Sequence[str]:
        """Name the columns."""
        return tuple(self._names)

    def cells(self, columns: Sequence[str], required: Sequence[str]) -> Iterator[dict[str, Any] | DataError]:
        """Read whole rows."""
        if self._names:
            require(self._names, required, self.label)
        for number, row in enumerate(self._rows):
            yield row if isinstance(row, DataError) else self.row(number)
