"""What all procedural families share: numbering, folds, seeding and difficulty."""

from __future__ import annotations

import abc
import re
import zlib
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.sources.base import FOLDS, TaskSource
from rlsd_env.task import Image, Item, Privileged, Task, Video
from verifiers import AnswerKind, Reference, Step

HALF = 2**30
"""Tasks 0 .. HALF-1 are the fold "train", HALF .. 2*HALF-1 the fold "heldout"."""


class ProceduralSource(TaskSource):
    """A family of generated tasks: number `index` at a difficulty is the same task on every machine.

    Args:
        difficulty: 1 is the easiest; `levels` is the hardest.
        cell: pixels per grid cell, bar or line of text; raise it for models that see small pictures badly. None:
            `default_cell`.

    Attributes:
        family: the name in task ids.
        levels: how many difficulties there are.
        default_cell: the `cell` at which the family's pictures are legible.

    Raises:
        ConfigurationError: `difficulty` or `cell` is out of range.

    """

    family: ClassVar[str]
    levels: ClassVar[int]
    default_cell: ClassVar[int] = 16

    def __init__(self, difficulty: int = 2, cell: int | None = None) -> None:
        cell = self.default_cell if cell is None else cell
        if not isinstance(difficulty, int) or not 1 <= difficulty <= self.levels:
            raise ConfigurationError(
                f"difficulty {difficulty!r} of {self.family}: it must be a whole number from 1 to {self.levels}"
            )
        if not isinstance(cell, int) or not 8 <= cell <= 256:
            raise ConfigurationError(f"cell {cell!r} of {self.family}: it must be 8 to 256 pixels")
        self.difficulty = difficulty
        self.cell = cell

    def __len__(self) -> int:
        return 2 * HALF

    def item(self, index: int) -> Item:
        """Make task number `index`."""
        if not 0 <= index < len(self):
            raise IndexError(f"task index {index} of {self.family}: it must be 0 to {len(self) - 1}")
        entropy = [zlib.crc32(self.family.encode()), self.difficulty, index]
        return self.make(f"{self.family}-d{self.difficulty}-{index}", np.random.default_rng(entropy))

    def index_of(self, task_id: str) -> int:
        """Read the number out of an id such as "shape_count-d2-17"."""
        prefix, _, number = task_id.rpartition("-")
        if prefix != f"{self.family}-d{self.difficulty}" or not number.isdecimal() or int(number) >= len(self):
            raise ConfigurationError(
                f"unknown task id {task_id!r}; ids here are {self.family}-d{self.difficulty}-N "
                f"with N from 0 to {len(self) - 1}"
            )
        return int(number)

    def fold(self, name: str) -> Sequence[int]:
        """Return the range of task numbers of a fold."""
        folds = {"all": range(2 * HALF), "train": range(HALF), "heldout": range(HALF, 2 * HALF)}
        if name not in folds:
            raise ConfigurationError(one_of("fold", name, FOLDS))
        return folds[name]

    @abc.abstractmethod
    def make(self, task_id: str, rng: np.random.Generator) -> Item:
        """Draw one task with `rng`, its only source of chance."""

    def compose(
        self,
        task_id: str,
        question: str,
        steps: Sequence[Step],
        kind: AnswerKind,
        *,
        answer: str | None = None,
        images: tuple[Image, ...] = (),
        videos: tuple[Video, ...] = (),
        choices: tuple[str, ...] = (),
        **metadata: object,
    ) -> Item:
        """Put a task together from its public part and its worked steps.

        Args:
            task_id: as `make` got it.
            question: the question with its placeholders.
            steps: the intermediate results in order.
            kind: how answers are compared.
            answer: the gold answer, which the solution then ends with; None: the last step's value.
            images: the pictures.
            videos: the clips.
            choices: the options.
            metadata: public facts beside the difficulty.

        """
        solution = worked(steps)
        if answer is None:
            answer = steps[-1].value
        elif answer != steps[-1].value:
            solution += f" The answer is {answer}."
        return Item(
            Task(
                id=task_id,
                question=question,
                images=images,
                videos=videos,
                choices=choices,
                kind=kind,
                metadata={"difficulty": self.difficulty, **metadata},
                licence="Apache-2.0",
            ),
            Privileged(Reference(answer, kind, choices, solution=solution, steps=tuple(steps))),
        )


class TextSource(ProceduralSource):
    """A family without pictures, which therefore takes no `cell`.

    Args:
        difficulty: 1 is the easiest; `levels` is the hardest.

    Raises:
        ConfigurationError: `difficulty` is out of range.

    """

    def __init__(self, difficulty: int = 2) -> None:
        super().__init__(difficulty)


def worked(steps: Sequence[Step]) -> str:
    """Write steps as a solution, in the form in which a verifier's feedback looks for them.

    >>> worked([Step("red circles", "3"), Step("3 + 4", "7")])
    'red circles: 3. 3 + 4 = 7.'
    """
    return " ".join(f"{step.name}{':' if re.search('[a-z]{2}', step.name) else ' ='} {step.value}." for step in steps)


def operand(value: object) -> str:
    """Write a number as it stands in a step: in parentheses if it is negative.

    >>> f"{operand(-2)} - {operand(3)}"
    '(-2) - 3'
    """
    text = str(value)
    return f"({text})" if text.startswith("-") else text


def summed(values: Sequence[int]) -> Step:
    """Add numbers in one step, which is called "sum" where there is only one.

    >>> summed([2, -3])
    Step(name='2 + (-3)', value='-1')
    """
    return Step(" + ".join(map(operand, values)) if len(values) > 1 else "sum", str(sum(values)))
