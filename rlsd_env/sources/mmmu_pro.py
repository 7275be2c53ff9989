"""`rlsd/MMMUPro-v0`: MMMU made harder, with ten options or with the question inside the picture."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.prompts import choice_letter
from rlsd_env.sources.benchmark import STRICT, option_lines, prompt_template
from rlsd_env.sources.mmmu import NumberedImages
from rlsd_env.sources.record import Record
from rlsd_env.task import IMAGE_PLACEHOLDER

SETTINGS = ("standard (10 options)", "standard (4 options)", "vision")
"""The configurations on the hub, the default first."""
_REQUEST = (
    "The last line of your response should be of the following format: 'Answer: $LETTER' (without quotes) where "
    "LETTER is one of options. Think step by step before answering."
)


class MMMUPro(NumberedImages):
    """The questions of MMMU that cannot be answered without the picture, with more options.

    ## Description
    1,730 multiple-choice questions in three settings: with up to ten options, with up to four, and "vision", where
    question and options are inside one screenshot or photograph. The score that papers report is the mean of the
    accuracies on "standard (10 options)" and "vision".

    ## Action Space
    Text: the completion, with a last line "Answer: X".

    ## Observation Space
    `question` (text with one `<image>` per picture and the official chain-of-thought request), `images`, `choices`
    (in the setting "vision" the letters only), `feedback`, `turn`. A picture's second mention reads "(picture n)".

    ## Rewards
    1 for the right option, else 0: a strict reward, no guess where no option is named.
    `verifier_kwargs={"mode": "official"}` gives the official score, random guesses included.

    ## Starting State
    A question drawn from the fold by the seed, or `options={"task_id": "test_History_1"}`, or `{"task_index": n}`.

    ## Episode End
    After one completion.

    ## Information
    `task` with subject, topic_difficulty, img_type, setting; `task_id`; after a step `verdict` and `reward/<part>`.

    ## Arguments
    `setting`: "standard (10 options)", "standard (4 options)" or "vision". Further those of `DataSource`.

    ## Version History
    v0: first version.

    Data: MMMU/MMMU_Pro, Apache-2.0; Yue et al. 2024, arXiv 2409.02813.
    """

    hub_id: ClassVar[str] = "MMMU/MMMU_Pro"
    splits: ClassVar[tuple[str, ...]] = ("test",)
    columns: ClassVar[tuple[str, ...]] = ("options", "answer")
    licence: ClassVar[str] = "Apache-2.0"
    verifier: ClassVar[str] = "mmmu_pro"
    verifier_kwargs: ClassVar[Mapping[str, Any]] = STRICT
    template: ClassVar[str] = prompt_template(
        "{{ question }}{% if metadata.setting != 'vision' %}" + option_lines("\n{letter}. {choice}") + "{% endif %}",
        "\n{% if metadata.setting == 'vision' %}Write out the multiple-choice question in the image and then solve it. "
        "{% else %}Answer the preceding multiple choice question. {% endif %}" + _REQUEST,
    )

    def __init__(
        self,
        path: str | None = None,
        split: str | None = None,
        revision: str | None = None,
        skip_broken: bool = False,
        max_pixels: int | None = None,
        images: str = "required",
        setting: str = SETTINGS[0],
    ) -> None:
        if setting not in SETTINGS:
            raise ConfigurationError(one_of("setting of MMMU-Pro", setting, SETTINGS))
        self.setting = setting
        super().__init__(path, split, revision, skip_broken, max_pixels, images)

    def configs(self) -> Sequence[str | None]:
        """Name the setting, which is a configuration on the hub."""
        return (self.setting,)

    def convert(self, row: dict[str, Any]) -> Record:
        """Turn one row into a record."""
        record = self._inside_picture(row) if self.setting == "vision" else super().convert(row)
        return dataclasses.replace(record, metadata={**record.metadata, "setting": self.setting})

    def _inside_picture(self, row: dict[str, Any]) -> Record:
        reference = self.reference(row)
        return Record(
            id=self.row_id(row),
            question=IMAGE_PLACEHOLDER,
            reference=dataclasses.replace(reference, solution=row.get("explanation") or None),
            pictures=self.required_picture(row, "image"),
            choices=tuple(choice_letter(index) for index in range(len(reference.choices))),
            kind=reference.kind,
            metadata={"choice_count": len(reference.choices), "subject": self._subject(row)},
        )
