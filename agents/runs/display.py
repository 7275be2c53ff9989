"""How a command shows the progress of its runs: in a table on a terminal, else in lines."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence

from agents.runs.board import Board
from agents.runs.lines import Lines
from agents.terminal import terminal


@contextlib.contextmanager
def display(
    runs: Mapping[str, tuple[int, int]] | None = None, log: Sequence[str] = (), *, quiet: bool = False
) -> Iterator[Board]:
    """Show runs on stderr for the length of the context.

    Args:
        runs: see `Board`.
        log: where their metrics go; a terminal that gets them has no place for a table beside.
        quiet: whether nothing is shown.

    """
    board = Board(runs) if quiet else _made(runs, log)
    try:
        board.open()
        yield board
    finally:
        board.close()


def _made(runs: Mapping[str, tuple[int, int]] | None, log: Sequence[str]) -> Board:
    crowded = "stdout" in log and sys.stdout.isatty()
    # rich would take a file for a terminal where the environment asks for colours
    if crowded or not sys.stderr.isatty() or not terminal(stderr=True).is_interactive:
        return Lines(runs)
    from agents.runs.screen import Screen

    return Screen(runs)
