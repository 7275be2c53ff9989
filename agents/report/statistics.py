"""Confidence intervals over seeds and tasks.

`python -m benchmarks.coverage` measures how often they hold the truth; benchmarks/LOG.md has what fell short.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Values = NDArray[np.float64]
CONFIDENCE = 0.95
NORMAL = float(stats.norm.ppf(0.5 + CONFIDENCE / 2))
"""The normal quantile of a two-sided interval."""
NUMBERS_AT_ONCE = 2**20
"""Largest table of weights that the bootstrap of an interquartile mean makes."""
EQUAL, ROUNDING = 1e-9, 1e-24
"""Relative difference of mean squares that are equal, and the largest one of values that are, but for rounding."""


@dataclass(frozen=True)
class Interval:
    """A mean with its confidence interval."""

    mean: float
    low: float
    high: float

    def record(self, least: float = -math.inf, most: float = math.inf) -> dict[str, float | None]:
        """Return it as JSON has it: bounds cut at the least and the largest value that there can be, NaN as null."""
        cut = {"mean": self.mean, "low": float(np.clip(self.low, least, most))}
        cut["high"] = float(np.clip(self.high, least, most))
        return {name: number(value) for name, value in cut.items()}


def number(value: float) -> float | None:
    """Return a number as JSON has it; NaN is null."""
    return None if math.isnan(value) else float(value)


@dataclass(frozen=True)
class Components:
    """What the values of crossed seeds and tasks vary by, as two-way random effects without repetitions.

    Attributes:
        mean: grand mean.
        variance: of the mean, over seeds and tasks that might as well have been drawn.
        freedom: Satterthwaite's degrees of freedom of that.
        seed: variance between seeds; NaN of one seed.
        task: between tasks, that of the rest included where there is one seed; NaN of one task.
        rest: what is left of each value; NaN of one seed or one task.
        seeds: how many there are.
        tasks: how many there are.

    """

    mean: float
    variance: float
    freedom: float
    seed: float
    task: float
    rest: float
    seeds: int
    tasks: int


def components(values_ST: Values) -> Components:
    """Split the variance of values over crossed random seeds and tasks.

    With mean squares MS of seeds, tasks and residual, the variance of the grand mean is estimated by
    (MS_S + MS_T - MS_R) / (S T) and, where that is smaller, by its largest single part. So neither the noise between
    seeds nor that between tasks is counted as if it were averaged away. With one seed only the tasks' noise can be
    seen, with one task only the seeds'.

    Source: Searle, Casella, McCulloch, Variance Components, ch. 4; Satterthwaite 1946.

    Args:
        values_ST: one value per seed and task; tasks (columns) with a NaN are left out.

    Returns:
        The parts; all are NaN where no task is left, the variance is NaN of a single value.

    Raises:
        ValueError: the values have another shape, or there are none.

    """
    values_ST = np.asarray(values_ST, dtype=np.float64)
    if values_ST.ndim != 2 or not values_ST.size:
        raise ValueError(f"values have shape {values_ST.shape}; they must be [seeds, tasks], not empty")
    values_ST = values_ST[:, ~np.isnan(values_ST).any(axis=0)]
    seeds, tasks = values_ST.shape
    nan = math.nan
    if not tasks:
        return Components(nan, nan, nan, nan, nan, nan, seeds, 0)
    mean = float(values_ST.mean())
    if seeds == 1 and tasks == 1:
        return Components(mean, nan, nan, nan, nan, nan, 1, 1)
    if seeds == 1 or tasks == 1:
        line = values_ST.ravel()
        spread = float(line.var(ddof=1))
        spread = spread if spread > ROUNDING else 0.0
        parts = (nan, spread) if seeds == 1 else (spread, nan)
        return Components(mean, spread / line.size, line.size - 1.0, *parts, nan, seeds, tasks)
    by_seed, by_task = values_ST.mean(axis=1), values_ST.mean(axis=0)
    residual_ST = values_ST - by_seed[:, None] - by_task[None] + mean
    squares = {
        "seed": (tasks * by_seed.var(ddof=1), seeds - 1),
        "task": (seeds * by_task.var(ddof=1), tasks - 1),
        "rest": ((residual_ST**2).sum() / ((seeds - 1) * (tasks - 1)), (seeds - 1) * (tasks - 1)),
    }
    squares = {name: (float(ms) if ms > ROUNDING else 0.0, df) for name, (ms, df) in squares.items()}
    rest = squares["rest"][0]
    seed, task = max(0.0, (squares["seed"][0] - rest) / tasks), max(0.0, (squares["task"][0] - rest) / seeds)
    total = squares["seed"][0] + squares["task"][0] - rest
    largest = max(ms for ms, _ in squares.values())
    if total > largest * (1 + EQUAL):
        freedom = total**2 / sum(ms**2 / df for ms, df in squares.values())
    else:  # of parts that are equal, as where one value differs from all others, the one with the most
        total, freedom = largest, float(max(df for ms, df in squares.values() if ms >= largest * (1 - EQUAL)))
    return Components(
        mean, float(total) / (seeds * tasks), float(freedom), float(seed), float(task), rest, seeds, tasks
    )


def crossed_interval(values_ST: Values, confidence: float = CONFIDENCE) -> Interval:
    """Give the interval of a mean over crossed random seeds and tasks, Student's with the parts of `components`.

    Args:
        values_ST: one value per seed and task; tasks (columns) with a NaN are left out.
        confidence: e.g. 0.95.

    Returns:
        The mean and the interval; not-a-number bounds for a single value.

    """
    found = components(values_ST)
    if math.isnan(found.variance):
        return Interval(found.mean, math.nan, math.nan)
    if found.variance <= 0:
        return Interval(found.mean, found.mean, found.mean)
    half = _quantile(confidence, found.freedom) * math.sqrt(found.variance)
    return Interval(found.mean, found.mean - half, found.mean + half)


def _quantile(confidence: float, freedom: float) -> float:
    """Return Student's quantile of a two-sided interval."""
    return float(stats.t.ppf(0.5 + confidence / 2, freedom))


