"""The tool contract: `Tool`, what it is given (`Seen`) and what it returns (`ToolResult`)."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from rlsd_env.task import IMAGE_PLACEHOLDER, MEANT_AS_WORD, VIDEO_PLACEHOLDER, Image


class ToolError(ValueError):
    """The student called a tool wrongly; the message goes back to the student."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What the student has seen so far, and therefore what a tool may use.

    Attributes:
        images: the task's pictures and those that tools returned, in the order in which they were shown.

    """

    images: tuple[Image, ...]


@dataclass(frozen=True, eq=False)
class ToolResult:
    """What a tool returns to the student.

    Attributes:
        text: the result, with one `<image>` placeholder per picture.
        images: pictures, uint8 height x width x 3.

    Raises:
        ValueError: placeholders and pictures differ in number.

    """

    text: str
    images: tuple[Image, ...] = ()

    def __post_init__(self) -> None:
        if VIDEO_PLACEHOLDER in self.text:
            raise ValueError(f"a tool's text has {VIDEO_PLACEHOLDER}; tools return pictures only; {MEANT_AS_WORD}")
        if self.text.count(IMAGE_PLACEHOLDER) != len(self.images):
            raise ValueError(
                f"a tool's text has {self.text.count(IMAGE_PLACEHOLDER)} {IMAGE_PLACEHOLDER} placeholders for "
                f"{len(self.images)} pictures; write one for each; {MEANT_AS_WORD}"
            )


class Tool(abc.ABC):
    """A function that a student may call.

    A tool is a pure function of the arguments and of what was seen: no state, no chance, the same result in every
    process. For arguments that it cannot use it raises `ToolError`, with a message that says what is allowed;
    any other exception is a fault of the tool and stops the run.

    Attributes:
        name: what a call names it by.
        description: what it does, one sentence for the student.
        parameters: each argument with what it means, for the student.

    """

    name: ClassVar[str]
    description: ClassVar[str]
    parameters: ClassVar[Mapping[str, str]]

    @abc.abstractmethod
    def __call__(self, arguments: Mapping[str, Any], seen: Seen) -> ToolResult:
        """Do the work.

        Args:
            arguments: what the student wrote, as JSON values; names outside `parameters` do not get here.
            seen: what the student has seen.

        Raises:
            ToolError: the arguments cannot be used.

        """


def required(arguments: Mapping[str, Any], name: str) -> Any:
    """Return an argument that must be there.

    Raises:
        ToolError: it is not.

    """
    if name not in arguments:
        raise ToolError(f"the argument {name!r} is missing")
    return arguments[name]


def is_number(value: Any) -> bool:
    """Whether a JSON value is a finite number (true and false are not)."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < float("inf")
