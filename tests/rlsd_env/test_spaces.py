from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from rlsd_env.spaces import RGBImage, UnicodeText
from tests.cpu import cpu_time


@pytest.mark.parametrize("text", ["", "How many?", "∠ABC = 60°, 面积", "\U0001f600\n\t", "\ud800 lone surrogate"])
def test_unicode_text_takes_any_text(text):
    assert text in UnicodeText()


@pytest.mark.parametrize("value", [None, 3, b"bytes", ["a"], "x" * 11])
def test_unicode_text_refuses_everything_else(value):
    assert value not in UnicodeText(max_length=10)


def test_unicode_text_is_small_and_quick():
    seconds = []
    for _ in range(3):
        with cpu_time() as spent:
            space = UnicodeText()
        seconds.append(spent.seconds)
    assert min(seconds) < 0.1
    assert len(pickle.dumps(space)) < 10_000
    assert pickle.loads(pickle.dumps(space)) == space


def test_samples_are_members_and_seeded():
    for make in (UnicodeText, RGBImage):
        a, b = make(seed=1), make(seed=1)
        for _ in range(20):
            first, second = a.sample(), b.sample()
            assert first in a
            np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("value", "inside"),
    [
        (np.zeros((5, 9, 3), np.uint8), True),
        (np.zeros((5, 9, 4), np.uint8), False),
        (np.zeros((5, 9, 3), np.float32), False),
        (np.zeros((5, 9), np.uint8), False),
        (np.zeros((0, 9, 3), np.uint8), False),
        (np.zeros((5, 99, 3), np.uint8), False),
        ("picture", False),
    ],
)
def test_rgb_image_membership(value, inside):
    assert (value in RGBImage(max_side=64)) is inside


def test_rgb_images_survive_json():
    space = RGBImage(seed=0)
    images = [space.sample(), space.sample()]
    again = space.from_jsonable(json.loads(json.dumps(space.to_jsonable(images))))
    for image, copy in zip(images, again, strict=True):
        np.testing.assert_array_equal(image, copy)
