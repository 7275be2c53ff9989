"""Token means of an update, over its micro-batches and over all processes.

Sums stay on the device until they are read, so that no metric makes the host wait for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from agents.distributed import World
from agents.learner.histogram import count_bins, quantile

QUANTILES = {"p1": 0.01, "p50": 0.5, "p99": 0.99}


class Meter:
    """Sums, counts and largest values by metric name, of an update; scored tokens are counted over all of a step."""

    def __init__(self) -> None:
        self.tokens_scored = 0
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}
        self._wholes: dict[str, Tensor] = {}
        self._histograms: dict[str, Tensor] = {}
        self._of_step: set[str] = set()
        self.start_update()

    def start_update(self) -> None:
        """Forget what was added, except what is of the whole step."""
        self._sums = {name: value for name, value in self._sums.items() if name in self._of_step}
        self._counts = {name: count for name, count in self._counts.items() if name in self._of_step}
        self._wholes = {name: whole for name, whole in self._wholes.items() if name in self._of_step}
        self._largest: dict[str, Tensor] = {}

    def add(self, name: str, values: Tensor, *, of_step: bool = False) -> None:
        """Add values to a mean: of the latest update, or of all in the step."""
        if of_step:
            self._of_step.add(name)
        self.add_sum(name, values.double().sum())
        self._counts[name] = self._counts.get(name, 0) + values.numel()

    def add_ratio(self, name: str, part: Tensor, whole: Tensor, *, of_step: bool = False) -> None:
        """Add to a ratio of two sums of values; without a whole there is none."""
        if of_step:
            self._of_step.add(name)
        self.add_sum(name, part.double().sum())
        _add(self._wholes, name, whole.double().sum())

    def add_sum(self, name: str, value: Tensor) -> None:
        """Add to a sum."""
        _add(self._sums, name, value.detach().double())

    def add_share(self, name: str, part: int, whole: int) -> None:
        """Add to a share: so many of so many."""
        self.add_sum(name, torch.tensor(float(part)))
        self._counts[name] = self._counts.get(name, 0) + whole

    def add_largest(self, name: str, values: Tensor) -> None:
        """Take values into a maximum."""
        if values.numel():
            value = values.max()
            self._largest[name] = torch.maximum(self._largest[name], value) if name in self._largest else value

    def add_logs(self, name: str, logs: Tensor, counts: Tensor) -> None:
        """Take numbers that count into quantiles of the step, by their logarithms; see `agents.learner.histogram`."""
        _add(self._histograms, name, count_bins(logs, counts))

    def over(self, world: World) -> Readings:
        """Read the meters of all processes."""
        histograms = {
            name: {number: count for number, count in enumerate(bins.tolist()) if count}
            for name, bins in self._histograms.items()
        }
        mine = Readings(
            _read(self._sums), self._counts | _read(self._wholes), _read(self._largest), histograms, self.tokens_scored
        )
        total = Readings()
        for one in world.gather(mine):
            total.add(one)
        return total


@dataclass
class Readings:
    """What meters have come to: sums and what they are divided by, maxima, numbers in bins, and tokens."""

    sums: dict[str, float] = field(default_factory=dict)
    wholes: dict[str, float] = field(default_factory=dict)
    largest: dict[str, float] = field(default_factory=dict)
    histograms: dict[str, dict[int, int]] = field(default_factory=dict)
    tokens_scored: int = 0

    def add(self, other: Readings) -> None:
        """Add those of another process."""
        for mine, theirs in ((self.sums, other.sums), (self.wholes, other.wholes)):
            for name, value in theirs.items():
                mine[name] = mine.get(name, 0) + value
        for name, value in other.largest.items():
            self.largest[name] = max(self.largest.get(name, value), value)
        for name, bins in other.histograms.items():
            total = self.histograms.setdefault(name, {})
            for number, count in bins.items():
                total[number] = total.get(number, 0) + count
        self.tokens_scored += other.tokens_scored

    def means(self) -> dict[str, float]:
        """Return the mean of each name that has values, the maxima, and quantiles."""
        found = {name: self.sums[name] / whole for name, whole in self.wholes.items() if whole} | self.largest
        for name, bins in self.histograms.items():
            found |= {f"{name}_{end}": quantile(bins, share) for end, share in QUANTILES.items() if bins}
        return found


def _add(totals: dict[str, Tensor], name: str, value: Tensor) -> None:
    totals[name] = totals[name] + value if name in totals else value


def _read(values: dict[str, Tensor]) -> dict[str, float]:
    """Bring numbers to the host, all of a device in one transfer."""
    found: dict[str, float] = {}
    for device in {value.device for value in values.values()}:
        names = [name for name, value in values.items() if value.device == device]
        found |= zip(names, torch.stack([values[name].double() for name in names]).tolist())
    return {name: found[name] for name in values}
