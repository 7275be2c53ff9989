"""What the tests of the procedural families share: reading pictures."""

from __future__ import annotations

import functools
import itertools

import numpy as np
from scipy import ndimage

from rlsd_env.procedural.drawing import COLOURS, Canvas


def pixels(image, colour, tolerance=30):
    """Mark the pixels of a named colour."""
    return np.abs(image.astype(int) - COLOURS[colour]).sum(-1) < tolerance


def dark(image):
    """Mark the pixels that are more black than anything else."""
    return image.astype(int).sum(-1) < 300


def centre(mask):
    """Return the mean column and row of a mask's pixels."""
    rows, columns = np.nonzero(mask)
    return columns.mean(), rows.mean()


def regions(mask):
    """Return the bounding boxes (left, top, right, bottom) of a mask's connected regions."""
    labels, _ = ndimage.label(mask)
    return [(x.start, y.start, x.stop, y.stop) for y, x in ndimage.find_objects(labels)]


def darkness(image):
    """Return how black each pixel is, 0 (white, or as light as yellow) to 1."""
    return np.clip(1 - image.max(-1) / COLOURS["yellow"][0], 0, 1)


def read(image, position, size, candidates, half=(1.2, 0.6)):
    """Return which of some texts stands centred at a position, give or take a pixel, by comparing darkness.

    `half` is half the width and height of what is compared, in multiples of the size.
    """
    x, y = position
    left, top = round(x - half[0] * size), round(y - half[1] * size)
    width, height = round(2 * half[0] * size), round(2 * half[1] * size)
    seen = darkness(image[top : top + height, left : left + width])
    shifted = [np.roll(seen, shift, axis=(0, 1)) for shift in itertools.product((-1, 0, 1), repeat=2)]
    drawn = {text: written(text, x - left, y - top, size, width, height) for text in candidates}
    return min(drawn, key=lambda text: min(np.abs(drawn[text] - one).sum() for one in shifted))


@functools.cache
def written(text, x, y, size, width, height):
    canvas = Canvas(width, height)
    canvas.text((x, y), text, size)
    return darkness(canvas.array())
