"""Effects with intervals, and what they say of a claim."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

POWER = 0.8
"""The chance to decide a claim with the seeds that are said to be needed, if the effect is what was measured."""
LEVEL = 0.95
MOST = 1000
"""The most seeds that are said to be needed."""


@dataclass(frozen=True)
class Effect:
    """A measured effect.

    Attributes:
        mean: of it.
        low: of the 95 % interval.
        high: of it.
        seeds: how many seeds it is from; 0: it is from responses of one model, not from training.
        deviation: between seeds; not-a-number: unknown.

    """

    mean: float
    low: float
    high: float
    seeds: int = 0
    deviation: float = math.nan


def over_seeds(values: Sequence[float]) -> Effect:
    """Return the mean of a number per seed, with Student's interval.

    >>> found = over_seeds([0.1, 0.3])  # half of it is 12.706 x .1
    >>> round(found.mean, 3), round(found.low, 3), round(found.high, 3), round(found.deviation, 3)
    (0.2, -1.071, 1.471, 0.141)
    """
    values_S = np.asarray(values, dtype=np.float64)
    n, mean = len(values_S), float(values_S.mean())
    if n < 2:
        return Effect(mean, math.nan, math.nan, n)
    deviation = float(values_S.std(ddof=1))
    half = float(stats.t.ppf(0.5 + LEVEL / 2, n - 1)) * deviation / math.sqrt(n)
    return Effect(mean, mean - half, mean + half, n, deviation)


@dataclass(frozen=True)
class Expectation:
    """What a claim says of an effect: that it lies between two bounds.

    >>> Expectation(low=0).verdict(Effect(0.2, 0.1, 0.3))
    'reproduced'
    """

    low: float = -math.inf
    high: float = math.inf

    def verdict(self, effect: Effect) -> str:
        """Return reproduced: the whole interval is where the claim says; contradicted: none of it; else not decided."""
        if math.isnan(effect.low):
            return "not decided"
        if self.low <= effect.low and effect.high <= self.high:
            return "reproduced" if effect.low < effect.high or self.low < effect.mean < self.high else "not decided"
        if effect.high < self.low or effect.low > self.high:
            return "contradicted"
        return "not decided"

    def seeds_needed(self, effect: Effect) -> int | None:
        """Return how many seeds decide the claim with a chance of `POWER`, if the effect is what was measured.

        The two-sided test's usual approximation, `((z_.975 + z_power) deviation / distance)^2`, the distance being that
        to the nearest bound. None: unknown, or more than `MOST`.
        """
        distance = min(abs(effect.mean - bound) for bound in (self.low, self.high))
        if not effect.seeds or math.isnan(effect.deviation) or not distance:
            return None
        z = float(stats.norm.ppf(0.5 + LEVEL / 2) + stats.norm.ppf(POWER))
        needed = max(math.ceil((z * effect.deviation / distance) ** 2), 3)
        return needed if needed <= MOST else None

    def written(self) -> str:
        """Say it in a word or two."""
        if self.low == -math.inf:
            return f"< {self.high:g}"
        return f"> {self.low:g}" if self.high == math.inf else f"{self.low:g} to {self.high:g}"
