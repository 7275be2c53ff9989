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


def phrase_rate(episodes: Sequence[Sequence[str]], questions: Sequence[str]) -> float:
    """Return the episodes per 1,000 that mention privileged information in any of their actions; 0 for none at all.

    Args:
        episodes: the texts of each one's actions.
        questions: each one's question.

    """
    if not episodes:
        return 0.0
    told = (any(mentions(said, question) for said in actions) for actions, question in zip(episodes, questions))
    return 1000 * sum(told) / len(episodes)
