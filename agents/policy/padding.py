"""A picture that a processor does not take, with as much border around it as it takes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rlsd_env.task import Image

LARGEST = 4096
"""Side to which a picture is padded at most, in pixels."""


def padded(image: Image, takes: Callable[[Image], bool]) -> Image | None:
    """Pad a picture, in its middle and in the colour that most of its border has, until it is taken.

    The shorter side grows first, so that a long picture becomes less long before it becomes large; then each side gives
    back what it need not have. The picture's own pixels stay as they are.

    Args:
        image: [height, width, 3], uint8.
        takes: tells whether a picture is taken.

    Returns:
        The picture with its border, read-only; None: it is not taken with sides of `LARGEST` either.

    """
    colour = border_colour(image)
    size = [*image.shape[:2]]
    while not takes(framed(image, size, colour)):
        shorter = min(size)
        if shorter >= LARGEST:
            return None
        size = [2 * side if side == shorter else side for side in size]
    for axis in (0, 1):
        least, enough = image.shape[axis] - 1, size[axis]
        while enough - least > 1:
            middle = size[axis] = (least + enough) // 2
            if takes(framed(image, size, colour)):
                enough = middle
            else:
                least = middle
        size[axis] = enough
    return framed(image, size, colour)


def framed(image: Image, size: list[int], colour: Image) -> Image:
    """Put a picture in the middle of one of (height, width) pixels of a colour."""
    height, width, _ = image.shape
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    made = np.empty((*size, 3), np.uint8)
    made[:] = colour
    made[top : top + height, left : left + width] = image
    made.setflags(write=False)
    return made


def border_colour(image: Image) -> Image:
    """Return the colour that most pixels of a picture's border have, [3]; of several the darkest red, green, blue."""
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    colours, counts = np.unique(border, axis=0, return_counts=True)
    found: Image = colours[counts.argmax()]
    return found
