"""The progress of runs as plain lines, for files and pipes: each is complete in itself."""

from __future__ import annotations

import sys

from agents.runs.board import Board, Run
from agents.runs.progress import FIGURES, Progress, duration, figure

LINES = 10
"""About as many lines are written of a run."""


def line(run: Run, progress: Progress) -> str:
    """Write a report on one line."""
    speed = "tokens/s"
    figures = [f"{title} {figure(progress.figures, title)}" for title in FIGURES if title != speed]
    return " ".join(
        [
            f"{progress.agent} seed {progress.seed} step {progress.step}/{progress.steps}",
            *figures,
            f"{figure(progress.figures, speed)} {speed} {duration(run.left)} left",
        ]
    )


class Lines(Board):
    """Writes a line to stderr after a run's first step, after each tenth of its steps or so, and when it is done."""

    def __call__(self, progress: Progress) -> None:
        """Take a report, and write it if its turn has come."""
        before = self.runs.get(progress.name)
        first = before is None or before.latest is None or not before.latest.seconds
        super().__call__(progress)
        every = -(-progress.steps // LINES)
        if progress.seconds and (first or progress.step % every == 0 or progress.step == progress.steps):
            self.say(line(self.runs[progress.name], progress))

    def done(self, name: str) -> None:
        """Know that a run has ended as it should, and say so where there are others."""
        super().done(name)
        if len(self.runs) > 1:
            self.say(f"{name}: done; {self.summary()}")

    def say(self, text: str) -> None:
        """Write a line."""
        print(text, file=sys.stderr, flush=True)
