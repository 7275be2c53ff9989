"""Odd pictures: a family takes one as transformers reads it where no axis is left to guess, or refuses it in a line."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from torch.testing import assert_close

from agents.policy.media import OF_TEXT, MediaProcessor
from tests.agents.families import FAMILIES, PACKAGES, build

SIZES = [(1, 1), (1, 3), (3, 1), (3, 3), (2, 2), (3, 40), (40, 3), (1, 300), (1000, 3), (2, 401)]
"""Heights and widths."""


@pytest.fixture(params=FAMILIES, scope="module")
def family(request):
    pytest.importorskip(PACKAGES.get(request.param, "transformers"))
    model, processor = build(request.param)
    return request.param, processor, model.config


def picture(height, width):
    made = np.random.default_rng(height * width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    made.setflags(write=False)
    return made


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_an_odd_picture_is_read_with_its_colours_last_or_refused(family, size):
    name, processor, config = family
    media, image = MediaProcessor(processor, config), picture(*size)
    if reason := media.refusal(image):
        assert f"refuses a picture of {size[1]} x {size[0]} pixels" in reason
        assert "\n" not in reason
        with pytest.raises(ValueError, match="leave its task out"):
            media.images([picture(16, 16), image])
        return
    shown = [[Image.fromarray(image)]]  # a picture of PIL's has its colours in one place alone
    expected = processor(text=[processor.image_token], images=shown, return_tensors="pt", add_special_tokens=False)
    (found,) = media.images([image])
    assert found.inputs.keys() <= expected.keys() - set(OF_TEXT)
    for argument, value in found.inputs.items():
        assert_close(value, expected[argument], msg=f"{name} {argument}")


@pytest.mark.parametrize(
    ("name", "size", "refused"),
    [
        ("glm46v", (1, 200), False),
        ("glm46v", (1, 201), True),
        ("glm46v", (201, 1), True),
        ("gemma3", (1, 201), False),
        ("internvl", (1, 201), False),
        ("llava_onevision", (1, 201), False),
        ("mistral3", (1, 201), True),
        ("mistral3", (1, 4), False),
    ],
)
def test_which_pictures_a_family_refuses(name, size, refused):
    model, processor = build(name)
    assert bool(MediaProcessor(processor, model.config).refusal(picture(*size))) is refused
