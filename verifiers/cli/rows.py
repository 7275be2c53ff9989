"""Rows of a JSON lines file, read and written without changing what they say.

Numbers are kept as they are written (`JsonNumber`): 0.50 stays 0.50, and an integer may have more digits than Python
would convert. Lone surrogates and NUL characters stay, as JSON escapes.
"""

from __future__ import annotations

import gzip
import io
import itertools
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifiers.cli.common import UsageError

MAX_GENERATED = 64 * 2**20
"""Most characters of a prediction that is described instead of written out."""

_LONGEST_INTEGER = 4_000
"""Digits that Python converts without being asked twice; its limit is 4,300."""


class RowError(ValueError):
    """A line is no row that could be judged; it gets the status "bad_row"."""


@dataclass(frozen=True, slots=True)
class JsonNumber:
    """A number as it is written in JSON."""

    text: str


def decode(line: bytes) -> dict[str, Any]:
    """Read one line.

    Raises:
        RowError: it is not a JSON object.

    """
    try:
        text = line.decode("utf-8", "surrogatepass").removeprefix("\ufeff")
        row = json.loads(text, parse_int=JsonNumber, parse_float=JsonNumber, parse_constant=JsonNumber)
    except UnicodeDecodeError as error:
        raise RowError(f"the line is not UTF-8: {error.reason} at byte {error.start}") from None
    except RecursionError:
        raise RowError("the line is nested too deeply") from None
    except ValueError as error:
        raise RowError(f"the line is not JSON: {error}") from None
    if not isinstance(row, dict):
        raise RowError(f"the line is a JSON {type(row).__name__}, not an object")
    return row


def plain(line: bytes) -> dict[str, Any]:
    """Read a line that `decode` can read, with Python's own numbers where it has them."""
    return json.loads(line.decode("utf-8", "surrogatepass").removeprefix("\ufeff"), parse_int=_integer)


def _integer(text: str) -> int | str:
    return int(text) if len(text) <= _LONGEST_INTEGER else text


def encode(value: Any) -> str:
    """Write what `decode` has read, in ASCII."""
    if isinstance(value, JsonNumber):
        return value.text
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)}: {encode(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(encode(item) for item in value) + "]"
    return json.dumps(value)


def prediction_of(row: Mapping[str, Any]) -> tuple[str | None, str]:
    """The prediction of a row as text, or None and why it is no answer.

    Raises:
        RowError: there is none, or it is described in a way that is not known.

    """
    if row.get("prediction_gen") is not None:
        return _generated(row["prediction_gen"]), ""
    if "prediction" not in row:
        raise RowError("the row has no 'prediction' (text, a number or null) and no 'prediction_gen'")
    value = row["prediction"]
    if row.get("prediction_type") == "int_pow10":
        power = int(value.text) if isinstance(value, JsonNumber) and value.text[:9].isdigit() else -1
        if not 0 <= power < MAX_GENERATED:
            raise RowError(f"prediction_type is 'int_pow10'; the prediction must be an integer of 0 to {MAX_GENERATED}")
        return "1" + "0" * power, ""
    if isinstance(value, str):
        return value, ""
    if isinstance(value, JsonNumber):
        return value.text, ""
    return None, "" if value is None else f"the prediction is a {type(value).__name__}, neither a text nor a number"


def _generated(parts: Any) -> str:
    allowed = 'prediction_gen must be a list of ["lit", TEXT] and ["rep", TEXT, TIMES]'
    if not isinstance(parts, list):
        raise RowError(f"prediction_gen is a {type(parts).__name__}; {allowed}")
    pieces: list[tuple[str, int]] = []
    for part in parts:
        match part:
            case ["lit", str(text)]:
                pieces.append((text, 1))
            case ["rep", str(text), JsonNumber(times)] if times.isdigit() and len(times) <= 9:
                pieces.append((text, int(times)))
            case _:
                raise RowError(f"prediction_gen holds {encode(part)[:80]}; {allowed}")
    length = sum(len(text) * times for text, times in pieces)
    if length > MAX_GENERATED:
        raise RowError(f"prediction_gen describes {length} characters; it may describe {MAX_GENERATED}")
    return "".join(text * times for text, times in pieces)


@contextmanager
def opened(path: Path) -> Iterator[Iterator[tuple[int, bytes]]]:
    """The lines of a file that are not blank, with their numbers; gunzipped where the name ends in ".gz".

    Raises:
        UsageError: the file cannot be read.

    """
    with _readable(path):
        file = gzip.GzipFile(path, "rb") if path.suffix == ".gz" else path.open("rb")
    with file:
        with _readable(path):
            file.peek(1)
        yield _lines(path, file)


def _lines(path: Path, file: gzip.GzipFile | io.BufferedReader) -> Iterator[tuple[int, bytes]]:
    numbers = itertools.count(1)
    while True:
        with _readable(path):
            line = file.readline()
        if not line:
            return
        number = next(numbers)
        if line.strip():
            yield number, line


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise UsageError(f"there is no file {str(path)!r}") from None
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{str(path)!r} cannot be read: {error}") from error
