"""An algorithm that a user might write, with a fault: copied into the folder where the mistakes are made."""

# mypy: ignore-errors

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from agents import Algorithm, Credit


@dataclass(frozen=True)
class Wrong(Algorithm):
    """Returns what `fault` says."""

    name: ClassVar[str] = "wrong"
    fault: str = "raises"

    def credit(self, signals):
        """Fail."""
        if self.fault == "raises":
            return Credit(signals.A)
        return {"shape": Credit(signals.A_N1[:1]), "none": None}[self.fault]
