"""`rlsd/MATH500-v0`: competition mathematics, text only, with worked solutions."""

from __future__ import annotations

from typing import Any, ClassVar

from rlsd_env.sources.dataset import DataSource
from rlsd_env.sources.record import Record
from rlsd_env.sources.rows import facts, text
from verifiers import Reference


class MATH500(DataSource):
    r"""500 problems of the test split of MATH, seven subjects, five levels.

    ## Description
    A problem in LaTeX; the answer is a number or an expression. The worked solution goes to teachers only.

    ## Action Space
    Text: the completion, with the answer in `\boxed{}`, the convention of this data set.

    ## Observation Space
    `question` (text), `images` and `choices` (none), `feedback`, `turn`.

    ## Rewards
    1 for an equal value, else 0.

    ## Starting State
    A problem drawn from the fold by the seed, or `options={"task_id": "test/precalculus/807.json"}`, or
    `{"task_index": n}`.

    ## Episode End
    After one completion.

    ## Information
    `task` with subject and level, `task_id`; after a step `verdict` and `reward/<part>`.

    ## Arguments
    Those of `DataSource`.

    ## Version History
    v0: first version.

    Data: HuggingFaceH4/MATH-500, MIT licence (unconfirmed); Hendrycks et al. 2021, arXiv 2103.03874, and Lightman
    et al. 2023, arXiv 2305.20050.
    """

    hub_id: ClassVar[str] = "HuggingFaceH4/MATH-500"
    splits: ClassVar[tuple[str, ...]] = ("test",)
    columns: ClassVar[tuple[str, ...]] = ("unique_id", "problem", "solution", "answer")
    id_column: ClassVar[str] = "unique_id"
    licence: ClassVar[str] = "MIT"
    answer_format: ClassVar[str] = "boxed"

    def convert(self, row: dict[str, Any]) -> Record:
        """Turn one row into a record."""
        return Record(
            id=self.row_id(row),
            question=text(row, "problem"),
            reference=Reference(text(row, "answer").strip(), solution=row["solution"] or None),
            metadata=facts(row, ("subject", "level")),
        )
