"""A statement with two sides, one of them worked out by the project's own functions, the other by counting."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

TOLERANCE = 1e-9
"""What two sides in float64 may differ by."""


@dataclass(frozen=True)
class Statement:
    """Both sides, where they are furthest from what is stated.

    Attributes:
        source: where it is from.
        says: what is stated.
        left: the left side.
        right: the right side.
        excess: how far the two are from it, relative to the right side where that is above 1; above 0 by more than
            rounding, and it does not hold.
        true: False: a counter-example, which must not hold.
        within: what rounding may make of it.

    """

    source: str
    says: str
    left: float
    right: float
    excess: float
    true: bool = True
    within: float = TOLERANCE

    @property
    def holds(self) -> bool:
        """Whether it holds to rounding."""
        return self.excess <= self.within

    @property
    def as_expected(self) -> bool:
        """Whether it holds if it is true, and does not if it is not."""
        return self.holds == self.true

    @property
    def verdict(self) -> str:
        """In words."""
        return ("holds" if self.holds else "does not hold") + (
            "" if self.as_expected else ", and SHOULD" + " NOT" * self.holds
        )


def equal(
    source: str,
    says: str,
    left: Tensor | float,
    right: Tensor | float,
    *,
    true: bool = True,
    within: float = TOLERANCE,
) -> Statement:
    """State that two sides, of one shape or broadcast to it, are the same everywhere."""
    left, right = _sides(left, right)
    return _furthest(source, says, left, right, (left - right).abs() / right.abs().clamp(min=1), true, within)


def at_most(source: str, says: str, left: Tensor | float, right: Tensor | float, *, true: bool = True) -> Statement:
    """State that the left side is nowhere above the right one."""
    left, right = _sides(left, right)
    return _furthest(source, says, left, right, (left - right) / right.abs().clamp(min=1), true, TOLERANCE)


def _sides(*sides: Tensor | float) -> tuple[Tensor, ...]:
    return torch.broadcast_tensors(*(torch.as_tensor(side, dtype=torch.float64).detach() for side in sides))


def _furthest(
    source: str, says: str, left: Tensor, right: Tensor, excess: Tensor, true: bool, within: float
) -> Statement:
    at = int(excess.argmax())  # NaN, which no bound holds for, is taken for the largest
    left, right, excess = (side.flatten()[at] for side in (left, right, excess))
    return Statement(source, says, float(left), float(right), float(excess), true, within)
