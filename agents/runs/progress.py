"""What a run reports while it goes on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from verifiers import Status

TOKENS_PER_SECOND = "tokens_per_second"
FAILED = "failed_share"
"""Share of the step's attempts on which the verifier failed, where that is above 0."""
FIGURES: dict[str, tuple[str, int]] = {
    "reward": ("reward", 3),
    "length": ("response_length", 1),
    "entropy": ("entropy", 2),
    "kl": ("kl_student_teacher", 3),
    "tokens/s": (TOKENS_PER_SECOND, 0),
}
"""What is shown of a step: for each title the metric (docs/metrics.md, but for the speed) and its decimals."""


def failed_share(metrics: Mapping[str, float]) -> float:
    """Return the share of responses on which the verifier failed.

    >>> failed_share({"status_error_share": 0.25, "status_timeout_share": 0.5, "status_no_answer_share": 0.25})
    0.75
    """
    return sum(metrics.get(f"status_{status}_share", 0.0) for status in Status if status.failed)


def run_name(agent: str, seed: int) -> str:
    """Return what a run is called among the trials of a comparison.

    >>> run_name("rlsd", 1)
    'rlsd, seed 1'
    """
    return f"{agent}, seed {seed}"


@dataclass(frozen=True)
class Progress:
    """What a run reports when it begins and after each of its steps.

    Attributes:
        agent: the agent's name.
        seed: the run's seed.
        step: steps done; of a resumed run those before it was interrupted count.
        steps: steps in all; 0: there is nothing but an evaluation.
        seconds: since the run began or was resumed; 0: it begins.
        figures: metrics of the latest step, by name.

    """

    agent: str
    seed: int
    step: int
    steps: int
    seconds: float = 0.0
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the run is called."""
        return run_name(self.agent, self.seed)


def shown_figures(row: Mapping[str, float], episodes: int = 0, seconds: float = 0.0) -> dict[str, float]:
    """Take what is shown out of a step's metrics, and add the speed of its rollouts where that was measured.

    >>> shown_figures({"step": 3, "response_length": 25.0, "loss": 0.1}, episodes=8, seconds=2)
    {'response_length': 25.0, 'tokens_per_second': 100.0}

    Args:
        row: the metrics that the step logged.
        episodes: the policy's own attempts of the step.
        seconds: how long they took, with those with help; 0: not known.

    """
    found = {metric: float(row[metric]) for metric, _ in FIGURES.values() if metric in row}
    if failed := failed_share(row):
        found[FAILED] = failed
    if seconds and "response_length" in row:  # it is not where every picture was left out
        tokens = row["response_length"] * episodes + row.get("teacher_tokens_sampled", 0.0)
        found[TOKENS_PER_SECOND] = tokens / seconds
    return found


def figure(figures: Mapping[str, float], title: str) -> str:
    """Write a figure as it is shown; "-" where the step has none.

    >>> figure({"reward": 0.7339}, "reward"), figure({"tokens_per_second": 1830.2}, "tokens/s"), figure({}, "kl")
    ('.734', '1,830', '-')
    """
    metric, digits = FIGURES[title]
    value = figures.get(metric, math.nan)
    if not math.isfinite(value):
        return "-"
    text = f"{value:,.{digits}f}"
    return text.replace("0.", ".", 1) if text.removeprefix("-").startswith("0.") else text


def duration(seconds: float | None) -> str:
    """Write a time that is left; "-" where it is not known.

    >>> duration(125.3), duration(3725), duration(None)
    ('2:05', '1:02:05', '-')
    """
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
