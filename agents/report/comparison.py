"""Agents compared with each other: paired differences, corrected for their number, and what would decide them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from agents.report.statistics import (
    CONFIDENCE,
    Interval,
    Values,
    components,
    improvement_interval,
    unvaried,
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
    pooled = pooled_seeds(values)
    shared = [(a, b, *both) for a, b in ordered_pairs(list(values)) if (both := _shared(values[a], values[b]))]
    spreads = [spread(ones_ST, others_ST, pooled) for _, _, ones_ST, others_ST in shared]
    p_values = [one.p for one in spreads]
    levels = holm_levels(p_values)
    return [_difference(one, of, level) for one, of, level in zip(shared, spreads, levels)]


@dataclass(frozen=True)
class Pooled:
    """How much an agent's mean differs between seeds, over all agents.

    Attributes:
        variance: mean over agents of the variance between the seeds' means.
        freedom: degrees of freedom; 0: no agent has two seeds.

    """

    variance: float
    freedom: int


def pooled_seeds(values: Mapping[str, Mapping[int, Values]]) -> Pooled:
    """Pool over agents the variance between the means of their seeds.

    >>> pooled_seeds({"a": {0: np.array([0.0]), 1: np.array([0.2])}, "b": {0: np.array([0.5]), 1: np.array([0.5])}})
    Pooled(variance=0.010000000000000002, freedom=2)
    """
    means = [[float(np.nanmean(of)) for of in runs.values() if not np.isnan(of).all()] for runs in values.values()]
    freedom = sum(max(0, len(of) - 1) for of in means)
    squares = sum(float(np.var(of, ddof=1)) * (len(of) - 1) for of in means if len(of) > 1)
    return Pooled(squares / freedom if freedom else 0.0, freedom)


@dataclass(frozen=True)
class Spread:
    """What a mean difference varies by.

    Attributes:
        mean: the difference.
        variance: of it.
        freedom: Satterthwaite's degrees of freedom.
        tasks: that it is over.

    """

    mean: float
    variance: float
    freedom: float
    tasks: int

    @property
    def p(self) -> float:
        """Two-sided p-value of no difference; NaN: it cannot be tested."""
        if not self.variance > 0:
            return math.nan
        return float(2 * stats.t.sf(abs(self.mean) / math.sqrt(self.variance), self.freedom))

    def interval(self, confidence: float) -> Interval:
        """Return Student's interval; where there is no variance that of `difference_interval`."""
        if math.isnan(self.variance):
            return Interval(self.mean, math.nan, math.nan)
        if not self.variance > 0:
            return unvaried(self.mean, self.tasks, confidence)
        half = float(stats.t.ppf(0.5 + confidence / 2, self.freedom)) * math.sqrt(self.variance)
        return Interval(self.mean, max(-1.0, self.mean - half), min(1.0, self.mean + half))


def spread(ones_ST: Values, others_ST: Values, pooled: Pooled) -> Spread:
    """Return what the difference of two agents varies by, over seeds and tasks that might as well have been drawn.

    Between seeds: the variance of both agents' means, or twice the pooled one where that is larger, with the pooled
    degrees of freedom; to it comes what the difference varies by between tasks (`components`). A pair's own three seeds
    are too few to test it by: with them alone (`crossed_interval`) 21 of 100 comparisons of five equal agents claimed
    a difference. With one seed only the tasks' noise is known.

    Args:
        ones_ST: values of one agent by seed and task.
        others_ST: of the other.
        pooled: `pooled_seeds` of all agents.

    """
    differences_ST = ones_ST - others_ST
    found = components(differences_ST)
    mean, seeds, tasks = float(differences_ST.mean()), *differences_ST.shape
    if seeds == 1 or not pooled.freedom:
        return Spread(mean, found.variance, found.freedom, tasks)
    own = float(ones_ST.mean(axis=1).var(ddof=1) + others_ST.mean(axis=1).var(ddof=1)) / seeds
    between = max(own, 2 * pooled.variance / seeds)
    task = 0.0 if tasks == 1 else found.task / tasks
    variance = between + task
    if not variance > 0:
        return Spread(mean, 0.0, math.inf, tasks)
    freedom = variance**2 / (between**2 / pooled.freedom + (task**2 / (tasks - 1) if tasks > 1 else 0.0))
    return Spread(mean, variance, freedom, tasks)


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


