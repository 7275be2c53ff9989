"""`rlsd/MathVista-v0`: mathematics in pictures of every sort."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from rlsd_env.sources.benchmark import OFFICIAL, BenchmarkSource, option_lines, prompt_template
from rlsd_env.sources.record import Record

_HINT = (
    "{% if not instruction %}Hint: Please answer the question "
    "{% if metadata.question_type == 'multi_choice' %}"
    "and provide the correct option letter, e.g., A, B, C, D"
    "{% elif metadata.answer_type == 'integer' %}"
    "requiring an integer answer and provide the final value, e.g., 1, 2, 3"
    "{% elif metadata.answer_type == 'list' %}"
    "requiring a Python list as an answer and provide the final list, e.g., [1, 2, 3], [1.2, 1.3, 1.4]"
    "{% elif metadata.precision == 1 %}"
    "requiring a floating-point number with one decimal place and provide the final value, e.g., 1.2, 1.3, 1.4"
    "{% else %}"
    "requiring a floating-point number with two decimal places and provide the final value, e.g., 1.23, 1.34, 1.45"
    "{% endif %}, at the end.\n{% endif %}"
)
_FACTS = ("source", "category", "task", "context", "grade", "language")


class MathVista(BenchmarkSource):
    """Questions on charts, plots, geometry, puzzles, photographs and scientific figures, from 31 data sets.

    ## Description
    1,000 questions of testmini, the split that papers report: 540 multiple choice with 2 to 8 options, 418 that ask
    for an integer, 40 for a decimal number, 2 for a list. One picture each.

    ## Action Space
    Text: the completion, with the option's letter or the value at the end.

    ## Observation Space
    `question` (the picture's `<image>`, then the official query), `images` (one), `choices`, `feedback`, `turn`.

    ## Rewards
    1 for a right answer by the official rule (with rules in place of GPT's extraction), else 0: numbers to compare
    with papers. It takes the choice nearest to what was written, so that no answer at all is right on 168 of the
    1,000; `verifier_kwargs={"mode": "strict"}` gives no such credit.

    ## Starting State
    A question drawn from the fold by the seed, or `options={"task_id": "1"}`, or `{"task_index": n}`.

    ## Episode End
    After one completion.

    ## Information
    `task` with question_type, answer_type, precision, unit, source, category, task, context, grade, language,
    skills; `task_id`; after a step `verdict` and `reward/<part>`. `task.train_allowed` is False: the authors forbid
    training on this data.

    ## Arguments
    Those of `DataSource`. The split "test" has no public answers.

    ## Version History
    v0: first version.

    Data: AI4Math/MathVista, CC BY-SA 4.0 and not for training; Lu et al. 2023, arXiv 2310.02255.
    """

    hub_id: ClassVar[str] = "AI4Math/MathVista"
    splits: ClassVar[tuple[str, ...]] = ("testmini",)
    withheld: ClassVar[tuple[str, ...]] = ("test",)
    columns: ClassVar[tuple[str, ...]] = ("question", "answer", "question_type", "answer_type", "choices")
    id_column: ClassVar[str] = "pid"
    licence: ClassVar[str] = "CC BY-SA 4.0, not for training"
    train_allowed: ClassVar[bool] = False
    verifier: ClassVar[str] = "mathvista"
    verifier_kwargs: ClassVar[Mapping[str, Any]] = OFFICIAL
    template: ClassVar[str] = prompt_template(
        "{% set image, text = question.split('\n', 1) %}{{ image }}\n{% filter trim %}" + _HINT + "Question: {{ text }}"
        "{% if metadata.unit %} (Unit: {{ metadata.unit }}){% endif %}"
        "{% if metadata.choice_count %}\nChoices:{% endif %}"
        + option_lines("\n({letter}) {choice}")
        + "{% endfilter %}"
    )

    def convert(self, row: dict[str, Any]) -> Record:
        """Turn one row into a record."""
        reference = self.reference(row)
        if row["answer_type"] == "float" and reference.precision not in (1, 2):
            raise ValueError(f"column 'precision' is {row.get('precision')!r}; for a float it must be 1 or 2")
        facts = row.get("metadata") or {}
        return Record(
            id=self.row_id(row),
            question=f"<image>\n{row['question']}",
            reference=reference,
            pictures=self.required_picture(row, "decoded_image", "image"),
            choices=reference.choices,
            kind=reference.kind,
            metadata={
                "question_type": row["question_type"],
                "answer_type": row["answer_type"],
                "precision": reference.precision or 0,
                "unit": reference.unit or "",
                "choice_count": len(reference.choices),
                **{name: str(facts.get(name, "")) for name in _FACTS},
                "skills": ", ".join(facts.get("skills") or ()),
            },
        )
