"""`rlsd/ViRL39K-v0`: verifiable questions of many kinds for training with rewards."""

from __future__ import annotations

from typing import Any, ClassVar

from rlsd_env.sources.dataset import DataSource
from rlsd_env.sources.record import Record
from rlsd_env.sources.rows import facts, pictures, text, unboxed
from verifiers import Reference


class ViRL39K(DataSource):
    r"""38,870 questions over diagrams, charts, photographs and text, collected to be verified by rules.

    ## Description
    Questions from school to science, some with several pictures, some with none; options stand in the question.

    ## Action Space
    Text: the completion, with the answer in `\boxed{}`, the convention of this data set.

    ## Observation Space
    `question` (text with one `<image>` per picture), `images`, `choices` (none), `feedback`, `turn`.

    ## Rewards
    1 for an equal value, else 0.

    ## Starting State
    A problem drawn from the fold by the seed, or `options={"task_id": QID}`, or `{"task_index": n}`.

    ## Episode End
    After one completion.

    ## Information
    `task` with category, source and the two pass rates (of VL-Rethinker-32B in training and of Qwen2.5-VL-7B; the
    second for half the rows only), `task_id`; after a step `verdict` and `reward/<part>`.

    ## Arguments
    `path`: the data set's parquet file, with `images.zip` of the hub unpacked beside it; without `path` the pictures
    are not to be had. Further those of `DataSource`.

    ## Version History
    v0: first version.

    Data: TIGER-Lab/ViRL39K, MIT licence; Wang et al. 2025, arXiv 2504.08837. The names of the columns are
    unconfirmed.
    """

    hub_id: ClassVar[str] = "TIGER-Lab/ViRL39K"
    splits: ClassVar[tuple[str, ...]] = ("train",)
    columns: ClassVar[tuple[str, ...]] = ("qid", "question", "answer", "image")
    id_column: ClassVar[str] = "qid"
    licence: ClassVar[str] = "MIT"
    answer_format: ClassVar[str] = "boxed"

    def convert(self, row: dict[str, Any]) -> Record:
        """Turn one row into a record."""
        return Record(
            id=self.row_id(row),
            question=text(row, "question"),
            reference=Reference(unboxed(text(row, "answer"))),
            pictures=pictures(self, row, "image"),
            metadata=facts(row, ("category", "source", "PassRate_32BTrained", "PassRate_7BBase")),
        )
