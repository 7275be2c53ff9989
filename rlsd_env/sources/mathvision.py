"""`rlsd/MathVision-v0`: competition problems with pictures."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from rlsd_env.prompts import choice_letter
from rlsd_env.sources.benchmark import STRICT, BenchmarkSource, prompt_template
from rlsd_env.sources.record import Record
from rlsd_env.task import IMAGE_PLACEHOLDER

_MARK = re.compile(r"<image\d*>")
_REQUEST = (
    'Please solve the problem step by step and put your answer in one "\\boxed{}". If it is a multiple choice '
    'question, only one letter is allowed in the "\\boxed{}".\n'
)


class MathVision(BenchmarkSource):
    r"""Competition problems with pictures: MATH-V, 16 subjects, five levels.

    ## Description
    3,040 problems (test, the split that papers report) or 304 of them (testmini); about half are multiple choice
    with five options, the others ask for a number or an expression. Problems with several pictures come with one
    merged picture, as the data set ships them: the first mark stands for it, further marks read "(picture 2)".

    ## Action Space
    Text: the completion, with the answer in `\boxed{}`.

    ## Observation Space
    `question` (the official chain-of-thought prompt with one `<image>`), `images` (one picture of its own size),
    `choices` (five or none), `feedback`, `turn`. Options that are drawn in the picture are not listed.

    ## Rewards
    1 for the right option or an equal value, else 0: a strict reward. `verifier_kwargs={"mode": "official"}` gives
    the official score, which rounds numbers to two decimals.

    ## Starting State
    A problem drawn from the fold by the seed, or `options={"task_id": "4"}`, or `{"task_index": n}`. The fold
    "heldout" is a fixed fifth of the ids, "tuning" a tenth, "train" the rest.

    ## Episode End
    After one completion.

    ## Information
    `task` with subject, level and drawn_options; `task_id`; after a step `verdict` and `reward/<part>`.

    ## Arguments
    `split`: "test" or "testmini". Further those of `DataSource`.

    ## Version History
    v0: first version.

    Data: MathLLMs/MathVision, MIT licence; Wang et al. 2024, arXiv 2402.14804.
    """

    hub_id: ClassVar[str] = "MathLLMs/MathVision"
    splits: ClassVar[tuple[str, ...]] = ("test", "testmini")
    columns: ClassVar[tuple[str, ...]] = ("question", "options", "answer", "level", "subject")
    licence: ClassVar[str] = "MIT"
    verifier: ClassVar[str] = "mathvision"
    verifier_kwargs: ClassVar[Mapping[str, Any]] = STRICT
    template: ClassVar[str] = prompt_template(
        "{% if not instruction %}" + _REQUEST + "{% endif %}{{ question }}\n"
        "{% for letter, choice in choices %}({{ letter }}) {{ choice }}\n{% endfor %}"
    )

    def convert(self, row: dict[str, Any]) -> Record:
        """Turn one row into a record."""
        reference = self.reference(row)
        question, choices = _mark_pictures(str(row["question"]), reference.choices)
        letters = tuple(choice_letter(index) for index in range(len(choices)))
        return Record(
            id=self.row_id(row),
            question=question,
            reference=dataclasses.replace(reference, solution=row.get("solution") or None),
            pictures=self.required_picture(row, "decoded_image", "image"),
            choices=choices,
            kind=reference.kind,
            metadata={
                "subject": str(row["subject"]),
                "level": int(row["level"]),
                "drawn_options": bool(letters) and choices == letters,
            },
        )


def _mark_pictures(question: str, choices: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    numbers: dict[str, int] = {}

    def numbered(match: re.Match[str]) -> str:
        return f"(picture {numbers.setdefault(match[0], len(numbers) + 1)})"

    first = _MARK.search(question)
    if first is None:
        question = f"{IMAGE_PLACEHOLDER}\n{question}"
    else:
        numbers[first[0]] = 1
        after = _MARK.sub(numbered, question[first.end() :])
        question = question[: first.start()] + IMAGE_PLACEHOLDER + after
    return question, tuple(_MARK.sub(numbered, choice) for choice in choices)
