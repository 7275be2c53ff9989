"""Where the time went, and what was spent beside it."""

from __future__ import annotations

from dataclasses import dataclass

from agents.report.folders import Found, Run, mean

PARTS = ("rollout", "update", "evaluation")
"""What timing.csv measures of a step; what an update costs has the scoring of teachers in it."""


@dataclass(frozen=True)
class Cost:
    """What an agent's runs cost, means over its seeds.

    Attributes:
        agent: the agent.
        seconds: of a run, by part.
        step_seconds: of a training step without evaluations, the first one left out where there are others: it has
            what is set up once.
        tokens: response tokens that were sampled for training, where metrics tell.
        teacher_tokens: response tokens that teachers scored.
        guided_tokens: response tokens that were sampled with help.
        runs: how many.

    """

    agent: str
    seconds: dict[str, float]
    step_seconds: float
    tokens: float
    teacher_tokens: float
    guided_tokens: float
    runs: int

    @property
    def total(self) -> float:
        """Seconds of a run."""
        return sum(self.seconds.values())


def costs(found: Found) -> list[Cost]:
    """Return what each agent cost, of runs that have any timing."""
    made = []
    for agent in found.agents:
        runs = [run for run in found.of(agent) if run.timing]
        if runs:
            seconds = {part: mean(_sum(run, f"seconds_{part}") for run in runs) for part in PARTS}
            made.append(
                Cost(
                    agent=agent,
                    seconds={part: value for part, value in seconds.items() if value},
                    step_seconds=mean(_step(run) for run in runs),
                    tokens=mean(_tokens(run) for run in runs),
                    teacher_tokens=mean(_metric(run, "teacher_tokens_scored") for run in runs),
                    guided_tokens=mean(_metric(run, "teacher_tokens_sampled") for run in runs),
                    runs=len(runs),
                )
            )
    return made


def _sum(run: Run, column: str) -> float:
    return sum(row.get(column, 0.0) for row in run.timing)


def _metric(run: Run, column: str) -> float:
    return sum(row.get(column, 0.0) for row in run.metrics)


def _step(run: Run) -> float:
    steps = [row.get("seconds_rollout", 0.0) + row.get("seconds_update", 0.0) for row in run.timing]
    return mean(steps[1:] or steps)


def _tokens(run: Run) -> float:
    """Count what was sampled: mean lengths times attempts."""
    attempts = run.options.get("prompts_per_step", 0) * run.options.get("group_size", 0)
    return attempts * _metric(run, "response_length")
