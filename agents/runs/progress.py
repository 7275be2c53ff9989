"""What runs report while they go on, and the bar that shows it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from tqdm import tqdm


@dataclass(frozen=True)
class Progress:
    """What a run reports after each of its steps.

    Attributes:
        agent: the agent's name.
        seed: the run's seed.
        step: steps done.
        steps: steps in all.
        reward: mean reward of the latest batch.

    """

    agent: str
    seed: int
    step: int
    steps: int
    reward: float


class Bar:
    """A progress bar over the steps of all runs that names agent, seed, step, reward and time left."""

    def __init__(self, total: int, initial: int = 0, quiet: bool = False) -> None:
        # On a terminal twice a second; in a log file a line every ten seconds.
        self._bar = tqdm(
            total=total,
            initial=initial,
            unit="step",
            disable=quiet,
            mininterval=0.5 if os.isatty(2) else 10,
            bar_format="{percentage:3.0f}%|{bar:20}| {n_fmt}/{total_fmt} steps, {remaining} left, {desc}",
        )

    def __call__(self, progress: Progress) -> None:
        """Show a report."""
        self._bar.set_description_str(
            f"{progress.agent} seed {progress.seed} step {progress.step}/{progress.steps} reward {progress.reward:.3f}",
            refresh=False,
        )
        self._bar.update(1)

    def say(self, text: str) -> None:
        """Write a line above the bar."""
        self._bar.write(text, file=sys.stderr)

    def close(self) -> None:
        """Finish the bar."""
        self._bar.close()
