"""Tasks with what each agent answered, and sentences in which an agent speaks of what only its teacher saw."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from agents.diagnostics.leakage import PHRASES
from agents.report.folders import Found, Run
from agents.runs.samples import FOLDER, Sample, read_samples

TASKS = 10
"""Tasks that are shown at most."""
ANSWERS = 2
"""Responses of each agent to a task that are shown."""
QUOTES = 4
"""Quotes of each agent at most."""
AROUND = 160
"""Characters on either side of a phrase that are quoted."""


@dataclass(frozen=True)
class Answers:
    """What one agent made of a task.

    Attributes:
        agent: the agent.
        step: training step, from 0.
        right: right answers among those judged.
        judged: attempts whose verifier did not fail.
        samples: some of the attempts, a wrong and a right one where there are both.

    """

    agent: str
    step: int
    right: int
    judged: int
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class Example:
    """A task that several agents met at the same training step.

    Attributes:
        task_id: the task.
        step: training step, from 0.
        seed: the runs' seed.
        prompt: what was read.
        reference: the answer that was asked for; "": not recorded.
        pictures: PNG or JPEG files.
        answers: an agent each.

    """

    task_id: str
    step: int
    seed: int
    prompt: str
    reference: str
    pictures: tuple[bytes, ...]
    answers: tuple[Answers, ...]

    @property
    def spread(self) -> float:
        """How much the agents differ in their success."""
        shares = [one.right / one.judged for one in self.answers if one.judged]
        return statistics.pstdev(shares) if shares else 0.0


@dataclass(frozen=True)
class Quote:
    """A sentence that speaks of privileged information.

    Attributes:
        agent: who wrote it.
        seed: the run's seed.
        step: training step, from 0.
        task_id: the task.
        before: the text before the words that tell.
        phrase: these words.
        after: the text behind them.

    """

    agent: str
    seed: int
    step: int
    task_id: str
    before: str
    phrase: str
    after: str


def kept_samples(run: Run) -> list[Sample]:
    """Read what a run has kept of its attempts; none where it kept nothing."""
    return read_samples(run.folder) if (run.folder / FOLDER).is_dir() and any((run.folder / FOLDER).iterdir()) else []


def examples(samples: Sequence[tuple[Run, Sequence[Sample]]], most: int = TASKS) -> list[Example]:
    """Choose tasks of the last step that most agents have in common, those first on which they differ most.

    Args:
        samples: what each run has kept.
        most: tasks at most.

    """
    by_task: dict[tuple[int, int, str], dict[str, list[Sample]]] = {}
    for run, kept in samples:
        for one in kept:
            by_task.setdefault((run.seed, one.step, one.task_id), {}).setdefault(run.agent, []).append(one)
    if not by_task:
        return []
    reached = {key: len(agents) for key, agents in by_task.items()}
    full = max(reached.values())
    last = max(step for (_, step, _), count in reached.items() if count == full)
    chosen = [
        _example(seed, step, task, agents)
        for (seed, step, task), agents in by_task.items()
        if step == last and len(agents) == full
    ]
    return sorted(chosen, key=lambda one: (-one.spread, one.seed, one.task_id))[:most]


def _example(seed: int, step: int, task: str, by_agent: dict[str, list[Sample]]) -> Example:
    every = [one for kept in by_agent.values() for one in kept]
    return Example(
        task_id=task,
        step=step,
        seed=seed,
        prompt=every[0].prompt,
        reference=next((one.reference for one in every if one.reference), ""),
        pictures=next((one.pictures for one in every if one.pictures), ()),
        answers=tuple(_answers(agent, step, kept) for agent, kept in by_agent.items()),
    )


def _answers(agent: str, step: int, kept: Sequence[Sample]) -> Answers:
    judged = [one for one in kept if one.status not in ("timeout", "error")]
    right = [one for one in judged if one.correct]
    others = [one for one in kept if not one.correct]
    both = [*right[:1], *others[:1]] if right and others else list(kept)
    distinct = {(one.earlier, one.response): one for one in reversed(both)}
    return Answers(agent, step, len(right), len(judged), tuple(reversed(distinct.values()))[:ANSWERS])


def quotes(samples: Sequence[tuple[Run, Sequence[Sample]]], most: int = QUOTES) -> list[Quote]:
    """Quote responses that speak of privileged information, each agent's last ones first, no text twice."""
    found: dict[str, list[Quote]] = {}
    for run, kept in samples:
        for one in sorted(kept, key=lambda one: -one.step):
            quote = _quote(run, one) if one.leaks else None
            told = found.setdefault(run.agent, [])
            if quote and quote.phrase + quote.after not in {other.phrase + other.after for other in told}:
                told.append(quote)
    return [quote for told in found.values() for quote in sorted(told, key=lambda quote: -quote.step)[:most]]


def _quote(run: Run, one: Sample) -> Quote | None:
    asked = f"{one.prompt}\n{one.earlier}".casefold()
    match = next((m for m in PHRASES.finditer(one.response) if m[0].casefold() not in asked), None)
    if match is None:
        return None
    start, end = max(0, match.start() - AROUND), match.end() + AROUND
    before = (".. " if start else "") + one.response[start : match.start()]
    after = one.response[match.end() : end] + (" .." if end < len(one.response) else "")
    return Quote(run.agent, run.seed, one.step, one.task_id, before, match[0], after)


def leaking_share(found: Found, samples: Sequence[tuple[Run, Sequence[Sample]]]) -> dict[str, tuple[int, int]]:
    """Count by agent the kept attempts that speak of privileged information, and all kept ones."""
    counts = dict.fromkeys(found.agents, (0, 0))
    for run, kept in samples:
        leaks, total = counts[run.agent]
        counts[run.agent] = (leaks + sum(one.leaks for one in kept), total + len(kept))
    return counts
