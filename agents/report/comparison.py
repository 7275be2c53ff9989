"""Agents compared with each other: paired differences, corrected for their number, and what would decide them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from agents.report.statistics import (
    CONFIDENCE,
    Components,
    CrossedBootstrap,
    Interval,
    Values,
    components,
    difference_interval,
    padded,
)
from agents.terminal import counted

POWER = 0.8
MOST = 1000
"""Seeds, and tasks in thousands, that are said to be needed at most."""
BASE = "grpo"
"""The agent that others are compared with first."""


@dataclass(frozen=True)
class Difference:
    """One agent less another, on the seeds and tasks that both have.

    Attributes:
        a: the agent.
        b: the one it is compared with.
        interval: of the mean difference, 95 % by itself.
        corrected: at `level`.
        improvement: the probability that a run of a is above one of b on a task.
        p: of the two-sided test, by itself; NaN: it cannot be tested.
        level: that Holm's procedure tests it at.
        seeds: that both have.
        tasks: that both have.
        verdict: who is higher, or that no difference is shown.
        seeds_to_decide: seeds that would decide it with a chance of 80 % if the difference is as measured; None: it is
            decided, or seeds alone would not.
        power: the same in words; "": it is decided.

    """

    a: str
    b: str
    interval: Interval
    corrected: Interval
    improvement: Interval
    p: float
    level: float
    seeds: int
    tasks: int
    verdict: str
    seeds_to_decide: int | None
    power: str


def ordered_pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return all pairs of agents, first each with GRPO where it is there.

    >>> ordered_pairs(["grpo", "opsd", "rlsd"])
    [('opsd', 'grpo'), ('rlsd', 'grpo'), ('rlsd', 'opsd')]
    """
    first = [(name, BASE) for name in names if name != BASE] if BASE in names else []
    others = itertools.combinations([name for name in names if name != BASE], 2)
    return first + [(later, earlier) for earlier, later in others]


def compared(values: Mapping[str, Mapping[int, Values]]) -> list[Difference]:
    """Compare all pairs of agents on the seeds and tasks that both have.

    Pairs are tested by Holm's procedure: the smallest of m p-values at .05 / m, the next at .05 / (m - 1), and so on;
    all behind the first that fails are tested at that one's level. So a difference is claimed that is none in at most
    5 % of comparisons, however the pairs hang together. The corrected interval of a pair is the one at the level that
    it is tested at.

    Source: Holm 1979, Scandinavian Journal of Statistics 6.

    Args:
        values: by agent and seed a value per task, T; NaN where the verifier failed.

    """
    shared = [(a, b, *both) for a, b in ordered_pairs(list(values)) if (both := _shared(values[a], values[b]))]
    p_values = [_p_value(ones_ST - others_ST) for _, _, ones_ST, others_ST in shared]
    levels = holm_levels(p_values)
    return [_difference(*one, p, level) for one, p, level in zip(shared, p_values, levels)]


def holm_levels(p_values: Sequence[float], error: float = 1 - CONFIDENCE) -> list[float]:
    """Return the level that Holm's procedure tests each hypothesis at; NaN is one that cannot be rejected.

    >>> holm_levels([0.2, 0.001, 0.04], 0.06)  # .001 at .06 / 3; .04 at .06 / 2 fails, and so does what comes behind
    [0.03, 0.02, 0.03]
    """
    known = [1.0 if math.isnan(p) else p for p in p_values]
    levels = [error] * len(known)
    failed = 0.0
    for place, index in enumerate(sorted(range(len(known)), key=known.__getitem__)):
        levels[index] = failed or error / (len(known) - place)
        if known[index] > levels[index]:
            failed = levels[index]
    return levels


def _shared(ones: Mapping[int, Values], others: Mapping[int, Values]) -> tuple[Values, Values] | None:
    """Return two agents' values by seed and task, of the seeds that both have and the tasks that were judged in all."""
    seeds = sorted(ones.keys() & others.keys())
    if not seeds or len({len(of[seed]) for of in (ones, others) for seed in seeds}) != 1:
        return None
    ones_ST, others_ST = (np.array([of[seed] for seed in seeds], dtype=np.float64) for of in (ones, others))
    known_T = ~np.isnan(ones_ST - others_ST).any(axis=0)
    return (ones_ST[:, known_T], others_ST[:, known_T]) if known_T.any() else None


