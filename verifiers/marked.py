r"""Answers that a response marks: `<answer>..</answer>` and `\boxed{..}`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from verifiers.claims import Claim
from verifiers.expressions.units import read_unit
from verifiers.normalize import flatten

_ANSWER_TAG = re.compile(r"</?answer>", re.IGNORECASE)
_BOX = re.compile(r"\\f?box")
_BOX_TOKEN = re.compile(r"\\f?box(?:ed)?\s?\{|\\boxed ?(?=[^\s{}\\A-Za-z])[^\s{}$\\,]{1,40}|\\.|[{}]", re.DOTALL)
_HEDGE = re.compile(r"\b(?:or|and|not)\b", re.IGNORECASE)
_SHORT_ANSWER = re.compile(r"[0-9]|\b[A-Z]\b")
_CLOSE = len("</answer>")
_LONGEST_REOPENED = 40
_LONGEST_MARK = 12

_BETWEEN = re.compile(r"(?:\\[,;:! ]|\\\)|\\\]|(?<!\\)\$|\*\*|[ \t~(]){0,8}")
_SIGN = re.compile(r"(\\?%|\^\s?\{?\\circ\}?\s?[CF]?|°[CF]?|\\\$|[€£¥₹])(?![A-Za-z])")
_UNIT_IN_TEXT = re.compile(
    r"\\(?:text|textrm|mathrm|mbox|operatorname|rm)\s?\{\s?([^{}]{1,40}?)\s?\}(\^\s?\{?-?[0-9]\}?)?"
)
_UNIT_WORD = r"[A-Za-zμµΩ°²³]+(?:\^?-?[0-9])?(?:/[A-Za-zμΩ]+(?:\^?[0-9])?|[²³])*"
_UNIT_WORDS = re.compile(rf"({_UNIT_WORD})(?:[ ]({_UNIT_WORD}))?(?:[ ]({_UNIT_WORD}))?")
_POWERS = str.maketrans({"²": "^2", "³": "^3", "µ": "μ"})
_MEASURES = frozenset({"physical", "currency", "percent", "degree"})
_ALSO_WORDS = frozenset({"in", "at", "a", "second", "us", "bar", "min", "am", "pm"})
_PER_CENT = re.compile(r"per\s?cents?\b|pct\b", re.IGNORECASE)
_ENDS_WORD = re.compile(r"[\s*]*(?:[.,;:!?)\]$}\\<。，；]|\Z|\n)")
_OWN_UNIT = re.compile(r"(?:[A-Za-zμΩ/]+|%|°)[}\s]*\Z")


def answer_tags(region: str) -> list[Claim]:
    r"""Contents of the `<answer>` tags; of "x = \boxed{5}" or "it is \boxed{5}" inside a tag, the box.

    An opened, unclosed last tag counts beside closed ones, so that it can contradict them.
    """
    return [
        Claim(inner.text, start - len("<answer>"), max(end + _CLOSE, inner.end), inner.bare)
        for start, end in tag_spans(region)
        for inner in _contents(region, start, end)
    ]


def tag_spans(region: str) -> list[tuple[int, int]]:
    """Where the contents of the `<answer>` tags start and end."""
    spans: list[tuple[int, int]] = []
    start: int | None = None
    for match in _ANSWER_TAG.finditer(region):
        if match.group()[1] != "/":
            if start is not None and _SHORT_ANSWER.search(region, start, min(match.start(), start + _LONGEST_REOPENED)):
                spans.append((start, match.start()))  # an answer in a tag that is opened again
            start = match.end()
        elif start is not None:
            spans.append((start, match.start()))
            start = None
        elif spans and region[spans[-1][1] + _CLOSE : match.start()].strip():  # a tag that closes twice
            spans.append((spans[-1][1] + _CLOSE, match.start()))
    if start is not None and spans:
        spans.append((start, len(region)))
    return spans


def outside_tags(region: str) -> str:
    """A region without the contents of its `<answer>` tags."""
    starts = [0]
    ends = []
    for start, end in tag_spans(region):
        ends.append(start)
        starts.append(end)
    return " ".join(region[start:end] for start, end in zip(starts, [*ends, len(region)]))


def has_box(region: str) -> bool:
    """Whether there may be a box."""
    return _BOX.search(region) is not None


def boxes(region: str) -> list[Claim]:
    r"""Contents of the outermost `\boxed{..}` and `\fbox{..}` with balanced braces, each with a unit behind it."""
    return [_measured(region, start, end, end + (region[end : end + 1] == "}")) for start, end in _box_spans(region)]


def _contents(region: str, start: int, end: int) -> Iterator[Claim]:
    r"""The boxes of a tag if they are all that it says; "-\boxed{5}" says more."""
    content = region[start:end]
    found = boxes(content)
    before = content[: found[0].start].rstrip(" \t\n$*([\\:") if found else ""
    after = content[found[-1].end :].strip(" \t\n$*)]\\.}") if found else ""
    says_more = any(character.isdigit() for character in before) or _HEDGE.search(before) is not None
    copula = not before or before[-1] == "=" or before.rpartition(" ")[2] in ("is", "are")
    if not found or after or says_more or not copula:
        yield _measured(region, start, end, min(end + _CLOSE, len(region)))
    else:
        yield from found


def _measured(region: str, start: int, end: int, behind: int) -> Claim:
    """A content with the unit that stands behind its mark."""
    content = region[start:end]
    opens = max(region.rfind("\\", max(0, start - _LONGEST_MARK), start), 0)
    unit, stop = unit_behind(region, behind)
    if not unit or not _takes_unit(content, unit):
        return Claim(content, opens, stop if any(map(str.isdigit, content)) else behind)
    spaced = content + (unit if unit[0] in "\\%^°" else f" {unit}")
    return Claim(spaced, opens, stop, bare=content if unit.endswith("%") else "")


def _takes_unit(content: str, unit: str) -> bool:
    """Whether a content is a value that has not got this unit already."""
    flat = flatten(content)
    if not any(character.isdigit() for character in flat) and ("\\" not in flat or flat.isalpha()):
        return len(flat) == 1 and flat.islower()
    own = _OWN_UNIT.search(flat)
    written = read_unit(own.group().rstrip("} ")) if own else None
    added = read_unit(unit)
    return written is None or added is None or written.key != added.key


def unit_behind(region: str, at: int) -> tuple[str, int]:
    r"""The sign or unit that a value has at `at`, and where it ends: "\%", "km", "\text{ m/s}"; "" for none.

    Only what measures is a unit here: "apples" may be the next word of the sentence as well.
    """
    between = _BETWEEN.match(region, at)
    begin = between.end() if between else at
    if match := _SIGN.match(region, begin):
        return match.group().lstrip("\\") if match.group().endswith("$") else match.group(), match.end()
    if match := _PER_CENT.match(region, begin):
        return r"\%", match.end()
    if match := _UNIT_IN_TEXT.match(region, begin):
        inner = match.group(1)
        if _PER_CENT.fullmatch(inner):
            return r"\%", match.end()
        unit = inner + (match.group(2) or "")
        return (unit, match.end()) if _measures(unit) else ("", at)
    if match := _UNIT_WORDS.match(region, begin):
        for count in (3, 2, 1):
            stop = match.end(count)
            unit = region[begin:stop].translate(_POWERS)
            if stop < 0 or ((len(unit) == 1 or unit in _ALSO_WORDS) and not _ENDS_WORD.match(region, stop)):
                continue
            if _measures(unit) and not region[stop : stop + 1].isalnum():
                return unit, stop
    return "", at


def _measures(text: str) -> bool:
    unit = read_unit(text)
    return unit is not None and (unit.kind in _MEASURES or unit.key.startswith("°"))


def _box_spans(region: str) -> list[tuple[int, int]]:
    first = _BOX.search(region)
    if first is None:
        return []
    open_braces: list[int] = []  # where the content of each open box starts; -1 for a plain brace
    spans: list[tuple[int, int]] = []
    for match in _BOX_TOKEN.finditer(region, first.start()):
        token = match.group()
        if token == "}":
            start = open_braces.pop() if open_braces else -1
            if start >= 0:
                while spans and spans[-1][0] > start:  # boxes inside this one
                    spans.pop()
                spans.append((start, match.start()))
        elif token.startswith(r"\boxed") and token[-1] != "{":
            if not any(start >= 0 for start in open_braces):
                spans.append((match.start() + len(r"\boxed"), match.end()))
        elif token[-1] == "{" and token != r"\{":
            open_braces.append(match.end() if len(token) > 1 else -1)
    return spans
