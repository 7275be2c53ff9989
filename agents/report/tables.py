"""Tables as reports show them, in HTML, Markdown or CSV alike."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

COLOURS = ("#4c78d0", "#e07b39", "#3fa66a", "#c75a9a", "#8a6fd1", "#b8922e", "#2aa3b5", "#d1495b", "#7c8796", "#9c6b4f")


@dataclass(frozen=True)
class Cell:
    """What stands in a place of a table.

    Attributes:
        text: as it is read.
        mark: higher or lower, for its colour; "": none.
        bar: a picture behind the text, in HTML.

    """

    text: str
    mark: str = ""
    bar: Markup = field(default_factory=Markup)


@dataclass(frozen=True)
class Row:
    """A line of a table; a quiet one is there to compare with."""

    cells: tuple[Cell, ...]
    quiet: bool = False


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        columns: what stands above.
        rows: as many cells each.
        caption: what it is of; "": nothing is said.
        title: a heading; "": none.
        texts: numbers of the columns that hold sentences.

    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    caption: str = ""
    title: str = ""
    texts: frozenset[int] = frozenset()


def row(*cells: str | Cell, quiet: bool = False) -> Row:
    """Make a row of texts and cells."""
    return Row(tuple(cell if isinstance(cell, Cell) else Cell(cell) for cell in cells), quiet)


def without_empty(table: Table, absent: str = "-") -> Table:
    """Leave out columns in which no row has anything; the first one stays."""
    kept = [
        i
        for i in range(len(table.columns))
        if not i or any(line.cells[i].text not in (absent, "") for line in table.rows)
    ]
    rows = tuple(Row(tuple(line.cells[i] for i in kept), line.quiet) for line in table.rows)
    texts = frozenset(kept.index(i) for i in table.texts if i in kept)
    return Table(tuple(table.columns[i] for i in kept), rows, table.caption, table.title, texts)


def markdown(table: Table) -> str:
    """Write a table as Markdown does."""
    lines = [table.columns, ("---",) * len(table.columns)]
    lines += [tuple(cell.text.replace("|", "\\|").replace("\n", " ") for cell in line.cells) for line in table.rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def colours(names: Sequence[str]) -> dict[str, str]:
    """Give each name a colour of its own."""
    if len(names) <= len(COLOURS):
        return dict(zip(names, COLOURS))
    found = {}
    for number, name in enumerate(names):
        red, green, blue = colorsys.hls_to_rgb(number / len(names), 0.42 + 0.16 * (number % 2), 0.6)
        found[name] = f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"
    return found


def interval_bar(
    mean: float | None, low: float | None, high: float | None, least: float, most: float, colour: str
) -> Markup:
    """Draw a mean and its interval on a line from the least to the most value; a thin stroke stands at 0."""
    if mean is None:
        return Markup()
    width, middle = 150.0, 8.0

    def at(value: float) -> float:
        return 4 + (width - 8) * (min(max(value, least), most) - least) / (most - least)

    parts = [f'<line x1="4" x2="{width - 4:g}" y1="{middle}" y2="{middle}" stroke="currentColor" opacity=".15"/>']
    if least < 0 < most:
        parts.append(f'<line x1="{at(0):.1f}" x2="{at(0):.1f}" y1="1" y2="15" stroke="currentColor" opacity=".45"/>')
    if low is not None and high is not None:
        parts.append(
            f'<line x1="{at(low):.1f}" x2="{at(high):.1f}" y1="{middle}" y2="{middle}" stroke="{colour}" '
            'stroke-width="4" opacity=".45"/>'
        )
    parts.append(f'<circle cx="{at(mean):.1f}" cy="{middle}" r="4" fill="{colour}"/>')
    return Markup(
        f'<svg class="bar" width="{width:g}" height="16" role="img" aria-label="{least:.2f} to {most:.2f}">'
        + "".join(parts)
        + "</svg>"
    )


def stacked_bar(parts: Sequence[tuple[float, str]], whole: float) -> Markup:
    """Draw parts beside each other, each with its colour, on a line that is `whole` long."""
    pieces = "".join(
        f'<i style="width:{100 * size / whole:.2f}%;background:{colour}"></i>' for size, colour in parts if whole > 0
    )
    return Markup(f'<span class="stack">{pieces}</span>')
