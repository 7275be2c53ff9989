"""What a teacher may be shown of a task, and its controls: a wrong hint, and a blank one.

A method that gains from privileged information should gain less from a blank hint and be harmed by a wrong one;
one that does neither uses something else. Controls change what teachers are shown and nothing else.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Sequence

import numpy as np

from rlsd_env.errors import ConfigurationError
from rlsd_env.prompts import choice_letter
from rlsd_env.sources import TaskSource
from rlsd_env.task import Item, Privileged
from verifiers import AnswerKind, Reference, Verifier

VARIANTS = ("right", "wrong", "blank")
BLANK = "not given"
UNSAID = dict.fromkeys(("feedback", "sibling", "wrong_answer"), BLANK)
"""What stands, under a control, in place of texts that come of the verifier's word on the group's attempts: what the
environment said at an attempt's end, an attempt shown as a right one, an answer shown since it is wrong. All of that
would be true. What a student was told in earlier turns is part of the conversation, which its teacher reads too, and
stays."""
TRIES = 100
"""Answers of other tasks that are verified until one is wrong."""
DRAWS = 2000
"""Tasks that are drawn for them, where few have what the hint must show."""


def right(item: Item, verifier: Verifier) -> dict[str, str]:
    """Return what the verifier says may be shown, by level.

    Returns:
        "answer", and where there are such "solution" (the worked one) and "trace" (the data set's reasoning). Controls
        add what `UNSAID` has.

    """
    return _levels(item.privileged, verifier)


def blank(item: Item, verifier: Verifier) -> dict[str, str]:
    """Return a hint in the same places and of the same form that says nothing: what the form alone is worth."""
    return dict.fromkeys(right(item, verifier), BLANK) | UNSAID


def wrong(item: Item, verifier: Verifier, source: TaskSource, indices: Sequence[int]) -> dict[str, str]:
    """Return a plausible wrong hint, the same for a task each time.

    It has the levels of the right one: those of another task of the fold, whose answer is wrong here and, in multiple
    choice, one of the options here. A multiple-choice task of which only the answer may be shown gets another option.

    Args:
        item: the task.
        verifier: what says that an answer is wrong.
        source: where other tasks are.
        indices: their numbers.

    Raises:
        ConfigurationError: none of the tasks that were tried has another answer and these levels.

    """
    reference = item.privileged.reference
    rng = np.random.default_rng([zlib.crc32(item.task.id.encode()), zlib.crc32(b"wrong hint")])
    levels = right(item, verifier).keys()
    letters: list[str] = []
    if reference.kind is AnswerKind.CHOICE and len(reference.choices) > 1:
        letters = [choice_letter(number) for number in range(len(reference.choices))]
        others = [letter for letter in letters if levels == {"answer"} and _is_wrong(letter, reference, verifier)]
        if others:
            return {"answer": others[int(rng.integers(len(others)))]} | UNSAID
    drawn = (source.privileged(int(indices[int(rng.integers(len(indices)))])) for _ in range(DRAWS))
    options = (*letters, *reference.choices)
    found = (_levels(other, verifier) for other in drawn if not letters or other.reference.answer in options)
    for other in itertools.islice((texts for texts in found if levels <= texts.keys()), TRIES):
        if _is_wrong(other["answer"], reference, verifier):
            return {level: other[level] for level in levels} | UNSAID
    raise ConfigurationError(
        f"no wrong hint for task {item.task.id!r}: of {DRAWS} tasks that were drawn none has another answer together "
        f"with {', '.join(levels)} to show; use hints=blank as the control"
    )


def _is_wrong(answer: str, reference: Reference, verifier: Verifier) -> bool:
    verdict = verifier.verify(f"<answer>{answer}</answer>", reference)
    return not verdict.correct and not verdict.status.failed


def _levels(privileged: Privileged, verifier: Verifier) -> dict[str, str]:
    found = {level: verifier.privileged(privileged.reference, level) for level in ("answer", "solution")}
    found["trace"] = privileged.trace
    return {level: text for level, text in found.items() if text}
