"""`rlsd/Geometry3K-v0`: geometry problems with a diagram each."""

from __future__ import annotations

from typing import Any, ClassVar

from rlsd_env.sources.dataset import DataSource
from rlsd_env.sources.record import Record
from rlsd_env.sources.rows import pictures, text
from verifiers import Reference


class Geometry3K(DataSource):
    r"""Plane geometry from school books, as open questions: 2,101 to train on, 300 and 601 to test on.

    ## Description
    A diagram and a short question such as "Find x."; the answer is a number or an expression.

    ## Action Space
    Text: the completion, with the answer in `\boxed{}`, the convention of this copy of the data.

    ## Observation Space
    `question` (text with one `<image>` per picture), `images`, `choices` (none), `feedback`, `turn`.

    ## Rewards
    1 for an equal value, else 0.

    ## Starting State
    A problem drawn from the fold by the seed, or `options={"task_id": "train-0"}`, or `{"task_index": n}`.

    ## Episode End
    After one completion.

    ## Information
    `task`, `task_id`; after a step `verdict` and `reward/<part>`.

    ## Arguments
    `split`: "train", "validation" or "test"; further those of `DataSource`. MathVista holds problems of
    Geometry3K: see `rlsd_env.contamination` before you train on this and test on that.

    ## Version History
    v0: first version.

    Data: hiyouga/geometry3k, MIT licence; Lu et al. 2021, arXiv 2105.04165.
    """

    hub_id: ClassVar[str] = "hiyouga/geometry3k"
    splits: ClassVar[tuple[str, ...]] = ("train", "validation", "test")
    columns: ClassVar[tuple[str, ...]] = ("images", "problem", "answer")
    id_column: ClassVar[str] = ""
    licence: ClassVar[str] = "MIT"
    answer_format: ClassVar[str] = "boxed"

    def convert(self, row: dict[str, Any]) -> Record:
        """Turn one row into a record."""
        return Record(
            id=self.row_id(row),
            question=text(row, "problem"),
            reference=Reference(text(row, "answer").strip()),
            pictures=pictures(self, row, "images"),
        )
