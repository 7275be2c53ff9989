"""Tables and lines on the terminal: every text is shown as it is, square brackets included."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def terminal(width: int | None = None, *, stderr: bool = False) -> Console:
    """Return a console on stdout that takes nothing in a text for markup.

    By itself rich would: of "pip install 'rlsd[lora]'" it shows "pip install 'rlsd'". What is to be bold gets a style.

    Args:
        width: columns where the stream is no terminal; None: rich's own number.
        stderr: whether it is on stderr instead.

    """
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, markup=False, emoji=False, width=None if stream.isatty() else width)


def counted(number: int, what: str) -> str:
    """Write a number of things.

    >>> counted(1, "seed"), counted(2, "seed"), counted(1024, "task")
    ('1 seed', '2 seeds', '1,024 tasks')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"
