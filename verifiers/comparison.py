"""How answers are compared: `Comparer`, one object per gold answer, and `TextComparer`."""

from __future__ import annotations

import abc
import re
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from verifiers.normalize import flatten, text_key, words_key
from verifiers.types import Status

MAX_ANSWER_CHARS = 10_000
"""A longer answer is only right where it is the gold answer's very text."""

_ALTERNATIVE = re.compile(r"\b(?:and/)?or\b|\\lor\b|∨", re.IGNORECASE)
_SEPARATOR = re.compile(r"\s?(?:[,;/]|\b(?:and/or|or|and)\b|&|\\lor\b|∨)\s?", re.IGNORECASE)
_LETTER = re.compile(r"(?:(?:the )?(?:option|choice) )?\(?([A-Za-z])\)?[.):]?", re.IGNORECASE)
_SHORT_WORDS = frozenset({"no", "up", "on", "in", "ok", "us", "uk", "tv", "am", "pm"})
_PREFIX = re.compile(r"(?:the )?(?:final )?answer(?: is)? ?[:=]? ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of one comparison; `correct` is only ever true with `Status.OK`.

    Attributes:
        status: how the comparison ended.
        correct: whether the answer is right.
        pending: (gold, answer) as trees, where symbolic algebra could still tell; the status stands if not.
        message: what went wrong, where the verifier failed.

    """

    status: Status
    correct: bool = False
    pending: tuple[Any, Any] | None = None
    message: str = ""


RIGHT = Comparison(Status.OK, True)
WRONG = Comparison(Status.OK)
UNPARSABLE = Comparison(Status.UNPARSABLE)
AMBIGUOUS = Comparison(Status.AMBIGUOUS)


class Comparer(abc.ABC):
    """Compares answers with one gold answer.

    Attributes:
        takes_several: whether an answer may be given in parts: \\boxed{1} and \\boxed{2} for "1, 2".

    """

    takes_several = False

    @abc.abstractmethod
    def compare(self, answer: str) -> Comparison:
        """Compare an answer, as extracted, with the gold answer."""

    @abc.abstractmethod
    def key(self, answer: str) -> Hashable | None:
        """A normal form: two answers with the same one are the same answer. None: not of this kind."""

    def reads(self, answer: str) -> bool:
        """Whether a text is an answer of this kind."""
        return len(answer) <= MAX_ANSWER_CHARS and self.key(answer) is not None

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


def offers_alternatives(answer: str) -> bool:
    """Whether an answer says "or"."""
    return _ALTERNATIVE.search(answer) is not None


class TextComparer(Comparer):
    """Texts, compared by `normalize.words_key`."""

    def __init__(self, gold: str) -> None:
        self._key = words_key(gold)
        self._flat = flatten(gold)
        letter = self._flat.strip("(). ")
        self._letter = letter if len(letter) == 1 and letter.isalpha() else ""

    def compare(self, answer: str) -> Comparison:
        """Compare texts; one that offers alternatives, or the gold beside others, is ambiguous."""
        if self._is_gold(answer) or self._is_gold(without_prefix(answer)):
            return RIGHT
        if offers_alternatives(answer):
            return AMBIGUOUS
        parts = alternatives(answer)
        if len(parts) > 1 and any(words_key(part) == self._key for part in parts):
            return AMBIGUOUS
        return WRONG

    def key(self, answer: str) -> Hashable | None:
        """The text's normal form."""
        return words_key(answer)

    def _is_gold(self, answer: str) -> bool:
        if self._letter and (match := _LETTER.fullmatch(flatten(answer))):
            return match.group(1).upper() == self._letter.upper()
        if words_key(answer) != self._key:
            return False
        # the case of a symbol is what it is: Co is not CO
        is_symbol = len(self._flat) == 2 and not self._flat.islower() and self._key not in _SHORT_WORDS
        return not is_symbol or flatten(answer).rstrip(".") == self._flat