def _difference(one: tuple[str, str, Values, Values], spread: Spread, level: float) -> Difference:
    """Compare two agents at a level."""
    a, b, ones_ST, others_ST = one
    corrected = spread.interval(1 - level)
    verdict = verdict_of(a, b, corrected, len(ones_ST))
    needed, power = (None, "") if verdict != NO_DIFFERENCE else what_would_decide(ones_ST - others_ST, spread, level)
    return Difference(
        a=a,
        b=b,
        interval=spread.interval(CONFIDENCE),
        corrected=corrected,
        improvement=improvement_interval(ones_ST, others_ST),
        p=spread.p,
        level=level,
        seeds=ones_ST.shape[0],
        tasks=ones_ST.shape[1],
        verdict=verdict,
        seeds_to_decide=needed,
        power=power,
    )


NO_DIFFERENCE = "no difference shown"


def verdict_of(a: str, b: str, interval: Interval, seeds: int) -> str:
    """Say who is higher where the interval does not hold 0, and where it is of one seed that it is.

    >>> [verdict_of("rlsd", "grpo", Interval(mean, mean - 0.2, mean + 0.2), 3) for mean in (0.1, -0.3)]
    ['no difference shown', 'grpo higher']
    """
    alone = " with this one seed" if seeds == 1 else ""
    if interval.low > 0:
        return f"{a} higher{alone}"
    return f"{b} higher{alone}" if interval.high < 0 else NO_DIFFERENCE


def what_would_decide(differences_ST: Values, measured: Spread, level: float) -> tuple[int | None, str]:
    """Say how many seeds, or else tasks, would decide a difference, if it is as large as measured.

    The variance of the mean is taken to fall with the number of seeds but for its part between tasks, and that with
    the number of tasks; a difference is decided with a chance of 80 % where it is (q_(1 - level / 2) + q_.8) standard
    errors or more, q of Student's distribution whose degrees of freedom grow with the seeds.

    Args:
        differences_ST: difference by seed and task.
        measured: what their mean varies by.
        level: of the test.

    Returns:
        How many seeds; None: seeds alone would not, or it is not known. And the answer as a sentence.

    """
    seeds, tasks = differences_ST.shape
    if seeds < 2:
        return None, "with one seed it is not known how seeds differ"
    if measured.mean == 0 or tasks < 2:
        return None, "no difference was measured at all"
    task = components(differences_ST).task / tasks
    between = (measured.variance - task) * seeds
    per_seed = max(1.0, measured.freedom / seeds)

    def decides(count_N: Values, more_N: Values) -> NDArray[np.bool_]:
        variance_N, freedom_N = between / count_N + task / more_N, per_seed * count_N
        needed_N = stats.t.ppf(1 - level / 2, freedom_N) + stats.t.ppf(POWER, freedom_N)
        return abs(measured.mean) >= needed_N * np.sqrt(np.maximum(0.0, variance_N))

    seeds_N = np.arange(seeds + 1.0, MOST + 1)
    enough = decides(seeds_N, np.ones_like(seeds_N))
    if enough.any():
        count = int(seeds_N[enough.argmax()])
        return count, f"{counted(count, 'seed')} would decide it, if it is as large as measured"
    tasks_N = np.array(_counts(tasks), dtype=np.float64)
    enough = decides(np.full_like(tasks_N, MOST), tasks_N / tasks)
    if enough.any():
        needed = int(tasks_N[enough.argmax()])
        return None, f"{MOST:,} seeds would not decide it; they would with about {needed:,} tasks"
    return None, f"{MOST:,} seeds and {MOST:,},000 tasks would not decide it"


def _counts(tasks: int) -> list[int]:
    """Return numbers of tasks to try, two digits each."""
    tried = [digits * 10**power for power in range(1, 6) for digits in range(10, 100)]
    return [count for count in dict.fromkeys(tried) if tasks < count <= MOST * 1000]
