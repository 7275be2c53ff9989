"""Geometric figures to scale: lines, angle marks and labels in units of their own, fitted into a picture."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from rlsd_env.procedural.drawing import Canvas
from rlsd_env.task import Image

Point = tuple[float, float]
"""x to the right and y upwards."""
TEXT = 0.7
LINE = 0.09
MARK = 0.06
"""In cells: the height of labels, and the thickness of lines and of marks on them."""


@dataclass
class Figure:
    """What is drawn, in coordinates of any scale and origin.

    Attributes:
        lines: pairs of end points.
        angles: (vertex, a point on each side, label): an arc from the first side to the second, counter-clockwise,
            or a square for a right angle that has no label.
        labels: (two ends of a side, text): written to the right of the way from the first to the second.
        names: (point, text, direction): a point's letter, written in a direction from it.
        ticks: sides that are marked as equal.

    """

    lines: list[tuple[Point, Point]] = field(default_factory=list)
    angles: list[tuple[Point, Point, Point, str]] = field(default_factory=list)
    labels: list[tuple[Point, Point, str]] = field(default_factory=list)
    names: list[tuple[Point, str, Point]] = field(default_factory=list)
    ticks: list[tuple[Point, Point]] = field(default_factory=list)

    def polygon(self, *corners: Point) -> None:
        """Join corners by lines, the last to the first."""
        self.lines += zip(corners, (*corners[1:], corners[0]))

    def content(self) -> list[object]:
        """Return what is drawn, of what JSON has; coordinates to a thousandth, the same on every machine."""
        angles = [[_rounded(*points), text] for *points, text in self.angles]
        labels = [[_rounded(start, end), text] for start, end, text in self.labels]
        names = [[_rounded(point, direction), text] for point, text, direction in self.names]
        return [
            [_rounded(*line) for line in self.lines],
            angles,
            labels,
            names,
            [_rounded(*tick) for tick in self.ticks],
        ]

    def draw(self, cell: int, size: tuple[float, float], margin: float) -> Image:
        """Scale the figure into a picture of `size` cells with a white edge of `margin` cells."""
        return _Drawing(self, cell, size, margin).image()


def _rounded(*points: Point) -> list[float]:
    return [round(value, 3) + 0.0 for point in points for value in point]  # -0.0 becomes 0.0


class _Drawing:
    """One figure on its canvas; all lengths but the figure's own are in cells."""

    def __init__(self, figure: Figure, cell: int, size: tuple[float, float], margin: float) -> None:
        self.figure, self.cell = figure, cell
        xs, ys = zip(*(point for line in figure.lines for point in line))
        width, height = max(xs) - min(xs), max(ys) - min(ys)
        self.scale = min((size[0] - 2 * margin) / width, (size[1] - 2 * margin) / height)
        self.left = (size[0] - width * self.scale) / 2 - min(xs) * self.scale
        self.bottom = (size[1] - height * self.scale) / 2 - min(ys) * self.scale
        self.height = size[1]
        self.canvas = Canvas(round(size[0] * cell), round(size[1] * cell))

    def image(self) -> Image:
        """Draw everything."""
        for start, end in self.figure.lines:
            self._line([self._at(start), self._at(end)], LINE, "blue")
        for vertex, first, second, label in self.figure.angles:
            self._angle(vertex, first, second, label)
        for start, end in self.figure.ticks:
            x, y, across = self._middle(start, end)
            self._line([(x - 0.2 * across[0], y - 0.2 * across[1]), (x + 0.2 * across[0], y + 0.2 * across[1])], MARK)
        for start, end, text in self.figure.labels:
            x, y, across = self._middle(start, end)
            away = 0.45 + 0.3 * abs(across[0]) * (len(text) > 1)
            self._text((x + away * across[0], y + away * across[1]), text)
        for point, text, (right, up) in self.figure.names:
            x, y = self._at(point)
            norm = math.hypot(right, up)
            self._text((x + 0.55 * right / norm, y - 0.55 * up / norm), text)
        return self.canvas.array()

    def _at(self, point: Point) -> Point:
        """Return where a point of the figure lies, in cells from the upper left corner."""
        return self.left + point[0] * self.scale, self.height - self.bottom - point[1] * self.scale

    def _line(self, points: list[Point], thickness: float, colour: str = "black") -> None:
        self.canvas.line([(x * self.cell, y * self.cell) for x, y in points], thickness * self.cell, colour)

    def _text(self, position: Point, text: str) -> None:
        self.canvas.text((position[0] * self.cell, position[1] * self.cell), text, TEXT * self.cell)

    def _middle(self, start: Point, end: Point) -> tuple[float, float, Point]:
        """Return the middle of a side and the unit vector to the right of its direction."""
        (x0, y0), (x1, y1) = self._at(start), self._at(end)
        length = math.hypot(x1 - x0, y1 - y0)
        return (x0 + x1) / 2, (y0 + y1) / 2, ((y0 - y1) / length, (x1 - x0) / length)

    def _angle(self, vertex: Point, first: Point, second: Point, label: str) -> None:
        from_, to = (math.atan2(end[1] - vertex[1], end[0] - vertex[0]) for end in (first, second))
        opening = (to - from_) % (2 * math.pi)
        x, y = self._at(vertex)

        def around(angle: float, distance: float) -> Point:
            return x + distance * math.cos(angle), y - distance * math.sin(angle)

        if not label:
            corner = around(from_ + opening / 2, 0.45 * math.sqrt(2))
            self._line([around(from_, 0.45), corner, around(to, 0.45)], MARK)
            return
        radius = 0.8 if opening > math.pi / 3 else 1.1
        degrees = -math.degrees(to) % 360, -math.degrees(from_) % 360  # Pillow turns clockwise
        self.canvas.arc((x * self.cell, y * self.cell), radius * self.cell, MARK * self.cell, degrees)
        direction = from_ + opening / 2
        beyond_arc = radius + 0.4 + 0.15 * len(label) * abs(math.cos(direction))
        between_sides = (0.5 + 0.1 * len(label)) / math.sin(min(opening, math.pi) / 2)
        self._text(around(direction, max(beyond_arc, between_sides)), label)
