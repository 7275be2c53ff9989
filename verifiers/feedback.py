"""What to tell a model about its attempt: one sentence, step-aware where the task has steps."""

from __future__ import annotations

import re

from verifiers.numeric import parse_number
from verifiers.types import Reference, Status, Step, Verdict

_LONGEST_QUOTE = 80

_STATUS_SENTENCES = {
    Status.NO_ANSWER: "No answer found: put it in {where}.",
    Status.UNPARSABLE: "Your answer {answer} cannot be read as an answer to this question.",
    Status.AMBIGUOUS: "More than one answer found: give exactly one.",
    Status.TIMEOUT: "The answer could not be checked in time.",
    Status.ERROR: "The answer could not be checked.",
}

_BULLET = re.compile(r"^[ \t]*[-*•][ \t]", re.MULTILINE)
_OPERATOR_SPACING = re.compile(r" ?([+*/×÷·^=:-]) ?")
_OPERATORS = frozenset("+-*/×÷·^")
_NUMBER = r"[+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?(?:/[0-9]+)?"
_STATES = r"\*{0,2} ?(?:[:=]|are\b|is\b)\*{0,2} ?"
_FOUND_NUMBER = re.compile(rf"{_STATES}({_NUMBER})", re.IGNORECASE)
_FOUND_TEXT = re.compile(rf"{_STATES}([^.,;<]{{1,80}})", re.IGNORECASE)
_CONTINUES = re.compile(r" ?[+*×÷·^/-] ?[0-9(]")


def feedback_text(response: str, reference: Reference, verdict: Verdict, where: str = "<answer> </answer>") -> str:
    """One sentence on a verdict.

    Args:
        response: what the model wrote; searched for `reference.steps` when the answer is wrong.
        reference: the task's reference; only its steps are ever quoted.
        verdict: the verdict to speak of.
        where: where an answer must be put, for the case that none was found.

    """
    if verdict.correct:
        return "Correct."
    if verdict.status is not Status.OK:
        return _STATUS_SENTENCES[verdict.status].format(where=where, answer=_quote(verdict.extracted))
    step = first_wrong_step(response, reference.steps) if reference.steps else None
    if step is None:
        return f"Your answer {_quote(verdict.extracted)} is wrong."
    wrong, found = step
    if found is None:
        return f"{wrong.name}: not found, it is {wrong.value}."
    return f"{wrong.name}: {found} is wrong, it is {wrong.value}."


def first_wrong_step(response: str, steps: tuple[Step, ...]) -> tuple[Step, str | None] | None:
    """The first step whose value the response has wrong, or not at all.

    A step is read from "<name>: <value>" ("=", "is" and "are" will do, spaces and case do not matter);
    where it is stated more than once, the last statement before the answer tag counts.

    Returns:
        The step and what was found in its place (None: nothing), or None when every step is right.

    """
    cut = response.rfind("<answer>")
    text = _compact(response if cut < 0 else response[:cut])
    lowered = text.lower()
    if len(lowered) != len(text):  # a letter whose lower case is longer, e.g. "İ"
        text = lowered
    for step in steps:
        found = _last_stated(text, lowered, step)
        if found is None or not _same_value(found, step.value):
            return step, found
    return None


def _last_stated(text: str, lowered: str, step: Step) -> str | None:
    name = _compact(step.name).lower()
    is_number = parse_number(step.value) is not None
    pattern = _FOUND_NUMBER if is_number else _FOUND_TEXT
    end = len(lowered)
    while name and (at := lowered.rfind(name, 0, end)) >= 0:
        if _starts_here(lowered, at, name):
            match = pattern.match(text, at + len(name))
            # "4 + 2 = 3 + 3" states an expression, not the value of 4 + 2
            if match and not (is_number and _CONTINUES.match(text, match.end())):
                return match.group(1).strip()
        end = at + len(name) - 1
    return None


def _starts_here(text: str, at: int, name: str) -> bool:
    """Whether the name found at `at` is whole: "4+2" is no step of "14+2" nor of "1+4+2"."""
    before = text[max(0, at - 2) : at]
    if before[-1:].isalnum() or before[-1:] in ("_", "."):
        return False
    has_operator = any(mark in name for mark in _OPERATORS)
    return not (has_operator and before.rstrip()[-1:] in _OPERATORS)


def _compact(text: str) -> str:
    words = _BULLET.sub("", text.replace("−", "-")).split()
    return _OPERATOR_SPACING.sub(r"\1", " ".join(words))


def _same_value(found: str, expected: str) -> bool:
    left, right = parse_number(found), parse_number(expected)
    if left is not None and right is not None:
        return left.value == right.value
    return _compact(found).casefold() == _compact(expected).casefold()


def _quote(text: str | None) -> str:
    if text is None:
        return ""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_QUOTE else line[: _LONGEST_QUOTE - 1] + "…"
