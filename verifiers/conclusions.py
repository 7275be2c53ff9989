"""What the last sentence of a response concludes with, for evaluation: `conclusion`, `conclusion_readings`.

Read are "Thus we get x = 7.", "She will spend $10.4.", "Objects left: 7", "There are 2 dots in each group.", and a
value in bold, also above a pleasantry. Nothing is read of a sentence that denies, doubts, supposes, asks or offers
another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from verifiers.claims import Claim
from verifiers.marked import unit_behind
from verifiers.phrases import OR
from verifiers.statements import LONGEST, denies, last_line, readings
from verifiers.words import spelled_number

_PLEASANTRY = re.compile(
    r"\W*(?:is\s+there\s+anything|let\s+me\s+know|(?:i\s+)?hope\s+(?:this|that|it)|feel\s+free|if\s+you\s+(?:have|need|want)"
    r"|please\s+(?:let|feel)|(?:do|would|should)\s+(?:you|i)\b|(?:i['’]m|i\s+am)\s+(?:happy|glad|here)|happy\s+to|good\s+luck"
    r"|great\s+job|have\s+a\s+(?:nice|great|good)|thank|you['’]re\s+welcome|can\s+i\s+help|what\s+else)",
    re.IGNORECASE,
)
_RULE = re.compile(r"[\s*_=-]*\Z")
_SENTENCES = re.compile(r"(?<=[.!?。！？])\**\s+")
_SUPPOSES = re.compile(
    r"\b(?:let|suppose|supposing|assum\w+|say|example|such\s+as|e\.g\.|when|where|given|because|try|trying|check\w*|test\w*"
    r"|consider\w*|substitut\w+|expect\w*|seems?|appears?|likely|probably|at\s+(?:least|most)|(?:more|less|fewer|greater)\s+than"
    r"|up\s+to|wait|hmm|actually|initially|originally|would|should|rather|instead|contrary)\b|\?"
    r"|\A\W*(?:is|are|was|were|do|does|did|can)\b",
    re.IGNORECASE,
)
_DIGITS = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?(?:/[0-9]+)?"
_NUMBER = re.compile(rf"(?<![\w.,/^:-])(?<!:[ ])[-−]?[$€£¥₹]?\s?{_DIGITS}|(?<=: )[-−]?[$€£¥₹]?{_DIGITS}")
_LINK = re.compile(
    r"(?:(?<![<>!≠≤≥=])[=≈]|:\s|\b(?:is|are|was|were|be|equals|equal\s+to|equals\s+to|to\s+be|(?:total|sum|value|count)\s+of"
    r"|comes\s+to|amounts\s+to|adds\s+up\s+to)\b\s*:?)"
    r"\s*(?:(?:approximately|about|around|roughly|exactly|only|just|simply|therefore|thus|also|now)\s+)?\Z",
    re.IGNORECASE,
)
_NO_LINK = frozenset(
    (
        "from to than by over after before in on at of for with every each the first another step question figure"
        " option line page case equation part problem exercise chapter section until since within per times minus plus"
        " divided and under below above beyond no a an about nearly almost except excluding row column group day week"
        " year hour x item level"
    ).split()
)
_LABEL = re.compile(
    r"\b(?:step|question|figure|options?|choices?|case|equation|part|problem|exercise|example|hint|note)\b", re.I
)
_SCALES = re.compile(
    r"[\s-]*(?:hundreds?|thousands?|(?:m|b|tr)illions?|dozens?|scores?|hal(?:f|ves)|thirds?|quarters?|fourths?|fifths?|tenths?"
    r"|pairs?|times|points?|of\s+(?:the|them|these|those)|out\s+of|to\b|and\b|x\b|[-+*/^=<>×÷]|more\b|fewer\b|less\b|other\b)",
    re.IGNORECASE,
)
_THERE = re.compile(
    r"\bthere\s+(?:is|are|was|were|will\s+be|remains?)\s+(?:(?:now|only|exactly|just|still|therefore|thus|a\s+total\s+of)\s+)*"
    rf"({_DIGITS}|[a-z]+(?:-[a-z]+)?)(?![\w.,/^]*[0-9])",
    re.IGNORECASE,
)
_BOLD = re.compile(r"\*\*([^*\n]{1,80})\*\*")
_NOUN = re.compile(
    r"(\s[A-Za-z-]{2,20})(?:\s(?:left(?:\sover)?|remaining|altogether|overall|total|each|in\s(?:total|all)))?\Z",
    re.IGNORECASE,
)
_MOST_LINES = 4


def conclusion(region: str) -> list[Claim]:
    """The last line that is no pleasantry and no rule, as `last_line` finds it."""
    text = region.rstrip()
    for _ in range(_MOST_LINES):
        line = text[text.rfind("\n") + 1 :]
        if len(line) > LONGEST or not (_RULE.match(line) or all(map(_PLEASANTRY.match, _SENTENCES.split(line)))):
            break
        text = text[: len(text) - len(line)].rstrip()
    return last_line(text)


def conclusion_readings(line: str) -> list[str]:
    """What a last line may mean as an answer, from the most literal on."""
    literal, *found = readings(line, "last_line")
    if len(line) > LONGEST:
        return [literal]
    sentences = _SENTENCES.split(line.strip())
    while len(sentences) > 1 and _PLEASANTRY.match(sentences[-1]):
        sentences.pop()
    if any(denies(part) or _SUPPOSES.search(part) or OR.search(part) for part in sentences):
        return [literal, *found]
    bold = [text.strip(" .:") for text in _BOLD.findall(line)]
    in_bold = [*bold, *_values(bold[0])] if len(bold) == 1 else []
    last = sentences[-1].replace("**", "").strip()
    return [literal, *in_bold, *_labelled(last), *_values(last), *_counted(last), *found]


def _labelled(sentence: str) -> Iterator[str]:
    """What follows the only colon: "Final number of objects left: 7"."""
    label, colon, rest = sentence.partition(": ")
    if colon and ": " not in rest and not _LABEL.search(label) and not denies(label):
        yield rest.strip(" .")


def _values(sentence: str) -> Iterator[str]:
    """The value that a sentence ends in."""
    numbers = list(_NUMBER.finditer(sentence))
    if not numbers:
        return
    last = numbers[-1]
    text = last.group().strip()
    unit, stop = unit_behind(sentence, last.end())
    rest = sentence[stop:].rstrip(" .!*")
    head = sentence[: last.start()]
    word = re.search(r"([A-Za-z]+)\W*\Z", head)
    alone = len(numbers) == 1 and word is not None and word.group(1).lower() not in _NO_LINK
    if denies(head) or (not _LINK.search(head) and not alone):
        return
    if _LABEL.search(head.rpartition(":")[0]):
        return
    if not rest:
        yield f"{text} {unit}" if unit else text
    elif not unit and (noun := _NOUN.fullmatch(rest)) and not _SCALES.match(rest):
        yield text + noun.group(1)


def _counted(sentence: str) -> Iterator[str]:
    """The number of "There are N ..", where it is the only number."""
    match = _THERE.search(sentence)
    if match is None or _SCALES.match(sentence, match.end()):
        return
    number = match.group(1)
    is_word = not number[0].isdigit()
    if (is_word and spelled_number(number) is None) or len(_NUMBER.findall(sentence)) != (not is_word):
        return
    unit, _ = unit_behind(sentence, match.end())
    yield f"{number} {unit}" if unit else number
