"""`rlsd/GSM8K-v0`: word problems of elementary school, text only, with worked solutions."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from rlsd_env.sources.dataset import DataSource
from rlsd_env.sources.record import Record
from rlsd_env.sources.rows import text
from verifiers import Reference

_CALCULATOR = re.compile(r"<<[^<>]*>>")


class GSM8K(DataSource):
    """7,473 word problems to train on and 1,319 to test on; the answers are whole numbers.

    ## Description
    A few sentences and a question. The worked solution goes to teachers only, without its calculator marks.

    ## Action Space
    Text: the completion, with the answer in `<answer> </answer>`.

    ## Observation Space
    `question` (text), `images` and `choices` (none), `feedback`, `turn`.

    ## Rewards
    1 for an equal value, else 0.

    ## Starting State
    A problem drawn from the fold by the seed, or `options={"task_id": "train-0"}`, or `{"task_index": n}`.

    ## Episode End
    After one completion.

    ## Information
    `task`, `task_id`; after a step `verdict` and `reward/<part>`.

    ## Arguments
    `split`: "train" or "test"; further those of `DataSource`.

    ## Version History
    v0: first version.

    Data: openai/gsm8k, configuration main, MIT licence; Cobbe et al. 2021, arXiv 2110.14168.
    """

    hub_id: ClassVar[str] = "openai/gsm8k"
    config: ClassVar[str | None] = "main"
    splits: ClassVar[tuple[str, ...]] = ("train", "test")
    columns: ClassVar[tuple[str, ...]] = ("question", "answer")
    id_column: ClassVar[str] = ""
    licence: ClassVar[str] = "MIT"

    def convert(self, row: dict[str, Any]) -> Record:
        """Turn one row into a record.

        Raises:
            ValueError: the answer has no line "#### N".

        """
        solution, mark, answer = text(row, "answer").rpartition("####")
        if not mark:
            raise ValueError(f"column 'answer' ends with {answer[-40:]!r}; the gold answer must follow '####'")
        return Record(
            id=self.row_id(row),
            question=text(row, "question"),
            reference=Reference(
                answer.strip().lstrip("$").replace(",", ""), solution=_CALCULATOR.sub("", solution).strip() or None
            ),
        )
