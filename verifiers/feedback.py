"""What to tell a model about its attempt, at a level that says how much of the reference it may tell.

`outcome`: right, wrong, or no answer found. `error`: also what is wrong with the answer's form (`Mistake`), which
depends on the kind of answer that is asked for but not on the gold answer. Neither quotes anything.
`steps`: the model's own answer is quoted and, where the task has steps, the first wrong one told with its value.
`reference`: also how the answer differs from the gold answer ("the sign is wrong"), and the gold answer itself.
"""

from __future__ import annotations

import re

from verifiers.kinds import infer_kind
from verifiers.mistakes import Mistake, form_mistake, value_mistake
from verifiers.numeric import parse_number
from verifiers.types import Reference, Status, Step, Verdict

FEEDBACK_LEVELS = ("outcome", "error", "steps", "reference")
"""How much feedback tells, from the least to the most."""
DEFAULT_FEEDBACK_LEVEL = "steps"

_LONGEST_QUOTE = 80

_MISTAKE_SENTENCES = {
    Mistake.NO_ANSWER: "No answer found: put it in {where}.",
    Mistake.UNFINISHED: "No answer found: your thought was never closed. Close it, then put the answer in {where}.",
    Mistake.SEVERAL: "More than one answer found: give exactly one.",
    Mistake.NOT_A_NUMBER: "Your answer cannot be read as a number.",
    Mistake.NOT_WHOLE: "Your answer is wrong: a whole number is asked for.",
    Mistake.NOT_AN_OPTION: "Your answer names none of the options.",
    Mistake.UNREADABLE: "Your answer cannot be read as an answer to this question.",
    Mistake.WRONG: "Your answer is wrong.",
    Mistake.SIGN: "Your answer has the wrong sign.",
    Mistake.FACTOR_TEN: "Your answer is off by a factor of ten.",
    Mistake.FACTOR_HUNDRED: "Your answer is off by a factor of a hundred.",
    Mistake.ROUNDING: "Your answer is not exact enough.",
    Mistake.UNIT: "Your answer has the right number, but not the right unit.",
    Mistake.ORDER: "Your answer has the right elements in the wrong order.",
    Mistake.COUNT: "Your answer has the wrong number of elements.",
    Mistake.ELEMENT: "One element of your answer is wrong.",
}

_STATUS_SENTENCES = {
    Status.NO_ANSWER: _MISTAKE_SENTENCES[Mistake.NO_ANSWER],
    Status.UNPARSABLE: "Your answer {answer} cannot be read as an answer to this question.",
    Status.AMBIGUOUS: _MISTAKE_SENTENCES[Mistake.SEVERAL],
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


def checked_level(level: str) -> str:
    """The level, if there is one of this name.

    Raises:
        ValueError: there is none.

    """
    if level not in FEEDBACK_LEVELS:
        raise ValueError(f"level is {level!r}; it must be one of {', '.join(map(repr, FEEDBACK_LEVELS))}")
    return level


def feedback_text(
    response: str,
    reference: Reference,
    verdict: Verdict,
    where: str = "<answer> </answer>",
    level: str = DEFAULT_FEEDBACK_LEVEL,
) -> str:
    """A sentence or two on a verdict.

    Args:
        response: what the model wrote; searched for `reference.steps` when the answer is wrong.
        reference: the task's reference.
        verdict: the verdict to speak of.
        where: where an answer must be put, for the case that none was found.
        level: how much may be told: "outcome", "error", "steps" or "reference"; see this module.

    Raises:
        ValueError: there is no such level.

    """
    checked_level(level)
    if verdict.correct:
        return "Correct."
    if verdict.status.failed:
        return _STATUS_SENTENCES[verdict.status]
    if level == "outcome":
        missing = verdict.status is Status.NO_ANSWER
        return _MISTAKE_SENTENCES[Mistake.NO_ANSWER if missing else Mistake.WRONG].format(where=where)
    if level == "error":
        return _MISTAKE_SENTENCES[_form_mistake(response, reference, verdict)].format(where=where)
    if level == "steps":
        return _quoting(verdict, where) if (step := _wrong_step(response, reference, verdict)) is None else step
    mistake = _form_mistake(response, reference, verdict)
    if mistake is Mistake.WRONG and verdict.status is Status.OK and verdict.extracted is not None:
        mistake = value_mistake(verdict.extracted, reference.answer)
    sentences = [
        _quoting(verdict, where) if mistake is Mistake.WRONG else _MISTAKE_SENTENCES[mistake].format(where=where),
        _wrong_step(response, reference, verdict),
        f"The right answer is {_quote(reference.answer)}.",
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _form_mistake(response: str, reference: Reference, verdict: Verdict) -> Mistake:
    kind = infer_kind(reference.answer, reference.choices) if reference.kind is None else reference.kind
    return form_mistake(response, verdict, kind, declared=reference.kind is not None)


def _quoting(verdict: Verdict, where: str) -> str:
    if verdict.status is Status.OK:
        return f"Your answer {_quote(verdict.extracted)} is wrong."
    return _STATUS_SENTENCES[verdict.status].format(where=where, answer=_quote(verdict.extracted))


def _wrong_step(response: str, reference: Reference, verdict: Verdict) -> str | None:
    if verdict.status is not Status.OK or not reference.steps:
        return None
    step = first_wrong_step(response, reference.steps)
    if step is None:
        return None
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
