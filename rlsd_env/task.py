"""A task in two parts that are two types: what everybody may see, and what only a verifier and a teacher may.

`Task` holds no answer in any form. `Privileged` redacts itself wherever text is made of it and cannot be
serialised as JSON, so that an answer does not slip into a prompt, a log line or an info dictionary.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from verifiers import AnswerKind, Reference
from verifiers.types import FrozenDict

IMAGE_PLACEHOLDER = "<image>"
VIDEO_PLACEHOLDER = "<video>"
_WORD = re.compile("<(!*)(image|video)>")
MEANT_AS_WORD = "write <!image> or <!video> where the word is meant"
"""What messages about placeholders that are too many say."""


def without_placeholders(text: str) -> str:
    """Write `<image>` and `<video>` as [image] and [video], so that a quoted text announces no picture.

    >>> without_placeholders("no tool <image>")
    'no tool [image]'
    """
    for placeholder in (IMAGE_PLACEHOLDER, VIDEO_PLACEHOLDER):
        text = text.replace(placeholder, f"[{placeholder[1:-1]}]")
    return text


def escaped(text: str) -> str:
    """Write a text's `<image>` and `<video>` as `<!image>` and `<!video>`, so that they are words and no placeholders.

    >>> escaped("<image>"), escaped("<!image> or <video>")
    ('<!image>', '<!!image> or <!video>')
    """
    return _WORD.sub(r"<!\1\2>", text)


def unescaped(text: str) -> str:
    """Undo `escaped`: what a policy reads of a text between its pictures.

    >>> unescaped(escaped("<!image> or <video>"))
    '<!image> or <video>'
    """
    return _WORD.sub(lambda match: f"<{match[1][1:]}{match[2]}>", text)


Image = NDArray[np.uint8]
"""A picture as everything here passes it: uint8, height x width x 3, RGB."""


@dataclass(frozen=True, eq=False)
class Video:
    """Frames of one size at a constant rate.

    Attributes:
        frames: uint8, frames x height x width x 3, RGB, read-only.
        fps: frames per second, so that frame number n is seen at n / fps seconds.

    Raises:
        ValueError: the frames have another form, there are none, or the rate is not positive.

    """

    frames: NDArray[np.uint8]
    fps: float

    def __post_init__(self) -> None:
        if self.frames.dtype != np.uint8 or self.frames.ndim != 4 or self.frames.shape[3] != 3 or not self.frames.size:
            raise ValueError(
                f"a video's frames are {self.frames.dtype} {self.frames.shape}; they must be uint8, frames x height x "
                "width x 3, at least one"
            )
        if not self.fps > 0:
            raise ValueError(f"a video's fps is {self.fps}; it must be above 0")
        self.frames.flags.writeable = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Video) and self.fps == other.fps and np.array_equal(self.frames, other.frames)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        count, height, width, _ = self.frames.shape
        return f"Video({count} frames of {width} x {height}, {self.fps:g} fps)"


@dataclass(frozen=True, eq=False)
class Task:
    """The public part of a task.

    Attributes:
        id: unique within its source and stable over versions of the code.
        question: the question. It and then the choices have one `<image>` placeholder for each of `images`, in
            their order, and one `<video>` for each of `videos`; `<!image>` and `<!video>` are the words (`escaped`).
        images: pictures, uint8 height x width x 3, read-only.
        videos: clips, in the order of their placeholders.
        choices: the options of a multiple-choice question, in order; empty for an open one.
        kind: what sort of answer is asked for, where that may be known to the student.
        metadata: public facts such as subject or level; cannot be changed.
        licence: the licence of question and images.
        train_allowed: False where the data's terms forbid training on it.

    Raises:
        TypeError: id, question or a choice is no text, or an image no array.
        ValueError: placeholders and images differ in number, or an image is not uint8 H x W x 3, or has no pixels.

    """

    id: str
    question: str
    images: tuple[Image, ...] = ()
    choices: tuple[str, ...] = ()
    kind: AnswerKind | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    licence: str = "unknown"
    train_allowed: bool = True
    videos: tuple[Video, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "metadata", FrozenDict(self.metadata))
        for name, text in (("id", self.id), ("question", self.question), *(("a choice", one) for one in self.choices)):
            if not isinstance(text, str):
                raise TypeError(f"{name} of task {self.id!r} is a {type(text).__name__}, {text!r:.60}; it must be text")
        for placeholder, found, what in (
            (IMAGE_PLACEHOLDER, len(self.images), "image"),
            (VIDEO_PLACEHOLDER, len(self.videos), "video"),
        ):
            if (placeholders := self.placeholders(placeholder)) != found:
                raise ValueError(
                    f"task {self.id!r} has {placeholders} {placeholder} placeholders and {found} {what}s; "
                    f"give question and choices one placeholder per {what}, in order; {MEANT_AS_WORD}"
                )
        for position, image in enumerate(self.images):
            if not isinstance(image, np.ndarray):
                raise TypeError(
                    f"image {position} of task {self.id!r} is a {type(image).__name__}; it must be an array: "
                    'np.array(picture.convert("RGB")) of a PIL image'
                )
            if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
                raise ValueError(
                    f"image {position} of task {self.id!r} is {image.dtype} {image.shape}; "
                    "it must be uint8, height x width x 3, with pixels"
                )
            image.flags.writeable = False

    def placeholders(self, placeholder: str) -> int:
        """Count a placeholder in the question and the choices."""
        return sum(text.count(placeholder) for text in (self.question, *self.choices))

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
