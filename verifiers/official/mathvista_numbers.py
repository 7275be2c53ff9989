"""The number that a text of several states as its answer: `stated_number`, for MathVista's questions about numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from verifiers.words import spelled_number

_MOST_WORDS = 6  # of a spelled number
_LONGEST_SENTENCE = 2_000
_NUMBER = re.compile(r"(?<![0-9A-Za-z.])-?(?:[0-9]++(?:,[0-9]{3})*+(?:\.[0-9]++)?|\.[0-9]++)")
_WORD = re.compile(r"(?<![\w-])[A-Za-z]+(?:-[A-Za-z]+)?(?![\w-])")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z*])|\n+")
_BOLD = re.compile(r"\*\*([^*\n]{1,80})\*\*")
_HEADING = re.compile(
    r"\s*(?:step|stage|part|figure|question|example|option|choice)\b|\s*[0-9]+[.)]\s|.*:\s*$", re.IGNORECASE
)
_WORKING = re.compile(r"(?<![\\A-Za-z0-9])\([^()]{0,300}\)")
_CONCLUSION = re.compile(
    r"\b(?:so|therefore|thus|hence|consequently|equals|gives|makes|leaving|leaves)\b|(?<!or )\bequal to\b|=",
    re.IGNORECASE,
)
_THERE_ARE = re.compile(
    r"\bthere(?: is| are| was| were| will be| would be| remains?|'s|'re)"
    r"(?: (?:only|exactly|just|still|now|also|about|approximately|around|precisely|(?:in )?(?:a )?total(?: of)?)){0,3}"
    r"[\s*$]{1,6}",
    re.IGNORECASE,
)
_BARRIER = re.compile(
    r"(?:\b(?:than|above|below|over|under|exceed(?:s|ing|ed)?|at least|at most|up to|out of|or equal to"
    r"|[0-9a-z]+ of the|[0-9]+ of|between|within|through|past|reach(?:es|ing)?|with (?:an? |the )?(?!total|sum)\w+ of)"
    r"(?: the| an?| age)?|[<>≤≥])[\s*$]*$",
    re.IGNORECASE,
)
_JOINED = re.compile(r"[\s*%$]*(?:and|or|to|-|–)[\s*$]*")
_DATE = re.compile(r"\b(?:in|since|of|by|from|during|for|until|year|and|to)\s*$", re.IGNORECASE)
_OF_THEM = re.compile(r"\*{0,2} of (?:the|these|those|them)\b")
_BREAKDOWN = re.compile(r":|\b(?:namely|including|such as|which are|that is|consisting of)\b")
_NONE = re.compile(r"\bthere (?:are|were) no\b|^\W*no (?:\w+ ){1,3}(?:is|are|was|were|remains?)\b", re.IGNORECASE)
_PRONOUN = re.compile(r"\s+(?:of|can|could|may|might|must|should|would|has to|needs|way|thing|by|more|at)\b")
_YEAR = re.compile(r"(?:1[5-9]|20)[0-9]{2}")
_IN_FRONT = re.compile(
    r"[\s*$€£:\"'({\\]*(?:(?:is|are|that|there are|it is|approximately|about|around|roughly|only|exactly|just"
    r"|equal to|[a-z] =)\b[\s*$]*){0,3}",
    re.IGNORECASE,
)
_GOES_ON = re.compile(
    r"[\s*]*(?:[-+*/=^×÷·√π<>:–−]|,\s*[0-9]|\\(?:times|cdot|div|frac|sqrt|pi)"
    r"|(?:x|plus|minus|times|divided|less than|more than|to|and|or)(?=[\s$*]+-?[$.0-9]))"
)


class _Token(NamedTuple):
    start: int
    end: int
    value: str


def stated_number(text: str, whole: bool, *, answer: bool = False) -> str:
    """The number that a text states, without separators of thousands; "" where there is none.

    Of several: the one in bold type, if it is the only one; else of the last sentence with numbers what comes after
    "so" or "=", what "there are" counts, or the last that is no bound ("than 40"), year or working in brackets.

    Args:
        text: a text of bounded length.
        whole: numbers with decimals count only where there is no other.
        answer: the text is what an "answer is" states, so that a number that it begins with counts.

    Example:
        >>> stated_number("There are 3 groups of bars smaller than 40.", whole=True)
        '3'
        >>> stated_number("4 (9 - 5).", whole=True, answer=True), stated_number("Three objects are left.", whole=True)
        ('4', '3')

    """
    if answer and (found := _in_front(text)):
        return found
    bold = {token.value for token in _bold(text)}
    if len(bold) == 1:
        return bold.pop()
    for part in reversed(_SENTENCE_END.split(text)):
        sentence = part[-_LONGEST_SENTENCE:]
        bare = _WORKING.sub(" ", sentence)
        found = _of_sentence(bare, whole) or _of_sentence(sentence, whole)
        if found:
            return found
    return ""


def _digits(text: str) -> list[_Token]:
    return [_Token(*match.span(), match.group().replace(",", "")) for match in _NUMBER.finditer(text)]


def _words(text: str) -> Iterator[_Token]:
    """Spelled numbers, the longest at each place; "one" is mostly no number."""
    words = list(_WORD.finditer(text))
    at = 0
    while at < len(words):
        taken = 1
        if spelled_number(words[at].group()) is not None:
            most = min(_MOST_WORDS, len(words) - at)
            sizes = range(most, 0, -1)
            spans = ((size, text[words[at].start() : words[at + size - 1].end()]) for size in sizes)
            taken, value = next((size, n) for size, span in spans if (n := spelled_number(span)) is not None)
            yield _Token(words[at].start(), words[at + taken - 1].end(), str(value))
        at += taken


def _bold(text: str) -> Iterator[_Token]:
    for match in _BOLD.finditer(text):
        tokens = [] if _HEADING.match(match[1]) else _digits(match[1])
        if len(tokens) == 1:
            yield tokens[0]


def _in_front(text: str) -> str:
    """A number that a text begins with and does not go on to calculate with."""
    front = _IN_FRONT.match(text)
    start = front.end() if front else 0
    line = text[start:].partition("\n")[0]
    tokens = [*_digits(line)[:1], *_words(line[:80])]
    token = next((token for token in tokens if token.start == 0), None)
    return token.value if token and not _GOES_ON.match(line[token.end :]) else ""


def _of_sentence(text: str, whole: bool) -> str:
    digits, words = _digits(text), list(_words(text))
    if not digits and not words:
        return "0" if _NONE.search(text) else ""
    if whole and any(_is_whole(token.value) for token in digits):
        digits = [token for token in digits if _is_whole(token.value)]
    free = _free(text, digits)
    concluded = [match.end() for match in _CONCLUSION.finditer(text)]
    for start in reversed(concluded):
        if after := [token for token in free if token.start >= start]:
            return _counted(text, start, after, words) or after[-1].value
    named = [token for token in words if not _is_pronoun(text, token)]
    found = _counted(text, 0, free, words)
    return found or next((tokens[-1].value for tokens in (free, named, digits) if tokens), "")


def _counted(text: str, start: int, digits: Sequence[_Token], words: Sequence[_Token]) -> str:
    """What "there are" or "of the" counts from `start` on, if it is one thing."""
    starts = {match.end() for match in _THERE_ARE.finditer(text, start)}
    tokens = [token for token in (*digits, *words) if token.start >= start]
    found = [token for token in tokens if token.start in starts]
    found = found or [token for token in tokens if token.value != "1" and _OF_THEM.match(text, token.end)]
    if len(found) != 1:
        return ""
    breakdown = _BREAKDOWN.search(text, found[0].end)
    end = breakdown.start() if breakdown else len(text)
    others = [token for token in tokens if found[0].end < token.start < end]
    more = any(re.search(r"(?:\band|,)[\s*]*$", text[: token.start][-20:]) for token in others)
    return "" if more else found[0].value


def _free(text: str, tokens: Sequence[_Token]) -> list[_Token]:
    """The numbers that do not only say which things are counted: "than 40", "over 20 and 30", "in 2019"."""
    free, bound_until = [], -1
    for token in tokens:
        before = text[max(0, token.start - 40) : token.start]
        joined = bound_until >= 0 and _JOINED.fullmatch(text[bound_until : token.start])
        if joined or _BARRIER.search(before) or (_YEAR.fullmatch(token.value) and _DATE.search(before)):
            bound_until = token.end
        else:
            free.append(token)
            bound_until = -1
    return free


def _is_pronoun(text: str, token: _Token) -> bool:
    """Whether "one" is none: it is a number by itself, after "is" or "only", or as the first word: "One cube is"."""
    if token.value != "1":
        return False
    before, after = text[: token.start], text[token.end :]
    first = not re.search(r"\w", before) and not _PRONOUN.match(after)
    return not first and not re.search(r"\b(?:is|are|only|exactly)\s+\W*$", before, re.IGNORECASE)


def _is_whole(value: str) -> bool:
    return float(value).is_integer()