def accuracy_interval(values_ST: Values, confidence: float = CONFIDENCE) -> Interval:
    """Give the interval of an accuracy over seeds and tasks, or over tasks alone.

    Wilson's score interval with as many observations as the mean is worth, p (1 - p) / variance with the variance of
    `components`, and Student's quantile for its degrees of freedom. Where all values are equal nothing is known of how
    tasks hang together, and it is worth as many as there are tasks. So it stays in [0, 1] and never vanishes. Tasks
    that were tried once, right or wrong, get Wilson's interval itself. With one seed it covers the accuracy of that
    seed over other tasks, and says nothing of other seeds.

    Source: Wilson 1927; effective sample sizes: Korn and Graubard 1998.

    Args:
        values_ST: share of correct attempts by seed and task, or by task alone; tasks with a NaN are left out.
        confidence: e.g. 0.95.

    >>> found = accuracy_interval(np.ones((3, 60)))  # z = 1.96: 60 / (60 + z^2)
    >>> round(found.low, 3), round(found.high, 3)
    (0.94, 1.0)

    """
    values_ST = np.atleast_2d(values_ST)
    if not values_ST.size:
        return Interval(math.nan, math.nan, math.nan)
    found = components(values_ST)
    if math.isnan(found.mean):
        return Interval(math.nan, math.nan, math.nan)
    normal = float(stats.norm.ppf(0.5 + confidence / 2))
    known = values_ST[:, ~np.isnan(values_ST).any(axis=0)]
    if found.seeds == 1 and np.isin(known, (0.0, 1.0)).all():
        return score_interval(found.mean, found.tasks, normal)
    if not found.variance > 0:
        return score_interval(found.mean, found.tasks, normal)
    worth = found.mean * (1 - found.mean) / found.variance
    return score_interval(found.mean, worth, _quantile(confidence, found.freedom))


