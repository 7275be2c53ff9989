"""Pictures for procedural tasks: named colours and shapes, drawn large and scaled down for smooth edges."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

from rlsd_env.task import Image

OVERSAMPLING = 4
BACKGROUND = (255, 255, 255)
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (220, 38, 38),
    "blue": (37, 99, 235),
    "green": (22, 163, 74),
    "yellow": (234, 179, 8),
    "purple": (147, 51, 234),
    "black": (23, 23, 23),
    "orange": (249, 115, 22),
}
SHAPES = ("circle", "square", "triangle", "cross")


class Canvas:
    """A white picture of `width` x `height` pixels to draw on in those units.

    Pillow draws without smoothing, so everything is drawn `OVERSAMPLING` times larger and reduced once.
    """

    def __init__(self, width: int, height: int) -> None:
        self.size = (width, height)
        self._image = PILImage.new("RGB", (width * OVERSAMPLING, height * OVERSAMPLING), BACKGROUND)
        self.draw = ImageDraw.Draw(self._image)

    def rectangle(self, box: tuple[float, float, float, float], colour: str) -> None:
        """Fill left, top, right, bottom (right and bottom excluded)."""
        left, top, right, bottom = (round(value * OVERSAMPLING) for value in box)
        self.draw.rectangle((left, top, right - 1, bottom - 1), fill=COLOURS[colour])

    def outline(self, box: tuple[float, float, float, float], thickness: float) -> None:
        """Draw a black frame of some thickness inside left, top, right, bottom."""
        left, top, right, bottom = (round(value * OVERSAMPLING) for value in box)
        width = max(1, round(thickness * OVERSAMPLING))
        self.draw.rectangle((left, top, right - 1, bottom - 1), outline=COLOURS["black"], width=width)

    def shape(self, name: str, colour: str, centre: tuple[float, float], radius: float) -> None:
        """Fill one of `SHAPES` around a centre.

        Raises:
            ValueError: the shape has no drawing.

        """
        x, y, r = (value * OVERSAMPLING for value in (*centre, radius))
        fill = COLOURS[colour]
        if name == "circle":
            self.draw.ellipse((x - r, y - r, x + r, y + r), fill=fill)
        elif name == "square":
            side = r * 0.88
            self.draw.rectangle((x - side, y - side, x + side, y + side), fill=fill)
        elif name == "triangle":
            self.draw.polygon([(x, y - r), (x + r, y + r * 0.8), (x - r, y + r * 0.8)], fill=fill)
        elif name == "cross":
            arm = r * 0.36
            self.draw.rectangle((x - r, y - arm, x + r, y + arm), fill=fill)
            self.draw.rectangle((x - arm, y - r, x + arm, y + r), fill=fill)
        else:
            raise ValueError(f"no drawing for shape {name!r}; allowed: {', '.join(SHAPES)}")

    def text(self, position: tuple[float, float], text: str, size: float, anchor: str = "mm") -> None:
        """Write black text at a position; `anchor` as in Pillow ("mm" is centred)."""
        x, y = (value * OVERSAMPLING for value in position)
        self.draw.text((x, y), text, fill=COLOURS["black"], font=_font(size * OVERSAMPLING), anchor=anchor)

    def line(self, points: Sequence[tuple[float, float]], thickness: float, colour: str = "black") -> None:
        """Join points by straight lines of some thickness."""
        scaled = [(x * OVERSAMPLING, y * OVERSAMPLING) for x, y in points]
        self.draw.line(scaled, fill=COLOURS[colour], width=max(1, round(thickness * OVERSAMPLING)), joint="curve")

    def arc(
        self,
        centre: tuple[float, float],
        radius: float,
        thickness: float,
        angles: tuple[float, float] = (0, 360),
        colour: str = "black",
    ) -> None:
        """Draw a part of a circle between two angles in degrees, clockwise from three o'clock; by default all of it."""
        x, y, r = (value * OVERSAMPLING for value in (*centre, radius))
        width = max(1, round(thickness * OVERSAMPLING))
        self.draw.arc((x - r, y - r, x + r, y + r), *angles, fill=COLOURS[colour], width=width)

    def label(self, position: tuple[float, float], text: str, size: float) -> None:
        """Write text centred on a white plate, so that what lies below does not disturb it."""
        x, y = (value * OVERSAMPLING for value in position)
        edge = 0.15 * size * OVERSAMPLING
        left, top, right, bottom = self.draw.textbbox((x, y), text, font=_font(size * OVERSAMPLING), anchor="mm")
        self.draw.rectangle((left - edge, top - edge, right + edge, bottom + edge), fill=BACKGROUND)
        self.text(position, text, size)

    def array(self) -> Image:
        """Return the finished picture, uint8 height x width x 3."""
        return np.asarray(self._image.reduce(OVERSAMPLING)).copy()

    def resized(self) -> Image:
        """Return the finished picture as `array` does, but reduced by `resize`, which is slower and rounds otherwise.

        ShapeCount's pictures are made so, as the bundled model has seen them; a byte differs by 1 at most.
        """
        return np.asarray(self._image.resize(self.size, PILImage.Resampling.BOX)).copy()


@functools.lru_cache(maxsize=64)
def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
