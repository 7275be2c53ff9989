"""The answer that a gold holds, where the gold is a whole text: `held_answer`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from verifiers.errors import BadReference
from verifiers.extraction import STRICT
from verifiers.marked import boxes
from verifiers.phrases import STATEMENT

_MARK = re.compile(rf"</?(?:think|answer)>|\\f?box|{STATEMENT.pattern}", re.IGNORECASE | re.MULTILINE)
_BETWEEN_BOXES = re.compile(r"(?:[\s$,;.()&*]|\\[,;:()\[\] ]|\\text\s?\{|\}|\band\b|\bor\b)*", re.IGNORECASE)
_SENTENCES = re.compile(r"\n\s*|(?<=[a-z0-9)$][.!?])\s+(?=[A-Z$\\])")
_REASONS = re.compile(r"\b(?:so|thus|therefore|hence|then|first|we|let|since|because|substitut\w+)\b|=", re.IGNORECASE)
_RESULT = re.compile(r"[0-9=]")


def held_answer(gold: str, choices: Sequence[str] = ()) -> str:
    r"""The answer of a gold that is a whole text: "42" of "#### 42", "<answer>42</answer>" or "so it is \boxed{42}".

    >>> held_answer("3 + 4 = 7.\n#### 7"), held_answer("the cat")
    ('7', 'the cat')

    Args:
        gold: the gold answer.
        choices: the options, none of which is such a text.

    Raises:
        BadReference: the gold holds several answers, or none beside a mark of one.

    """
    if gold.strip() in map(str.strip, choices) or not _MARK.search(gold):
        return gold
    found = STRICT.extract(gold)
    if found.text is not None:
        return found.text
    boxed = boxes(gold)
    if found.answers and not re.sub(r"\\f?box(?:ed)?\s?\{", "", _beside(gold)):
        return ", ".join(claim.text for claim in boxed)
    if found.answers or found.method or "<think>" in gold or "<answer>" in gold:
        raise BadReference(f"the reference answer {_short(gold)} holds no answer, or several; give the answer itself")
    return gold


def is_solution(gold: str) -> bool:
    """Whether a text is a worked solution whose answer is not marked: two sentences or more that reason to a result."""
    parts = [part for part in _SENTENCES.split(gold[:10_000].strip()) if part.strip()]
    return len(parts) > 1 and _REASONS.search(gold) is not None and _RESULT.search(parts[-1]) is not None


def unmarked(gold: str) -> BadReference:
    """The error of a worked solution whose answer is not marked."""
    return BadReference(
        f"the reference answer {_short(gold)} is a solution in which no answer is marked; give the answer itself,"
        " or kind='text'"
    )


def _beside(gold: str) -> str:
    """What a gold says beside its boxes, without separators."""
    rest, at = [], 0
    for claim in boxes(gold):
        rest.append(gold[at : claim.start])
        at = claim.end
    return "".join(_BETWEEN_BOXES.sub("", part) for part in [*rest, gold[at:]])


def _short(gold: str) -> str:
    return repr(gold if len(gold) <= 80 else f"{gold[:77]}...")
