"""Agents compared with each other: paired differences, corrected for their number, and what would decide them."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

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
    """How much the difference of two agents' means varies between seeds, over all pairs.

    Attributes:
        variance: mean over pairs of the variance between seeds.
        freedom: degrees of freedom; 0: no pair has two seeds.

    """

    variance: float
    freedom: int


def pooled_seeds(values: Mapping[str, Mapping[int, Values]]) -> Pooled:
    """Pool over pairs of agents the variance between seeds of the difference of their means.

    Where all agents have all S seeds it is twice the residual variance of the table of A agents' means by seed, with
    (A - 1)(S - 1) degrees of freedom; where they have not, S is the least that a pair has in common, two or more.

    >>> means = {"a": (0.5, 0.7), "b": (0.6, 0.6), "c": (0.4, 0.6)}  # differences: .1 and -.1; 0 and 0; .1 and -.1
    >>> pooled = pooled_seeds({name: dict(enumerate(np.array(of)[:, None])) for name, of in means.items()})
    >>> round(pooled.variance, 9), pooled.freedom  # .02, 0 and .02
    (0.013333333, 2)
    """
    means = {
        name: {seed: float(np.nanmean(of)) for seed, of in runs.items() if not np.isnan(of).all()}
        for name, runs in values.items()
    }
    variances, paired, least = [], set(), math.inf
    for a, b in itertools.combinations(means, 2):
        both = means[a].keys() & means[b].keys()
        if len(both) > 1:
            variances.append(float(np.var([means[a][seed] - means[b][seed] for seed in both], ddof=1)))
            paired |= {a, b}
            least = min(least, len(both))
    if not variances:
        return Pooled(0.0, 0)
    return Pooled(sum(variances) / len(variances), (len(paired) - 1) * (int(least) - 1))


NODES = 48
"""Values of an unknown variance that a p-value is averaged over."""


@dataclass(frozen=True)
class Spread:
    """What a mean difference varies by.

    Attributes:
        mean: the difference.
        between: variance of it by seeds; 0: it is of one seed.
        freedom: degrees of freedom of that.
        task: variance of it by tasks.
        tasks: that it is over.

    """

    mean: float
    between: float
    freedom: float
    task: float
    tasks: int

    @property
    def variance(self) -> float:
        """Of the mean difference."""
        return self.between + self.task

    @property
    def p(self) -> float:
        """Two-sided p-value of no difference; NaN: it cannot be tested."""
        return self._beyond(abs(self.mean)) if self.variance > 0 else math.nan

    def interval(self, confidence: float) -> Interval:
        """Return the differences that the test does not reject; where there is no variance that of `unvaried`."""
        if math.isnan(self.variance):
            return Interval(self.mean, math.nan, math.nan)
        if not self.variance > 0:
            return unvaried(self.mean, self.tasks, confidence)
        most = 1.0
        while self._beyond(most) > 1 - confidence:
            most *= 2
        half = float(optimize.brentq(lambda half: self._beyond(half) - (1 - confidence), 0.0, most))
        return Interval(self.mean, max(-1.0, self.mean - half), min(1.0, self.mean + half))

    def _beyond(self, distance: float) -> float:
        """Return how likely a mean is as far from the true one as that, the seeds' variance being as unsure as it is.

        A generalised p-value: Student's tail for the tasks, averaged over what the seeds' variance may be, which is
        `freedom` / chi-squared times the estimate. With the seeds' noise alone it is Student's of `freedom`.
        """
        multiples_N, weights_N = _unsure(self.freedom) if self.between else (np.zeros(1), np.ones(1))
        errors_N = distance / np.sqrt(self.task + self.between * multiples_N)
        tails_N = special.stdtr(self.tasks - 1, -errors_N) if self.task else special.ndtr(-errors_N)
        return float(2 * weights_N @ tails_N)


@functools.cache
def _unsure(freedom: float) -> tuple[Values, Values]:
    """Return what a variance may be, as multiples of its estimate, and weights that sum to 1.

    Gauss-Legendre nodes in the fourth root of the probability of chi-squared: close where it is small, which is where
    tails come from. Student's p-values down to .0005 are met to 1e-4, with one degree of freedom or many.
    """
    nodes_N, weights_N = np.polynomial.legendre.leggauss(NODES)
    root_N = (nodes_N + 1) / 2
    return freedom / special.chdtri(freedom, 1 - root_N**4), 2 * root_N**3 * weights_N


def spread(ones_ST: Values, others_ST: Values, pooled: Pooled) -> Spread:
    """Return what the difference of two agents varies by, over seeds and tasks that might as well have been drawn.

    Agents with the same seed begin alike and meet the same training tasks, so that luck is shared: only what seeds do
    to the difference counts. That is the variance of the difference between seeds, or the pooled one where that is
    larger, with the pooled degrees of freedom: a pair's own three seeds are too few to test it by. To it comes what the
    difference varies by between tasks (`components`). With one seed only the tasks' noise is known.

    Source: generalised p-values: Tsui and Weerahandi 1989, JASA 84.

    Args:
        ones_ST: values of one agent by seed and task.
        others_ST: of the other.
        pooled: `pooled_seeds` of all agents.

    """
    differences_ST = ones_ST - others_ST
    found = components(differences_ST)
    mean, seeds, tasks = float(differences_ST.mean()), *differences_ST.shape
    if seeds == 1:
        return Spread(mean, 0.0, math.inf, found.variance, tasks)
    own = float(differences_ST.mean(axis=1).var(ddof=1))
    between = max(own, pooled.variance) / seeds
    return Spread(mean, between, float(pooled.freedom), 0.0 if tasks == 1 else found.task / tasks, tasks)


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
    needed, power = (None, "") if verdict != NO_DIFFERENCE else what_would_decide(len(ones_ST), spread, level)
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


def what_would_decide(seeds: int, measured: Spread, level: float) -> tuple[int | None, str]:
    """Say how many seeds, or else tasks, would decide a difference, if it is as large as measured.

    The variance of the mean is taken to fall with the number of seeds but for its part between tasks, and that with
    the number of tasks; a difference is decided with a chance of 80 % where it is (q_(1 - level / 2) + q_.8) standard
    errors or more, q of Student's distribution with Satterthwaite's degrees of freedom, which grow with the seeds.

    Args:
        seeds: that it was measured with.
        measured: what their mean varies by.
        level: of the test.

    Returns:
        How many seeds; None: seeds alone would not, or it is not known. And the answer as a sentence.

    """
    tasks = measured.tasks
    if seeds < 2:
        return None, "with one seed it is not known how seeds differ"
    if measured.mean == 0 or tasks < 2:
        return None, "no difference was measured at all"
    per_seed = measured.freedom / (seeds - 1)

    def decides(count_N: Values, more_N: Values) -> NDArray[np.bool_]:
        between_N, task_N = measured.between * seeds / count_N, measured.task / more_N
        variance_N = between_N + task_N
        unsure_N = between_N**2 / (per_seed * (count_N - 1)) + task_N**2 / (more_N * tasks - 1)
        freedom_N = np.divide(variance_N**2, unsure_N, out=np.full_like(unsure_N, np.inf), where=unsure_N > 0)
        needed_N = stats.t.ppf(1 - level / 2, freedom_N) + stats.t.ppf(POWER, freedom_N)
        return abs(measured.mean) >= needed_N * np.sqrt(variance_N)

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
