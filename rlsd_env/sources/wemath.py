"""`rlsd/WeMath-v0`: school problems beside the steps that they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from rlsd_env.sources.benchmark import STRICT, BenchmarkSource, prompt_template
from rlsd_env.sources.record import Record
from rlsd_env.sources.rows import text


class WeMath(BenchmarkSource):
    """We-Math: problems of two and three steps, each with the questions that ask for its single steps.

    ## Description
    1,740 multiple-choice questions of testmini in 525 groups: a whole problem and one question for each of its
    steps. From the answers to a group the scorer tells missing knowledge from rote memorization (the
    four-dimensional metrics, `verifiers.official.make("wemath").metrics`).

    ## Action Space
    Text: the completion, with the answer as `<Answer>: <<B>>`.

    ## Observation Space
    `question` (the picture's `<image>`, then the official prompt), `images` (one), `choices` (the options without
    their letters), `feedback`, `turn`.

    ## Rewards
    1 for the right option, else 0: a strict reward. `verifier_kwargs={"mode": "official"}` gives the official
    score, which reads the first letter after the last "Answer".

    ## Starting State
    A question drawn from the fold by the seed, or `options={"task_id": "2steps_1/2steps_multi"}`, or
    `{"task_index": n}`. A fold holds whole groups.

    ## Episode End
    After one completion.

    ## Information
    `task` with group, key, step ("1", "2", "3" or "multi"), steps, knowledge_concept; `task_id`; after a step
    `verdict` and `reward/<part>`. `source.groups()` gives the task numbers of each group.

    ## Arguments
    Those of `DataSource`. The picture is taken from the column image_file where there is one, else from image_path.

    ## Version History
    v0: first version.

    Data: We-Math/We-Math, CC BY-NC 4.0; Qiao et al. 2024, arXiv 2407.01284.
    """

    hub_id: ClassVar[str] = "We-Math/We-Math"
    splits: ClassVar[tuple[str, ...]] = ("testmini",)
    columns: ClassVar[tuple[str, ...]] = ("ID", "key", "question", "option", "answer")
    id_column: ClassVar[str | tuple[str, ...]] = ("ID", "key")
    group_columns: ClassVar[tuple[str, ...]] = ("ID",)
    licence: ClassVar[str] = "CC BY-NC 4.0"
    verifier: ClassVar[str] = "wemath"
    verifier_kwargs: ClassVar[Mapping[str, Any]] = STRICT
    template: ClassVar[str] = prompt_template(
        "{% set image, text = question.split('\n', 1) %}{{ image }}\n"
        "Now, we require you to solve a multiple-choice math question. Please briefly describe your thought process "
        "and provide the final answer(option).\nQuestion: {{ text }}\nOption: {{ metadata.option }}",
        "\nRegarding the format, please answer following the template below, and be sure to include two <> symbols:\n"
        "<Thought process>: <<your thought process>> <Answer>: <<your option>>",
    )

    def convert(self, row: dict[str, Any]) -> Record:
        """Turn one row into a record."""
        reference = self.reference(row)
        steps, _, step = str(row["key"]).partition("steps_")
        if steps not in ("2", "3") or step not in ("1", "2", "3", "multi"):
            raise ValueError(f"column 'key' is {row['key']!r}; it must be like '2steps_1' or '3steps_multi'")
        return Record(
            id=self.row_id(row),
            question=f"<image>\n{text(row, 'question')}",
            reference=reference,
            pictures=self.required_picture(row, "image_file", "image_path"),
            choices=reference.choices,
            kind=reference.kind,
            metadata={
                "group": str(row["ID"]),
                "key": str(row["key"]),
                "step": step,
                "steps": int(steps),
                "knowledge_concept": str(row.get("knowledge concept") or ""),
                "option": text(row, "option"),
            },
            extras={"knowledge_concept_description": str(row.get("knowledge concept description") or "")},
        )
