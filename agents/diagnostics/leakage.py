"""Leakage: does a student speak of information that only its teacher had?"""

from __future__ import annotations

import re
from collections.abc import Sequence

PHRASES = re.compile(
    r"\b(?:the|this|that|given|provided)\s+"
    r"(?:(?:given|provided|known|correct)\s+)?"
    r"(?:reference|given|provided|official|ground[- ]truth)\s+"
    r"(?:answer|solution|response|result|trace)\b"
    r"|\b(?:the|a)\s+(?:hint|feedback|reference)\s+(?:says|said|states|stated|shows|tells|suggests|indicates|is)\b"
    r"|\b(?:according to|based on|from)\s+(?:the\s+)?(?:hint|reference|feedback|provided (?:answer|solution))\b"
    r"|\bearlier\s+(?:correct\s+)?(?:response|attempt)\b",
    re.IGNORECASE,
)


def mentions(response: str, question: str) -> bool:
    """Tell whether a response speaks of privileged information in words that its question does not use.

    >>> mentions("The reference answer is 7, so", "How many dots?")
    True
    """
    asked = question.casefold()
    return any(match[0].casefold() not in asked for match in PHRASES.finditer(response))


def per_1000(told: Sequence[bool]) -> float:
    """Return how many of 1,000 attempts mention privileged information, from whether each does; 0 for none at all."""
    return 1000 * sum(told) / len(told) if told else 0.0
