"""`rlsd/ZeroBench-v0`: questions that no model could answer when they were made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from rlsd_env.sources.benchmark import OFFICIAL, BenchmarkSource, prompt_template
from rlsd_env.sources.pictures import Picture
from rlsd_env.sources.record import Record
from rlsd_env.task import IMAGE_PLACEHOLDER


class ZeroBench(BenchmarkSource):
    """Hard visual reasoning: reading, counting and computing in several steps on large, detailed pictures.

    ## Description
    100 questions (split zerobench) or 334 subquestions that lead up to them (zerobench_subquestions). The 100 come
    with 108 pictures of up to 5559 x 4070 pixels; see `max_pixels`.

    ## Action Space
    Text: the completion, with the answer in curly braces.

    ## Observation Space
    `question` (one `<image>` per picture, then the official prompt), `images`, `choices` (none), `feedback`, `turn`.

    ## Rewards
    1 where the content of the last braces is the gold answer, character by character but for case, else 0: the
    official rule. `verifier_kwargs={"mode": "strict"}` compares by value.

    ## Starting State
    A question drawn from the fold by the seed, or `options={"task_id": "1"}`, or `{"task_index": n}`.

    ## Episode End
    After one completion.

    ## Information
    `task` with attribution; `task_id`; after a step `verdict` and `reward/<part>`. `task.train_allowed` is False:
    the data carry a canary string; never train on them, never pass answers on.

    ## Arguments
    `split`: "zerobench" or "zerobench_subquestions". Further those of `DataSource`.

    ## Version History
    v0: first version.

    Data: jonathan-roberts1/zerobench, MIT licence, handed out after accepting terms; Roberts et al. 2025,
    arXiv 2502.09696.
    """

    hub_id: ClassVar[str] = "jonathan-roberts1/zerobench"
    splits: ClassVar[tuple[str, ...]] = ("zerobench", "zerobench_subquestions")
    columns: ClassVar[tuple[str, ...]] = ("question_text", "question_answer")
    id_column: ClassVar[str] = "question_id"
    licence: ClassVar[str] = "MIT, not for training"
    train_allowed: ClassVar[bool] = False
    gated: ClassVar[bool] = True
    verifier: ClassVar[str] = "zerobench"
    verifier_kwargs: ClassVar[Mapping[str, Any]] = OFFICIAL
    template: ClassVar[str] = prompt_template(
        "{{ question }}",
        "\n\n\nLet's think step by step and give the final answer in curly braces, like this: {final answer}",
    )

    def convert(self, row: dict[str, Any]) -> Record:
        """Turn one row into a record."""
        pictures = self._pictures(row)
        return Record(
            id=self.row_id(row),
            question=f"{IMAGE_PLACEHOLDER}\n" * max(1, len(pictures)) + str(row["question_text"]),
            reference=self.reference(row),
            pictures=pictures,
            metadata={"attribution": str(row.get("image_attribution") or "")},
        )

    def _pictures(self, row: dict[str, Any]) -> tuple[Picture, ...]:
        for column in ("question_images_decoded", "question_images"):
            if cells := row.get(column):
                return tuple(found for cell in cells for found in self.required_picture({column: cell}, column))
        return self.required_picture(row, "question_images_decoded", "question_images")
