"""`rlsd/AI2D-v0`: questions on diagrams of school science."""

from __future__ import annotations

from typing import Any, ClassVar

from rlsd_env.prompts import choice_letter
from rlsd_env.sources.dataset import DataSource
from rlsd_env.sources.record import Record
from rlsd_env.sources.rows import listed, placed, text
from verifiers import AnswerKind, Reference


class AI2D(DataSource):
    """3,088 multiple-choice questions with four options on labelled diagrams.

    ## Description
    Options may be the labels of a diagram, and so letters themselves; the gold answer is always the letter of the
    option's place.

    ## Action Space
    Text: the completion, with the answer in `<answer> </answer>`.

    ## Observation Space
    `question` (text with one `<image>`), `images` (one picture), `choices` (four), `feedback`, `turn`.

    ## Rewards
    1 for the right option, else 0.

    ## Starting State
    A problem drawn from the fold by the seed, or `options={"task_id": "test-0"}`, or `{"task_index": n}`.

    ## Episode End
    After one completion.

    ## Information
    `task`, `task_id`; after a step `verdict` and `reward/<part>`.

    ## Arguments
    Those of `DataSource`.

    ## Version History
    v0: first version.

    Data: lmms-lab/ai2d, the test split; its licence is unconfirmed. Kembhavi et al. 2016, arXiv 1603.07396.
    """

    hub_id: ClassVar[str] = "lmms-lab/ai2d"
    splits: ClassVar[tuple[str, ...]] = ("test",)
    columns: ClassVar[tuple[str, ...]] = ("question", "options", "answer", "image")
    id_column: ClassVar[str] = ""
    licence: ClassVar[str] = "unknown"

    def convert(self, row: dict[str, Any]) -> Record:
        """Turn one row into a record.

        Raises:
            ValueError: there are no options, or the answer is not the number of one.

        """
        options = listed(row["options"], "options")
        answer = text(row, "answer")
        if not answer.isdecimal() or int(answer) >= len(options):
            raise ValueError(
                f"column 'answer' is {answer!r}; it must be the number of one of {len(options)} options, from 0"
            )
        return Record(
            id=self.row_id(row),
            question=placed(text(row, "question")),
            reference=Reference(choice_letter(int(answer)), kind=AnswerKind.CHOICE, choices=options),
            pictures=self.required_picture(row, "image"),
            choices=options,
            kind=AnswerKind.CHOICE,
        )
