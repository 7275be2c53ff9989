"""A picture of what the tokens of responses earn, as SVG: a bar for each token, and below it what was known of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

LEFT, GAP, BAR, STRIP, HEAD = 10, 26, 56, 8, 22
"""Sizes in pixels: the margin, the room between rows, the longest bar, the strip of evidence, the line above a row."""
UP, DOWN, FOR, AGAINST, NONE = "#1b8a5a", "#c8453c", "#2f6fb7", "#d9822b", "#9aa0a6"
FULL = 3.0
"""Evidence, in nats, from which on its colour is full."""


@dataclass(frozen=True)
class Row:
    """A response of T tokens.

    Attributes:
        title: what stands above it.
        tokens: the tokens.
        bars: what is drawn above and below the line, T or none.
        evidence: what colours the strip, T or none.

    """

    title: str
    tokens: Sequence[str]
    bars: Sequence[float] | None
    evidence: Sequence[float] | None


def number(value: float) -> str:
    """Write a number with two decimals, as the documents do.

    >>> number(0.5), number(-1.25), number(-0.001), number(12.0)
    ('.50', '-1.25', '.00', '12.00')
    """
    text = f"{value:.2f}".replace("-0.00", "0.00")
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text


def picture(rows: Sequence[Row], label: str) -> str:
    """Draw responses below each other; the longest bar of each is `BAR` pixels long.

    Bars that differ from the most frequent one of their row have their number; a token's numbers are its tooltip too.

    Args:
        rows: the responses.
        label: what the picture shows, for those who cannot see it.

    """
    parts: list[str] = []
    top, wide = 6.0, 0.0
    for row in rows:
        drawn, width, height = _row(row, top)
        parts += drawn
        wide, top = max(wide, width), top + height
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:g} {top:g}" width="{wide:g}" role="img"'
            f' aria-label="{escape(label)}" font-family="ui-monospace, monospace" font-size="11">',
            f'<rect width="{wide:g}" height="{top:g}" rx="6" fill="#ffffff"/>',
            *parts,
            "</svg>\n",
        ]
    )


def _row(row: Row, top: float) -> tuple[list[str], float, float]:
    """Draw a response from a height on, and return what is drawn with its width and height."""
    bars, evidence = row.bars or [0.0] * len(row.tokens), row.evidence or [0.0] * len(row.tokens)
    scale = BAR / (max(map(abs, bars)) or 1.0)
    above, below = max(0.0, scale * max(bars)), max(0.0, -scale * min(bars))
    line = round(top + HEAD + 12 + above, 1)
    usual = Counter(map(number, bars)).most_common(1)[0][0]
    parts = [_text(LEFT, top + 14, row.title)]
    x = float(LEFT)
    for token, bar, known in zip(row.tokens, bars, evidence):
        shown = token.strip() or "␣"
        width = max(26.0, 7.0 * len(shown) + 8)
        told = [repr(token), *([f"earns {number(bar)}"] if row.bars else [])]
        told += [f"evidence {number(known)}"] if row.evidence else []
        height = round(scale * abs(bar), 1)
        parts.append(f"<g><title>{escape(', '.join(told))}</title>")
        y = line - height if bar > 0 else line
        parts.append(_box(x, y, width, height, UP if bar > 0 else DOWN))
        middle = x + width / 2
        if row.bars and number(bar) != usual:
            at = y - 3 if bar > 0 else line + height + 10
            parts.append(_text(middle, at, number(bar), 'font-size="9" text-anchor="middle"'))
        foot = round(line + below + 14, 1)
        if row.evidence:
            colour, strength = (FOR if known > 0 else AGAINST), min(1.0, abs(known) / FULL)
            more = f' fill-opacity="{strength:.2f}" stroke="{NONE}" stroke-width=".5"'
            parts.append(_box(x, foot, width, STRIP, colour, more))
        parts.append(_text(middle, foot + STRIP + 13, shown, 'text-anchor="middle"') + "</g>")
        x += width
    parts.append(f'<line x1="{LEFT}" x2="{x:g}" y1="{line:g}" y2="{line:g}" stroke="#333333" stroke-width=".8"/>')
    return parts, x + LEFT, round(line + below + 14 + STRIP + 16 + GAP / 2 - top, 1)


def _box(x: float, y: float, width: float, height: float, colour: str, more: str = "") -> str:
    """Draw a box with a little room on either side."""
    return f'<rect x="{x + 2:g}" y="{y:g}" width="{width - 4:g}" height="{height:g}" fill="{colour}"{more}/>'


def _text(x: float, y: float, text: str, more: str = "") -> str:
    """Write text."""
    return f'<text x="{x:g}" y="{y:g}" fill="#333333" {more}>{escape(text)}</text>'
