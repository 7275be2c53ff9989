"""`ListComparer`: ordered lists of anything."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence

from verifiers.comparison import (
    AMBIGUOUS,
    RIGHT,
    UNPARSABLE,
    WRONG,
    Comparer,
    Comparison,
    TextComparer,
    offers_alternatives,
    without_prefix,
)
from verifiers.errors import BadReference
from verifiers.mathematics import ExpressionComparer, read
from verifiers.normalize import flatten, text_key
from verifiers.numeric import parse_number
from verifiers.types import Status

_DEEPEST_LIST = 8
_LIST_TOKEN = re.compile(r"\\.|,? ?(?<![^\W_])and(?![^\W_]) ?|[,;()\[\]{}]", re.DOTALL)


class ListComparer(Comparer):
    """Ordered lists: the same length, and each element right by its own kind.

    Brackets may be left out and, except in a pair, round and square ones are the same: "(0, 1)" and
    "[0, 1]" differ as intervals do, "(1, 2, 3)" and "[1, 2, 3]" do not. "3, 4 and 5" is a list; a set in
    braces is not.

    Raises:
        BadReference: an element of the gold is empty.

    """

    def __init__(self, gold: str, precision: int | None = None, depth: int = 0) -> None:
        self._brackets, elements = split_list(gold)
        if not all(elements):
            raise BadReference(f"the reference answer {gold!r} is a list with an empty element")
        self._comparers = [_element_comparer(element, precision, depth) for element in elements]

    def compare(self, answer: str) -> Comparison:
        """Compare element by element."""
        brackets, elements = split_list(without_prefix(answer))
        if len(elements) == 2 and brackets and self._brackets and brackets != self._brackets:
            return WRONG
        if len(elements) != len(self._comparers):
            return AMBIGUOUS if offers_alternatives(answer) else WRONG
        result = RIGHT
        for comparer, element in zip(self._comparers, elements):
            comparison = comparer.compare(element) if element else UNPARSABLE
            if comparison.status is not Status.OK:
                return comparison
            if not comparison.correct:
                result = WRONG
        return result

    def key(self, answer: str) -> Hashable | None:
        """Brackets of a pair, and each element's normal form."""
        brackets, elements = split_list(answer)
        keys = tuple(_element_key(element) for element in elements)
        return (brackets if len(elements) == 2 else "", keys)


def _element_comparer(gold: str, precision: int | None, depth: int) -> Comparer:
    brackets, elements = split_list(gold)
    if len(elements) > 1 and brackets and all(elements) and depth < _DEEPEST_LIST:
        return ListComparer(gold, precision, depth + 1)
    return TextComparer(gold) if read(gold) is None else ExpressionComparer(gold, precision)


def _element_key(element: str) -> Hashable:
    number = parse_number(element)
    return text_key(element) if number is None else number.value


def split_list(text: str) -> tuple[str, Sequence[str]]:
    """Split at the top-level commas, semicolons and "and"; linear in the length.

    Returns:
        The outer brackets ("()", "[]", "[)", "(]" or ""), and the elements without them, stripped.

    """
    flat = flatten(text)
    if len(flat) > 1 and flat[0] in "([" and flat[-1] in ")]":
        parts = _split_top_level(flat[1:-1])
        if parts is not None:
            return flat[0] + flat[-1], parts
    parts = _split_top_level(flat)
    return "", [flat] if parts is None else parts


def _split_top_level(text: str) -> list[str] | None:
    """The parts between separators outside brackets; None where the brackets do not match."""
    parts, start, depth = [], 0, 0
    for match in _LIST_TOKEN.finditer(text):
        token = match.group()
        if token in ("(", "[", "{", r"\{"):
            depth += 1
        elif token in (")", "]", "}", r"\}"):
            depth -= 1
            if depth < 0:
                return None
        elif depth == 0 and token[0] != "\\":
            parts.append(text[start : match.start()].strip())
            start = match.end()
    return None if depth else [*parts, text[start:].strip()]
