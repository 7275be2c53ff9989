"""Token means of an update, over its micro-batches and over all processes."""

from __future__ import annotations

from collections import defaultdict

from torch import Tensor

from agents.distributed import World


class Meter:
    """Sums, counts and largest values by metric name; the teacher's tokens are counted over all updates of a step."""

    def __init__(self) -> None:
        self.teacher_tokens = 0
        self.start_update()

    def start_update(self) -> None:
        """Forget what was added, except the teacher's tokens."""
        self.sums: dict[str, float] = defaultdict(float)
        self.counts: dict[str, int] = defaultdict(int)
        self.largest: dict[str, float] = {}

    def add(self, name: str, values: Tensor) -> None:
        """Add values to a mean."""
        self.sums[name] += float(values.double().sum())
        self.counts[name] += values.numel()

    def add_share(self, name: str, part: int, whole: int) -> None:
        """Add to a share: so many of so many."""
        self.sums[name] += part
        self.counts[name] += whole

    def add_largest(self, name: str, values: Tensor) -> None:
        """Take values into a maximum."""
        if values.numel():
            self.largest[name] = max(self.largest.get(name, -float("inf")), float(values.max()))

    def over(self, world: World) -> Meter:
        """Return a meter of all processes."""
        total = Meter()
        parts = world.gather((dict(self.sums), dict(self.counts), self.largest, self.teacher_tokens))
        for sums, counts, largest, teacher_tokens in parts:
            for name, value in sums.items():
                total.sums[name] += value
            for name, count in counts.items():
                total.counts[name] += count
            for name, value in largest.items():
                total.largest[name] = max(total.largest.get(name, value), value)
            total.teacher_tokens += teacher_tokens
        return total

    def means(self) -> dict[str, float]:
        """Return the mean of each name that has values, and the maxima."""
        return {name: self.sums[name] / count for name, count in self.counts.items() if count} | self.largest
