"""The hints of other tasks, those of other processes included."""

from __future__ import annotations

from collections.abc import Mapping

from agents.distributed import World
from agents.episodes import EpisodeBatch


def hints_from(batch: EpisodeBatch, world: World) -> list[list[Mapping[str, str]]]:
    """Return for each group of this process the hints of all groups of all processes, from its own on and round."""
    parts = world.gather([dict(group.hints) for group in batch.groups])
    hints = [one for part in parts for one in part]
    first = sum(len(part) for part in parts[: world.rank])
    return [[*hints[number:], *hints[:number]] for number in range(first, first + len(batch.groups))]
