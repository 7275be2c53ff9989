"""`crop`: a part of a picture, enlarged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from PIL import Image as PILImage

from rlsd_env.task import IMAGE_PLACEHOLDER
from rlsd_env.tools.base import Seen, Tool, ToolError, ToolResult, is_number, required

SCALE = 1000
"""Coordinates run from 0 to this on both axes, as in Qwen3-VL, whatever the picture's size."""
MOST_ZOOM = 8
MOST_PIXELS = 4_000_000
"""A crop is enlarged no further than this."""


class Crop(Tool):
    """Cuts a box out of a picture and enlarges it."""

    name = "crop"
    description = "look closer at a part of a picture"
    parameters: ClassVar[Mapping[str, str]] = {
        "image": "number of the picture, 1 for the first one you were shown",
        "box": f"[left, top, right, bottom], each from 0 to {SCALE}",
        "zoom": f"optional, how many times larger, 1 to {MOST_ZOOM}; 2 if left out",
    }

    def __call__(self, arguments: Mapping[str, Any], seen: Seen) -> ToolResult:
        """Return the crop; see `Tool`."""
        number = required(arguments, "image")
        if not seen.images:
            raise ToolError("there are no pictures to crop")
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= len(seen.images):
            raise ToolError(f"image {number!r}: it must be a whole number from 1 to {len(seen.images)}")
        image = seen.images[number - 1]
        left, top, right, bottom = self._box(required(arguments, "box"), *image.shape[:2])
        zoom = arguments.get("zoom", 2)
        if not is_number(zoom) or not 1 <= zoom <= MOST_ZOOM:
            raise ToolError(f"zoom {zoom!r}: it must be a number from 1 to {MOST_ZOOM}")
        part = PILImage.fromarray(image[top:bottom, left:right])
        factor = min(float(zoom), max(1.0, (MOST_PIXELS / (part.width * part.height)) ** 0.5))
        size = (round(part.width * factor), round(part.height * factor))
        enlarged = part if size == part.size else part.resize(size, PILImage.Resampling.BICUBIC)
        picture = np.asarray(enlarged).copy()
        return ToolResult(
            f"Picture {len(seen.images) + 1}, a part of picture {number}: {IMAGE_PLACEHOLDER}", (picture,)
        )

    @staticmethod
    def _box(box: Any, height: int, width: int) -> tuple[int, int, int, int]:
        """Turn a box in thousandths into pixels: outwards, so that it holds at least one pixel."""
        if not isinstance(box, list) or len(box) != 4 or not all(is_number(x) and 0 <= x <= SCALE for x in box):
            raise ToolError(f"box {box!r}: it must be [left, top, right, bottom] with numbers from 0 to {SCALE}")
        left, top, right, bottom = box
        if left >= right or top >= bottom:
            raise ToolError(f"box {box!r}: left must be below right, and top below bottom")
        return (
            int(left * width / SCALE),
            int(top * height / SCALE),
            min(width, int(np.ceil(right * width / SCALE))),
            min(height, int(np.ceil(bottom * height / SCALE))),
        )
