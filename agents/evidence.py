"""What each token of a response earned, kept for a look at it later; `docs/results.md` has the columns.

One parquet file per training step that was kept, a row per turn of an episode; per-token values are lists.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents.runs.steps import read_steps, write_step

FOLDER = "evidence"
VALUE, PROMPT = "value_", "prompt_"
"""What columns of per-token values, and of what was read, begin with in the file."""


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
        prompts: what was read before the response, as text: of the `student`, and of each context by its name.
        status: how the verification ended.
        extracted: the answer that was found; None: there was none.
        why: what the verifier says of the attempt beside its verdict.
        other_pictures: contexts whose pictures or videos are not the student's own.

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
    prompts: Mapping[str, str] = field(default_factory=dict)
    status: str = "ok"
    extracted: str | None = None
    why: str = ""
    other_pictures: tuple[str, ...] = ()

    @property
    def contexts(self) -> list[str]:
        """Names of the contexts that it was scored in."""
        return [name.removeprefix("logp_") for name in self.values if name.startswith("logp_")]

    def basis(self, context: str | None) -> tuple[float, ...] | None:
        """Return what credit was made from: what the algorithm says, else D of the context; None: neither is there."""
        return self.values.get("evidence") or (self.gain(context) if context in self.contexts else None)

    def gain(self, context: str) -> tuple[float, ...]:
        """Return D of a context, token by token: its log-probability less the student's."""
        return tuple(q - s for q, s in zip(self.values[f"logp_{context}"], self.values["student"]))


class EvidenceSink:
    """Takes what tokens earned while an update has it; pass one to `Agent.update`.

    Args:
        tasks: ids of the tasks that are kept; None: all.
        characters: how many of a prompt are kept, half from either end.

    Attributes:
        kept: what has been taken, in the order of the parts that were run.

    """

    def __init__(self, tasks: Collection[str] | None = None, characters: int = 4000) -> None:
        self._tasks = tasks
        self.characters = characters
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
    fields = [f.name for f in dataclasses.fields(TokenEvidence) if f.name not in ("values", "prompts")]
    columns = {name: [getattr(one, name) for one in kept] for name in fields}
    types = {"extracted": pa.string(), "other_pictures": pa.list_(pa.string())}
    for prefix, of, kind in ((VALUE, "values", pa.list_(pa.float32())), (PROMPT, "prompts", pa.string())):
        for name in sorted({name for one in kept for name in getattr(one, of)}):
            columns[prefix + name] = [getattr(one, of).get(name) for one in kept]
            types[prefix + name] = kind
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
        values = {name: tuple(numbers) for name, numbers in _taken(row, VALUE).items()}
        prompts = _taken(row, PROMPT)
        row |= {name: tuple(value) for name, value in row.items() if isinstance(value, list)}
        kept.append(TokenEvidence(**row, values=values, prompts=prompts))
    return sorted(kept, key=_place)


def _taken(row: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Take the columns with a prefix out of a row, and return those that have a value, without it."""
    found = {name.removeprefix(prefix): row.pop(name) for name in list(row) if name.startswith(prefix)}
    return {name: value for name, value in found.items() if value is not None}


def _place(one: TokenEvidence) -> tuple[int, str, int, int, int]:
    return one.step, one.task_id, one.group, one.member, one.turn
