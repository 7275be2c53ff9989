"""Confidence intervals over seeds and tasks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats


@dataclass(frozen=True)
class Interval:
    """A mean with its confidence interval."""

    mean: float
    low: float
    high: float


def crossed_interval(values_ST: NDArray[np.float64], confidence: float = 0.95) -> Interval:
    """Give the interval of a mean over crossed random seeds and tasks.

    Two-way random effects: with mean squares MS of seeds, tasks and residual, the variance of the grand mean
    is estimated by (MS_S + MS_T - MS_R) / (S T) and, where that is smaller, by its largest single part; the
    degrees of freedom are Satterthwaite's. So neither the noise between seeds nor that between tasks is
    counted as if it were averaged away. With one seed only the tasks' noise can be seen, with one task only
    the seeds'.

    Source: Searle, Casella, McCulloch, Variance Components, ch. 4; Satterthwaite 1946.

    Args:
        values_ST: one value per seed and task; tasks (columns) with a NaN are left out.
        confidence: e.g. 0.95.

    Returns:
        The mean and the interval; not-a-number bounds for a single value.

    """
    values_ST = np.asarray(values_ST, dtype=np.float64)
    if values_ST.ndim != 2 or not values_ST.size:
        raise ValueError(f"values have shape {values_ST.shape}; they must be [seeds, tasks], not empty")
    values_ST = values_ST[:, ~np.isnan(values_ST).any(axis=0)]
    seeds, tasks = values_ST.shape
    if not tasks:
        return Interval(math.nan, math.nan, math.nan)
    mean = float(values_ST.mean())
    if seeds == 1 and tasks == 1:
        return Interval(mean, math.nan, math.nan)
    if seeds == 1 or tasks == 1:
        line = values_ST.ravel()
        variance, freedom = line.var(ddof=1) / line.size, line.size - 1.0
    else:
        by_seed, by_task = values_ST.mean(axis=1), values_ST.mean(axis=0)
        residual_ST = values_ST - by_seed[:, None] - by_task[None] + mean
        squares = {
            "seed": (tasks * by_seed.var(ddof=1), seeds - 1),
            "task": (seeds * by_task.var(ddof=1), tasks - 1),
            "residual": ((residual_ST**2).sum() / ((seeds - 1) * (tasks - 1)), (seeds - 1) * (tasks - 1)),
        }
        total = squares["seed"][0] + squares["task"][0] - squares["residual"][0]
        largest = max(squares, key=lambda name: squares[name][0])
        if total > squares[largest][0]:
            freedom = total**2 / sum(ms**2 / df for ms, df in squares.values())
        else:
            total, freedom = squares[largest][0], float(squares[largest][1])
        variance = total / (seeds * tasks)
    if variance <= 0:
        return Interval(mean, mean, mean)
    half = float(stats.t.ppf(0.5 + confidence / 2, freedom) * math.sqrt(variance))
    return Interval(mean, mean - half, mean + half)


def accuracy_interval(values_K: NDArray[np.float64], confidence: float = 0.95) -> Interval:
    """Give the interval of an accuracy over K tasks.

    Values that are all 0 or 1, or all equal, get Wilson's score interval, which neither leaves [0, 1] nor vanishes
    where every task came out the same; others `crossed_interval`, cut at 0 and 1.

    Source: Wilson 1927.

    Args:
        values_K: share of correct attempts at each task; NaN is left out.
        confidence: e.g. 0.95.

    """
    values_K = values_K[~np.isnan(values_K)]
    if not len(values_K):
        return Interval(math.nan, math.nan, math.nan)
    mean, count = float(values_K.mean()), len(values_K)
    if np.isin(values_K, (0.0, 1.0)).all() or np.ptp(values_K) == 0:
        z = float(stats.norm.ppf(0.5 + confidence / 2))
        centre = (mean + z**2 / (2 * count)) / (1 + z**2 / count)
        half = z / (1 + z**2 / count) * math.sqrt(mean * (1 - mean) / count + z**2 / (4 * count**2))
        return Interval(mean, max(0.0, centre - half), min(1.0, centre + half))
    interval = crossed_interval(values_K[None], confidence)
    return Interval(mean, max(0.0, interval.low), min(1.0, interval.high))
