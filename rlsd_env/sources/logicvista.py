"""`rlsd/LogicVista-v0`: puzzles of an intelligence test in pictures, some with several right options."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from rlsd_env.sources.dataset import DataSource
from rlsd_env.sources.record import Record
from rlsd_env.sources.rows import facts, placed, text
from verifiers import AnswerKind, Reference


class LogicVista(DataSource):
    """448 multiple-choice questions on inductive, deductive, numerical, spatial and mechanical reasoning.

    ## Description
    The options are drawn in the picture or stand in the question. Some questions have several right options: the
    gold answer is then "A, C".

    ## Action Space
    Text: the completion, with the answer in `<answer> </answer>`.

    ## Observation Space
    `question` (text with one `<image>`), `images` (one picture), `choices` (none), `feedback`, `turn`.

    ## Rewards
    1 where all right letters are given and no others, in any order, else 0.

    ## Starting State
    A problem drawn from the fold by the seed, or `options={"task_id": "test-0"}`, or `{"task_index": n}`.

    ## Episode End
    After one completion.

    ## Information
    `task` with skill, `task_id`; after a step `verdict` and `reward/<part>`.

    ## Arguments
    Those of `DataSource`.

    ## Version History
    v0: first version.

    Data: lscpku/LogicVista, Apache-2.0 (columns and licence unconfirmed); Xiao et al. 2024, arXiv 2407.04973.
    """

    hub_id: ClassVar[str] = "lscpku/LogicVista"
    splits: ClassVar[tuple[str, ...]] = ("test",)
    columns: ClassVar[tuple[str, ...]] = ("question", "answer", "image")
    id_column: ClassVar[str] = ""
    licence: ClassVar[str] = "Apache-2.0"

    def convert(self, row: dict[str, Any]) -> Record:
        """Turn one row into a record.

        Raises:
            ValueError: the gold answer is not one letter or several.

        """
        answer = text(row, "answer")
        letters = sorted(set(re.split(r"[\s,;&]+|\band\b", answer.strip())) - {""})
        if not letters or not all(re.fullmatch(r"[A-Z]", letter) for letter in letters):
            raise ValueError(f"column 'answer' is {answer!r}; it must be a letter, or letters such as 'A, C'")
        kind = AnswerKind.CHOICE if len(letters) == 1 else None  # several letters are compared as a set
        return Record(
            id=self.row_id(row),
            question=placed(text(row, "question")),
            reference=Reference(", ".join(letters), kind=kind),
            pictures=self.required_picture(row, "image"),
            metadata=facts(row, ("skill",)),
        )
