"""`TaskIndex`: which rows of a table are tasks, their ids, groups and folds."""

from __future__ import annotations

import difflib
import functools
import zlib
from array import array
from collections.abc import Collection, Sequence

from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.sources.base import FOLDS

HELDOUT_ONE_IN = 5
TUNING_ONE_IN = 8
"""Of the groups that are not held out: a tenth of all."""


class TaskIndex:
    """Row numbers, ids and groups of tasks, in order. Fill it with `add` before it is asked anything."""

    def __init__(self) -> None:
        self.rows = array("q")
        self.ids: list[str] = []
        self.group_of: list[str] = []

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, row: int, task_id: str, group: str) -> None:
        """Append a task: its row in the table, its id, and the name of the group that it belongs to."""
        self.rows.append(row)
        self.ids.append(task_id)
        self.group_of.append(group)

    def without(self, ids: Collection[str]) -> TaskIndex:
        """Return the tasks whose ids are not among `ids`."""
        kept = TaskIndex()
        for row, task_id, group in zip(self.rows, self.ids, self.group_of):
            if task_id not in ids:
                kept.add(row, task_id, group)
        return kept

    @functools.cached_property
    def _numbers(self) -> dict[str, int]:
        return {task_id: number for number, task_id in enumerate(self.ids)}

    def number_of(self, task_id: str) -> int:
        """Return the number of the task with this id.

        Raises:
            ConfigurationError: no task has it; the message gives the closest ids.

        """
        if task_id in self._numbers:
            return self._numbers[task_id]
        close = difflib.get_close_matches(str(task_id), self.ids, n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(map(repr, close))}?" if close else f"ids look like {', '.join(self.ids[:3])}"
        raise ConfigurationError(f"unknown task id {task_id!r}; {hint} ({len(self):,} tasks)")

    def groups(self) -> dict[str, list[int]]:
        """Return the task numbers of each group."""
        found: dict[str, list[int]] = {}
        for number, group in enumerate(self.group_of):
            found.setdefault(group, []).append(number)
        return found

    def fold(self, name: str) -> Sequence[int]:
        """Return a fold, by the CRC-32 of groups' names.

        "heldout" is the fifth of the groups for which it is divisible by five. Of the others, "tuning" is the eighth
        for which its fifth, rounded down, is divisible by eight, and "train" the rest.

        Raises:
            ConfigurationError: there is no such fold.

        """
        if name not in FOLDS:
            raise ConfigurationError(one_of("fold", name, FOLDS))
        if name == "all":
            return range(len(self))
        return [number for number, group in enumerate(self.group_of) if _fold_of(group) == name]


def _fold_of(group: str) -> str:
    rest, left = divmod(zlib.crc32(group.encode("utf-8", "surrogatepass")), HELDOUT_ONE_IN)
    if not left:
        return "heldout"
    return "train" if rest % TUNING_ONE_IN else "tuning"
