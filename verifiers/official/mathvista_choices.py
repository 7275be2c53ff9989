"""The choice that a text names: `named_choice`, and `yes_or_no` for sentences that answer a question by yes or no."""

from __future__ import annotations

import re
from collections.abc import Sequence

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MARKUP = " \t\n*$`\"'"
_OPPOSITES = (("yes", "no"), ("true", "false"))
_IN_PARENTHESES = re.compile(r"\(([A-Za-z])\)")
_IN_FRONT = re.compile(r"[\s*$\"'(:]{0,20}(?:option |choice )?([A-Z])(?![A-Za-z0-9'])")
_ALONE = re.compile(r"(?<![A-Za-z0-9'])([B-Z])(?=[.,;:)*$]|\s*$)")
_LONE_LINE = re.compile(r"[\s*$\"'(]{0,20}(?:option |choice )?([A-Z])[\s*$\"').:]{0,20}", re.IGNORECASE)
_REASON = re.compile(
    r"(?<=[\w)*$,\"'] )(?:because|since|as (?:it|they|the|there)|whereas|while|rather than|instead of)\b[^.!?\n]*",
    re.IGNORECASE,
)
_DENIED = re.compile(r"(?:\b(?:not|never|neither|nor)|n't|n’t)[\s*\"'(]*(?:be |the |an? |option |to )?$", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_INTRODUCED = r"[\s*$\"'(\[>]*(?:(?:so|thus|therefore|hence|answer|a(?=:)|well)\b[\s,:*]*)?"
_ANSWERING = re.compile(_INTRODUCED + r"(yes|no|true|false)(?=\s*(?:[^\w\s]|$))", re.IGNORECASE)
_AT_THE_END = re.compile(r"(?<![\w-])(yes|no|true|false)(?=[\s*\"')]*(?:[.,;:!]|$))", re.IGNORECASE)
_CONCLUDES = re.compile(r"\W*(?:so|thus|therefore|hence|in conclusion|overall|consequently)\b", re.IGNORECASE)
_NEGATION = re.compile(
    r"\b(?:not(?! only)|cannot|never|neither|no|none|nothing|nobody|without|fails? to|incorrect|untrue|false)\b"
    r"|n['’]t\b",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"\b(?:sorry|unable|unclear|unsure|insufficient|impossible to (?:say|tell|determine|know)|more information)\b"
    r"|(?:cannot|can['’]t|can not|could not|couldn['’]t) (?:be (?:determined|answered|seen|known|inferred|told)"
    r"|answer|see|determine|tell|provide|assist|help|view|access|say|decide)\b"
    r"|(?:\bnot|n['’]t) (?:know|sure|clear|certain|enough|possible to|visible|able to)\b"
    r"|(?:\b(?:not?|without)|n['’]t)(?: \w+){0,4} (?:information|context|idea|access)\b",
    re.IGNORECASE,
)
_SMALL_WORDS = frozenset(
    "is are was were do does did has have had can could will would a an the of in on at to for and or than that this it"
    " there be been with by from as its their question figure image picture answer".split()
)
_OPPOSED = tuple(
    (frozenset(one.split()), frozenset(other.split()))
    for one, other in (
        ("more greater larger bigger higher longer taller older", "less fewer smaller lower shorter younger"),
        ("most maximum highest largest biggest longest", "least minimum lowest smallest fewest shortest"),
        ("before left above increase increasing", "after right below decrease decreasing"),
        ("same equal even convex parallel", "different unequal odd concave perpendicular"),
    )
)


def named_choice(text: str, choices: Sequence[str], *, answer: bool = False) -> str:
    """The letter or the choice that a text names; "" for none.

    A letter with its own choice ("(E) five"), "(X)", a letter in front, the choice written last, a letter by itself.
    What follows "because" counts only where nothing else names one, and "not (A)" and "not five" do not.

    Args:
        text: a text of bounded length.
        choices: the choices' texts.
        answer: the text is what an "answer is" states, so that a choice that it begins with counts.

    """
    text = text.strip()
    if text in choices:
        return text
    same = [choice for choice in choices if _plain(choice) == _plain(text)]
    if len(set(same)) == 1:
        return same[0]
    return _named(_REASON.sub("", text), choices, answer) or _named(text, choices, answer)


def _plain(text: str) -> str:
    return re.sub(r"[\s*$]+", "", text).rstrip(".").casefold()


def _named(text: str, choices: Sequence[str], answer: bool) -> str:
    letters = LETTERS[: len(choices)]
    begins = re.match(r"(?:the |an? |that |it |they |it is |they are |[\s*$\"':])*", text, re.IGNORECASE)
    first = begins.end() if begins else 0
    written = _written(text, choices)
    if (labelled := _labelled(text, choices)) is not None:
        return labelled
    named = [m for m in _IN_PARENTHESES.finditer(text) if m[1].upper() in letters and not _is_denied(text, m.start())]
    if named:
        return named[0 if named[0].start() == 0 else -1][1].upper()
    front = _IN_FRONT.match(text)
    if front and front[1] in letters and not (front[1] in "AI" and text[front.end() :][:1] == " "):
        spoken = [choice for start, _, choice in written if text[front.end() : start].strip(_MARKUP) == ":"]
        return spoken[0] if spoken else front[1]  # "A: No" is "answer: no"
    if answer and (opening := [(end, choice) for start, end, choice in written if start <= first]):
        return max(opening)[1]
    if is_yes_or_no(choices):
        return _spoken(text, choices)
    if written:
        return max(written, key=lambda mention: mention[1:])[2]
    return next((letter for letter in reversed(_ALONE.findall(text)) if letter in letters), "")


def _written(text: str, choices: Sequence[str]) -> list[tuple[int, int, str]]:
    """Start, end and choice of every mention that is not denied."""
    return [
        (match.start(), match.end(), choice)
        for choice in choices
        for match in re.finditer(rf"(?<![^\W_]){re.escape(choice)}(?![^\W_])", text, re.IGNORECASE)
        if not _is_denied(text, match.start())
    ]


def _labelled(text: str, choices: Sequence[str]) -> str | None:
    """The letter that stands before its own choice, if only one does: "(E) five", "E. five"; None for none."""
    found = {
        letter
        for letter, choice in zip(LETTERS, choices)
        if choice
        for match in re.finditer(rf"(?<![\w'])\(?{letter}[).:,*\s]{{1,6}}{re.escape(choice)}(?![^\W_])", text)
        if not _is_denied(text, match.start())
    }
    return found.pop() if len(found) == 1 else None


def _is_denied(text: str, start: int) -> bool:
    return bool(_DENIED.search(text[max(0, start - 30) : start]))


def lone_choice(text: str, choices: Sequence[str]) -> str:
    """The letter or choice that one line of a text is, or several lines that agree; "" for none."""
    letters, found = LETTERS[: len(choices)], set()
    texts = {choice.casefold(): choice for choice in choices}
    for line in text.split("\n"):
        bare = line.strip(_MARKUP)
        if match := _LONE_LINE.fullmatch(line):
            found.add(match[1].upper() if match[1].upper() in letters else "")
        elif (own := texts.get(bare.rstrip(".").casefold())) is not None:
            found.add(own)
        elif len(bare) <= 160 and re.match(r"\(?[A-Z][).:]", bare):
            labelled = _labelled(bare, choices)
            found.add(labelled if labelled is not None else "")
    return found.pop() if len(found) == 1 else ""


def is_yes_or_no(choices: Sequence[str]) -> bool:
    """Whether the choices are yes and no, or true and false, in any order."""
    return tuple(sorted(map(str.casefold, choices), reverse=True)) in _OPPOSITES


def _spoken(text: str, choices: Sequence[str]) -> str:
    """The yes or no that a text begins with, else that a sentence of it begins with, or that stands before a mark."""
    own = {choice.casefold(): choice for choice in choices}
    if start := _ANSWERING.match(text):
        return own.get(start[1].casefold(), "")
    said = [match[1] for sentence in _SENTENCE_END.split(text) if (match := _ANSWERING.match(sentence))]
    said = said or [match[1] for match in _AT_THE_END.finditer(text) if not _is_denied(text, match.start())]
    return next((own[word.casefold()] for word in reversed(said) if word.casefold() in own), "")


def yes_or_no(text: str, choices: Sequence[str], question: str = "") -> str:
    """Which of yes and no a text states by a sentence, "The function is not convex."; "" where none does.

    The sentence is the last that concludes ("so ..."), else the one with most words of the question, else the first.
    A sentence that says nothing of the question, or that it cannot be answered, states neither.

    Args:
        text: a text of bounded length.
        choices: yes and no, or true and false.
        question: what was asked; "" where it is not known.

    """
    asked = _content(question)
    sentences = [sentence for sentence in _SENTENCE_END.split(text) if len(sentence.split()) > 1]
    sentences = [sentence for sentence in sentences if not asked or _shared(asked, sentence)]
    if not sentences or any(map(_REFUSAL.search, sentences)):
        return ""
    concluding = [sentence for sentence in sentences if _CONCLUDES.match(sentence)]
    sentence = concluding[-1] if concluding else max(sentences, key=lambda one: _shared(asked, one))
    claim = _REASON.sub("", sentence)
    denials = len(_NEGATION.findall(claim)) + len(re.findall(r"\bnot\b", question))
    denials += _is_turned(question.casefold(), claim.casefold())
    affirmed, denied = sorted(choices, key=str.casefold, reverse=True)
    return denied if denials % 2 else affirmed


def _is_turned(question: str, claim: str) -> bool:
    """Whether a claim says the opposite of what was asked: that B is less than A, or A greater."""
    for pair in _OPPOSED:
        for same, opposite in (pair, pair[::-1]):
            if word := next((word for word in _words(question) if word in same), None):
                said = _words(claim)
                kept = next((other for other in said if other in same), None)
                other = kept or next((other for other in said if other in opposite), None)
                if other is not None:
                    return (kept is None) != _is_swapped(question, word, claim, other)
    return False


def _is_swapped(question: str, word: str, claim: str, other: str) -> bool:
    """Whether a comparison, "A less than B", names its two sides the other way round."""
    asked, said = question.partition(word), claim.partition(other)
    if not (asked[2].lstrip().startswith("than") and said[2].lstrip().startswith("than")):
        return False
    straight = len(_content(asked[0]) & _content(said[0])) + len(_content(asked[2]) & _content(said[2]))
    return len(_content(asked[0]) & _content(said[2])) + len(_content(asked[2]) & _content(said[0])) > straight


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text)


def _content(text: str) -> frozenset[str]:
    return frozenset(_words(text.casefold())) - _SMALL_WORDS


def _shared(asked: frozenset[str], sentence: str) -> int:
    return len(asked & _content(sentence))
