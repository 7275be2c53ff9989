"""`rlsd/MathVision-testmini-v0`: real problems of MATH-V from a local folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar

from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.prompts import choice_letter
from rlsd_env.sources.table import TableSource, load_image
from rlsd_env.task import IMAGE_PLACEHOLDER, Item, Privileged, Task
from verifiers import AnswerKind, Reference

SPLITS = ("testmini", "test")


class MathVision(TableSource):
    r"""Competition problems with pictures: MATH-V, 16 subjects, five levels.

    ## Description
    304 problems (testmini) or 3,040 (test); about half are multiple choice with five options, the others ask
    for a number or an expression. Problems with several pictures come with one merged picture, as the data
    set ships them: the first mark stands for it, further marks are written "(picture 2)".

    ## Action Space
    Text: the completion, with the answer in `<answer> </answer>`.

    ## Observation Space
    `question` (text with one `<image>`), `images` (one picture of its own size), `choices` (five or none),
    `feedback`, `turn`.

    ## Rewards
    1 for the right option or an equal value, else 0. This is the strict reward, not the official score.

    ## Starting State
    A problem drawn from the fold by the seed, or `options={"task_id": "4"}`, or `{"task_index": n}`. The
    fold "heldout" is a fixed fifth of the ids, "train" the rest.

    ## Episode End
    After one completion.

    ## Information
    `task` with subject and level, `task_id`; after a step `verdict` and `reward/<part>`.

    ## Arguments
    `data_dir`: folder with `testmini.jsonl` or `testmini.jsonl.gz` (columns id, question, options, answer,
    solution, level, subject, image) and the pictures that the column image names.
    `split`: "testmini" or "test".

    ## Version History
    v0: first version.

    Data: MathLLMs/MathVision, MIT licence.
    """

    columns: ClassVar[tuple[str, ...]] = ("id", "question", "options", "answer", "level", "subject", "image")

    def __init__(self, data_dir: str | None = None, split: str = "testmini") -> None:
        if split not in SPLITS:
            raise ConfigurationError(one_of("split of MathVision", split, SPLITS))
        if data_dir is None:
            raise ConfigurationError(
                f"MathVision needs its data: pass data_dir=FOLDER with {split}.jsonl or {split}.jsonl.gz and "
                "images/ (download MathLLMs/MathVision from the Hugging Face hub)"
            )
        super().__init__(Path(data_dir), split)

    def convert(self, row: dict[str, Any]) -> Item:
        """Turn one row into a task."""
        options = tuple(str(option) for option in row["options"])
        letters = tuple(choice_letter(index) for index in range(len(options)))
        answer = str(row["answer"]).replace("\x0c", "\\f").strip()  # row 2830 of test: a "\f" read as a form feed
        return Item(
            Task(
                id=str(row["id"]),
                question=self._mark_pictures(str(row["question"])),
                images=(load_image(self.folder, str(row["image"]), self.where(row)),),
                choices=options,
                kind=AnswerKind.CHOICE if options else None,
                metadata={
                    "subject": row["subject"],
                    "level": row["level"],
                    "drawn_options": options == letters,
                },
                licence="MIT",
            ),
            Privileged(
                Reference(
                    answer=answer,
                    kind=AnswerKind.CHOICE if options else None,
                    choices=options,
                    solution=row.get("solution") or None,
                )
            ),
        )

    @staticmethod
    def _mark_pictures(question: str) -> str:
        marks = re.findall(r"<image\d*>", question)
        if not marks:
            return f"{IMAGE_PLACEHOLDER}\n{question}"
        numbers = {mark: number for number, mark in enumerate(dict.fromkeys(marks), start=1)}
        text = re.sub(r"<image\d*>", lambda mark: f"(picture {numbers[mark[0]]})", question)
        return text.replace("(picture 1)", IMAGE_PLACEHOLDER, 1)
