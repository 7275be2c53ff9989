"""Pictures for procedural tasks: named colours and shapes, drawn large and scaled down for smooth edges."""

from __future__ import annotations

import numpy as np
from PIL import Image as PILImage
from PIL import ImageDraw

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
        self.draw.text((x, y), text, fill=COLOURS["black"], font_size=size * OVERSAMPLING, anchor=anchor)

    def array(self) -> Image:
        """Return the finished picture, uint8 height x width x 3."""
        return np.asarray(self._image.resize(self.size, PILImage.Resampling.BOX)).copy()
