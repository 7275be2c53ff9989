"""A task in two parts that are two types: what everybody may see, and what only a verifier and a teacher may.

`Task` holds no answer in any form. `Privileged` redacts itself wherever text is made of it and cannot be
serialised as JSON, so that an answer does not slip into a prompt, a log line or an info dictionary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from verifiers import AnswerKind, Reference

IMAGE_PLACEHOLDER = "<image>"

Image = NDArray[np.uint8]
"""A picture as everything here passes it: uint8, height x width x 3, RGB."""


@dataclass(frozen=True, eq=False)
class Task:
    """The public part of a task.

    Attributes:
        id: unique within its source and stable over versions of the code.
        question: the question, with one `<image>` placeholder for each of `images`, in their order.
        images: pictures, uint8 height x width x 3, read-only.
        choices: the options of a multiple-choice question, in order; empty for an open one.
        kind: what sort of answer is asked for, where that may be known to the student.
        metadata: public facts such as subject or level.
        licence: the licence of question and images.
        train_allowed: False where the data's terms forbid training on it.

    Raises:
        ValueError: placeholders and images differ in number, or an image is not uint8 H x W x 3.

    """

    id: str
    question: str
    images: tuple[Image, ...] = ()
    choices: tuple[str, ...] = ()
    kind: AnswerKind | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    licence: str = "unknown"
    train_allowed: bool = True

    def __post_init__(self) -> None:
        placeholders = self.question.count(IMAGE_PLACEHOLDER)
        if placeholders != len(self.images):
            raise ValueError(
                f"task {self.id!r} has {placeholders} {IMAGE_PLACEHOLDER} placeholders and {len(self.images)} "
                "images; give the question one placeholder per image, in order"
            )
        for position, image in enumerate(self.images):
            if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
                raise ValueError(
                    f"image {position} of task {self.id!r} is {image.dtype} {image.shape}; "
                    "it must be uint8, height x width x 3"
                )
            image.flags.writeable = False

    @property
    def info(self) -> TaskInfo:
        """What an environment's `info` says of the task: everything public but text and pictures."""
        return TaskInfo(self.id, self.kind, self.metadata, self.licence, self.train_allowed)


@dataclass(frozen=True)
class TaskInfo:
    """The public facts about a task that an environment puts into `info["task"]`."""

    id: str
    kind: AnswerKind | None
    metadata: Mapping[str, object]
    licence: str
    train_allowed: bool


@dataclass(frozen=True, repr=False, eq=False, slots=True)
class Privileged:
    """The part of a task that only a verifier and a teacher may see.

    Attributes:
        reference: the gold answer with all a verifier needs, the worked solution included.
        trace: a full reasoning trace, where the data set has one.
        extras: whatever else the source knows of the answer.

    """

    reference: Reference
    trace: str | None = None
    extras: Mapping[str, object] = field(default_factory=dict)

    def __repr__(self) -> str:
        return "Privileged(<redacted>)"

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)


@dataclass(frozen=True, eq=False)
class Item:
    """A task and its privileged part, as a source hands them to an environment."""

    task: Task
    privileged: Privileged
