"""The trials of a comparison, as functions that a worker process can import."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.faults import noting
from agents.runs.progress import Progress
from agents.trials.local import report

if TYPE_CHECKING:
    from agents.options.commands import CompareOptions, TrainOptions


@noting()
def train_trial(options: TrainOptions) -> dict[str, Any]:
    """Run one training; what result.json holds."""
    from agents.experiment import train

    return train(options, report)


@noting()
def untrained_trial(options: CompareOptions, seed: int, path: Path) -> dict[str, Any]:
    """Evaluate the untrained model; what `path` holds."""
    from agents.experiment import untrained
    from agents.runs.storage import LOCK, locked

    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.with_name(f"{LOCK}-{path.stem}")):
        report(Progress("untrained", seed, 0, 0))
        return untrained(options, seed, path)
