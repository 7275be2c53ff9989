"""`rlsd/RLSDRelease-v0`: the training data as RLSD's authors released them."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from rlsd_env.prompts import choice_letter
from rlsd_env.sources.cells import optional_text
from rlsd_env.sources.dataset import DataSource
from rlsd_env.sources.record import Record
from rlsd_env.sources.rows import facts, gradable, listed, pictures, text, without_labels
from verifiers import AnswerKind, Reference
from verifiers.numeric import parse_number

TEXTS = ("boolean", "open-ended", "ocr")
"""Problem types whose answers are compared as words."""


class RLSDRelease(DataSource):
    """The questions of MMFineReason-123K in RLSD's own format, with its problem types.

    ## Description
    A JSON list with problem, answer, images (paths) and problem_type, and optionally options, data_source, data_type,
    problem_id and videos; or JSON lines with question, answer and image, as its README asks for. Both are read.

    ## Action Space
    Text: the completion, with the answer in `<answer> </answer>`.

    ## Observation Space
    `question` (text with one `<image>` per picture), `images`, `choices` (the options, where they are not in the
    question already), `feedback`, `turn`.

    ## Rewards
    By problem_type: "multiple choice" the right option; "numerical" a number equal to two decimals, where the gold
    is one; "boolean", "open-ended" and "ocr" the same words; any other an equal value, by how the gold is written.

    ## Starting State
    A task drawn from the fold by the seed, or `options={"task_id": "train-0"}`, or `{"task_index": n}`.

    ## Episode End
    After one completion.

    ## Information
    `task` with problem_type, data_source and problem_id, `task_id`; after a step `verdict` and `reward/<part>`.

    ## Arguments
    `path`: the file, e.g. MMFineReason_data_with_conclusion.json beside its folder MMFineReason_images, or a folder
    with train.jsonl and val.jsonl. `split`: "train" or "val". Further those of `DataSource`. Rows with videos are
    left out and counted in `source.left_out`.

    ## Version History
    v0: first version.

    Data: iieycx/rlsd-train-MMFineReason-123K; card and licence are unknown. Self-distilled RLVR, arXiv 2604.03128.
    """

    hub_id: ClassVar[str] = "iieycx/rlsd-train-MMFineReason-123K"
    splits: ClassVar[tuple[str, ...]] = ("train", "val")
    columns: ClassVar[tuple[str, ...]] = ("answer",)
    id_column: ClassVar[str] = ""
    filter_columns: ClassVar[tuple[str, ...]] = ("videos",)
    licence: ClassVar[str] = "unknown"

    def leave_out(self, cells: dict[str, Any]) -> str:
        """Leave rows with videos out."""
        return "videos" if cells.get("videos") else ""

    def convert(self, row: dict[str, Any]) -> Record:
        """Turn one row into a record.

        Raises:
            ValueError: a multiple-choice row's answer is not one of its options.

        """
        question = text(row, "problem" if "problem" in row else "question")
        named = optional_text(row.get("problem_type"), "column 'problem_type'") or ""
        problem_type = named.strip().lower().replace("_", " ")
        options = without_labels(listed(row.get("options"), "options"))
        answer = text(row, "answer").strip().removeprefix("<answer>").removesuffix("</answer>").strip()
        kind = _kind(problem_type, bool(options))
        as_number = kind is AnswerKind.DECIMAL and parse_number(answer) is not None
        in_question = all(
            re.search(rf"{choice_letter(place)}[.:)]\s*{re.escape(option)}", question)
            for place, option in enumerate(options)
        )
        return Record(
            id=self.row_id(row),
            question=question,
            reference=gradable(
                Reference(
                    answer,
                    kind=kind if as_number or kind is not AnswerKind.DECIMAL else None,
                    choices=options if kind is AnswerKind.CHOICE else (),
                    precision=2 if as_number else None,
                )
            ),
            pictures=pictures(self, row, "images" if "images" in row else "image"),
            choices=() if in_question else options,
            kind=kind,
            metadata=facts(row, ("problem_type", "data_source", "data_type", "problem_id")),
        )


def _kind(problem_type: str, options: bool) -> AnswerKind | None:
    """What sort of answer a problem type asks for, whatever the gold answer is."""
    if problem_type == "multiple choice" or (options and not problem_type):
        return AnswerKind.CHOICE
    if problem_type == "numerical":
        return AnswerKind.DECIMAL
    return AnswerKind.TEXT if problem_type in TEXTS else None
