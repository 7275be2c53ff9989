r"""What a response claims, and takes back: `Claim`, `standing`.

A claim is taken back where the words right behind it say that it is wrong ("\boxed{3}, but that is wrong.") or those
right before deny it ("it is not \boxed{3}"). Words that offer another value behind it ("or 8") are a claim, too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from verifiers.normalize import text_key
from verifiers.phrases import OR

_THING = r"(?:answer|value|result|one|option|choice)"
_WRONG = (
    rf"(?:(?:an?\s+|the\s+)?(?:wrong|incorrect|false|mistaken|invalid|impossible)(?:\s+{_THING})?|a\s+mistake|an\s+error"
    rf"|not\s+(?:right|correct|true|valid|possible|it|the\s+(?:\w+\s)?{_THING}))"
)
_SURELY = r"(?:\s+(?:clearly|obviously|actually|still|also|definitely|probably|just))?"
_BEHIND = r"(?:[\s$)\]}.,;:!?*。，；、—–-]|\\q?quad\b|\\text\s?\{|\\[,;:\])]){0,12}"
_WITHDRAWAL = re.compile(
    rf"{_BEHIND}"
    r"(?:(?:but|however|and|though|yet|wait|oh|hmm|sorry|actually|oops|hold\s+on|no)[\s,.!:—–-]{1,4}){0,4}"
    rf"(?:(?:(?:this|that|it|which)(?:\s+{_THING})?\s*)?(?:(?:\b(?:is|was|would\s+be|must\s+be)|['’]s){_SURELY}\s+{_WRONG}"
    rf"|\b(?:isn|wasn)['’]t\s+(?:right|correct|true|valid|it|the\s+(?:\w+\s)?{_THING})|\bcan(?:not|['’]t)\s+be\s+(?:right|correct|true|it|the\s+(?:\w+\s)?{_THING})"
    r"|\bdoes(?:\s+not|n['’]t)\s+work)"
    r"|i\s+(?:made|was|must\s+have\s+made)\s+(?:an?\s+)?(?:mistake|error|wrong)|scratch\s+that|correction\b|not\s+correct"
    r"|(?:wait|hmm|oh|sorry|actually)[\s,.!:—–-]{1,4}no\b|(?:wrong|incorrect)[.!,:]|no[,.:!](?:\s|\Z))",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"(?:\b(?:not|never|nor|rather\s+than|instead\s+of|nicht|pas|não|non|не)|n['’]t|不是|नहीं"
    rf"|\b(?:wrong|incorrect|false)\s+{_THING}\s?(?:is|was|:))"
    r"(?:\s+(?:be|equal(?:\s+to)?|simply|just))?[\s$*\\(\[:{]{0,8}\Z",
    re.IGNORECASE,
)
_VALUE = r"\$[^$\n]{1,60}\$|[-+]?[0-9][0-9.,/]*(?<![.,])%?|\(?[A-HJ-Z]\)?(?![\w'’])"
_STOPS = r"(?=[\s$)]*(?:\Z|[\n.;(]))"
_OFFER = re.compile(
    rf"{_BEHIND}(?:\(\s?)?(?:(?i:{OR.pattern}|\b(?:maybe|perhaps|possibly|alternatively)\b))"
    r"(?:[,:\s}$]|\\q?quad\b){0,4}"
    r"(?:(?i:maybe|perhaps|possibly|even|else|it\s+is|it['’]s|the\s+answer\s+is|is\s+it)\s+){0,2}"
    rf"({_VALUE})|[\s$)*]{{0,4}}(?:\b(?i:and)\b|[/&])\s?({_VALUE})|[\s$)]{{0,4}}[,;、，]\s?({_VALUE}){_STOPS}"
)
_NEXT_LETTER = re.compile(rf"[\s$)]{{0,4}}(\([A-Za-z]\)|[A-HJ-Z](?![\w'’])){_STOPS}")
_LETTER = re.compile(r"[\s$]*\(?[A-Za-z]\)?[.:]?[\s$]*")
_LONGEST_BEFORE = 40


@dataclass(frozen=True, slots=True)
class Claim:
    """An answer where a response gives it.

    Attributes:
        text: the answer as written, with a unit that stands behind its mark.
        start: where it begins, mark included.
        end: where it ends, mark and unit included.
        bare: the answer without the percent sign behind its mark; "" where there is none.

    """

    text: str
    start: int
    end: int
    bare: str = ""


def standing(claims: Sequence[Claim], region: str) -> list[Claim]:
    """The claims that a response does not take back, and what it offers beside them.

    A claim that is taken back is gone, also where it was made before. What was claimed before and is not the one
    taken back remains beside it unless something is claimed afterwards: all are returned then, and differ.
    """
    denied = [claim for claim in claims if _is_denied(claim, region)]
    kept = list(claims)
    if denied:
        last = denied[-1].start
        gone = {text_key(claim.text) for claim in denied}
        kept = [claim for claim in claims if claim.start > last or text_key(claim.text) not in gone]
        if kept and all(claim.start < last for claim in kept):
            kept = list(claims)
    for claim in kept[:]:
        offer = _OFFER.match(region, claim.end)
        if offer is None and _LETTER.fullmatch(claim.text):
            offer = _NEXT_LETTER.match(region, claim.end)
        if offer is not None and offer.lastindex is not None:
            start, end = offer.span(offer.lastindex)
            if not any(other.start < end and start < other.end for other in claims):
                kept.append(Claim(region[start:end], start, end))
    return kept


def _is_denied(claim: Claim, region: str) -> bool:
    if _WITHDRAWAL.match(region, claim.end):
        return True
    return _DENIED.search(region, max(0, claim.start - _LONGEST_BEFORE), claim.start) is not None
