"""The progress of runs as a table that stays in its place on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Literal

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from agents.runs.board import Board, Run, State
from agents.runs.progress import FIGURES, duration, figure
from agents.terminal import terminal

ROWS = 24
"""The most runs that are shown where not all are running."""
REFRESHES = 2
"""A second."""
OTHER_LINES = 3
"""Of the terminal's lines: the titles, what is below the rows, and the one that the cursor may go to."""
TITLES = ("agent", "seed", "step", *FIGURES, "left")
LESS_WANTED = ("tokens/s", "entropy", "kl", "length")
"""Columns that a narrow terminal goes without, the first of them first."""
AGENT = 12
"""Characters of an agent's name that should be seen."""
GAP = 2
"""Spaces between two columns."""
STYLES = {State.DONE: "dim", State.FAILED: "red"}


def cells(run: Run) -> dict[str, str]:
    """Write what is known of a run, by title."""
    assert run.latest is not None, "only a run that has reported is shown"
    left = duration(run.left)
    if run.state in (State.DONE, State.FAILED):
        left = run.state.value
    elif run.step == run.steps:
        left = "evaluating"
    return {
        "agent": run.latest.agent,
        "seed": str(run.latest.seed),
        "step": f"{run.step}/{run.steps}" if run.steps else "-",
        **{title: figure(run.latest.figures, title) for title in FIGURES},
        "left": left,
    }


def chosen(board: Board, most: int) -> list[Run]:
    """Choose the runs that are shown: those that run, and above them as many of the last ended ones as there is room.

    Args:
        board: what is known of them.
        most: how many there is room for.

    """
    with board.lock:
        running = board.in_state(State.RUNNING)[:most]
        room = min(most, ROWS) - len(running)
        ended = [run for run in board.ended if run.latest is not None and run.steps]
        return [*(ended[-room:] if room > 0 else []), *running]


def columns(rows: Sequence[Mapping[str, str]], width: int) -> dict[str, int]:
    """Choose the columns that a terminal has room for, each with its width; names are cut short, numbers are not."""
    wide = {title: max(len(title), *(len(row[title]) for row in rows), 0) for title in TITLES}
    least = min(wide["agent"], AGENT) - wide["agent"]
    for title in LESS_WANTED:
        if _together(wide) + least <= width:
            break
        del wide[title]
    wide["agent"] -= max(0, min(_together(wide) - width, wide["agent"] - 1))
    return wide


def _together(wide: Mapping[str, int]) -> int:
    return sum(wide.values()) + GAP * (len(wide) - 1)


class Screen(Board):
    """Shows the runs in a table on stderr, which is drawn anew twice a second and never exceeds the terminal's height.

    Args:
        runs: see `Board`.
        console: where it is shown; None: on stderr.

    """

    def __init__(self, runs: Mapping[str, tuple[int, int]] | None = None, console: Console | None = None) -> None:
        super().__init__(runs)
        self._console = console or terminal(stderr=True)
        self._live = Live(
            get_renderable=self.table,
            console=self._console,
            refresh_per_second=REFRESHES,
            redirect_stdout=sys.stdout.isatty(),  # else it is a file, and what it gets is not for the terminal
        )

    def open(self) -> None:
        """Show the table."""
        self._live.start(refresh=True)

    def table(self) -> RenderableType:
        """Return what is shown."""
        with self.lock:
            runs = chosen(self, max(1, self._console.height - OTHER_LINES))
            rows = [(run, cells(run)) for run in runs]
            summary = self.summary() if len(self.runs) > 1 else ""
        wide = columns([row for _, row in rows], self._console.width)
        table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
        for title, width in wide.items():
            side: Literal["left", "right"] = "left" if title == "agent" else "right"
            table.add_column(title, justify=side, width=width, no_wrap=True, overflow="ellipsis")
        for run, row in rows:
            table.add_row(*(row[title] for title in wide), style=STYLES.get(run.state, ""))
        below = summary or ("" if rows else "starting")
        return Group(table, Text(below, no_wrap=True, overflow="ellipsis")) if below else table

    def say(self, text: str) -> None:
        """Write a line above the table."""
        self._console.print(text, soft_wrap=True, highlight=False)

    def close(self) -> None:
        """Leave the table as it is."""
        self._live.stop()
