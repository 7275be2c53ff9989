"""`Record`: a row of a data set before its pictures are decoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rlsd_env.sources.cells import clean
from rlsd_env.task import IMAGE_PLACEHOLDER, MEANT_AS_WORD, VIDEO_PLACEHOLDER
from verifiers import AnswerKind, Reference

if TYPE_CHECKING:
    from rlsd_env.sources.pictures import Picture


@dataclass(frozen=True, eq=False, repr=False)
class Record:
    """What an adapter makes of a row.

    Attributes:
        id: the row's id, unique within its split.
        question: the question. It and then the choices have one `<image>` placeholder for each of `pictures`, in
            their order.
        reference: the gold answer. Privileged.
        pictures: the row's pictures, not decoded yet.
        choices: the options of a multiple-choice question, in order; empty for an open one.
        kind: what sort of answer is asked for, where that may be known to the student.
        metadata: public facts such as subject or level: strings, numbers, booleans.
        trace: a full reasoning trace, where the data set has one. Privileged.
        extras: whatever else the source knows of the answer. Privileged.

    Raises:
        ValueError: question, choices or answer cannot be written as UTF-8 or hold a NUL character, or question or
            choices announce a video, which no row has.

    """

    id: str
    question: str
    reference: Reference
    pictures: tuple[Picture, ...] = ()
    choices: tuple[str, ...] = ()
    kind: AnswerKind | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    trace: str | None = None
    extras: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        texts = {"the question": self.question, "the answer": self.reference.answer}
        texts |= {f"choice {place}": choice for place, choice in enumerate(self.choices, start=1)}
        for what, text in texts.items():
            clean(text, what)
        if videos := sum(text.count(VIDEO_PLACEHOLDER) for text in (self.question, *self.choices)):
            raise ValueError(
                f"question and choices have {videos} {VIDEO_PLACEHOLDER}, which stands for a video, and the row has "
                f"none; {MEANT_AS_WORD}"
            )

    def in_row(self, where: str) -> Record:
        """Return the record with pictures that know their row.

        Args:
            where: what error messages call the row.

        Raises:
            ValueError: there are more placeholders than pictures, or fewer.

        """
        placeholders = sum(text.count(IMAGE_PLACEHOLDER) for text in (self.question, *self.choices))
        if placeholders != len(self.pictures):
            raise ValueError(
                f"question and choices have {placeholders} {IMAGE_PLACEHOLDER} and the row has "
                f"{len(self.pictures)} images; {MEANT_AS_WORD}"
            )
        return replace(self, pictures=tuple(replace(picture, where=where) for picture in self.pictures))

    def without_pictures(self, mark: str) -> Record:
        """Return the record with `mark` in place of each picture."""
        return replace(
            self,
            question=self.question.replace(IMAGE_PLACEHOLDER, mark),
            choices=tuple(choice.replace(IMAGE_PLACEHOLDER, mark) for choice in self.choices),
            pictures=(),
        )

    def __repr__(self) -> str:
        return f"Record({self.id!r}, <redacted>)"
