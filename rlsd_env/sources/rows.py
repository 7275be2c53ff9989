"""What adapters need to read a row: lists written as text, options written into the question, placeholders."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rlsd_env.prompts import choice_letter
from rlsd_env.sources.cells import as_text, shown
from rlsd_env.task import IMAGE_PLACEHOLDER
from verifiers import Reference
from verifiers.answers import comparer_for
from verifiers.marked import boxes
from verifiers.official.texts import literal

if TYPE_CHECKING:
    from rlsd_env.sources.dataset import DataSource
    from rlsd_env.sources.pictures import Picture

_OPTION = re.compile(r"^[ \t]*\(?([A-Za-z])[.:)][ \t]*(\S.*?)[ \t]*$", re.MULTILINE)
_LABEL = re.compile(r"\(?([A-Z])(?:[.:)]|\.\))\s*(.+)", re.DOTALL)


def text(row: Mapping[str, Any], column: str) -> str:
    """Read a cell that must say something, as text.

    Raises:
        ValueError: it is None or empty, or neither a text nor a number; see `cells.as_text`.

    """
    value = row[column]
    if value is None or (isinstance(value, str) and not value.strip()):
        raise ValueError(f"column {column!r} is {value!r}; it must not be empty: correct the row or leave it out")
    return as_text(value, f"column {column!r}")


def facts(row: Mapping[str, Any], columns: Sequence[str]) -> dict[str, object]:
    """Read the cells that become public metadata; columns that are not there and cells that are None are left out.

    Raises:
        ValueError: a cell is neither a text, nor a number, nor a boolean.

    """
    found = {column: row[column] for column in columns if row.get(column) is not None}
    for column, value in found.items():
        if not isinstance(value, (str, int, float)):
            raise ValueError(f"column {column!r} is {shown(value)}; metadata must be texts, numbers or booleans")
        if not isinstance(value, bool):
            as_text(value, f"column {column!r}")
    return found


def listed(value: object, column: str) -> tuple[str, ...]:
    """Read a list of texts: a sequence, None for none, or a list written as JSON or Python.

    >>> listed("['3 cm', 4]", "options"), listed("[1.50]", "options"), listed(None, "options")
    (('3 cm', '4'), ('1.50',), ())

    Raises:
        ValueError: it is something else, or an element is empty or neither a text nor a number.

    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return ()
    items: object = value
    if isinstance(value, str):
        try:
            items = json.loads(value, parse_float=str, parse_int=str)  # digits stay as they are written
        except ValueError:
            try:
                items = literal(value)
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                items = value
    if isinstance(items, (str, bytes, Mapping)) or not isinstance(items, Sequence):
        raise ValueError(f"column {column!r} is {shown(value)}; it must be a list, or a list written as JSON or Python")
    texts = tuple(as_text(item, f"element {place} of column {column!r}") for place, item in enumerate(items, start=1))
    if empty := [place for place, item in enumerate(texts, start=1) if not item.strip()]:
        raise ValueError(f"element {empty[0]} of column {column!r} is empty; write it out or remove it")
    return texts


def pictures(source: DataSource, row: Mapping[str, Any], column: str) -> tuple[Picture, ...]:
    """Read a list of images, or one; None and an empty list are no picture. None at all where images are absent.

    Raises:
        ValueError: an element of a list holds no image.

    """
    cells = row.get(column)
    if source.images == "absent":
        return ()
    several = isinstance(cells, (list, tuple))
    found = [source.picture(cell) for cell in (cells if isinstance(cells, (list, tuple)) else [cells])]
    if several and None in found:
        raise ValueError(f"image {found.index(None) + 1} of {len(found)} in column {column!r} is missing")
    return tuple(picture for picture in found if picture is not None)


def placed(question: str, count: int = 1) -> str:
    """Put `count` image placeholders in front of a question that has none; otherwise it stays as it is."""
    return question if IMAGE_PLACEHOLDER in question else f"{IMAGE_PLACEHOLDER}\n" * count + question


def unboxed(answer: str) -> str:
    r"""Return the content of the answer's only \boxed{}, or the answer where there is not exactly one.

    >>> unboxed(r"\boxed{\frac{1}{2}}"), unboxed("5 cm")
    ('\\frac{1}{2}', '5 cm')
    """
    found = boxes(answer)
    return found[0].text.strip() if len(found) == 1 else answer.strip()


def gradable(reference: Reference) -> Reference:
    """Return a reference that the verifier "answer" can judge by.

    Raises:
        ValueError: the gold answer is not of its kind, or names none of the choices.

    """
    comparer_for(reference)
    return reference


def written_options(question: str) -> tuple[str, ...]:
    r"""Read options that stand in a question, one a line, lettered from A on; () where there are no such lines.

    >>> written_options("Which?\nA. red\nB. blue"), written_options("Which?\n(a) red"), written_options("Why?")
    (('red', 'blue'), (), ())
    """
    options: list[str] = []
    for match in _OPTION.finditer(question):
        if match[1].upper() == choice_letter(len(options)):
            options.append(match[2])
        else:
            options = [match[2]] if match[1].upper() == "A" else []
        if len(options) == 26:
            break
    return tuple(options) if len(options) > 1 else ()


def without_labels(options: Sequence[str]) -> tuple[str, ...]:
    """Remove the letters from options of which each begins with its own: "A. red", "(B) blue"."""
    matches = [_LABEL.fullmatch(option.strip()) for option in options]
    found = [match for match in matches if match is not None]
    labelled = [match[1] for match in found] == [choice_letter(index) for index in range(len(options))]
    return tuple(match[2] for match in found) if labelled else tuple(options)
