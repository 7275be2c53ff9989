"""What a folder of a training or a comparison holds of work that is done, told from its files alone."""

from __future__ import annotations

from pathlib import Path

METRICS, RESULT, PAGE = "metrics.csv", "result.json", "report.html"
WORK = (METRICS, RESULT, "results.json", "checkpoint*", "untrained/*.json")
"""Files that are worth something; others (the options, the lock, logs and samples of the first steps) are not."""


def holds_work(folder: Path) -> bool:
    """Tell whether a run got as far as its first checkpoint, or a comparison one of its runs."""
    return any(next(folder.glob(f"{at}{name}"), None) is not None for at in ("", "runs/*/*/") for name in WORK)


def steps_done(folder: Path) -> int:
    """Count the training steps of a run that need not be done again.

    Its metrics are written with its checkpoints.
    """
    path = folder / METRICS
    return max(0, len(path.read_text("utf-8").splitlines()) - 1) if path.exists() else 0


def kept(folder: Path) -> str:
    """Say how much of a training or a comparison is done; "": nothing."""
    from agents.terminal import counted

    if steps := steps_done(folder):
        return f"its first {counted(steps, 'step')}"
    ended = [*folder.glob(f"runs/*/*/{RESULT}"), *folder.glob("untrained/*.json")]
    begun = {path.parent for path in folder.glob(f"runs/*/*/{METRICS}")} - {path.parent for path in ended}
    parts = [counted(len(ended), "finished run")] if ended else []
    parts += [f"the first steps of {counted(len(begun), 'run')}"] if begun else []
    return " and ".join(parts)
