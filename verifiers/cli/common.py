"""What the commands share: errors of usage, and text that can be shown."""

from __future__ import annotations


class UsageError(Exception):
    """What was asked for cannot be done; one line, exit code 2."""


class RunError(Exception):
    """The run cannot go on; one line, exit code 1."""


def shown(text: str, limit: int = 60) -> str:
    r"""A text on one line, without anything that a terminal would act on.

    Example:
        >>> shown("a\nb \x1b[31m " + "x" * 99, 20)
        'a\\nb \\x1b[31m xxxxx…'

    """
    cut = text if len(text) <= limit else text[:limit]
    line = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in cut)
    return line if len(text) <= limit and len(line) <= limit else f"{line[: limit - 1]}…"
