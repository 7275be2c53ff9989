"""`Record`: a row of a data set before its pictures are decoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

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

    def __repr__(self) -> str:
        return f"Record({self.id!r}, <redacted>)"
