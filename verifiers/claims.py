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

_WRONG = (
    r"(?:wrong|incorrect|false|mistaken|invalid|impossible|a\s+mistake|an\s+error"
    r"|not\s+(?:right|correct|true|valid|possible|it|the\s+(?:\w+\s)?answer))"
)
_SURELY = r"(?:\s+(?:clearly|obviously|actually|still|also|definitely|probably|just))?"
_WITHDRAWAL = re.compile(
    r"[\s$)\]}.,;:!*\\—–-]{0,12}"
    r"(?:(?:but|however|and|though|yet|wait|oh|hmm|sorry|actually|oops|hold\s+on|no)[\s,.!:—–-]{1,4}){0,4}"
    rf"(?:(?:(?:this|that|it|which)(?:\s+(?:answer|value|result|one|option))?(?:(?:\s+(?:is|was)|['’]s){_SURELY}\s+{_WRONG}"
    r"|\s+(?:isn|wasn)['’]t\s+(?:right|correct|true|it)|\s+can(?:not|['’]t)\s+be\b|\s+does(?:\s+not|n['’]t)\s+work))"
    rf"|(?:is|was){_SURELY}\s+{_WRONG}|(?:isn|wasn)['’]t\s+(?:right|correct|the)"
    r"|i\s+(?:made|was|must\s+have\s+made)\s+(?:an?\s+)?(?:mistake|error|wrong)|scratch\s+that|correction\b|not\s+correct"
    r"|(?:wait|hmm|oh|sorry|actually)[\s,.!:—–-]{1,4}no\b|(?:wrong|incorrect)[.!,:]|no[,.:!]\s)",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"(?:\b(?:not|never|nor|rather\s+than|instead\s+of|nicht|pas|não|non|не)|n['’]t|不是|नहीं)"
    r"(?:\s+(?:be|equal(?:\s+to)?|simply|just))?[\s$*\\(\[:{]{0,8}\Z",
    re.IGNORECASE,
)
_VALUE = r"\$[^$\n]{1,60}\$|[-+]?[0-9][0-9.,/]*(?<![.,])%?|\(?[A-Z]\)?(?![\w'’])"
_OFFER = re.compile(
    rf"[\s$)\]}}.,;:(*\\]{{0,8}}(?:(?i:{OR.pattern})|\b(?i:maybe|perhaps|possibly|alternatively)\b)[,:\s]{{0,3}}"
    r"(?:(?i:maybe|perhaps|possibly|even|else|it\s+is|it['’]s|the\s+answer\s+is|is\s+it)\s+){0,2}"
    rf"({_VALUE})"
)
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
        if offer and not any(other.start < offer.end(1) and offer.start(1) < other.end for other in claims):
            kept.append(Claim(offer.group(1), offer.start(1), offer.end(1)))
    return kept


def _is_denied(claim: Claim, region: str) -> bool:
    if _WITHDRAWAL.match(region, claim.end):
        return True
    return _DENIED.search(region, max(0, claim.start - _LONGEST_BEFORE), claim.start) is not None
