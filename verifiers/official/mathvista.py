r"""MathVista: `MathVistaVerifier`.

The official rule:

1. Extraction: "" stays ""; a response that is a choice's text, or in an integer or float question a number, is
   the extraction; everything else is read by GPT.
2. Multiple choice: the first "(X)" of the extraction is its letter; a letter in range stands for its choice; any
   other text for the choice with the smallest edit distance, the first of several, even if it is empty.
3. An integer is `int(float(x))`, which cuts 7.9 down to 7; a float is rounded to `precision` decimals; a list
   stays as it is. What cannot be converted is no answer.
4. The result must be the gold answer, as text.

What differs here:

1. Rules replace GPT (`extract_answer`): the last `<answer>` tag or `\boxed{}`, else what the last "the answer is" or
   "answer:" states, else a line that is a choice, else what stands before an explanation, else the last line, else the
   whole response after its thoughts. In it counts what `named_choice` and `stated_number` find, and for yes and no
   what a sentence says (`yes_or_no`; the column `question`, where there is one, tells which sentence, and in which
   sense); of lists the last.
2. Of a response the last 20,000 characters are searched; the edit distance looks at the last 200 of an
   extraction. No choice is longer than 121.

The gold answers of pids 168 and 849, "(b)", are read as the letter B when they are echoed: step 2, kept.

Source: `evaluation/extract_answer.py` and `evaluation/calculate_score.py` of lupantech/MathVista (arXiv 2310.02255).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from verifiers.official.base import BenchmarkVerifier, grouped, judged
from verifiers.official.mathvista_choices import LETTERS, is_yes_or_no, lone_choice, named_choice, yes_or_no
from verifiers.official.mathvista_numbers import stated_number
from verifiers.official.texts import last_box, last_tag, region
from verifiers.types import AnswerKind, Reference, Verdict

MAX_RESPONSE_CHARS = 20_000
"""How much of the end of a response is searched for its answer."""
MAX_EXTRACTION_CHARS = 200
"""How much of the end of an extraction is compared with the choices."""

_MOST_STATEMENTS = 4
_KINDS = {"integer": AnswerKind.INTEGER, "float": AnswerKind.DECIMAL, "list": AnswerKind.LIST, "text": None}
_QUESTION_TYPES = ("multi_choice", "free_form")
_OWN_COLUMNS = ("question_type", "answer_type")
_METADATA = ("language", "source", "category", "task", "context", "grade")
_STATEMENT = re.compile(
    r"(?<!other )(?<!wrong )(?<!incorrect )"
    r"\b(?:answer|(?:correct|right|best|final|my|the) (?:option|choice)|(?:option|choice)(?=:))"
    r"(?: choice| option| letter| value)*(?:\*\*)?"
    r"(?: (?:to|for|of|from|in|among|based|given|in this)\b[^.:?!\n]{1,100}?)?"
    r"(?:(?:\*\*)?:| (?:is|would be|should be|must be|will be)\b(?! (?:not|wrong|incorrect|correct)\b))",
    re.IGNORECASE,
)
_EXPLANATION = re.compile(
    r"(?:^|(?<=[.!?] ))[ *#]{0,8}(?:explanation|reason(?:ing|s)?|rationale|justification|this (?:is because|means))\b",
    re.IGNORECASE | re.MULTILINE,
)
_CONCLUSION = re.compile(r"\b(?:so|therefore|thus|hence|answer)\b", re.IGNORECASE)
_NUMBERED = re.compile(r"1[.)]\s[^\n]*\n\s*(?:\*\*)?2[.)]\s")
_IN_PARENTHESES = re.compile(r"\(([A-Za-z])\)")
_LIST = re.compile(r"\[[^\[\]]{0,300}\]")


class MathVistaVerifier(BenchmarkVerifier):
    """MathVista, rows of `AI4Math/MathVista`.

    Columns: pid, answer, question_type, answer_type, and where there are any choices, precision and unit.
    `metrics` reads the column `metadata` too, or its fields as columns. The data set's licence forbids training.
    """

    name = "mathvista"
    revision: ClassVar[str] = "2"
    note: ClassVar[str] = "rule extraction instead of GPT"
    where: ClassVar[str] = "the last line"
    id_column = "pid"

    def reference(self, row: Mapping[str, Any]) -> Reference:
        """The reference of one row; of a choice the letter, or the text where several choices have it."""
        gold = str(self.gold(row))
        kind = self._one_of(row, "question_type", _QUESTION_TYPES)
        answer_type = self._one_of(row, "answer_type", tuple(_KINDS))
        extras = {"id": str(row.get("pid", "")), "gold": gold, "answer_type": answer_type}
        if row.get("question"):
            extras["question"] = str(row["question"])
        if kind == "multi_choice":
            choices = self.texts(row, "choices")
            if gold not in choices:
                raise ValueError(f"{self.which(row)}: column 'answer' is {gold!r}, which is none of {list(choices)!r}")
            answer = LETTERS[choices.index(gold)] if choices.count(gold) == 1 else gold
            return Reference(answer, AnswerKind.CHOICE, choices, extras=extras)
        return Reference(
            gold,
            _KINDS[answer_type],
            precision=self._precision(row),
            unit=str(row["unit"]) if row.get("unit") else None,
            extras=extras,
        )

    def official(self, response: str, reference: Reference) -> Verdict:
        """The official rule; see the module."""
        answer_type = str(reference.extras.get("answer_type", "text"))
        extraction = extract_answer(response, answer_type, reference.choices, str(reference.extras.get("question", "")))
        prediction = normalize_extracted_answer(extraction, answer_type, reference.choices, reference.precision)
        gold = reference.extras.get("gold", reference.answer)
        return judged(prediction is not None and prediction == gold, prediction, "official")

    def group_metrics(self, rows: Sequence[Mapping[str, Any]], scores: Sequence[float]) -> dict[str, float]:
        """Accuracy by question and answer type, and by everything that the metadata tell."""
        numbers: dict[str, float] = {}
        for name in _OWN_COLUMNS:
            numbers |= grouped(f"accuracy/{name}", ((self.column(row, name), s) for row, s in zip(rows, scores)))
        for name in _METADATA:
            numbers |= grouped(f"accuracy/{name}", ((self._metadata(row, name), s) for row, s in zip(rows, scores)))
        skills = ((skill, s) for row, s in zip(rows, scores) for skill in self._metadata(row, "skills"))
        return numbers | grouped("accuracy/skills", skills)

    def _metadata(self, row: Mapping[str, Any], name: str) -> Any:
        metadata = row.get("metadata")
        return self.column(metadata if isinstance(metadata, Mapping) and name in metadata else row, name)

    def _one_of(self, row: Mapping[str, Any], name: str, allowed: Sequence[str]) -> str:
        value = self.column(row, name)
        if value not in allowed:
            raise ValueError(f"{self.which(row)}: column {name!r} is {value!r}; it must be one of {list(allowed)!r}")
        return str(value)

    def _precision(self, row: Mapping[str, Any]) -> int | None:
        value = row.get("precision")
        return None if value is None or value != value else int(value)  # a table may have NaN for None


def extract_answer(response: str, answer_type: str, choices: Sequence[str] = (), question: str = "") -> str:
    """Step 1: what stands for the answer; rules where the original asks GPT.

    Args:
        response: what the model wrote.
        answer_type: "text", "integer", "float" or "list".
        choices: the choices' texts of a multiple-choice question.
        question: what was asked, for a sentence that answers by yes or no; "" where it is not known.

    """
    if not response or (choices and response in choices):
        return response
    try:
        if answer_type == "integer":
            return str(int(response))
        if answer_type == "float":
            return str(float(response))
    except ValueError:
        pass
    after = region(response)[1][-MAX_RESPONSE_CHARS:]
    if choices:
        return _choice(after, choices, question) or after.strip()[-MAX_EXTRACTION_CHARS:]
    stated = [*_marked(after), *_statements(after)]
    for at, text in enumerate((*stated, *_unstated(after))):
        if answer_type in ("integer", "float"):
            found = stated_number(text, answer_type == "integer", answer=at < len(stated))
        elif answer_type == "list":
            found = next(reversed(_LIST.findall(text)), "")
        else:
            found = text.strip()
        if found:
            return found
    return ""


def _choice(after: str, choices: Sequence[str], question: str) -> str:
    for text in (*_marked(after), *_statements(after)):
        if found := named_choice(text, choices, answer=True):
            return found
    if found := lone_choice(after, choices):
        return found
    for text in _unstated(after):
        if found := named_choice(text, choices):
            return found
    return yes_or_no(after, choices, question) if is_yes_or_no(choices) else ""


def _marked(after: str) -> list[str]:
    """What stands in the last tag and the last box."""
    return [text for text in (last_tag(after), last_box(after)) if text]


def _statements(after: str) -> Iterator[str]:
    """What "the answer is" states, the last first."""
    for match in reversed(list(_STATEMENT.finditer(after))[-_MOST_STATEMENTS:]):
        rest = after[match.end() :].lstrip(" \t\n:*")
        if not _NUMBERED.match(rest):
            yield rest.partition("\n")[0]


def _unstated(after: str) -> Iterator[str]:
    """What stands before an explanation that concludes nothing, the last line, everything."""
    explanation = _EXPLANATION.search(after)
    if explanation and not _CONCLUSION.search(after, explanation.end()):
        yield after[: explanation.start()]
    yield after.strip().rpartition("\n")[2]
    yield after


def normalize_extracted_answer(
    extraction: str, answer_type: str, choices: Sequence[str] = (), precision: int | None = None
) -> str | None:
    """Steps 2 and 3: an extraction in the form of the gold answer; None where it cannot be converted.

    Args:
        extraction: what stands for the answer.
        answer_type: "text", "integer", "float" or "list".
        choices: the choices' texts of a multiple-choice question.
        precision: decimals of a float; without it a float cannot be converted.

    """
    if choices:
        extraction = extraction.strip()
        letter = _IN_PARENTHESES.search(extraction)
        extraction = letter[1].upper() if letter else extraction
        index = LETTERS.find(extraction) if len(extraction) == 1 else -1
        if 0 <= index < len(choices):
            return choices[index]
        shown = extraction[-MAX_EXTRACTION_CHARS:]
        return min(choices, key=lambda choice: edit_distance(shown, choice))
    try:
        if answer_type == "integer":
            return str(int(float(extraction)))
        if answer_type == "float":
            return None if precision is None else str(round(float(extraction), precision))
    except (ValueError, OverflowError):
        return None
    return extraction


def edit_distance(left: str, right: str) -> int:
    """The Levenshtein distance: how many characters to insert, delete or replace.

    Example:
        >>> edit_distance("kitten", "sitting")
        3

    """
    row = list(range(len(right) + 1))
    for done, character in enumerate(left, start=1):
        diagonal, row[0] = row[0], done
        for index, other in enumerate(right, start=1):
            replaced = diagonal + (character != other)
            diagonal = row[index]
            row[index] = min(replaced, diagonal + 1, row[index - 1] + 1)
    return row[-1]
