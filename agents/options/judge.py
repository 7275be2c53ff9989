"""Options of a model that judges answers in an evaluation."""

from __future__ import annotations

from dataclasses import dataclass, field

from agents.options.types import Pairs, at_least
from rlsd_env.errors import ConfigurationError, one_of

PRICES = ("prompt", "completion")


@dataclass(frozen=True)
class JudgeOptions:
    """Which model judges, on what, and what it costs."""

    judge: str = ""
    """Name of a model that judges, in a column of its own, answers which rules cannot read; its key is read from the
    variable RLSD_JUDGE_API_KEY."""
    judge_url: str = ""
    """Where it answers: an OpenAI-compatible address such as http://localhost:8000/v1."""
    judge_kwargs: Pairs = field(default_factory=dict)
    """Further arguments of verifiers.judge.JudgeVerifier, e.g. max_tokens=2048 seconds=60."""
    judge_audit: int = 0
    """Answers of each environment on which rules decided and the judge is asked too, to tell how often they agree;
    their verdicts stay."""
    judge_prices: Pairs = field(default_factory=dict)
    """Money per million tokens that the judge reads and writes, e.g. prompt=0.15 completion=0.6, for what it cost."""

    def check_judge(self) -> None:
        """Refuse unusable values.

        Raises:
            ConfigurationError: a value is unknown, out of range or for a judge that is not there.

        """
        if bool(self.judge) != bool(self.judge_url):
            lacking = "judge_url, such as http://localhost:8000/v1" if self.judge else "judge, the model's name there"
            raise ConfigurationError(f"a judge is a model at an address; give {lacking}")
        at_least("judge_audit", self.judge_audit, 0)
        for name in ("judge_kwargs", "judge_audit", "judge_prices"):
            if getattr(self, name) and not self.judge:
                is_for, them = ("is", "it") if name == "judge_audit" else ("are", "them")
                raise ConfigurationError(f"{name} {is_for} for a judge; give --judge, or leave {them} out")
        for name in ("api_key", "cache", "first", "model", "base_url"):
            if name in self.judge_kwargs:
                raise ConfigurationError(f"judge_kwargs has {name}, which this command sets itself; leave it out")
        for name, price in self.judge_prices.items():
            if name not in PRICES:
                raise ConfigurationError(one_of("price of judge_prices", name, PRICES))
            if isinstance(price, bool) or not isinstance(price, int | float) or not 0 <= price < float("inf"):
                raise ConfigurationError(f"judge_prices {name} is {price!r}; it must be a number of 0 or more")
        if self.judge_prices and len(self.judge_prices) < len(PRICES):
            raise ConfigurationError("judge_prices needs both prompt and completion")
