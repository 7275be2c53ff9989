"""What an evaluation keeps of one environment, in chunks of tasks, so that one that was killed can go on.

responses.jsonl has a row per response; chunks.jsonl a line per chunk, written when all of its rows are on the disk,
with the length of responses.jsonl up to there. What lies beyond the last whole chunk is removed when an evaluation
goes on. Chunks are the same tasks however often it was killed, so the files come out as the same bytes.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.evaluation.grading import OWN, undecided
from agents.runs.kept import CHUNKS
from rlsd_env.errors import ConfigurationError
from verifiers import Status

RESPONSES = "responses.jsonl"
Row = dict[str, Any]


@dataclass(frozen=True)
class Chunk:
    """Tasks that were asked together.

    Attributes:
        tasks: how many.
        size: of responses.jsonl up to the end of this chunk, in bytes.
        sums: entropy, divergence and tokens; see `agents.rollouts.evaluation.distribution_sums`.
        verifier: name and version of what graded.
        revision: what the data were, where the source says it.

    """

    tasks: int
    size: int
    sums: tuple[float, float, float]
    verifier: str
    revision: str | None


class Store:
    """The rows of one environment, on the disk where there is a folder.

    Args:
        folder: None: nothing is written.
        verifier: see `Chunk`.
        revision: see `Chunk`.

    Attributes:
        rows: see `light`.
        chunks: those that are whole.

    Raises:
        ConfigurationError: what is stored was graded by another verifier, or is of other data.

    """

    def __init__(self, folder: Path | None, verifier: str, revision: str | None) -> None:
        self._folder, self._verifier, self._revision = folder, verifier, revision
        self.rows: list[Row] = []
        self.chunks: list[Chunk] = []
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self.chunks = _read_chunks(folder / CHUNKS)
            self._check(folder)
            self._restore(folder / RESPONSES)

    def _check(self, folder: Path) -> None:
        wanted = {"verifier": self._verifier, "revision": self._revision}
        for chunk in self.chunks:
            for name, now in wanted.items():
                if (was := getattr(chunk, name)) != now:
                    what = f"the stored responses are of {name} {was!r}, not {now!r}"
                    raise ConfigurationError(f"{folder / CHUNKS}: {what}; give another --out")

    def _restore(self, path: Path) -> None:
        size = self.chunks[-1].size if self.chunks else 0
        if path.exists() and path.stat().st_size < size:
            raise ConfigurationError(f"{path} is shorter than {CHUNKS} says; it was changed: give another --out")
        with path.open("ab") as file:
            file.truncate(size)
        with path.open(encoding="utf-8") as file:
            self.rows = [light(json.loads(line)) for line in file]

    @property
    def done(self) -> int:
        """Tasks that need not be asked again."""
        return sum(chunk.tasks for chunk in self.chunks)

    @property
    def sums_3(self) -> NDArray[np.float64]:
        """Entropy, divergence and tokens of all chunks."""
        return np.sum([chunk.sums for chunk in self.chunks], axis=0)

    def add(self, rows: Sequence[Row], tasks: int, sums_3: NDArray[np.float64]) -> None:
        """Keep the responses to a chunk of tasks."""
        size = self.chunks[-1].size if self.chunks else 0
        if self._folder is not None:
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
            size += len(text)
            _append(self._folder / RESPONSES, text)
        entropy, divergence, tokens = map(float, sums_3)
        chunk = Chunk(tasks, size, (entropy, divergence, tokens), self._verifier, self._revision)
        if self._folder is not None:
            _append(self._folder / CHUNKS, (json.dumps(dataclasses.asdict(chunk)) + "\n").encode())
        self.rows += map(light, rows)
        self.chunks.append(chunk)


def _append(path: Path, text: bytes) -> None:
    with path.open("ab") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _read_chunks(path: Path) -> list[Chunk]:
    """Read the whole lines, and cut off what a kill left of the last one."""
    if not path.exists():
        return []
    text = path.read_bytes()
    whole = text[: text.rfind(b"\n") + 1]
    if len(whole) < len(text):
        os.truncate(path, len(whole))
    try:
        read = [json.loads(line) for line in whole.splitlines()]
        return [Chunk(**{**one, "sums": tuple(one["sums"])}) for one in read]
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigurationError(f"{path} is not what an evaluation writes ({error}); give another --out") from error


def light(row: Mapping[str, Any]) -> Row:
    """Return a row without its response and transcript; the response stays where a judge may be asked about it."""
    base = verdict_of(row, "strict") or verdict_of(row, OWN) or {}
    drop = {"transcript"} if undecided(Status(base["status"])) else {"transcript", "response"}
    return {name: value for name, value in row.items() if name not in drop}


def verdict_of(row: Mapping[str, Any], mode: str) -> Mapping[str, Any] | None:
    """Return extracted, status and correct of a row, in a mode of its scorer or by its environment (`OWN`)."""
    return row if mode == OWN else row.get("verdicts", {}).get(mode)


def right(row: Mapping[str, Any], mode: str) -> float:
    """Return 1.0 for a right response, 0.0 for a wrong one, NaN where nobody judged it."""
    verdict = verdict_of(row, mode)
    if verdict is None or Status(verdict["status"]).failed:
        return float("nan")
    return float(verdict["correct"])


def split(rows: Sequence[Row], samples: int) -> Iterator[list[Row]]:
    """Yield the rows of each task: first its samples, then its greedy response.

    Raises:
        ValueError: a task has more or fewer.

    """
    by_task: dict[int, list[Row]] = {}
    for row in rows:
        by_task.setdefault(row["task"], []).append(row)
    for task, some in by_task.items():
        ordered = sorted(some, key=lambda row: (row["greedy"], row["sample"]))
        if [row["greedy"] for row in ordered] != [False] * samples + [True]:
            raise ValueError(
                f"task number {task} has {len(some)} responses; it must have {samples} samples and a greedy one"
            )
        yield ordered


def right_KS(tasks: Sequence[Sequence[Row]], mode: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what was right of K tasks with S samples: [K, S] of the samples, [K, 1] of the greedy responses."""
    table = np.array([[right(row, mode) for row in rows] for rows in tasks], dtype=np.float64)
    return table[:, :-1], table[:, -1:]
