"""What a folder of a training, a comparison or an evaluation holds of work that is done, told from its files alone."""

from __future__ import annotations

import json
from pathlib import Path

METRICS, RESULT, CHUNKS, PAGE = "metrics.csv", "result.json", "chunks.jsonl", "report.html"
CHECKPOINT, POINTER = "checkpoint.pt", "checkpoint.json"
"""A run's checkpoint: of one process, or which folder has the shards of several."""
WORK = (METRICS, RESULT, "results.json", "checkpoint*", "untrained/*.json", CHUNKS, f"*/{CHUNKS}")
"""Files that are worth something; others (the options, the lock, logs and samples of the first steps) are not."""


def holds_work(folder: Path) -> bool:
    """Tell whether a run got as far as its first checkpoint, a comparison one of its runs, an evaluation a chunk."""
    return any(next(folder.glob(f"{at}{name}"), None) is not None for at in ("", "runs/*/*/") for name in WORK)


def unfinished(folder: Path) -> bool:
    """Tell whether a training stopped, or goes on, after a checkpoint."""
    checkpoint = (folder / "config.toml").exists() and any((folder / name).exists() for name in (CHECKPOINT, POINTER))
    return checkpoint and not (folder / RESULT).exists()


def steps_done(folder: Path) -> int:
    """Count the training steps of a run that need not be done again.

    Its metrics are written with its checkpoints.
    """
    path = folder / METRICS
    return max(0, len(path.read_text("utf-8").splitlines()) - 1) if path.exists() else 0


def tasks_done(folder: Path) -> int:
    """Count the tasks of an evaluation that need not be asked again."""
    lines = [line for path in (folder / CHUNKS, *folder.glob(f"*/{CHUNKS}")) if path.exists() for line in path.open()]
    return sum(json.loads(line)["tasks"] for line in lines if line.endswith("\n"))


def kept(folder: Path) -> str:
    """Say how much of a training, a comparison or an evaluation is done; "": nothing."""
    from agents.terminal import counted

    if tasks := tasks_done(folder):
        return f"the responses to {counted(tasks, 'task')}"
    if steps := steps_done(folder):
        return f"its first {counted(steps, 'step')}"
    ended = {path.parent for path in folder.glob(f"runs/*/*/{RESULT}")}
    begun = {path.parent for path in folder.glob(f"runs/*/*/{METRICS}")} - ended
    parts = [counted(len(ended), "finished run")] if ended else []
    parts += [f"the first steps of {counted(len(begun), 'run')}"] if begun else []
    if not parts and (untrained := [*folder.glob("untrained/*.json")]):
        parts = [counted(len(untrained), "evaluation") + " of the untrained model"]
    return " and ".join(parts)


def nothing_to_resume(folder: Path) -> str:
    """Say that a run that is to go on has not begun; "" where it has."""
    return "" if kept(folder) else f"{folder}: nothing to resume is there; it begins from the start"
