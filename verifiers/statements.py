r"""Answers that a response states in prose: "the answer is ..", a first line, a last line; and what sentences mean."""

from __future__ import annotations

import re

from verifiers.claims import Claim
from verifiers.phrases import COURTESY, FINAL, FOREIGN_DENIAL, OPTION_WORD, OR, SENTENCE_END, STATEMENT

LONGEST = 1_000
"""How much of a statement or a sentence is read, in characters."""

_FORMULA = re.compile(r"\$\$([^$]+)\$\$|\$([^$\n]+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_LONG_FORMULA = re.compile(r"\$\$.+?\$\$|\$[^$]{1,400}\$|\\\(.+?\\\)|\\\[.+?\\\]", re.DOTALL)
_CLOSES_FORMULA = re.compile(r"(?:\$|\\\]|\\\))[\s.*]*\Z")
_COPULA = re.compile(r"\b(?:is|are|equals|be)\b[\s:]*", re.IGNORECASE)
_SENTENCE_START = re.compile(r"\W{0,3}(?:the|there|this|it|so|thus|therefore|hence|we|our)\b", re.IGNORECASE)
_DOUBT = r"could|might|may"
_DENIAL = re.compile(
    r"\b(?:not?|none|nobody|never|neither|nor|cannot|without|wrong|incorrect|false|except|unlikely|unsure|either|doubt"
    rf"|{_DOUBT}|maybe|perhaps|possibly|what|if|whether|unless|guess)\b|n't\b",
    re.IGNORECASE,
)
_DOUBTED_COPULA = re.compile(
    rf"\b(?:{_DOUBT}|can|would|should)\s+(?:\w+\s+)?(?:is|are|equals|be)\b[\s:]*\Z", re.IGNORECASE
)
_RELATIVE_CLAUSE = re.compile(
    rf"\b(?:that|which|who)\s+(?:{_DOUBT}|can|cannot|(?:do|does|did|is|are|was|were|has|have|had|will)(?:\s+not|n['’]t))\b",
    re.IGNORECASE,
)
_DENIED_STATEMENT = re.compile(
    r"(?:\b(?:not?|wrong|incorrect|false|what|whether|if|maybe|perhaps|possibly)\b|n't\b"
    rf"|(?:{FOREIGN_DENIAL.pattern}))[\w\s'’]{{0,20}}(?:,\s(?:dass|что)\b[\w\s]{{0,20}})?\Z",
    re.IGNORECASE,
)
_INSTRUCTION = re.compile(
    r"\b(?:choose|select|pick|find|identify|give|state|mark|circle|determine|indicate|write|which|provide|put)\b"
    r"[^\n.!?:]{0,30}\Z",
    re.IGNORECASE,
)
_OPTION_LINE = re.compile(r"[ \t*•-]*\(?([A-Za-z])(?:\)|[.:])(?!\w)")
_LONE_LETTER_LINE = re.compile(r"\s*\**\(?([A-Z])\)?[.:]?\**[ \t]*\n")
_FILLER = frozenset({"the", "our", "my", "your", "a", "so", "thus", "therefore"})
_SHORTEST_FORMULA_LINE = 6
_BEFORE_STATEMENT = " \t\r\n:=*：}"
_LONGEST_DENIAL = 40
_CLOSERS = ((r"\]", r"\["), (r"\)", r"\("), ("$", "$"))


def statements(region: str) -> list[Claim]:
    """What "the answer is .." and "answer: .." state; only "final answer" ones where there are any.

    One that is denied, and one that tells to choose ("Choose the correct option:"), is none.
    """
    matches = list(STATEMENT.finditer(region))
    ends = [match.start() for match in matches[1:]] + [len(region)]
    finals = [pair for pair in zip(matches, ends) if _is_final(region, pair[0])] if FINAL.search(region) else []
    found = []
    for match, end in finals or zip(matches, ends):
        raw = region[match.end() : min(end, match.end() + LONGEST)]
        stated = raw.lstrip(_BEFORE_STATEMENT)
        words = stated.strip(" *")
        if not words or (end < len(region) and words != "A" and words.lower() in _FILLER):
            continue  # what runs on to the next one: "the answer is the right option: B"
        before = max(0, match.start() - _LONGEST_DENIAL)
        line = max(before, region.rfind("\n", before, match.start()) + 1)
        if _DENIED_STATEMENT.search(region, before, match.start()) or _INSTRUCTION.search(region, line, match.start()):
            continue
        text, stop = _stated(stated)
        if text.strip() and not _is_denied(text):
            found.append(Claim(text, match.start(), match.end() + len(raw) - len(stated) + stop))
    return found


def _is_final(region: str, match: re.Match[str]) -> bool:
    return FINAL.search(region, max(0, match.start() - len("окончательный ")), match.end()) is not None


def _stated(text: str) -> tuple[str, int]:
    """The front of a text that is one statement, as it is read, and where it ends."""
    formula = _LONG_FORMULA.match(text)
    long = formula is not None and "\n" in formula.group()
    line = text[: formula.end()] if formula is not None and long else text.partition("\n")[0]
    stop = None if long else SENTENCE_END.search(line)
    length = _balanced(line[: stop.start()] if stop else line)
    statement = line[:length].rstrip(" *")
    for closer, opener in _CLOSERS:  # of a formula that was opened before the statement
        if statement.endswith(closer) and statement.count(opener) % 2 == (opener == "$"):
            statement = statement[: -len(closer)].rstrip()
    statement = COURTESY.sub("", statement) if not statement.isascii() else statement
    return OPTION_WORD.sub("", statement, count=1) if OPTION_WORD.match(statement) else statement, length


def _balanced(text: str) -> int:
    r"""How many characters come before a brace that closes none: 1 for "B} \]"."""
    depth = 0
    for match in re.finditer(r"\\.|[{}]", text):
        depth += {"{": 1, "}": -1}.get(match.group(), 0)
        if depth < 0:
            return match.start()
    return len(text)


def _is_denied(statement: str) -> bool:
    """Whether a statement in another language denies what it states; "不是" alone may be the answer."""
    return FOREIGN_DENIAL.search(statement) is not None and re.search(r"[0-9０-９]|\b[A-Z]\b", statement) is not None


def last_line(region: str) -> list[Claim]:
    """The last line that is not empty, or the whole formula that ends there; of a list of options, two of them."""
    text = region.rstrip()
    options = _last_options(text)
    if options:
        return [Claim(letter, len(text), len(text)) for letter in options]
    start = text.rfind("\n") + 1
    line = text[start:]
    if len(line) < _SHORTEST_FORMULA_LINE and _CLOSES_FORMULA.search(line):
        formula = last_formula(text[-LONGEST:])
        if formula is not None:
            return [Claim(formula, start, len(text))]
    return [Claim(line, start, len(text))] if text else []


def _last_options(text: str) -> list[str]:
    """The letters of the last two lines, where both are options: "A. red", "b) blue"."""
    lines = [line for line in text.rsplit("\n", 40) if line.strip()][-2:]
    letters = [match[1] for match in map(_OPTION_LINE.match, lines) if match]
    return letters if len({letter.upper() for letter in letters}) == 2 else []


def first_line(region: str) -> list[Claim]:
    """The first line, where it is one letter and an explanation follows, no other letter: "(D)", "B."."""
    match = _LONE_LETTER_LINE.match(region)
    if match is None:
        return []
    rest = region[match.end() :].strip()
    if not rest or _OPTION_LINE.match(rest) or _LONE_LETTER_LINE.match(f"{rest}\n"):
        return []
    return [Claim(match.group(1), match.start(), match.end())]


def last_formula(text: str) -> str | None:
    r"""The content of the last `$..$`, `$$..$$`, `\(..\)` or `\[..\]`."""
    content = None
    for match in _FORMULA.finditer(text):
        content = next(group for group in match.groups() if group is not None)
    return content


def denies(text: str) -> bool:
    """Whether a text denies or doubts; a relative clause may: "the number that could not be reached is"."""
    if _DOUBTED_COPULA.search(text):
        return True
    return _DENIAL.search(_RELATIVE_CLAUSE.sub("", text)) is not None or FOREIGN_DENIAL.search(text) is not None


def readings(sentence: str, method: str) -> list[str]:
    """What a sentence may mean as an answer, from the most literal on."""
    found = [sentence]
    if len(sentence) > LONGEST:
        return found
    copulas = list(_COPULA.finditer(sentence))
    if copulas and (method == "last_line" or _SENTENCE_START.match(sentence)):
        before = sentence[: copulas[-1].end()]
        if _COPULA.fullmatch(before) is None and not denies(before) and not (len(copulas) > 1 and OR.search(before)):
            found.append(sentence[len(before) :].strip(" .*"))
    formula = last_formula(sentence)
    if formula is not None and method == "last_line" and not denies(sentence):
        found.append(formula)
    return found
