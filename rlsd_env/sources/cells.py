"""What a cell may hold: texts, numbers, booleans. Anything else is refused, never written out as Python shows it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

_SHOWN = 80  # characters of a value that a message quotes
_TRUTH = {"true": True, "false": False}


def shown(value: object) -> str:
    """Quote a value in a message, cut to 80 characters."""
    quoted = repr(value)
    return quoted if len(quoted) <= _SHOWN else f"{quoted[: _SHOWN - 2]}.."


def clean(value: str, what: str) -> str:
    """Return a text that can be written down anywhere.

    Args:
        value: the text.
        what: what a message calls it, e.g. "column 'answer'".

    Raises:
        ValueError: it has a NUL character or half a surrogate pair.

    """
    if "\0" in value:
        raise ValueError(f"{what} is {shown(value)}; it has a NUL character: remove it")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{what} is {shown(value)}; character {error.start + 1} is half a surrogate pair: write the text as UTF-8"
        ) from error
    return value


def as_text(value: object, what: str) -> str:
    """Read a text or a number as text, a number as Python writes it: "7", "0.5", "1e-07".

    Args:
        value: the cell.
        what: what a message calls it.

    Raises:
        ValueError: it is a number that is not finite, a text that is not `clean`, or something else, such as a
            boolean, bytes or a list.

    """
    if isinstance(value, str):
        return clean(value, what)
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise ValueError(
            f"{what} is {shown(value)}, a {type(value).__name__}; it must be a text or a number: write it as one"
        )
    if not math.isfinite(value):
        raise ValueError(f"{what} is {value}; a number must be finite: write it as a text, or leave the cell empty")
    return str(value)


def optional_text(value: object, what: str) -> str | None:
    """Read a cell that may be empty, as `as_text` does; None for None and "".

    Raises:
        ValueError: as `as_text`.

    """
    return None if value in (None, "") else as_text(value, what)


def joined(cells: Mapping[str, Any], columns: Sequence[str]) -> str:
    """Write the cells that name a row or a group as one text, with "/" between them.

    Raises:
        ValueError: one is empty, or neither a text nor a number.

    """
    for column in columns:
        if cells[column] in (None, ""):
            raise ValueError(f"column {column!r} is empty; it must name the row or its group")
        if isinstance(cells[column], bool):  # of bytes a table says only that they are there
            raise ValueError(f"column {column!r} is {cells[column]} or bytes; an id must be a text or a number")
    return "/".join(as_text(cells[column], f"column {column!r}") for column in columns)


def boolean(value: object, what: str) -> bool | None:
    """Read a boolean, or "true" or "false" in any case; None for None and "".

    >>> boolean("False", "cell"), boolean(True, "cell"), boolean("", "cell")
    (False, True, None)

    Raises:
        ValueError: it is something else, such as 1 or "yes".

    """
    if value is None or value == "" or isinstance(value, bool):
        return value if isinstance(value, bool) else None
    found = _TRUTH.get(value.strip().lower()) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{what} is {shown(value)}; it must be true or false")
    return found


def number(value: Any, what: str) -> float | None:
    """Read a finite number, or one written as text; None for None and "".

    >>> number("0.5", "cell"), number(1, "cell"), number(None, "cell")
    (0.5, 1.0, None)

    Raises:
        ValueError: it is something else.

    """
    written = optional_text(value, what)
    try:
        found = None if written is None else float(written)
    except ValueError as error:
        raise ValueError(f"{what} is {shown(value)}; it must be a number") from error
    if found is not None and not math.isfinite(found):
        raise ValueError(f"{what} is {shown(value)}; it must be a finite number")
    return found


def whole_number(value: Any, what: str) -> int | None:
    """Read a whole number, or one written as text; None for None and "".

    >>> whole_number("2", "cell"), whole_number(2.0, "cell")
    (2, 2)

    Raises:
        ValueError: it is something else, such as 1.5 or "two".

    """
    written = optional_text(value, what)
    if written is None:
        return None
    if (match := re.fullmatch(r"\s*([+-]?\d{1,18})(?:\.0*)?\s*", written)) is None:
        raise ValueError(f"{what} is {shown(value)}; it must be a whole number")
    return int(match[1])
