r"""Where in a response its answer is: `ExtractionPolicy`.

1. Only the text after the last `</think>` counts; a thought that was opened and never closed has no answer.
2. The methods are tried in order: `answer_tag` (`<answer>..</answer>`), `boxed` (`\boxed{..}`, `\fbox{..}`,
   `\boxed 3`), `statement` ("the final answer is ..", "Answer: .."), `first_line` (a letter with an explanation
   below), `last_line`. A sentence that is no answer itself is read after its last "is", and a last line also from
   its last formula, unless the sentence denies or doubts.
3. Several answers of the method that is used must be equal, and a tag and a box must agree; otherwise the
   response is ambiguous. Prose is only read where there is neither, so a response may correct itself
   before its one tag or box.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from verifiers.normalize import text_key
from verifiers.types import Status

_ANSWER_TAG = re.compile(r"</?answer>", re.IGNORECASE)
_TURN_END = re.compile(r"<\|(?:im_start|im_end|endoftext|eot_id|end_of_text)\|>")
_BOX = re.compile(r"\\f?box")
_BOX_TOKEN = re.compile(r"\\f?box(?:ed)?\s?\{|\\boxed ?(?=[^\s{}\\A-Za-z])[^\s{}$\\,]{1,40}|\\.|[{}]", re.DOTALL)
_STATEMENT = re.compile(
    r"\b(?:(final\s{1,3})?answer|(?:correct|right|best)\s{1,3}(?:option|choice|letter))"
    r"(?:\*\*)?\s{0,3}(?:(?:is|would\s+be|should\s+be)\b|[:=：])|^####(?=\s)",
    re.IGNORECASE | re.MULTILINE,
)
_FORMULA = re.compile(r"\$\$([^$]+)\$\$|\$([^$\n]+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_LONG_FORMULA = re.compile(r"\$\$.+?\$\$|\$[^$]{1,400}\$|\\\(.+?\\\)|\\\[.+?\\\]", re.DOTALL)
_SIGN_BEHIND = re.compile(r"\s?(?:\\%|%|\^\s?\{?\\circ\}?)")
_CLOSES_FORMULA = re.compile(r"(?:\$|\\\]|\\\))[\s.*]*\Z")
_COPULA = re.compile(r"\b(?:is|are|equals|be)\b[\s:]*", re.IGNORECASE)
_SENTENCE_START = re.compile(r"\W{0,3}(?:the|there|this|it|so|thus|therefore|hence|we|our)\b", re.IGNORECASE)
_DENIAL = re.compile(
    r"\b(?:not?|none|nobody|never|neither|nor|cannot|without|wrong|incorrect|false|except|unlikely|unsure|either|doubt"
    r"|could|might|may|maybe|perhaps|possibly|what|if|whether|unless|guess)\b|n't\b",
    re.IGNORECASE,
)
_DENIED_STATEMENT = re.compile(
    r"(?:\b(?:not?|wrong|incorrect|false|what|whether|if)\b|n't\b)[\w\s]{0,20}\Z", re.IGNORECASE
)
_OPTION_LINE = re.compile(r"[ \t*]*\(?([A-Z])(?:\)|[.:])")
_LONE_LETTER_LINE = re.compile(r"\s*\**\(?([A-Z])\)?[.:]?\**[ \t]*\n")
_HEDGE = re.compile(r"\b(?:or|and|not)\b", re.IGNORECASE)
_SHORT_ANSWER = re.compile(r"[0-9]|\b[A-Z]\b")
_FILLER = frozenset({"", "the", "our", "my", "your", "a", "so", "thus", "therefore"})
_SENTENCE_END = re.compile(r"\.(?=\s|\*|$)|\s(?:because|since)\b|</?answer>", re.IGNORECASE)
MOST_CHARS = 200_000
"""How much of a response is read, from its end."""
_LONGEST_STATEMENT = 1_000
_LONGEST_DENIAL = 40
_MOST_PARTS = 20
_SHORTEST_FORMULA_LINE = 6
_BEFORE_STATEMENT = " \t\r\n:=*："


@dataclass(frozen=True, slots=True)
class Extraction:
    """What was found.

    Attributes:
        text: the answer as written; None unless `status` is `OK`.
        status: `OK`, `NO_ANSWER` or `AMBIGUOUS`.
        method: the method that found it; "" where none did.
        answers: where they differ, the answers of that method.

    """

    text: str | None
    status: Status
    method: str = ""
    answers: tuple[str, ...] = ()


def answer_region(response: str) -> str | None:
    """The part of a response that may hold its answer: at most `MOST_CHARS`; None where a thought was never closed."""
    for turn_end in _TURN_END.finditer(response):
        if response[: turn_end.start()].strip():
            response = response[: turn_end.start()]
            break
    cut = response.rfind("</think>")
    region = response if cut < 0 else response[cut + len("</think>") :]
    return None if "<think>" in region else region[-MOST_CHARS:]


def answer_tags(region: str) -> list[str]:
    r"""Contents of the `<answer>` tags; of "x = \boxed{5}" or "it is \boxed{5}" inside a tag, the box.

    An opened, unclosed last tag counts beside closed ones, so that it can contradict them.
    """
    return [answer for start, end in _tag_spans(region) for answer in _boxed_answers(region[start:end])]


def _tag_spans(region: str) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    start: int | None = None
    for match in _ANSWER_TAG.finditer(region):
        if match.group()[1] != "/":
            if start is not None and _SHORT_ANSWER.search(region, start, min(match.start(), start + _LONGEST_DENIAL)):
                spans.append((start, match.start()))  # an answer in a tag that is opened again
            start = match.end()
        elif start is not None:
            spans.append((start, match.start()))
            start = None
        elif spans and region[spans[-1][1] + len("</answer>") : match.start()].strip():  # a tag that closes twice
            spans.append((spans[-1][1] + len("</answer>"), match.start()))
    if start is not None and spans:
        spans.append((start, len(region)))
    return spans


def _outside_tags(region: str) -> str:
    starts = [0]
    ends = []
    for start, end in _tag_spans(region):
        ends.append(start)
        starts.append(end)
    return " ".join(region[start:end] for start, end in zip(starts, [*ends, len(region)]))


def _boxed_answers(content: str) -> list[str]:
    r"""The boxes of a tag if they are all that it says; "-\boxed{5}" and "\boxed{5}\%" say more."""
    spans = _box_spans(content)
    if not spans:
        return [content]
    before = content[: spans[0][0]].rpartition("\\")[0].rstrip(" \t\n$*([\\:")
    if any(character.isdigit() for character in before) or _HEDGE.search(before):
        return [content]
    after = content[spans[-1][1] + 1 :].strip(" \t\n$*)]\\.")
    if after or (before and before[-1] != "=" and before.rpartition(" ")[2] not in ("is", "are")):
        return [content]
    return [content[start:end] for start, end in spans]


def boxes(region: str) -> list[str]:
    r"""Contents of the outermost `\boxed{..}` and `\fbox{..}` with balanced braces."""
    found = []
    for start, end in _box_spans(region):
        sign = _SIGN_BEHIND.match(region, end + 1)  # \\boxed{50}\\%
        found.append(region[start:end] + (sign.group() if sign else ""))
    return found


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


def statements(region: str) -> list[str]:
    """What "the answer is .." and "answer: .." state; only "final answer" ones where there are any."""
    matches = list(_STATEMENT.finditer(region))
    ends = [match.start() for match in matches[1:]] + [len(region)]
    finals = [pair for pair in zip(matches, ends) if pair[0].group(1)]
    found = []
    for match, end in finals or zip(matches, ends):
        if _DENIED_STATEMENT.search(region, max(0, match.start() - _LONGEST_DENIAL), match.start()):
            continue
        text = region[match.end() : min(end, match.end() + _LONGEST_STATEMENT)].lstrip(_BEFORE_STATEMENT)
        formula = _LONG_FORMULA.match(text)
        long = formula is not None and "\n" in formula.group()
        line = text[: formula.end()] if formula is not None and long else text.partition("\n")[0]
        stop = None if long else _SENTENCE_END.search(line)
        statement = (line[: stop.start()] if stop else line).rstrip(" *")
        if statement.strip().lower() not in _FILLER:
            found.append(statement)
    return found


def last_line(region: str) -> list[str]:
    """The last line that is not empty, or the whole formula that ends there; of a list of options, two of them."""
    text = region.rstrip()
    options = _last_options(text)
    if options:
        return options
    line = text[text.rfind("\n") + 1 :]
    if len(line) < _SHORTEST_FORMULA_LINE and _CLOSES_FORMULA.search(line):
        formula = last_formula(text[-_LONGEST_STATEMENT:])
        if formula is not None:
            return [formula]
    return [line] if text else []


def _last_options(text: str) -> list[str]:
    """The letters of the last two lines, where both are options: "A. red", "B. blue"."""
    lines = [line for line in text.rsplit("\n", 40) if line.strip()][-2:]
    letters = [match[1] for match in map(_OPTION_LINE.match, lines) if match]
    return letters if len(set(letters)) == 2 else []


def first_line(region: str) -> list[str]:
    """The first line, where it is one letter and an explanation follows: "(D)", "B."."""
    match = _LONE_LETTER_LINE.match(region)
    return [match.group(1)] if match and region[match.end() :].strip() else []


def last_formula(text: str) -> str | None:
    r"""The content of the last `$..$`, `$$..$$`, `\(..\)` or `\[..\]`."""
    content = None
    for match in _FORMULA.finditer(text):
        content = next(group for group in match.groups() if group is not None)
    return content


def readings(sentence: str, method: str) -> list[str]:
    """What a sentence may mean as an answer, from the most literal on."""
    found = [sentence]
    if len(sentence) > _LONGEST_STATEMENT:
        return found
    copulas = list(_COPULA.finditer(sentence))
    if copulas and (method == "last_line" or _SENTENCE_START.match(sentence)):
        before = sentence[: copulas[-1].end()]
        if not _DENIAL.search(before):
            found.append(sentence[len(before) :].strip(" .*"))
    formula = last_formula(sentence)
    if formula is not None and method == "last_line" and not _DENIAL.search(sentence):
        found.append(formula)
    return found


_FINDERS: dict[str, Callable[[str], list[str]]] = {
    "answer_tag": answer_tags,
    "boxed": boxes,
    "statement": statements,
    "first_line": first_line,
    "last_line": last_line,
}
_MARKED = frozenset({"answer_tag", "boxed"})


def _same_text(left: str, right: str) -> bool:
    return text_key(left) == text_key(right)


def _readable(sentence: str, method: str, reads: Callable[[str], bool]) -> str:
    for reading in readings(sentence, method):
        if reads(reading):
            return reading
    return sentence


@dataclass(frozen=True)
class ExtractionPolicy:
    """Which methods find an answer, in which order.

    Attributes:
        methods: names out of "answer_tag", "boxed", "statement", "first_line" and "last_line".

    Raises:
        ValueError: no method, an unknown one, or one twice.

    """

    methods: tuple[str, ...] = ("answer_tag", "boxed", "statement")

    def __post_init__(self) -> None:
        unknown = [name for name in self.methods if name not in _FINDERS]
        if unknown or not self.methods or len(set(self.methods)) < len(self.methods):
            raise ValueError(f"methods is {self.methods!r}; it must be one or more, each once, of {tuple(_FINDERS)!r}")

    @property
    def where(self) -> str:
        """Where this policy looks first, in words for a model."""
        return {
            "answer_tag": "<answer> </answer>",
            "boxed": r"\boxed{}",
            "statement": 'a sentence "The answer is ..."',
            "first_line": "the first line",
            "last_line": "the last line",
        }[self.methods[0]]

    def extract(
        self,
        response: str,
        same: Callable[[str, str], bool] = _same_text,
        reads: Callable[[str], bool] = bool,
    ) -> Extraction:
        """Find the one answer of a response.

        Args:
            response: what the model wrote.
            same: whether two answers are the same one; by default, whether they read the same.
            reads: whether a text is an answer of the kind that is asked for; by default any is.

        """
        region = answer_region(response)
        if region is None:
            return Extraction(None, Status.NO_ANSWER)
        answers: list[str] = []
        own: tuple[str, ...] = ()
        chosen = ""
        for method in self.methods:
            if chosen and method not in _MARKED:
                continue
            # what a box inside a tag says, the tag says
            apart = method == "boxed" and "answer_tag" in self.methods and _BOX.search(region)
            where = _outside_tags(region) if apart else region
            found = [text.strip() for text in _FINDERS[method](where) if text and not text.isspace()]
            if method not in _MARKED:
                found = [_readable(text, method, reads) for text in found]
            if found and not chosen:
                chosen, own = method, tuple(found)
            answers += found
        if not answers:
            return Extraction(None, Status.NO_ANSWER)
        first = answers[0]
        if len(dict.fromkeys(answers)) > _MOST_PARTS:
            return Extraction(None, Status.AMBIGUOUS, chosen)
        if any(other != first and not same(first, other) for other in dict.fromkeys(answers)):
            several = own if len(own) == len(answers) <= _MOST_PARTS else ()
            return Extraction(None, Status.AMBIGUOUS, chosen, several)
        return Extraction(first, Status.OK, chosen)