def score_interval(mean: float, count: float, z: float) -> Interval:
    """Return Wilson's score interval of a share of `count` observations, z being the quantile; it stays in [0, 1]."""
    centre = (mean + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * math.sqrt(max(0.0, mean * (1 - mean)) / count + z**2 / (4 * count**2))
    return Interval(mean, max(0.0, centre - half), min(1.0, centre + half))


def difference_interval(values_ST: Values, confidence: float = CONFIDENCE) -> Interval:
    """Give the interval of a paired difference of accuracies over seeds and tasks.

    Student's interval of `components`, with two tasks added, on which the difference is +d and -d for every seed: d is
    the root mean square of the tasks' differences other than 0, or 1 where there is none. Of tasks tried once by one
    seed these are the two pairs that Bonett and Price add. So it does not vanish where no task shows a difference, nor
    is it wider than small differences make it. The mean is that of the values as they are.

    Source: Bonett and Price 2012, Statistics in Medicine 31.

    Args:
        values_ST: difference by seed and task, in [-1, 1]; tasks with a NaN are left out.
        confidence: e.g. 0.95.

    """
    found = padded(values_ST)
    mean = components(values_ST).mean
    if math.isnan(found.variance) or math.isnan(mean):
        return Interval(mean, math.nan, math.nan)
    half = _quantile(confidence, found.freedom) * math.sqrt(found.variance)
    return Interval(mean, max(-1.0, mean - half), min(1.0, mean + half))


def padded(values_ST: Values) -> Components:
    """Return the parts of paired differences with the two tasks of `difference_interval` added."""
    values_ST = np.asarray(values_ST, dtype=np.float64)
    by_task = values_ST[:, ~np.isnan(values_ST).any(axis=0)].mean(axis=0)
    seen = by_task[np.abs(by_task) > EQUAL]
    size = math.sqrt(float((seen**2).mean())) if seen.size else 1.0
    more = np.repeat([[size, -size]], len(values_ST), axis=0)
    return components(np.concatenate([values_ST, more], axis=1))


def unvaried(mean: float, tasks: int, confidence: float = CONFIDENCE) -> Interval:
    """Give the interval of a difference that is the same on every task seen.

    The share of tasks on which it is another is 1 - tail^(1 / tasks) at most (Clopper and Pearson 1934, of none among
    so many), and it may be another by 1.

    >>> found = unvaried(0.0, 64)  # 1 - .025^(1/64)
    >>> round(found.low, 3), round(found.high, 3)
    (-0.056, 0.056)
    """
    most = 1 - (0.5 - confidence / 2) ** (1 / tasks)
    return Interval(mean, max(-1.0, mean - most), min(1.0, mean + most))


class CrossedBootstrap:
    """Bootstrap over crossed seeds and tasks: both are drawn again with replacement, percentile intervals.

    Source: Owen and Eckles 2012, Bootstrapping data arrays of arbitrary order (product weights); Agarwal et al. 2021
    draw seeds again within each task. With few seeds it covers less than it says, see `python -m benchmarks.coverage`.

    Args:
        seeds: how many seeds there are.
        tasks: how many tasks.
        draws: how often they are drawn.
        seed: of the draws.

    """

    def __init__(self, seeds: int, tasks: int, draws: int = 1000, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.seeds_RS = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=draws)
        self.tasks_RT = rng.multinomial(tasks, np.full(tasks, 1 / tasks), size=draws)

    def mean(self, values_ST: Values) -> Interval:
        """Return the mean of the values."""
        drawn_R = np.einsum("rs,st,rt->r", self.seeds_RS, values_ST, self.tasks_RT, optimize=True) / values_ST.size
        return _percentiles(float(values_ST.mean()), drawn_R)

    def interquartile_mean(self, values_ST: Values) -> Interval:
        """Return the mean of the middle half of all values; source: Agarwal et al. 2021, rliable."""
        order = np.argsort(values_ST, axis=None)
        sorted_V = values_ST.ravel()[order]
        total = values_ST.size  # the weights of every draw sum to it
        low, high = total // 4, total - total // 4
        drawn_R = np.empty(len(self.seeds_RS))
        at_once = max(1, NUMBERS_AT_ONCE // total)
        for start in range(0, len(drawn_R), at_once):
            part = slice(start, start + at_once)
            weights_RST = self.seeds_RS[part, :, None] * self.tasks_RT[part, None, :]
            weights_RV = weights_RST.reshape(len(weights_RST), -1)[:, order]
            upto_RV = np.cumsum(weights_RV, axis=1)
            inner_RV = np.clip(np.minimum(upto_RV, high) - np.maximum(upto_RV - weights_RV, low), 0, None)
            drawn_R[part] = inner_RV @ sorted_V / (high - low)
        return _percentiles(float(stats.trim_mean(sorted_V, 0.25)), drawn_R)


def improvement_interval(ones_ST: Values, others_ST: Values, confidence: float = CONFIDENCE) -> Interval:
    """Give the probability that a run of one agent is above one of another on a task, half of equal ones.

    It is the mean over tasks and over all pairs of a seed of one with a seed of the other. The interval is that of
    `accuracy_interval` for what each seed adds to it (the projection of Hoeffding 1948), with one seed the value
    itself; so it does not vanish where all are equal.

    Source: Agarwal et al. 2021, rliable, which draws its interval by a bootstrap.

    Args:
        ones_ST: values by seed and task.
        others_ST: those of the other agent on the same seeds and tasks.
        confidence: e.g. 0.95.

    """
    above_STS = (ones_ST[:, :, None] > others_ST.T[None]) + 0.5 * (ones_ST[:, :, None] == others_ST.T[None])
    by_task_T = above_STS.mean(axis=(0, 2))
    added_ST = above_STS.mean(axis=2) + above_STS.mean(axis=0).T - by_task_T
    return accuracy_interval(added_ST, confidence)


def _percentiles(value: float, drawn_R: Values, confidence: float = CONFIDENCE) -> Interval:
    tail = 0.5 - confidence / 2
    low, high = np.quantile(drawn_R, (tail, 1 - tail))
    return Interval(value, float(low), float(high))


def pass_at_k(shares: Values, samples: int, k: int) -> Values:
    """Return the probability that one of k samples is right, from shares of n of them, unbiased.

    1 - C(n - c, k) / C(n, k) with c = n share right ones. Source: Chen et al. 2021, Evaluating Large Language Models
    Trained on Code, Eq. 1.

    Args:
        shares: share of right samples among those judged, of any shape; NaN stays NaN.
        samples: how many were sampled; n is that, or where a verifier failed on some the most that the share can be of.
        k: at most `samples`; NaN where it is more than n.

    >>> pass_at_k(np.array([0.0, 0.25, 1.0]), 4, 2)  # 1 - C(3, 2) / C(4, 2) = 1 - 3 / 6
    array([0. , 0.5, 1. ])
    >>> pass_at_k(np.array([1 / 3]), 4, 3)  # three were judged, one is right
    array([1.])

    """
    if not 1 <= k <= samples:
        raise ValueError(f"k is {k}; it must be from 1 to the {samples} samples")
    known = {float(share): _pass_at_k(float(share), samples, k) for share in np.unique(shares)}
    found = [known.get(float(share), math.nan) for share in np.ravel(shares)]
    return np.array(found, dtype=np.float64).reshape(np.shape(shares))


def _pass_at_k(share: float, samples: int, k: int) -> float:
    """Return it of one share; NaN where too few samples were judged, or the share is not of so few at all."""
    for judged in range(samples, k - 1, -1):
        right = round(share * judged) if not math.isnan(share) else 0
        if abs(right / judged - share) < EQUAL:
            return 1 - math.comb(judged - right, k) / math.comb(judged, k)
    return math.nan
