r"""MMMU-Pro: `MMMUProVerifier`.

The official rule:

1. If exactly one option's letter occurs in what follows the last "Answer:", it is the answer. It may occur
   anywhere, also within a word: "Answer: Both" is B.
2. Else the rule of MMMU (`verifiers.official.mmmu_rules`), where after "(X)" the candidates are "X " and then
   "X.", also at the end of a word; of several of these the one whose " X " stands last counts, and the first
   one where none does.
3. Else a letter at random: see `verifiers.official.mmmu`, also for `guesses="zero"`.

What differs: the guesses, as in MMMU; and the options of validation_Accounting_29, a list in a list, are taken out
of it, where the original sees one option and can never get the question right. The score that papers report as
MMMU-Pro is the mean of the accuracies on "standard (10 options)" and on "vision"; `metrics` scores the rows that
it is given.

Strict mode reads the last line where it begins with "Answer:", whatever was stated before.

Source: `mmmu-pro/evaluate.py` of MMMU-Benchmark/MMMU (arXiv 2409.02813).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from verifiers.official.base import grouped
from verifiers.official.mmmu import MMMUVerifier
from verifiers.official.mmmu_rules import last_of, option_in_text, padded
from verifiers.official.texts import region

_ANSWER = "Answer:"
_ANSWER_LINE = re.compile(r"[*_# \t]{0,9}Answer[*_]{0,3}:[*_ \t]{0,9}(.{1,300})")


class MMMUProVerifier(MMMUVerifier):
    """MMMU-Pro, rows of `MMMU/MMMU_Pro`: columns id, answer, options, and for `metrics` subject.

    Args:
        mode: "official" for the benchmark's own rules, "strict" for a reward.
        guesses: what the official mode does where a response names no option: "random" or "zero".
        seed: the seed of the guesses.

    Raises:
        ValueError: an argument has a value that is not allowed.

    """

    name = "mmmu_pro"
    where: ClassVar[str] = 'a last line "Answer: LETTER"'

    def marked(self, response: str) -> tuple[str, str]:
        """Put what the last line states after "Answer:" into `<answer>` tags."""
        before, after = region(response.rstrip())
        rest, newline, line = after.rpartition("\n")
        match = _ANSWER_LINE.fullmatch(line)
        if match is None:
            return response, ""
        return f"{before}{rest}{newline}<answer>{match[1].strip('*_ ')}</answer>", "answer_line"

    def letter(self, response: str, letters: str, options: Mapping[str, str]) -> str | None:
        """The letter that a response names by the official rule; None where the original guesses."""
        return parse_multi_choice_response(response, letters, options)

    def group_metrics(self, rows: Sequence[Mapping[str, Any]], scores: Sequence[float]) -> dict[str, float]:
        """Accuracy by subject."""
        return grouped("accuracy/subject", ((self.subject(row), score) for row, score in zip(rows, scores)))


def parse_multi_choice_response(response: str, letters: Sequence[str], options: Mapping[str, str]) -> str | None:
    """Steps 1 and 2: the letter that a response names.

    Args:
        response: what the model wrote.
        letters: the letters of the options, in order.
        options: the text of each letter's option.

    Returns:
        A letter, or None where the original guesses.

    """
    _, found, after = response.rpartition(_ANSWER)
    if found:
        named = [letter for letter in letters if letter in after]
        if len(named) == 1:
            return named[0]
    text = padded(response)
    for form, written in (("({})", "({})"), ("{} ", " {} "), ("{}.", " {} ")):
        candidates = [letter for letter in letters if form.format(letter) in text]
        if candidates:
            return last_of({letter: text.rfind(written.format(letter)) for letter in candidates})
    return option_in_text(text, options)
