"""Curves of a report: a metric against steps by agent, the mean over seeds in a band from the lowest to the highest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from agents.report.folders import Found, Run, Table, mean

WINDOW = 5
"""Steps over which a value is averaged with those before it, where curves are drawn smooth."""
POINTS = 400
"""Points of a curve at most; of a longer one neighbours are averaged."""


@dataclass(frozen=True)
class Line:
    """One agent's curve.

    Attributes:
        agent: the agent.
        steps: training steps done, N of them.
        mean: over the seeds that got as far, N.
        low: of the lowest seed, N.
        high: of the highest, N.
        seeds: how many seeds there are.

    """

    agent: str
    steps: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    seeds: int


@dataclass(frozen=True)
class Chart:
    """One metric of all agents.

    Attributes:
        key: the metric's name, as in docs/metrics.md.
        title: what it is.
        group: the heading that it stands under.
        lines: a curve per agent that logs it.
        smooth: whether each step's value is from other tasks, so that a running mean is wanted.

    """

    key: str
    title: str
    group: str
    lines: tuple[Line, ...]
    smooth: bool


CHARTS: tuple[tuple[str, str, str, str], ...] = (
    ("evaluations", "sampled_accuracy", "Sampled accuracy, tuning tasks", "Accuracy"),
    ("evaluations", "greedy_accuracy", "Greedy accuracy, tuning tasks", "Accuracy"),
    ("metrics", "reward", "Reward of the training rollouts", "Accuracy"),
    ("metrics", "accuracy", "Accuracy of the training rollouts", "Accuracy"),
    ("metrics", "leakage_per_1000", "Responses of 1,000 that speak of privileged text", "Leakage"),
    ("metrics", "kl_student_teacher", "KL to the teacher, nats per token", "Leakage"),
    ("metrics", "information_gain", "Information gain of the teacher, nats", "Leakage"),
    ("metrics", "entropy", "Entropy, nats per token", "Behaviour"),
    ("metrics", "response_length", "Response length, tokens", "Behaviour"),
    ("metrics", "repeated_share", "Share of tokens in responses sampled before", "Behaviour"),
    ("metrics", "truncated_share", "Share cut off at the token limit", "Behaviour"),
    ("metrics", "grad_norm", "Gradient norm before clipping", "Learning"),
    ("metrics", "weight_clip_high", "Share of token weights at the upper clip", "Learning"),
    ("metrics", "weight_clip_low", "Share of token weights at the lower clip", "Learning"),
    ("metrics", "clip_high", "Share of ratios above the upper clip", "Learning"),
    ("metrics", "clip_low", "Share of ratios below the lower clip", "Learning"),
    ("metrics", "zero_advantage_share", "Share of groups that teach nothing", "Learning"),
)
"""The file, the metric, what it is and its heading; one that nobody logs, or that is 0 throughout, is left out."""


def charts(found: Found) -> list[Chart]:
    """Return all charts for which some run has numbers that are not all the same 0."""
    made: list[Chart] = []
    for file, key, title, group in CHARTS:
        lines = [line for agent in found.agents if (line := _line(agent, found.of(agent), file, key)) is not None]
        same_as_reward = key == "accuracy" and any(
            c.key == "reward" and [line.mean for line in c.lines] == [line.mean for line in lines] for c in made
        )
        if any(any(line.high) or any(line.low) for line in lines) and not same_as_reward:
            made.append(Chart(key, title, group, tuple(lines), file == "metrics"))
    return made


def _line(agent: str, runs: Sequence[Run], file: str, key: str) -> Line | None:
    """Put an agent's seeds together; None where no run has the metric."""
    tables: list[Table] = [getattr(run, file) for run in runs]
    by_step: dict[float, list[float]] = {}
    seeds = 0
    for table in tables:
        values = [(row["step"], row[key]) for row in table if key in row and "step" in row]
        seeds += bool(values)
        for step, value in values:
            by_step.setdefault(step, []).append(value)
    if not by_step:
        return None
    first = 1 if file == "metrics" else 0  # the row of step 0 is of what was learned from first
    columns = [
        (step + first, mean(values), min(values), max(values)) for step, values in sorted(by_step.items()) if values
    ]
    steps, means, lows, highs = zip(*thinned(columns))
    return Line(agent, steps, means, lows, highs, seeds)


def thinned(rows: Sequence[tuple[float, ...]], points: int = POINTS) -> list[tuple[float, ...]]:
    """Average neighbours until there are at most so many rows.

    >>> thinned([(1.0, 4.0), (2.0, 6.0), (3.0, 1.0)], points=2)
    [(1.5, 5.0), (3.0, 1.0)]
    """
    size = math.ceil(len(rows) / points)
    if size <= 1:
        return list(rows)
    blocks = [rows[i : i + size] for i in range(0, len(rows), size)]
    return [tuple(mean(column) for column in zip(*block)) for block in blocks]
