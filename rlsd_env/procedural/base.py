"""What all procedural families share: numbering, folds, seeding and difficulty."""

from __future__ import annotations

import abc
import zlib
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.sources.base import FOLDS, TaskSource
from rlsd_env.task import Item

HALF = 2**30
"""Tasks 0 .. HALF-1 are the fold "train", HALF .. 2*HALF-1 the fold "heldout"."""


class ProceduralSource(TaskSource):
    """A family of generated tasks: number `index` at a difficulty is the same task on every machine.

    Args:
        difficulty: 1 is the easiest; `levels` is the hardest.
        cell: pixels per grid cell or bar; raise it for models that see small pictures badly.

    Raises:
        ConfigurationError: `difficulty` or `cell` is out of range.

    """

    family: ClassVar[str]
    levels: ClassVar[int]

    def __init__(self, difficulty: int = 2, cell: int = 16) -> None:
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
