"""Whose weights a scorer has, as an algorithm writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rlsd_env.errors import ConfigurationError

ELSEWHERE = ("external", "server")
"""Rules of other models."""


@dataclass(frozen=True)
class Rule:
    """A scorer's rule, read.

    Attributes:
        text: as it was written.
        kind: live, frozen, ema or synced, or one of `ELSEWHERE`.
        number: RATE of ema, EVERY of synced; else 0.
        place: folder, hub id or address of the others; else empty.

    """

    text: str
    kind: str
    number: float = 0.0
    place: str = ""

    @property
    def copies(self) -> int:
        """Copies of the trained weights that a scorer of this rule holds."""
        return int(self.kind not in ("live", *ELSEWHERE))

    @property
    def steady(self) -> bool:
        """Whether the weights stay as they are between the updates of one training step."""
        return self.kind not in ("live", "ema")


def parse_rule(text: str) -> Rule:
    """Read a rule: live, frozen, ema(RATE), synced(EVERY), external(FOLDER-or-hub-id) or server(URL).

    >>> parse_rule("ema(0.05)").number
    0.05
    >>> parse_rule("server(http://localhost:8000)").place
    'http://localhost:8000'

    Raises:
        ConfigurationError: it is none of these.

    """
    match = re.fullmatch(r"(\w+)(?:\((.*)\))?", text.strip(), re.DOTALL)
    kind, inside = match.groups() if match else ("", None)
    if kind in ("live", "frozen") and inside is None:
        return Rule(text, kind)
    if kind in ("ema", "synced") and inside:
        try:
            number = float(inside)
        except ValueError:
            number = -1.0
        if 0 < number <= 1 if kind == "ema" else number >= 1 and number.is_integer():
            return Rule(text, kind, number)
    if kind == "external" and inside and inside.strip():
        return Rule(text, kind, place=inside.strip())
    if kind == "server" and inside and inside.strip().startswith(("http://", "https://")):
        return Rule(text, kind, place=inside.strip().rstrip("/"))
    raise ConfigurationError(
        f"scorer {text!r}: allowed are live, frozen, ema(RATE) with 0 < RATE <= 1, synced(EVERY) with EVERY a whole "
        "number of training steps, external(FOLDER or hub id) and server(URL), e.g. ema(0.05), synced(10) or "
        "server(http://localhost:8000)"
    )
