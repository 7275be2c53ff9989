"""What a judge takes: `Usage`, and a `Meter` that threads add to."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TypeGuard


@dataclass(frozen=True)
class Usage:
    """What asking an endpoint took. Usages are added and subtracted.

    Attributes:
        requests: sent, further tries and those that failed among them.
        prompt_tokens: read by the model, as the endpoint tells.
        completion_tokens: written by the model, thinking included, as the endpoint tells.
        untold: replies whose endpoint told no tokens; they are in none of the two numbers.
        remembered: verdicts from a cache. What they took when they were asked for is in the other numbers.

    """

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    untold: int = 0
    remembered: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    def __sub__(self, other: Usage) -> Usage:
        return Usage(*(getattr(self, one.name) - getattr(other, one.name) for one in fields(self)))

    def cost(self, prompt: float, completion: float) -> float | None:
        """What that costs, in the money of the prices; None where an endpoint told no tokens.

        Args:
            prompt: the price of a million tokens read.
            completion: the price of a million tokens written.

        Example:
            >>> Usage(requests=2, prompt_tokens=1_000_000, completion_tokens=500_000).cost(0.5, 2.0)
            1.5

        """
        if self.untold:
            return None
        return (self.prompt_tokens * prompt + self.completion_tokens * completion) / 1e6

    def record(self) -> dict[str, int]:
        """The numbers by name, for JSON."""
        return asdict(self)


def told_usage(reply: object) -> Usage:
    """The tokens that a chat completion tells in `usage`; `untold` where it does not.

    Example:
        >>> told_usage({"usage": {"prompt_tokens": 7, "completion_tokens": 3}}).prompt_tokens, told_usage({}).untold
        (7, 1)

    """
    told = reply.get("usage") if isinstance(reply, Mapping) else None
    if isinstance(told, Mapping):
        prompt, completion = told.get("prompt_tokens"), told.get("completion_tokens")
        if _is_count(prompt) and _is_count(completion):
            return Usage(prompt_tokens=prompt, completion_tokens=completion)
    return Usage(untold=1)


def _is_count(number: object) -> TypeGuard[int]:
    return isinstance(number, int) and not isinstance(number, bool) and number >= 0


def stored_usage(record: object) -> Usage:
    """A usage from its `record`; one reply without tokens told for anything else."""
    names = {one.name for one in fields(Usage)}
    if isinstance(record, Mapping) and record.keys() == names and all(map(_is_count, record.values())):
        return Usage(**record)
    return Usage(requests=1, untold=1)


class Meter:
    """Adds up usages; safe between threads. A pickled copy goes on from what was read when it was made."""

    def __init__(self) -> None:
        self._lock, self._usage = threading.Lock(), Usage()

    def add(self, usage: Usage) -> None:
        """Add one."""
        with self._lock:
            self._usage += usage

    def read(self) -> Usage:
        """All that was added so far."""
        with self._lock:
            return self._usage

    def __getstate__(self) -> Usage:
        return self.read()

    def __setstate__(self, usage: Usage) -> None:
        self._lock, self._usage = threading.Lock(), usage
