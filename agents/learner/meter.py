"""Token means of an update, over its micro-batches and over all processes.

Sums stay on the device until they are read, so that no metric makes the host wait for it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from agents.distributed import World


class Meter:
    """Sums, counts and largest values by metric name, of an update; scored tokens are counted over all of a step."""

    def __init__(self) -> None:
        self.tokens_scored = 0
        self.tokens_covered = 0
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}
        self._of_step: set[str] = set()
        self.start_update()

    def start_update(self) -> None:
        """Forget what was added, except what is of the whole step."""
        self._sums = {name: value for name, value in self._sums.items() if name in self._of_step}
        self._counts = {name: count for name, count in self._counts.items() if name in self._of_step}
        self._dynamic: dict[str, Tensor] = {}
        self._largest: dict[str, Tensor] = {}

    def add(self, name: str, values: Tensor, *, of_step: bool = False) -> None:
        """Add values to a mean: of the latest update, or of all in the step."""
        if of_step:
            self._of_step.add(name)
        self.add_sum(name, values.double().sum())
        self._counts[name] = self._counts.get(name, 0) + values.numel()

    def add_where(self, name: str, values: Tensor, counts: Tensor) -> None:
        """Add those values to a mean that count: both [M], `counts` boolean."""
        self.add_sum(name, (values & counts).double().sum())
        count = counts.sum()
        self._dynamic[name] = self._dynamic[name] + count if name in self._dynamic else count

    def add_sum(self, name: str, value: Tensor) -> None:
        """Add to a sum."""
        value = value.detach().double()
        self._sums[name] = self._sums[name] + value if name in self._sums else value

    def add_share(self, name: str, part: int, whole: int) -> None:
        """Add to a share: so many of so many."""
        self.add_sum(name, torch.tensor(float(part)))
        self._counts[name] = self._counts.get(name, 0) + whole

    def add_largest(self, name: str, values: Tensor) -> None:
        """Take values into a maximum."""
        if values.numel():
            value = values.max()
            self._largest[name] = torch.maximum(self._largest[name], value) if name in self._largest else value

    def over(self, world: World) -> Readings:
        """Read the meters of all processes."""
        mine = (
            _read(self._sums),
            self._counts | {name: int(count) for name, count in _read(self._dynamic).items()},
            _read(self._largest),
            (self.tokens_scored, self.tokens_covered),
        )
        sums: dict[str, float] = {}
        counts: dict[str, int] = {}
        largest: dict[str, float] = {}
        scored = covered = 0
        for their_sums, their_counts, their_largest, tokens in world.gather(mine):
            for name, value in their_sums.items():
                sums[name] = sums.get(name, 0.0) + value
            for name, count in their_counts.items():
                counts[name] = counts.get(name, 0) + count
            for name, value in their_largest.items():
                largest[name] = max(largest.get(name, value), value)
            scored, covered = scored + tokens[0], covered + tokens[1]
        return Readings(sums, counts, largest, scored, covered)


class Readings:
    """What meters of all processes have come to."""

    def __init__(
        self, sums: dict[str, float], counts: dict[str, int], largest: dict[str, float], scored: int, covered: int
    ) -> None:
        self.sums, self.counts, self.largest = sums, counts, largest
        self.tokens_scored, self.tokens_covered = scored, covered

    def means(self) -> dict[str, float]:
        """Return the mean of each name that has values, and the maxima."""
        return {name: self.sums[name] / count for name, count in self.counts.items() if count} | self.largest


def _read(values: dict[str, Tensor]) -> dict[str, float]:
    """Bring numbers to the host, all of a device in one transfer."""
    found: dict[str, float] = {}
    for device in {value.device for value in values.values()}:
        names = [name for name, value in values.items() if value.device == device]
        found |= zip(names, torch.stack([values[name].double() for name in names]).tolist())
    return {name: found[name] for name in values}
