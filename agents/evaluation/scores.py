"""From what was right to a benchmark's number with its interval: avg@k, pass@k, We-Math's groups, clusters of tasks.

Shapes: K tasks, S samples of each, U units (what a benchmark counts: tasks, or groups of them).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from agents.report.statistics import Interval, accuracy_interval, score_interval
from verifiers.official.wemath import four_dimensions


@dataclass(frozen=True)
class Group:
    """A group of We-Math: places of its steps' questions and of the whole problem among the tasks."""

    steps: tuple[int, ...]
    whole: int


@dataclass(frozen=True)
class Units:
    """What is counted, and which of it belongs together.

    Attributes:
        clusters: the cluster of each unit; units of one are not independent, those of different ones are.
        groups: the groups that are the units; None: every task is one.

    """

    clusters: tuple[Hashable, ...]
    groups: tuple[Group, ...] | None = None

    def values(self, right_KS: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return [U, S] values from [K, S], 1.0 where a response is right, 0.0 wrong, NaN where nobody can tell.

        A group's value is the strict score of We-Math: 1 where all steps and the whole are right, .5 where all steps
        are and the whole is not, else 0; NaN where one of its responses was not judged.
        """
        if self.groups is None:
            return right_KS
        samples = range(right_KS.shape[1])
        values = [[_strict_score(group, right_KS[:, s]) for s in samples] for group in self.groups]
        return np.array(values, dtype=np.float64).reshape(len(self.groups), len(samples))


def _strict_score(group: Group, right_K: NDArray[np.float64]) -> float:
    steps, whole = right_K[list(group.steps)], right_K[group.whole]
    if np.isnan(steps).any() or np.isnan(whole):
        return math.nan
    return four_dimensions([([bool(step) for step in steps], bool(whole))])["score_strict"]


def avg_at_k(values_US: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of each unit's samples, without those that were not judged; NaN of none.

    >>> avg_at_k(np.array([[1.0, 0.0], [np.nan, 1.0]])).tolist()
    [0.5, 1.0]
    """
    judged_US = ~np.isnan(values_US)
    counts_U = judged_US.sum(axis=1)
    sums_U = np.where(judged_US, values_US, 0.0).sum(axis=1)
    return np.divide(sums_U, counts_U, out=np.full(len(values_US), math.nan), where=counts_U > 0)


def pass_at_k(values_US: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the best of each unit's samples; NaN where one was not judged that could have been better.

    With as many samples as k this is the estimator of Chen et al. 2021 (arXiv 2107.03374).

    >>> pass_at_k(np.array([[1.0, 0.0], [np.nan, 1.0], [np.nan, 0.0]])).tolist()
    [1.0, 1.0, nan]
    """
    best_U = np.where(np.isnan(values_US), -math.inf, values_US).max(axis=1, initial=-math.inf)
    open_U = np.isnan(values_US).any(axis=1) & (best_U < 1)
    return np.where(open_U | np.isinf(best_U), math.nan, best_U)


def clustered_interval(
    values_U: NDArray[np.float64], clusters: Sequence[Hashable], confidence: float = 0.95
) -> Interval:
    """Give the interval of a mean of values in [0, 1] whose units are in clusters.

    Where every unit is a cluster of its own, `accuracy_interval`. Else Wilson's score interval at the effective sample
    size p (1 - p) / v, where v is the variance of the mean between clusters (that of a ratio, linearised), or that of
    independent units where it is larger, with the quantile of Student's t for as many clusters less one; where all
    values are equal, at the number of clusters. So it neither leaves [0, 1] nor vanishes. Of one cluster nothing can
    be told: the bounds are not numbers.

    Source: Kish, Survey Sampling, 1965, 6.4 (ratio means); Korn and Graubard 1998 and Dean and Pagano 2015 (effective
    sample size).

    Args:
        values_U: one value per unit; NaN is left out.
        clusters: the cluster of each.
        confidence: e.g. 0.95.

    """
    if len(values_U) != len(clusters):
        raise ValueError(f"{len(values_U)} values and {len(clusters)} clusters; they must be as many")
    there = ~np.isnan(values_U)
    values_U, names = values_U[there], [name for name, known in zip(clusters, there) if known]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    if len(numbers) == len(names):
        return accuracy_interval(values_U, confidence)
    mean, count = float(values_U.mean()), len(numbers)
    if count == 1:
        return Interval(mean, math.nan, math.nan)
    cluster_U = np.array([numbers[name] for name in names])
    residual_C = np.bincount(cluster_U, weights=values_U - mean, minlength=count)
    between = count / (count - 1) * float((residual_C**2).sum()) / len(names) ** 2
    variance = max(between, float(values_U.var(ddof=1)) / len(names))
    effective = float(count) if np.ptp(values_U) == 0 else mean * (1 - mean) / variance
    quantile = float(stats.t.ppf(0.5 + confidence / 2, count - 1))
    return score_interval(mean, effective, quantile)


def scores(right_KS: NDArray[np.float64], greedy_K1: NDArray[np.float64], units: Units) -> Mapping[str, Interval]:
    """Return a benchmark's number of the greedy responses, of the samples' mean and of the best of them.

    Args:
        right_KS: [K, S]; see `Units.values`.
        greedy_K1: [K, 1], of the greedy responses.
        units: what is counted.

    Returns:
        Intervals under the names "greedy", "avg@S" and, for more samples than one, "pass@S".

    """
    samples = right_KS.shape[1]
    values_US = units.values(right_KS)
    found = {"greedy": units.values(greedy_K1)[:, 0], f"avg@{samples}": avg_at_k(values_US)}
    if samples > 1:
        found[f"pass@{samples}"] = pass_at_k(values_US)
    return {name: clustered_interval(values_U, units.clusters) for name, values_U in found.items()}
