"""What is wrong with an answer: mistakes of form, which can be named to anyone, and of value, which tell the answer.

"The sign is wrong" is the whole answer to who wrote -7, and so are a wrong factor, unit, rounding, order, number of
elements, and which element is wrong: what it leaves right is confirmed. `form_mistake` is therefore not given the
gold answer at all; `value_mistake` is for who may see the reference.
"""

from __future__ import annotations

import enum
import re
from fractions import Fraction

from verifiers.extraction import answer_region
from verifiers.normalize import flatten
from verifiers.numeric import parse_number
from verifiers.types import AnswerKind, Status, Verdict

_LONGEST = 2_000
_OFFERS = re.compile(r"\b(?:and/)?or\b|\\lor\b|∨|±|\\pm\b", re.IGNORECASE)
_WITH_UNIT = re.compile(r"([+-]?[0-9][0-9.,]*(?:/[0-9]+)?) ?([^\s0-9.,].*)?")
_PLAIN = re.compile(r"[+-]?[0-9,]*\.?([0-9]*)")
_NUMBERS = (AnswerKind.INTEGER, AnswerKind.DECIMAL, AnswerKind.FRACTION)


class Mistake(enum.StrEnum):
    """What is wrong with an answer, in one word."""

    NO_ANSWER = "no_answer"
    """There is none."""
    UNFINISHED = "unfinished"
    """There is none, as the thought before it never ended."""
    SEVERAL = "several"
    """Several different answers, or a hedge."""
    NOT_A_NUMBER = "not_a_number"
    """A number is asked for, and this is none."""
    NOT_WHOLE = "not_whole"
    """The task asks for a whole number, and this is another."""
    NOT_AN_OPTION = "not_an_option"
    """It names none of the options."""
    UNREADABLE = "unreadable"
    """It is not of the kind that is asked for."""
    WRONG = "wrong"
    """It is wrong, and nothing more can be said."""
    SIGN = "sign"
    """Right but for the sign."""
    FACTOR_TEN = "factor_ten"
    """Ten times too large or too small."""
    FACTOR_HUNDRED = "factor_hundred"
    """A hundred times too large or too small, as a percentage for a share."""
    ROUNDING = "rounding"
    """The right value, rounded or cut off too far."""
    UNIT = "unit"
    """The right number with another unit, or without one."""
    ORDER = "order"
    """The right elements in another order."""
    COUNT = "count"
    """Too many elements, or too few."""
    ELEMENT = "element"
    """One element is wrong, the others are right."""


def form_mistake(response: str, verdict: Verdict, kind: AnswerKind | None, *, declared: bool = False) -> Mistake:
    """The mistake that shows without the gold answer.

    Args:
        response: what the model wrote.
        verdict: a verdict of not correct, whose status is not a failure.
        kind: the kind of answer that is asked for; None: not known.
        declared: whether the task itself states that kind, and it is not inferred from the gold answer.

    """
    answer = verdict.extracted
    if verdict.status is Status.NO_ANSWER:
        return Mistake.UNFINISHED if answer_region(response) is None else Mistake.NO_ANSWER
    if verdict.status is Status.AMBIGUOUS:
        # "red, blue" is ambiguous only because one of the two is the gold answer: who is told knows more
        own = answer is None or kind in (*_NUMBERS, AnswerKind.CHOICE) or _OFFERS.search(answer)
        return Mistake.SEVERAL if own else Mistake.WRONG
    if verdict.status is Status.UNPARSABLE:
        if kind == AnswerKind.CHOICE:
            return Mistake.NOT_AN_OPTION
        return Mistake.NOT_A_NUMBER if kind in _NUMBERS else Mistake.UNREADABLE
    if declared and kind == AnswerKind.INTEGER and answer is not None:
        value = _value(answer)
        if value is not None and value.denominator != 1:
            return Mistake.NOT_WHOLE
    return Mistake.WRONG


def value_mistake(answer: str, gold: str) -> Mistake:
    """How a wrong answer differs from the gold answer; `WRONG` where it is none of the mistakes that have a name."""
    if max(len(answer), len(gold)) > _LONGEST:
        return Mistake.WRONG
    answers, golds = _elements(answer), _elements(gold)
    if len(golds) > 1 and _value(gold) is None:
        if len(answers) != len(golds):
            return Mistake.COUNT
        if sorted(map(str, answers)) == sorted(map(str, golds)):
            return Mistake.ORDER
        one = sum(left != right for left, right in zip(answers, golds)) == 1
        return Mistake.ELEMENT if one else Mistake.WRONG
    value, right = _value(answer), _value(gold)
    if value is not None and right is not None:
        return _number_mistake(answer, value, right)
    return Mistake.UNIT if _same_number_other_unit(answer, gold) else Mistake.WRONG


def _number_mistake(answer: str, value: Fraction, right: Fraction) -> Mistake:
    if not value or not right:
        return Mistake.WRONG
    if value == -right:
        return Mistake.SIGN
    for factor, mistake in ((10, Mistake.FACTOR_TEN), (100, Mistake.FACTOR_HUNDRED)):
        if value in (right * factor, right / factor):
            return mistake
    if plain := _PLAIN.fullmatch(flatten(answer)):
        scale = 10 ** len(plain.group(1))
        if value in (Fraction(round(right * scale), scale), Fraction(int(right * scale), scale)):
            return Mistake.ROUNDING
    return Mistake.WRONG


def _same_number_other_unit(answer: str, gold: str) -> bool:
    left, right = _WITH_UNIT.fullmatch(flatten(answer)), _WITH_UNIT.fullmatch(flatten(gold))
    if left is None or right is None:
        return False
    value = _value(left.group(1))
    return value is not None and value == _value(right.group(1)) and left.group(2) != right.group(2)


def _elements(text: str) -> list[Fraction | str]:
    """Values between the commas and semicolons of a text's first level, brackets around it left out."""
    flat = flatten(text).replace(r"\{", "{").replace(r"\}", "}")
    if len(flat) > 1 and flat[0] in "([{" and flat[-1] in ")]}":
        flat = flat[1:-1]
    parts, depth, start = [], 0, 0
    for position, char in enumerate(flat):
        depth += (char in "([{") - (char in ")]}")
        if char in ",;" and depth == 0:
            parts.append(flat[start:position])
            start = position + 1
    parts.append(flat[start:])
    return [part.strip().casefold() if (value := _value(part)) is None else value for part in parts]


def _value(text: str) -> Fraction | None:
    number = parse_number(text)
    return None if number is None else number.value
