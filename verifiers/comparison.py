"""How answers are compared: one `Comparer` per kind of answer, made once per gold answer."""

from __future__ import annotations

import abc
import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from verifiers.base import BadReference
from verifiers.normalize import flatten, text_key
from verifiers.numeric import Form, Number, parse_number
from verifiers.types import AnswerKind, Status

FEWEST_ROUNDED_DIGITS = 3
"""A gold decimal with fewer significant digits is taken as exact: "2.5" is not 2.54."""
MAX_PRECISION = 1_000
"""Most decimals that `Reference.precision` may ask for."""

MAX_ANSWER_CHARS = 10_000
"""A longer answer is only right where it is the gold answer's very text."""

_DEEPEST_LIST = 8
_ALTERNATIVE = re.compile(r"\b(?:and/)?or\b|\\lor\b|∨", re.IGNORECASE)
_SEPARATOR = re.compile(r"\s?(?:[,;/]|\b(?:and/or|or|and)\b|&|\\lor\b|∨)\s?", re.IGNORECASE)
_LIST_TOKEN = re.compile(r"\\.|,? ?(?<![^\W_])and(?![^\W_]) ?|[,;()\[\]{}]", re.DOTALL)
_PREFIX = re.compile(r"(?:the )?(?:final )?answer(?: is)? ?[:=]? ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of one comparison; `correct` is only ever true with `Status.OK`."""

    status: Status
    correct: bool = False


RIGHT = Comparison(Status.OK, True)
WRONG = Comparison(Status.OK)
UNPARSABLE = Comparison(Status.UNPARSABLE)
AMBIGUOUS = Comparison(Status.AMBIGUOUS)


class Comparer(abc.ABC):
    """Compares answers with one gold answer."""

    @abc.abstractmethod
    def compare(self, answer: str) -> Comparison:
        """Compare an answer, as extracted, with the gold answer."""

    @abc.abstractmethod
    def key(self, answer: str) -> Hashable | None:
        """A normal form: two answers with the same one are the same answer. None: not of this kind."""

    def same(self, left: str, right: str) -> bool:
        """Whether two answers of a response are the same one."""
        if max(len(left), len(right)) > MAX_ANSWER_CHARS:
            return left == right
        key = self.key(left)
        if key is not None and key == self.key(right):
            return True
        return text_key(left) == text_key(right)


def without_prefix(answer: str) -> str:
    """Remove "the answer is" from the front of an answer."""
    match = _PREFIX.match(answer)
    return answer[match.end() :] if match else answer


def alternatives(answer: str) -> list[str]:
    """The parts of an answer that offers several: "3 or 4", "A, B", "Yes/No"; else the answer alone."""
    return [part for part in _SEPARATOR.split(flatten(answer)) if part]


class NumberComparer(Comparer):
    """Exact numbers, or decimals within the gold's own digits.

    A decimal gold is met by what rounds to it: at `precision` decimals where that is given; else at the
    gold's last written digit if it has three significant digits or more; else only by its exact value.

    Raises:
        BadReference: the gold is not a number of this kind.

    """

    def __init__(self, gold: str, kind: AnswerKind, precision: int | None = None) -> None:
        number = parse_number(gold)
        if number is None or (kind is AnswerKind.INTEGER and number.value.denominator != 1):
            raise BadReference(f"the reference answer {gold!r} is not of kind {kind.value!r}")
        if precision is not None and precision > MAX_PRECISION:
            raise BadReference(f"precision is {precision}; it must be at most {MAX_PRECISION} decimals")
        self._value = number.value
        self._tolerance = Fraction(0)
        if kind is AnswerKind.DECIMAL:
            if precision is not None:
                self._value = round(number.value, precision)
                self._tolerance = Fraction(1, 2 * 10**precision)
            elif number.form is Form.DECIMAL and number.digits >= FEWEST_ROUNDED_DIGITS:
                self._tolerance = Fraction(10) ** number.place / 2

    def compare(self, answer: str) -> Comparison:
        """Compare numbers; "3 or 4" and "3, 4" are ambiguous, other text is unparsable."""
        number = parse_number(answer) or parse_number(without_prefix(answer))
        if number is None:
            return AMBIGUOUS if _several(answer) else UNPARSABLE
        value = number.value
        if value == self._value or (self._tolerance and abs(value - self._value) <= self._tolerance):
            return RIGHT
        return WRONG

    def key(self, answer: str) -> Hashable | None:
        """The exact value."""
        number = parse_number(answer)
        return None if number is None else number.value


def _several(answer: str) -> bool:
    if _ALTERNATIVE.search(answer) or r"\pm" in answer or "±" in answer:
        return True
    parts = alternatives(answer.strip().strip("()[]{}\\"))
    return len(parts) > 1 and all(parse_number(part) for part in parts)


class TextComparer(Comparer):
    """Texts, compared by `normalize.text_key`."""

    def __init__(self, gold: str) -> None:
        self._key = text_key(gold)

    def compare(self, answer: str) -> Comparison:
        """Compare texts; one that offers alternatives, or the gold beside others, is ambiguous."""
        if text_key(answer) == self._key or text_key(without_prefix(answer)) == self._key:
            return RIGHT
        if _ALTERNATIVE.search(answer):
            return AMBIGUOUS
        parts = alternatives(answer)
        if len(parts) > 1 and any(text_key(part) == self._key for part in parts):
            return AMBIGUOUS
        return WRONG

    def key(self, answer: str) -> Hashable | None:
        """The text's normal form."""
        return text_key(answer)


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
            return AMBIGUOUS if _ALTERNATIVE.search(answer) else WRONG
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
    kind = infer_kind(gold)
    if kind is AnswerKind.LIST and depth < _DEEPEST_LIST:
        return ListComparer(gold, precision, depth + 1)
    if kind in NUMBER_KINDS:
        return NumberComparer(gold, kind, precision)
    return TextComparer(gold)


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


NUMBER_KINDS = (AnswerKind.INTEGER, AnswerKind.DECIMAL, AnswerKind.FRACTION)
"""The kinds that `NumberComparer` compares."""

_KIND_OF_FORM = {
    Form.INTEGER: AnswerKind.INTEGER,
    Form.DECIMAL: AnswerKind.DECIMAL,
    Form.FRACTION: AnswerKind.FRACTION,
}


def infer_kind(answer: str, choices: Sequence[str] = ()) -> AnswerKind:
    """The kind of a gold answer.

    With choices it is `CHOICE`; else a number by how it is written; else a `LIST` where it has top-level
    commas and either brackets around it or numbers only; else `TEXT`.
    """
    if choices:
        return AnswerKind.CHOICE
    number: Number | None = parse_number(answer)
    if number is not None:
        return _KIND_OF_FORM[number.form]
    brackets, elements = split_list(answer)
    if len(elements) > 1 and all(elements) and (brackets or all(map(parse_number, elements))):
        return AnswerKind.LIST
    return AnswerKind.TEXT
