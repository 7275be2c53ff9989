"""What a row says of the right answer, as references."""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any

from verifiers.cli.default import SHORT, WHOLE
from verifiers.cli.rows import JsonNumber, RowError, encode
from verifiers.errors import BadReference
from verifiers.types import AnswerKind, Reference

_KINDS = {str(kind): kind for kind in AnswerKind}


def references_of(row: Mapping[str, Any]) -> tuple[list[Reference], str]:
    """The acceptable answers of a row, any of which may be met, and a warning ("" for none).

    "gold" is a text or a number, or a list of those. A "gold_letter" is acceptable beside it, and decides where there
    are choices.

    Raises:
        BadReference: the gold answer cannot be used.
        RowError: another field is not of its type.

    """
    kind, warning = _kind(row.get("kind"))
    choices = _choices(row)
    precision = _precision(row.get("precision"))
    letter, unit = _text(row, "gold_letter"), _text(row, "unit")
    golds = _golds(row)
    question = row.get("question")
    extras = {"question": question} if isinstance(question, str) else {}
    try:
        if letter and choices:
            _check_letter(golds, letter, choices)
            return [Reference(letter, kind, choices, precision, unit or None, extras=extras)], warning
        references = [Reference(gold, kind, choices, precision, unit or None, extras=extras) for gold in golds]
        if letter:
            references.append(Reference(letter, AnswerKind.CHOICE, extras=extras))
    except BadReference:
        raise
    except ValueError as error:
        raise BadReference(str(error)) from error
    return references, warning


def _kind(kind: Any) -> tuple[AnswerKind | None, str]:
    if kind is None or kind in (SHORT, WHOLE):
        return None, ""
    if isinstance(kind, str) and kind in _KINDS:
        return _KINDS[kind], ""
    return None, f"kind {encode(kind)} is unknown, the kind is inferred"


def _golds(row: Mapping[str, Any]) -> list[str]:
    if "gold" not in row:
        raise BadReference("the row has no 'gold'")
    gold = row["gold"]
    golds = [
        part.text if isinstance(part, JsonNumber) else part for part in (gold if isinstance(gold, list) else [gold])
    ]
    wrong = [part for part in golds if not isinstance(part, str)]
    if wrong or not golds:
        found = f"holds a {type(wrong[0]).__name__}" if wrong else "is empty"
        raise BadReference(f"the gold answer {found}; it must be a text or a number, or a list of those")
    return golds


def _choices(row: Mapping[str, Any]) -> tuple[str, ...]:
    given = [row[name] for name in ("choices", "options") if row.get(name) is not None]
    if not given:
        return ()
    if len(given) == 2 and given[0] != given[1]:
        raise RowError("'choices' and 'options' differ; leave one out")
    if not isinstance(given[0], list):
        raise RowError(f"the choices are {encode(given[0])[:80]}; they must be a list of texts or numbers")
    choices = [choice.text if isinstance(choice, JsonNumber) else choice for choice in given[0]]
    if wrong := [choice for choice in choices if not isinstance(choice, str)]:
        raise RowError(f"the choices hold {encode(wrong[0])[:80]}; they must be texts or numbers")
    return tuple(choices)


def _precision(precision: Any) -> int | None:
    if precision is None:
        return None
    if isinstance(precision, JsonNumber) and len(precision.text) < 10:
        whole, _, decimals = precision.text.partition(".")
        if whole.isdigit() and not decimals.strip("0"):
            return int(whole)
    raise RowError(f"precision is {encode(precision)[:80]}; it must be an integer of 0 or more, or null")


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RowError(f"{name} is {encode(value)[:80]}; it must be a text or null")
    return value.strip()


def _check_letter(golds: list[str], letter: str, choices: tuple[str, ...]) -> None:
    """The gold text and the gold letter must not name different options."""
    index = string.ascii_uppercase.find(letter.upper()) if len(letter) == 1 else -1
    named = choices[index].strip() if 0 <= index < len(choices) else None
    for gold in map(str.strip, golds):
        if gold.upper() != letter.upper() and gold != named and gold in map(str.strip, choices):
            raise BadReference(
                f"the gold answer {gold!r} is one of the choices, but not that of gold_letter {letter!r}"
            )