def _difference(a: str, b: str, ones_ST: Values, others_ST: Values, p: float, level: float) -> Difference:
    """Compare two agents at a level."""
    differences_ST = ones_ST - others_ST
    corrected = difference_interval(differences_ST, 1 - level)
    verdict = verdict_of(a, b, corrected)
    needed, power = (None, "") if verdict != NO_DIFFERENCE else what_would_decide(differences_ST, level)
    return Difference(
        a=a,
        b=b,
        interval=difference_interval(differences_ST),
        corrected=corrected,
        improvement=CrossedBootstrap(*ones_ST.shape).improvement(ones_ST, others_ST),
        p=p,
        level=level,
        seeds=ones_ST.shape[0],
        tasks=ones_ST.shape[1],
        verdict=verdict,
        seeds_to_decide=needed,
        power=power,
    )


NO_DIFFERENCE = "no difference shown"


def verdict_of(a: str, b: str, interval: Interval) -> str:
    """Say who is higher where the interval does not hold 0.

    >>> verdict_of("rlsd", "grpo", Interval(0.1, -0.1, 0.3)), verdict_of("rlsd", "grpo", Interval(-0.2, -0.3, -0.1))
    ('no difference shown', 'grpo higher')
    """
    if interval.low > 0:
        return f"{a} higher"
    return f"{b} higher" if interval.high < 0 else NO_DIFFERENCE


def _p_value(differences_ST: Values) -> float:
    """Return the probability of a difference as large as this where there is none; NaN of a single value."""
    found = padded(differences_ST)
    mean = float(differences_ST.mean())
    if not found.variance > 0:
        return math.nan
    return float(2 * stats.t.sf(abs(mean) / math.sqrt(found.variance), found.freedom))


def what_would_decide(differences_ST: Values, level: float) -> tuple[int | None, str]:
    """Say how many seeds, or else tasks, would decide a difference, if it is as large as measured.

    The variance of the mean with S seeds and T tasks is seed / S + task / T + rest / (S T), with the parts of
    `components`; it decides with a chance of 80 % where the difference is (q_(1 - level / 2) + q_.8) standard errors
    or more, q of Student's distribution with the degrees of freedom that Satterthwaite's formula gives these parts.

    Args:
        differences_ST: difference by seed and task.
        level: of the test.

    Returns:
        How many seeds; None: seeds alone would not, or it is not known. And the answer as a sentence.

    """
    found = components(differences_ST)
    if found.seeds < 2:
        return None, "with one seed it is not known how seeds differ"
    if found.mean == 0 or found.tasks < 2:
        return None, "no difference was measured at all"
    for seeds in range(found.seeds + 1, MOST + 1):
        if _decides(found, seeds, found.tasks, level):
            return seeds, f"{counted(seeds, 'seed')} would decide it, if it is as large as measured"
    for tasks in _counts(found.tasks):
        if _decides(found, found.seeds, tasks, level):
            return None, f"more seeds would not decide it; about {tasks:,} tasks would"
    return None, f"over {MOST:,} seeds or {MOST:,},000 tasks"


def _counts(tasks: int) -> list[int]:
    """Return numbers of tasks to try, two digits each."""
    tried = [digits * 10**power for power in range(1, 6) for digits in range(10, 100)]
    return [count for count in dict.fromkeys(tried) if tasks < count <= MOST * 1000]


def _decides(found: Components, seeds: int, tasks: int, level: float) -> bool:
    parts = [(found.seed / seeds, seeds - 1), (found.task / tasks, tasks - 1)]
    parts += [(found.rest / (seeds * tasks), (seeds - 1) * (tasks - 1))]
    variance = sum(part for part, _ in parts)
    if variance <= 0:
        return True
    freedom = variance**2 / sum(part**2 / df for part, df in parts if part > 0)
    needed = stats.t.ppf(1 - level / 2, freedom) + stats.t.ppf(POWER, freedom)
    return abs(found.mean) >= needed * math.sqrt(variance)
