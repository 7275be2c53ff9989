"""Whole numbers in English words: `spelled_number`."""

from __future__ import annotations

import re

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen"
).split()
_TENS = ("twenty thirty forty fifty sixty seventy eighty ninety").split()
_VALUES = {word: value for value, word in enumerate(_UNITS)} | {word: 10 * at for at, word in enumerate(_TENS, 2)}
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9}
_LONGEST = 80
_SHAPE = re.compile(r"[A-Za-z]+(?:[ -][A-Za-z]+)*")


def spelled_number(text: str) -> int | None:
    """The number that "twenty-one" or "two hundred and five" is; None for anything else.

    >>> spelled_number("Two hundred and five"), spelled_number("one half"), spelled_number("a dozen")
    (205, None, None)
    """
    if len(text) > _LONGEST or not _SHAPE.fullmatch(text):
        return None
    words = text.lower().replace("-", " ").split()
    total = group = 0
    last = "start"
    for word in words:
        if word in _VALUES:
            value = _VALUES[word]
            is_tens = value >= 20
            if last == "unit" or (last == "tens" and (is_tens or not 1 <= value <= 9)):
                return None
            group += value
            last = "tens" if is_tens else "unit"
        elif word == "hundred" and last in ("unit", "tens") and 1 <= group < 100:
            group *= 100
            last = "hundred"
        elif word in _SCALES and group:
            total += group * _SCALES[word]
            group, last = 0, "scale"
        elif word == "and" and last in ("hundred", "scale"):
            last = "and"
        else:
            return None
    return None if last == "and" else total + group
