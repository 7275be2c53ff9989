"""`rlsd/MMK12-v0`: school problems with a picture each, the training set of MM-Eureka."""

from __future__ import annotations

from typing import Any, ClassVar

from rlsd_env.sources.dataset import DataSource
from rlsd_env.sources.record import Record
from rlsd_env.sources.rows import facts, placed, text
from verifiers import Reference


class MMK12(DataSource):
    r"""15,616 problems of mathematics to train on, 2,000 of four sciences to test on.

    ## Description
    A picture and a question to be answered by a number, an expression, a few words or, in the test split, a letter.

    ## Action Space
    Text: the completion, with the answer in `\boxed{}`, the convention of this data set.

    ## Observation Space
    `question` (text with one `<image>`), `images` (one picture), `choices` (none), `feedback`, `turn`.

    ## Rewards
    1 for an equal value, else 0.

    ## Starting State
    A problem drawn from the fold by the seed, or `options={"task_id": ID}`, or `{"task_index": n}`.

    ## Episode End
    After one completion.

    ## Information
    `task` with subject, `task_id`; after a step `verdict` and `reward/<part>`.

    ## Arguments
    `split`: "train" or "test"; further those of `DataSource`.

    ## Version History
    v0: first version.

    Data: FanqingM/MMK12; its card names no licence. Meng et al. 2025, arXiv 2503.07365.
    """

    hub_id: ClassVar[str] = "FanqingM/MMK12"
    splits: ClassVar[tuple[str, ...]] = ("train", "test")
    columns: ClassVar[tuple[str, ...]] = ("id", "question", "answer", "image")
    licence: ClassVar[str] = "unknown"
    answer_format: ClassVar[str] = "boxed"

    def convert(self, row: dict[str, Any]) -> Record:
        """Turn one row into a record."""
        return Record(
            id=self.row_id(row),
            question=placed(text(row, "question")),
            reference=Reference(text(row, "answer").strip()),
            pictures=self.required_picture(row, "image"),
            metadata=facts(row, ("subject",)),
        )
