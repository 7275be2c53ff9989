r"""Letters as gold answers: one without choices, "B", and several, "ACD"."""

from __future__ import annotations

import re
import string
from collections.abc import Hashable, Sequence

from verifiers.comparison import AMBIGUOUS, RIGHT, UNPARSABLE, WRONG, Comparer, Comparison, TextComparer
from verifiers.multiple_choice import ChoiceComparer
from verifiers.normalize import flatten
from verifiers.phrases import OR
from verifiers.types import Status

_ONE = re.compile(r"\(?([A-Z])\)?[.):]?")
_OPERATION = re.compile(r"\(?[A-Za-z]\)? ?[-–—+*/^=<>]")
_TOGETHER = re.compile(r"[A-Z]{2,26}")
_SEPARATOR = re.compile(r"\s?(?:[,;、，；&+]|\band\b|和|\bund\b|\bet\b|\by\b)\s?(?:\band\b\s?)?", re.IGNORECASE)
_SINGLES = re.compile(r"\(?[A-Za-z]\)?[.)]?(?: \(?[A-Za-z]\)?[.)]?)+")
_LAST_WITHOUT_CHOICES = "J"
_LONGEST = 2_000


def is_letter(gold: str) -> bool:
    """Whether a gold is one capital letter: "B", "(B)", "B."."""
    return _ONE.fullmatch(flatten(gold)) is not None


def several_letters(gold: str, choices: Sequence[str] = ()) -> str:
    """The letters of a gold that is several: "ACD" for "A, C and D"; "" where it is anything else.

    Without choices they are letters from A to J, and written together only in order: "ACD".
    """
    flat = flatten(gold)
    if len(flat) > _LONGEST or flat in map(flatten, choices):
        return ""
    last = string.ascii_uppercase[min(len(choices), 26) - 1] if choices else _LAST_WITHOUT_CHOICES
    if _TOGETHER.fullmatch(flat):
        letters = list(flat)
        if not choices and letters != sorted(letters):
            return ""
    else:
        matches = [_ONE.fullmatch(part) for part in _parts(flat)]
        letters = [match.group(1) for match in matches if match]
        if len(letters) < len(matches):
            return ""
    fits = len(letters) > 1 and len(set(letters)) == len(letters) and max(letters) <= last
    return "".join(letters) if fits else ""


def _parts(flat: str) -> list[str]:
    return flat.split(" ") if _SINGLES.fullmatch(flat) else _SEPARATOR.split(flat)


class LetterComparer(TextComparer):
    r"""One letter without choices: "B", also with the text of its option, "B: blue", which cannot be checked."""

    def __init__(self, gold: str) -> None:
        super().__init__(gold)
        self._options = ChoiceComparer(flatten(gold).strip("(). :"))

    def compare(self, answer: str) -> Comparison:
        """Compare as texts, and as options."""
        as_text = super().compare(answer)
        if as_text.correct or _OPERATION.match(flatten(answer)):
            return as_text
        as_option = self._options.compare(answer)
        return as_option if as_option.status is Status.OK or as_text.status is Status.OK else as_text

    def key(self, answer: str) -> Hashable | None:
        """The option, or the text's normal form."""
        return self._options.key(answer) or super().key(answer)


class LettersComparer(Comparer):
    """Several options: the same ones in any order, each once, by letter or by text.

    Args:
        letters: the letters of the right ones.
        choices: the options; none where they are not known.
        otherwise: compares what is no letters, such as a product AB; None: that is unparsable.

    """

    takes_several = True

    def __init__(self, letters: str, choices: Sequence[str] = (), otherwise: Comparer | None = None) -> None:
        self._options = ChoiceComparer(letters[0], choices)
        self._gold = frozenset(map(string.ascii_uppercase.index, letters))
        self._otherwise = otherwise

    def compare(self, answer: str) -> Comparison:
        """Compare the named options with the right ones."""
        named = self._named(answer)
        if named is not None:
            return RIGHT if named == self._gold else WRONG
        if self._otherwise is not None:
            return self._otherwise.compare(answer)
        return AMBIGUOUS if OR.search(answer) else UNPARSABLE

    def key(self, answer: str) -> Hashable | None:
        """The named options."""
        named = self._named(answer)
        return self._otherwise.key(answer) if named is None and self._otherwise is not None else named

    def _named(self, answer: str) -> frozenset[int] | None:
        flat = flatten(answer).rstrip(". ")
        if len(flat) > _LONGEST:
            return None
        parts = list(flat) if _TOGETHER.fullmatch(flat) else _parts(flat)
        named = [self._options.key(part) for part in parts]
        indices = [next(iter(one)) for one in named if one is not None and len(one) == 1]
        return frozenset(indices) if len(indices) == len(parts) == len(set(indices)) else None
