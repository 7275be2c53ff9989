"""Tables and lines on the terminal: every text is shown as it is, square brackets included."""

from __future__ import annotations

import sys

from rich.console import Console


def terminal(width: int | None = None) -> Console:
    """Return a console on stdout that takes nothing in a text for markup.

    By itself rich would: of "pip install 'rlsd[lora]'" it shows "pip install 'rlsd'". What is to be bold gets a style.

    Args:
        width: columns where stdout is no terminal; None: rich's own number.

    """
    return Console(markup=False, emoji=False, width=None if sys.stdout.isatty() else width)
