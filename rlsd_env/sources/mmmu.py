"""`rlsd/MMMU-v0`: college questions from 30 subjects."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.sources.benchmark import STRICT, BenchmarkSource, option_lines, place_numbered, prompt_template
from rlsd_env.sources.pictures import Picture
from rlsd_env.sources.record import Record
from rlsd_env.task import IMAGE_PLACEHOLDER
from verifiers import AnswerKind
from verifiers.official.mmmu_rules import DOMAINS

SUBJECTS = tuple(sorted(subject for subjects in DOMAINS.values() for subject in subjects))
"""The 30 configurations on the hub."""
_COLUMNS = tuple(f"image_{number}" for number in range(1, 8))


class NumberedImages(BenchmarkSource):
    """Rows whose texts say "<image 1>" to "<image 7>" and whose pictures are in the columns image_1 to image_7."""

    columns: ClassVar[tuple[str, ...]] = ("question", "options", "answer")
    facts: ClassVar[tuple[str, ...]] = ("topic_difficulty", "img_type")

    def convert(self, row: dict[str, Any]) -> Record:
        """Turn one row into a record."""
        reference = self.reference(row)
        if reference.kind is not AnswerKind.CHOICE and row.get("question_type", "multiple-choice") != "open":
            raise ValueError("a multiple-choice question has no options; column 'options' must list them")
        question, choices, marks = place_numbered(str(row["question"]), reference.choices)
        if not marks:
            marks = tuple(n for n, column in enumerate(_COLUMNS, start=1) if row.get(column))
            question = f"{IMAGE_PLACEHOLDER}\n" * len(marks) + question
        return Record(
            id=self.row_id(row),
            question=question,
            reference=dataclasses.replace(reference, solution=row.get("explanation") or None),
            pictures=self._numbered(row, marks),
            choices=choices,
            kind=reference.kind,
            metadata={
                "choice_count": len(choices),
                "subject": self._subject(row),
                **{name: str(row.get(name) or "") for name in self.facts},
            },
        )

    def _numbered(self, row: dict[str, Any], marks: Sequence[int]) -> tuple[Picture, ...]:
        return tuple(picture for mark in marks for picture in self.required_picture(row, f"image_{mark}"))

    def _subject(self, row: dict[str, Any]) -> str:
        named = str(row.get("subject") or "") or "_".join(str(row["id"]).split("_")[1:-1])
        return named.replace(" ", "_")


class MMMU(NumberedImages):
    """Multi-discipline questions at college level, with diagrams, tables, scores, photographs and formulas.

    ## Description
    900 questions of validation, the split that papers report, or 150 of dev; 30 subjects. Most are multiple choice
    with 2 to 9 options, 53 of validation are open. Up to seven pictures, which may stand in the options.

    ## Action Space
    Text: the completion, with the option's letter, or a word or phrase.

    ## Observation Space
    `question` (text with one `<image>` per picture and the official request for an answer), `images`, `choices`
    (none for an open question), `feedback`, `turn`. A picture's second mention reads "(picture n)".

    ## Rewards
    1 for the right option or an equal answer, else 0: a strict reward, no guess where no option is named.
    `verifier_kwargs={"mode": "official"}` gives the official score, random guesses included.

    ## Starting State
    A question drawn from the fold by the seed, or `options={"task_id": "validation_Accounting_1"}`, or
    `{"task_index": n}`.

    ## Episode End
    After one completion.

    ## Information
    `task` with subject, subfield, topic_difficulty, img_type; `task_id`; after a step `verdict` and
    `reward/<part>`.

    ## Arguments
    `subject`: one of `rlsd_env.sources.mmmu.SUBJECTS`, e.g. "Math"; None: all 30, one after the other.
    `split`: "validation" or "dev"; the answers of "test" are not public. Further those of `DataSource`; a single
    file given as `path` may hold any subjects.

    ## Version History
    v0: first version.

    Data: MMMU/MMMU, Apache-2.0; Yue et al. 2023, arXiv 2311.16502.
    """

    hub_id: ClassVar[str] = "MMMU/MMMU"
    splits: ClassVar[tuple[str, ...]] = ("validation", "dev")
    withheld: ClassVar[tuple[str, ...]] = ("test",)
    columns: ClassVar[tuple[str, ...]] = ("question", "options", "answer", "question_type")
    facts: ClassVar[tuple[str, ...]] = ("subfield", "topic_difficulty", "img_type")
    licence: ClassVar[str] = "Apache-2.0"
    verifier: ClassVar[str] = "mmmu"
    verifier_kwargs: ClassVar[Mapping[str, Any]] = STRICT
    template: ClassVar[str] = prompt_template(
        "{{ question }}" + option_lines("\n({letter}) {choice}"),
        "{% if metadata.choice_count %}\n\nAnswer with the option's letter from the given choices directly."
        "{% else %}\nAnswer the question using a single word or phrase.{% endif %}",
    )

    def __init__(
        self,
        path: str | None = None,
        split: str | None = None,
        revision: str | None = None,
        skip_broken: bool = False,
        max_pixels: int | None = None,
        images: str = "required",
        subject: str | None = None,
    ) -> None:
        if subject is not None and subject not in SUBJECTS:
            raise ConfigurationError(one_of("subject of MMMU", subject, SUBJECTS))
        self.subject = subject
        super().__init__(path, split, revision, skip_broken, max_pixels, images)

    def configs(self) -> Sequence[str | None]:
        """Name the subjects that are opened."""
        return SUBJECTS if self.subject is None else (self.subject,)
