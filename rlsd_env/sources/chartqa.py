"""`rlsd/ChartQA-v0` and `rlsd/ChartQA-test-v0`: questions on charts, graded with 5 % of tolerance."""

from __future__ import annotations

from typing import Any, ClassVar

from rlsd_env.sources.cells import whole_number
from rlsd_env.sources.dataset import DataSource
from rlsd_env.sources.record import Record
from rlsd_env.sources.rows import facts, listed, placed, text
from verifiers import Reference

_TYPES = {0: "human", 1: "augmented"}


class ChartQATest(DataSource):
    """The test split of ChartQA: 1,250 questions by people, 1,250 made by a model.

    ## Description
    A bar, line or pie chart and a question about its values; the answer is a number or a few words.

    ## Action Space
    Text: the completion, with the answer in `<answer> </answer>`.

    ## Observation Space
    `question` (text with one `<image>`), `images` (one picture), `choices` (none), `feedback`, `turn`.

    ## Rewards
    1 for a number within 5 % of the gold number or for the same text, else 0: `verifiers.RelaxedAccuracy`, the
    benchmark's own rule. It takes years within 5 % too, such as 2010 for 2003; pass `verifier="answer"` for a reward
    that does not.

    ## Starting State
    A problem drawn from the fold by the seed, or `options={"task_id": "test-0"}`, or `{"task_index": n}`.

    ## Episode End
    After one completion.

    ## Information
    `task` with type ("human_test" or "augmented_test"), `task_id`; after a step `verdict` and `reward/<part>`.

    ## Arguments
    Those of `DataSource`.

    ## Version History
    v0: first version.

    Data: lmms-lab/ChartQA, GPL-3.0 (unconfirmed); Masry et al. 2022, arXiv 2203.10244.
    """

    hub_id: ClassVar[str] = "lmms-lab/ChartQA"
    splits: ClassVar[tuple[str, ...]] = ("test",)
    columns: ClassVar[tuple[str, ...]] = ("question", "answer", "image")
    id_column: ClassVar[str] = ""
    licence: ClassVar[str] = "GPL-3.0"
    verifier: ClassVar[str] = "relaxed"

    def convert(self, row: dict[str, Any]) -> Record:
        """Turn one row into a record."""
        return self._record(row, text(row, "question"), text(row, "answer").strip(), facts(row, ("type",)))

    def _record(self, row: dict[str, Any], question: str, answer: str, metadata: dict[str, object]) -> Record:
        return Record(
            id=self.row_id(row),
            question=placed(question),
            reference=Reference(answer),
            pictures=self.required_picture(row, "image"),
            metadata=metadata,
        )


class ChartQA(ChartQATest):
    """ChartQA with its training split: 28,299 questions to train on, 1,920 and 2,500 to test on.

    ## Description
    As `ChartQATest`; another copy of the data, with other columns.

    ## Action Space
    Text: the completion, with the answer in `<answer> </answer>`.

    ## Observation Space
    `question` (text with one `<image>`), `images` (one picture), `choices` (none), `feedback`, `turn`.

    ## Rewards
    As for `ChartQATest`.

    ## Starting State
    A problem drawn from the fold by the seed, or `options={"task_id": "train-0"}`, or `{"task_index": n}`.

    ## Episode End
    After one completion.

    ## Information
    `task` with type ("human" or "augmented"), `task_id`; after a step `verdict` and `reward/<part>`.

    ## Arguments
    `split`: "train", "val" or "test"; further those of `DataSource`.

    ## Version History
    v0: first version.

    Data: HuggingFaceM4/ChartQA, GPL-3.0 (unconfirmed); Masry et al. 2022, arXiv 2203.10244. That human_or_machine
    is 0 for questions by people is unconfirmed.
    """

    hub_id: ClassVar[str] = "HuggingFaceM4/ChartQA"
    splits: ClassVar[tuple[str, ...]] = ("train", "val", "test")
    columns: ClassVar[tuple[str, ...]] = ("query", "label", "image")

    def convert(self, row: dict[str, Any]) -> Record:
        """Turn one row into a record; a label of several texts is one answer, "2003, 2005".

        Raises:
            ValueError: there is no label.

        """
        label = row["label"] if isinstance(row["label"], (list, tuple)) else [text(row, "label")]
        answer = ", ".join(listed(label, "label"))
        maker = whole_number(row.get("human_or_machine"), "column 'human_or_machine'")
        return self._record(row, text(row, "query"), answer, {"type": _TYPES[maker]} if maker in _TYPES else {})
