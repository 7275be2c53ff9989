"""What each token of a response earned, kept for a look at it later; `docs/results.md` has the columns.

One parquet file per training step that was kept, a row per turn of an episode; per-token values are lists.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agents.runs.steps import read_steps, write_step

FOLDER = "evidence"
VALUE = "value_"
"""What columns of per-token values begin with in the file."""


@dataclass(frozen=True)
class TokenEvidence:
    """What each of the T tokens of a response earned in the first update of a step.

    Attributes:
        step: training step.
        task_id: the task.
        group: number of the group in the process's batch: a task may be there twice.
        member: number of the episode in its group.
        turn: number of the turn in the episode.
        reward: of the episode.
        correct: the verifier's word on it.
        advantage: A of the episode.
        token_ids: the sampled ids.
        tokens: each one's text.
        values: per-token numbers by name, T each: `student` (S), `logp_CONTEXT`, `entropy_CONTEXT`, `credit` (the
            token's advantage) and what the algorithm made it from, such as `weight`, and its `evidence`.
        guided: whether the attempt was made with help.

    """

    step: int
    task_id: str
    group: int
    member: int
    turn: int
    reward: float
    correct: bool
    advantage: float
    token_ids: tuple[int, ...]
    tokens: tuple[str, ...]
    values: Mapping[str, tuple[float, ...]]
    guided: bool = False

    def gain(self, context: str) -> tuple[float, ...]:
        """Return D of a context, token by token: its log-probability less the student's."""
        return tuple(q - s for q, s in zip(self.values[f"logp_{context}"], self.values["student"]))


class EvidenceSink:
    """Takes what tokens earned while an update has it; pass one to `Agent.update`.

    Args:
        tasks: ids of the tasks that are kept; None: all.

    Attributes:
        kept: what has been taken, in the order of the parts that were run.

    """

    def __init__(self, tasks: Collection[str] | None = None) -> None:
        self._tasks = tasks
        self.kept: list[TokenEvidence] = []

    def wants(self, task_id: str) -> bool:
        """Tell whether a task is kept; what is not is not even copied from the device."""
        return self._tasks is None or task_id in self._tasks

    def add(self, evidence: TokenEvidence) -> None:
        """Take what the tokens of a response earned."""
        self.kept.append(evidence)


def write_evidence(
    folder: Path, step: int, kept: Sequence[TokenEvidence], rank: int = 0, processes: int = 1
) -> Path | None:
    """Write what was kept of a step into a run's folder, in place of what is there.

    Args:
        folder: the run's.
        step: training step.
        kept: in any order; of nothing there is no file.
        rank: number of the process; each writes a file of its own.
        processes: how many there are; the first one removes files of more, which a run before a resume had.

    """
    import pyarrow as pa

    kept = sorted(kept, key=_place)
    names = sorted({name for one in kept for name in one.values})
    fields = [field.name for field in dataclasses.fields(TokenEvidence) if field.name != "values"]
    columns = {name: [getattr(one, name) for one in kept] for name in fields}
    columns |= {VALUE + name: [one.values.get(name) for one in kept] for name in names}
    types = {VALUE + name: pa.list_(pa.float32()) for name in names}
    types |= {"token_ids": pa.list_(pa.int32()), "tokens": pa.list_(pa.string()), "task_id": pa.string()}
    return write_step(folder / FOLDER, step, columns, types, rank, processes)


def read_evidence(folder: Path | str, step: int | None = None) -> list[TokenEvidence]:
    """Read what was kept of a run, by step, task, member and turn.

    Args:
        folder: the run's.
        step: of this step only; None: of all.

    Raises:
        FileNotFoundError: nothing was kept; the message says how it is.

    """
    kept = []
    for row in read_steps(Path(folder) / FOLDER, step, "train with --evidence-every STEPS to keep some"):
        values = {
            name.removeprefix(VALUE): tuple(row.pop(name))
            for name in list(row)
            if name.startswith(VALUE) and row[name] is not None
        }
        row = {name: value for name, value in row.items() if not name.startswith(VALUE)}
        row |= {"token_ids": tuple(row["token_ids"]), "tokens": tuple(row["tokens"])}
        kept.append(TokenEvidence(**row, values=values))
    return sorted(kept, key=_place)


def _place(one: TokenEvidence) -> tuple[int, str, int, int, int]:
    return one.step, one.task_id, one.group, one.member, one.turn
