"""Relaxed accuracy, for numbers that are read off a chart: `RelaxedAccuracy`.

A number is right within 5 % of the gold number, anything else where it reads the same. This is ChartQA's rule
(Masry et al. 2022, section 5.1, after Methani et al. 2020), fit to be a reward in three points: the answer is
extracted first, numbers are read exactly (thousands separators, fractions and words too), and a gold of 0 takes any
way to write 0. A percentage is a hundredth, as in the official code: "57%" is 0.57, not 57.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Hashable
from dataclasses import replace
from fractions import Fraction

from verifiers.base import Verifier
from verifiers.comparison import MAX_ANSWER_CHARS, RIGHT, UNPARSABLE, WRONG, Comparer, Comparison, TextComparer
from verifiers.extraction import ExtractionPolicy
from verifiers.feedback import DEFAULT_FEEDBACK_LEVEL, feedback_text
from verifiers.golds import held_answer
from verifiers.normalize import text_key
from verifiers.numeric import parse_number
from verifiers.types import FrozenDict, Reference, Status, Verdict

_PERCENT = re.compile(r"(.+?)\s?(?:\\?%|percent|per cent)\.?", re.DOTALL)


class RelaxedAccuracy(Verifier):
    """Judges the final answer: 1.0 for a number within the tolerance or for the same text, else 0.0.

    `Reference.kind` and `Reference.choices` are not looked at: a gold answer that is a number is compared as one,
    any other as text. A year is a number too, so 2010 passes for 2008; that is the official rule.

    Args:
        tolerance: the largest relative difference from the gold number, 0 or more.
        policy: where the answer is looked for.

    Raises:
        ValueError: `tolerance` is negative or not finite.

    Example:
        >>> verifier = RelaxedAccuracy()
        >>> [verifier.verify(f"<answer>{x}</answer>", Reference("200")).reward for x in ("190", "210.0", "189")]
        [1.0, 1.0, 0.0]

    """

    name = "relaxed"
    version = "1"

    def __init__(self, tolerance: float = 0.05, policy: ExtractionPolicy | None = None) -> None:
        if not 0 <= tolerance < float("inf"):
            raise ValueError(f"tolerance is {tolerance}; it must be 0 or more, e.g. 0.05 for 5 %")
        self.tolerance = tolerance
        self.policy = ExtractionPolicy() if policy is None else policy

    def verify(self, response: str, reference: Reference) -> Verdict:
        """Judge one response.

        Raises:
            BadReference: the gold answer is a whole text that holds several answers, or none.

        """
        comparer = _comparer(reference.answer, self.tolerance)
        found = self.policy.extract(response, comparer.same, comparer.reads)
        if found.text is None:
            comparison = Comparison(found.status)
        elif len(found.text) > MAX_ANSWER_CHARS:
            comparison = RIGHT if found.text == reference.answer.strip() else UNPARSABLE
        else:
            comparison = comparer.compare(found.text)
        verdict = Verdict(
            reward=float(comparison.correct),
            correct=comparison.correct,
            extracted=found.text,
            status=comparison.status,
            parts=FrozenDict(accuracy=float(comparison.correct)),
            method=found.method,
        )
        return replace(verdict, feedback=self.feedback(response, reference, verdict))

    def feedback(
        self, response: str, reference: Reference, verdict: Verdict, *, level: str = DEFAULT_FEEDBACK_LEVEL
    ) -> str:
        """One sentence, in which a missing answer is asked for where this verifier's policy looks."""
        return feedback_text(response, reference, verdict, where=self.policy.where, level=level)


class RelaxedComparer(Comparer):
    """Compares numbers with a relative tolerance, and what is no number as text.

    Args:
        gold: the gold answer.
        tolerance: the largest relative difference.

    """

    def __init__(self, gold: str, tolerance: float) -> None:
        self._gold = chart_number(gold)
        self._text = TextComparer(gold)
        self._margin = Fraction(str(tolerance)) * abs(self._gold) if self._gold is not None else None

    def compare(self, answer: str) -> Comparison:
        """Compare a number with the gold number, or a text with the gold text."""
        if self._gold is None or self._margin is None:
            return self._text.compare(answer)
        number = chart_number(answer)
        if number is None:
            as_text = self._text.compare(answer)
            return UNPARSABLE if as_text.status is Status.OK and not as_text.correct else as_text
        return RIGHT if abs(number - self._gold) <= self._margin else WRONG

    def key(self, answer: str) -> Hashable | None:
        """The number, or the text's normal form where the gold is a text."""
        if self._gold is None:
            return text_key(answer)
        return chart_number(answer)


def chart_number(text: str) -> Fraction | None:
    """Read a number as it is written on a chart; "57%" is 57/100. None: it is not one number.

    >>> chart_number("1,250.5"), chart_number("57%"), chart_number("about 5")
    (Fraction(2501, 2), Fraction(57, 100), None)
    """
    number = parse_number(text)
    if number is not None:
        return number.value
    percent = _PERCENT.fullmatch(text.strip()) if len(text) <= MAX_ANSWER_CHARS else None
    number = parse_number(percent.group(1)) if percent else None
    return None if number is None else number.value / 100


@functools.lru_cache(maxsize=4096)
def _comparer(gold: str, tolerance: float) -> RelaxedComparer:
    return RelaxedComparer(held_answer(gold), tolerance)
