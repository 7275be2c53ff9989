r"""Where in a response its answer is: `ExtractionPolicy`.

1. Only the text after the last `</think>` counts; a thought that was opened and never closed has no answer.
2. The methods are tried in order: `answer_tag` (`<answer>..</answer>`), `boxed` (`\boxed{..}`, `\fbox{..}`,
   `\boxed 3`), `statement` ("the final answer is ..", "Answer: .."), `first_line` (a letter with an explanation
   below), `last_line`, `conclusion` (the last line, and what it ends in: "Thus we get x = 7."). A sentence that is no
   answer itself is read after its last "is", and a last line also from its last formula, unless the sentence denies
   or doubts.
3. What a response takes back ("\boxed{3}, but that is wrong") is not its answer. Several answers of the method that
   is used must be equal, and a tag and a box must agree; otherwise the response is ambiguous. Prose is only read where
   there is neither, so a response may correct itself before its one tag or box.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from verifiers.claims import Claim, standing
from verifiers.conclusions import conclusion, conclusion_readings
from verifiers.marked import answer_tags, boxes, has_box, outside_tags
from verifiers.normalize import text_key
from verifiers.statements import first_line, last_line, readings, statements
from verifiers.types import Status

_TURN_END = re.compile(r"<\|(?:im_start|im_end|endoftext|eot_id|end_of_text)\|>")
MOST_CHARS = 200_000
"""How much of a response is read, from its end."""
_MOST_PARTS = 20


@dataclass(frozen=True, slots=True)
class Extraction:
    """What was found.

    Attributes:
        text: the answer as written; None unless `status` is `OK`.
        status: `OK`, `NO_ANSWER` or `AMBIGUOUS`.
        method: the method that found it; "" where none did.
        answers: where they differ, the answers of that method.
        bare: the answer without a percent sign that stands behind its box or tag; "" where none does.

    """

    text: str | None
    status: Status
    method: str = ""
    answers: tuple[str, ...] = ()
    bare: str = ""


def answer_region(response: str) -> str | None:
    """The part of a response that may hold its answer: at most `MOST_CHARS`; None where a thought was never closed."""
    for turn_end in _TURN_END.finditer(response):
        if response[: turn_end.start()].strip():
            response = response[: turn_end.start()]
            break
    cut = response.rfind("</think>")
    region = response if cut < 0 else response[cut + len("</think>") :]
    return None if "<think>" in region else region[-MOST_CHARS:]


_FINDERS: dict[str, Callable[[str], list[Claim]]] = {
    "answer_tag": answer_tags,
    "boxed": boxes,
    "statement": statements,
    "first_line": first_line,
    "last_line": last_line,
    "conclusion": conclusion,
}
_MARKED = frozenset({"answer_tag", "boxed"})


def _same_text(left: str, right: str) -> bool:
    return text_key(left) == text_key(right)


def _readable(sentence: str, method: str, reads: Callable[[str], bool]) -> str:
    for reading in conclusion_readings(sentence) if method == "conclusion" else readings(sentence, method):
        if reads(reading):
            return reading
    return sentence


@dataclass(frozen=True)
class ExtractionPolicy:
    """Which methods find an answer, in which order.

    Attributes:
        methods: names out of "answer_tag", "boxed", "statement", "first_line", "last_line" and "conclusion".

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
            "conclusion": "the last line",
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
        claims: list[Claim] = []
        own: list[Claim] = []
        chosen = ""
        for method in self.methods:
            if chosen and method not in _MARKED:
                continue
            # what a box inside a tag says, the tag says
            apart = method == "boxed" and "answer_tag" in self.methods and has_box(region)
            where = outside_tags(region) if apart else region
            made = [claim for claim in _FINDERS[method](where) if claim.text and not claim.text.isspace()]
            found = standing(made, where)
            if made and not found:
                return Extraction(None, Status.NO_ANSWER, method)  # taken back
            if method not in _MARKED:
                found = _without_headings(found, where, reads)
                found = [replace(claim, text=_readable(claim.text.strip(), method, reads)) for claim in found]
            if found and not chosen:
                chosen, own = method, found
            claims += found
        return _agreed(claims, own, chosen, same)


def _without_headings(claims: list[Claim], region: str, reads: Callable[[str], bool]) -> list[Claim]:
    """Statements without those whose next line is no answer, such as "The correct option:", before a later one."""
    return [
        claim
        for claim in claims
        if claim is claims[-1] or reads(claim.text) or "\n" not in region[claim.start : claim.end - len(claim.text)]
    ]


def _agreed(claims: list[Claim], own: list[Claim], method: str, same: Callable[[str, str], bool]) -> Extraction:
    """The answer that all claims are."""
    answers = list(dict.fromkeys(claim.text.strip() for claim in claims))
    if not answers:
        return Extraction(None, Status.NO_ANSWER)
    if len(answers) > _MOST_PARTS:
        return Extraction(None, Status.AMBIGUOUS, method)
    first, bare = answers[0], claims[0].bare.strip()
    if any(other != bare and not same(first, other) for other in answers[1:]):
        texts = tuple(claim.text.strip() for claim in own)
        several = texts if len(own) == len(claims) <= _MOST_PARTS else ()
        return Extraction(None, Status.AMBIGUOUS, method, several)
    return Extraction(first, Status.OK, method, bare=bare)


STRICT = ExtractionPolicy()
"""What a reward reads: tags, boxes and statements."""
LENIENT = ExtractionPolicy(("answer_tag", "boxed", "statement", "first_line", "conclusion"))
"""What an evaluation may read as well: a letter in the first line, and what the last line concludes with."""
POLICIES: Mapping[str, ExtractionPolicy] = MappingProxyType({"strict": STRICT, "lenient": LENIENT})
"""The policies that have a name: `AnswerVerifier`'s modes."""
