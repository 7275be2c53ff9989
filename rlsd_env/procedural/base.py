"""What all procedural families share: numbering, folds, seeding and difficulty."""

from __future__ import annotations

import abc
import hashlib
import json
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.sources.base import FOLDS, TaskSource
from rlsd_env.task import Image, Item, Privileged, Task, Video
from verifiers import AnswerKind, Reference, Step

PART = 2**30
"""How many tasks a fold has."""
NUMBERS = {"train": range(PART), "heldout": range(PART, 2 * PART), "tuning": range(2 * PART, 3 * PART)}
"""The task numbers of each fold."""
DRAWS = 600
"""How often a task is drawn until its content belongs to its fold; on average it takes 2 draws, 16 for "tuning"."""
MOST_PIXELS = 256
"""The largest `cell`."""


@dataclass(frozen=True, eq=False)
class Draft:
    """A task before its pictures are drawn.

    Attributes:
        content: all that the question and the pictures depend on but the `cell`, of what JSON has: tasks that look the
            same have the same content. It decides the fold. Floats that depend on the machine's libraries, and what
            does not show, stay out of it.
        privileged: the privileged part.
        task: draws the pictures and makes the public part.

    """

    content: object
    privileged: Privileged
    task: Callable[[], Task]


def fold_of(content: object) -> str:
    """Return the fold to which a content belongs: half of all are "heldout", a sixteenth "tuning", the rest "train".

    >>> [fold_of(["How many?", n]) for n in range(6)]
    ['heldout', 'train', 'tuning', 'train', 'heldout', 'train']
    """
    (digest,) = hashlib.blake2b(json.dumps(content).encode(), digest_size=1).digest()
    if digest % 2:
        return "heldout"
    return "train" if digest % 16 else "tuning"


class ProceduralSource(TaskSource):
    """A family of generated tasks: number `index` at a difficulty is the same task on every machine.

    The folds share no content: what is asked about what picture belongs to one of them. A task is drawn with the
    entropy (family, difficulty, index) and, while its content belongs to another fold, anew with
    (family, difficulty, index, 1), (.., 2) and so on.

    Args:
        difficulty: 1 is the easiest; `levels` is the hardest.
        cell: pixels per grid cell, bar or line of text; raise it for models that see small pictures badly. None:
            `default_cell`. The task is the same one at any.

    Attributes:
        family: the name in task ids.
        levels: how many difficulties there are.
        default_cell: the `cell` at which the family's pictures are legible.
        content_split: False: only the numbers of the tasks are split into folds, whose contents may overlap.

    Raises:
        ConfigurationError: `difficulty` or `cell` is out of range.

    """

    family: ClassVar[str]
    levels: ClassVar[int]
    default_cell: ClassVar[int] = 16
    content_split: ClassVar[bool] = True

    def __init__(self, difficulty: int = 2, cell: int | None = None) -> None:
        cell = self.default_cell if cell is None else cell
        if type(difficulty) is not int or not 1 <= difficulty <= self.levels:
            raise ConfigurationError(
                f"difficulty {difficulty!r} of {self.family}: it must be a whole number from 1 to {self.levels}"
            )
        least = self.least_cell(difficulty)
        if type(cell) is not int or not least <= cell <= MOST_PIXELS:
            raise ConfigurationError(
                f"cell {cell!r} of {self.family} at difficulty {difficulty}: "
                f"it must be {least} to {MOST_PIXELS} pixels, a whole number"
            )
        self.difficulty = difficulty
        self.cell = cell

    @classmethod
    def least_cell(cls, difficulty: int) -> int:
        """Return the smallest `cell` at a difficulty."""
        return 8

    def __len__(self) -> int:
        return sum(map(len, NUMBERS.values()))

    def item(self, index: int) -> Item:
        """Make task number `index`."""
        draft = self._draft(index)
        return Item(draft.task(), draft.privileged)

    def privileged(self, index: int) -> Privileged:
        """Return the privileged part of task number `index`, without drawing its pictures."""
        return self._draft(index).privileged

    def _draft(self, index: int) -> Draft:
        if not 0 <= index < len(self):
            raise IndexError(f"task index {index} of {self.family}: it must be 0 to {len(self) - 1}")
        entropy = [zlib.crc32(self.family.encode()), self.difficulty, index]
        task_id = f"{self.family}-d{self.difficulty}-{index}"
        (wanted,) = (fold for fold, numbers in NUMBERS.items() if index in numbers)
        for draw in range(DRAWS):
            draft = self.make(task_id, np.random.default_rng([*entropy, draw] if draw else entropy))
            if not self.content_split or fold_of(draft.content) == wanted:
                return draft
        raise ConfigurationError(
            f"{self.family} at difficulty {self.difficulty}: in {DRAWS} draws task {index} got no content of its fold, "
            f"{wanted}; the family has too few tasks for three folds: give it more, or set its content_split = False"
        )

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
        """Return the range of task numbers of a fold; "all" is "train" and "heldout", and "tuning" lies beyond it."""
        folds = {"all": range(2 * PART), **NUMBERS}
        if name not in folds:
            raise ConfigurationError(one_of("fold", name, FOLDS))
        return folds[name]

    @abc.abstractmethod
    def make(self, task_id: str, rng: np.random.Generator) -> Draft:
        """Draw one task with `rng`, its only source of chance."""

    def compose(
        self,
        task_id: str,
        question: str,
        steps: Sequence[Step],
        kind: AnswerKind,
        *,
        content: object = None,
        show: Callable[[], Image | Video] | None = None,
        answer: str | None = None,
        choices: tuple[str, ...] = (),
        **metadata: object,
    ) -> Draft:
        """Put a task together from its public part and its worked steps.

        Args:
            task_id: as `make` got it.
            question: the question with its placeholders.
            steps: the intermediate results in order.
            kind: how answers are compared.
            content: see `Draft`; without the question, which is added to it.
            show: draws the picture or the clip; None: there is none.
            answer: the gold answer, which the solution then ends with; None: the last step's value.
            choices: the options.
            metadata: public facts beside the difficulty.

        """
        solution = worked(steps)
        if answer is None:
            answer = steps[-1].value
        elif answer != steps[-1].value:
            solution += f" The answer is {answer}."

        def task() -> Task:
            shown = () if show is None else (show(),)
            return Task(
                id=task_id,
                question=question,
                images=tuple(one for one in shown if not isinstance(one, Video)),
                videos=tuple(one for one in shown if isinstance(one, Video)),
                choices=choices,
                kind=kind,
                metadata={"difficulty": self.difficulty, **metadata},
                licence="Apache-2.0",
            )

        reference = Reference(answer, kind, choices, solution=solution, steps=tuple(steps))
        return Draft([question, content], Privileged(reference), task)


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
