"""`rlsd/MMFineReason-v0`: the training set of RLSD, with a reasoning trace for each task."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from rlsd_env.errors import ConfigurationError
from rlsd_env.sources.cells import boolean, number, optional_text
from rlsd_env.sources.dataset import DataSource
from rlsd_env.sources.record import Record
from rlsd_env.sources.rows import facts, placed, text, written_options
from rlsd_env.task import IMAGE_PLACEHOLDER
from verifiers import AnswerKind, AnswerVerifier, BadReference, Reference, infer_kind

TRACE = "qwen3vl_235b_thinking_response"
_LETTER = re.compile(r"\(?([A-J])\)?\.?")
_BOOLEAN = re.compile(r"yes|no|true|false", re.IGNORECASE)
_GAP = re.compile(r"(?<=\S)[ \u3000]{3,}(?=\S)")
"""What stands between the values of an answer to several blanks, in the sets of We-Math 2."""
_MOST_WORDS = 3
"""A gold answer of more words is a description, which no rule can grade."""


class MMFineReason(DataSource):
    """122,603 questions with pictures from 23 data sets, each with a trace of Qwen3-VL-235B-Thinking.

    ## Description
    School mathematics and science, charts, puzzles and games. Options stand in the question. How an answer is
    compared follows from how the gold is written: a letter from A to J, yes or no, mathematics, or words. The task
    does not say which (`kind` is None).

    ## Action Space
    Text: the completion, with the answer in `<answer> </answer>`.

    ## Observation Space
    `question` (text with one `<image>`), `images` (one picture), `choices` (none), `feedback`, `turn`.

    ## Rewards
    1 for the right letter (or the text of its option, where options stand one a line), an equal value or the same
    words, else 0.

    ## Starting State
    A task drawn from the fold by the seed, or `options={"task_id": "BMMR/72393"}`, or `{"task_index": n}`.

    ## Episode End
    After one completion.

    ## Information
    `task` with source, pass_rate (of Qwen3-VL-4B-Thinking, four attempts; all 0 in this selection) and
    is_consistent, `task_id`; after a step `verdict` and `reward/<part>`.

    ## Arguments
    `verifiable_only`: leave out golds that our verifier does not grade as right when they are given back, and
    descriptions of more than three words. `consistent_only`: leave out rows whose trace does not conclude with the
    gold answer; either way such a trace is never handed to a teacher. `min_pass_rate`, `max_pass_rate`: bounds of
    pass_rate, both included. `images="absent"` reads rows without pictures too. Further those of `DataSource`.

    Rows without an answer, and rows whose question has an `<image>` but no picture (those of MMR1), are left out;
    `source.left_out` counts rows by reason. About 8 % of the golds are noise (facts from a sample of 220 rows).

    ## Version History
    v0: first version.

    Data: OpenDataArena/MMFineReason-SFT-123K-Qwen3-VL-235B-Thinking, Apache-2.0; the data sets it was made of keep
    their own licences, some of which exclude commercial use.
    """

    hub_id: ClassVar[str] = "OpenDataArena/MMFineReason-SFT-123K-Qwen3-VL-235B-Thinking"
    splits: ClassVar[tuple[str, ...]] = ("train",)
    columns: ClassVar[tuple[str, ...]] = ("question", "answer", "is_consistent", TRACE)
    id_column: ClassVar[tuple[str, ...]] = ("source", "id")
    filter_columns: ClassVar[tuple[str, ...]] = (
        "question", "answer", "is_consistent", "pass_rate", "image", "image_file",
    )  # fmt: skip
    licence: ClassVar[str] = "Apache-2.0"

    def __init__(
        self,
        path: str | None = None,
        split: str | None = None,
        verifiable_only: bool = True,
        consistent_only: bool = False,
        min_pass_rate: float = 0.0,
        max_pass_rate: float = 1.0,
        revision: str | None = None,
        skip_broken: bool = False,
        max_pixels: int | None = None,
        images: str = "required",
    ) -> None:
        if not 0 <= min_pass_rate <= max_pass_rate <= 1:
            raise ConfigurationError(
                f"pass rates from {min_pass_rate} to {max_pass_rate}: they must be from 0 to 1, the lower first"
            )
        self.verifiable_only, self.consistent_only = verifiable_only, consistent_only
        self.pass_rates = (min_pass_rate, max_pass_rate)
        super().__init__(path, split, revision, skip_broken, max_pixels, images)

    def leave_out(self, cells: dict[str, Any]) -> str:
        """Say why a row is no task; see "Arguments" of the class.

        Raises:
            ValueError: a cell is not of its column's type.

        """
        answer = (optional_text(cells["answer"], "column 'answer'") or "").strip()
        if not answer:
            return "no answer"
        pictured = cells.get("image") or cells.get("image_file")
        if self.images == "required" and IMAGE_PLACEHOLDER in text(cells, "question") and not pictured:
            return "no image"
        if self.consistent_only and not _consistent(cells):
            return "inconsistent trace"
        low, high = self.pass_rates
        if (rate := _pass_rate(cells)) is None and self.pass_rates != (0, 1):
            return "no pass rate"
        if rate is not None and not low <= rate <= high:
            return "pass rate out of bounds"
        if self.verifiable_only and not verifiable(_GAP.sub(", ", answer)):
            return "answer not verifiable"
        return ""

    def convert(self, row: dict[str, Any]) -> Record:
        """Turn one row into a record.

        Raises:
            ValueError: a cell is not of its column's type.

        """
        question, answer = text(row, "question"), _GAP.sub(", ", text(row, "answer").strip())
        with_picture = IMAGE_PLACEHOLDER in question or bool(row.get("image") or row.get("image_file"))
        kind = answer_kind(answer)
        options = written_options(question) if kind is AnswerKind.CHOICE else ()
        consistent = _consistent(row)
        letter = _LETTER.fullmatch(answer)
        if letter is not None and ord(letter[1]) - ord("A") >= len(options):
            options = ()
        return Record(
            id=self.row_id(row),
            question=placed(question) if with_picture else question,
            reference=Reference(answer, kind=kind, choices=options),
            pictures=self.required_picture(row, "image", "image_file") if with_picture else (),
            metadata=facts(
                {**row, "pass_rate": _pass_rate(row), "is_consistent": consistent},
                ("source", "pass_rate", "is_consistent"),
            ),
            trace=optional_text(row[TRACE], f"column {TRACE!r}") if consistent else None,
            extras=facts(row, ("caption", "original_answer")),
        )


def _consistent(row: Mapping[str, Any]) -> bool | None:
    return boolean(row["is_consistent"], "column 'is_consistent'")


def _pass_rate(row: Mapping[str, Any]) -> float | None:
    return number(row.get("pass_rate"), "column 'pass_rate'")


def answer_kind(answer: str) -> AnswerKind | None:
    """Tell what sort of answer a gold is by how it is written; None leaves it to the verifier.

    >>> [answer_kind(answer) for answer in ("(B)", "Yes", "16")]
    [<AnswerKind.CHOICE: 'choice'>, <AnswerKind.TEXT: 'text'>, None]
    """
    if _LETTER.fullmatch(answer.strip()):
        return AnswerKind.CHOICE
    return AnswerKind.TEXT if _BOOLEAN.fullmatch(answer.strip()) else None


@functools.cache
def _verifier() -> AnswerVerifier:
    return AnswerVerifier(symbolic_seconds=0)  # a gold needs no algebra to equal itself


def verifiable(answer: str) -> bool:
    """Whether the answer, given back, is graded as right, and is not a description.

    >>> [verifiable(answer) for answer in ("C", "5:9", "light green", "two parallel lines of dots")]
    [True, True, True, False]
    """
    kind = answer_kind(answer)
    if kind is AnswerKind.CHOICE:
        return True
    if infer_kind(answer) is AnswerKind.TEXT and len(answer.split()) > _MOST_WORDS:
        return False
    try:
        return _verifier().verify(f"<answer>{answer}</answer>", Reference(answer, kind=kind)).correct
    except BadReference:
        return False
