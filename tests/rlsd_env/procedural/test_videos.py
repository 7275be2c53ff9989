"""Video families: what happens is read back from the frames."""

from __future__ import annotations

import re

import numpy as np
import pytest

from rlsd_env.procedural.bounce_count import BALL_COLOURS, BounceCount
from rlsd_env.procedural.drawing import COLOURS
from rlsd_env.procedural.first_colour import ORDINALS, FirstColour

from .families import centre, pixels


def bounces(centres):
    """Name the walls where a track turns round: between two steps, one coordinate's direction changes its sign."""
    walls = []
    for before, after in zip(np.diff(centres, axis=0), np.diff(centres, axis=0)[1:]):
        for axis, (low, high) in enumerate((("left", "right"), ("top", "bottom"))):
            if before[axis] * after[axis] < -1:
                walls.append(low if before[axis] < 0 else high)
    return walls


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_bounces_are_what_the_frames_show(difficulty):
    source = BounceCount(difficulty=difficulty)
    for index in range(25):
        item = source.item(index)
        (video,) = item.task.videos
        named = re.search(r"the (\w+) ball", item.task.question)
        (colour,) = [named[1]] if named else [c for c in BALL_COLOURS if pixels(video.frames[0], c).sum() > 20]
        walls = bounces([centre(pixels(frame, colour)) for frame in video.frames])
        asked = re.search(r"off (?:the (\w+)|a) wall\?$", item.task.question)[1]
        expected = walls.count(asked) if asked else len(walls)
        *listed, total = item.privileged.reference.steps
        assert item.privileged.reference.answer == total.value == str(expected), (difficulty, index)
        assert [step.value.partition(" ")[0] for step in listed] == walls


def test_every_bounce_touches_its_wall_in_the_frame_that_the_solution_names():
    source = BounceCount(difficulty=3, cell=32)
    for index in range(10):
        item = source.item(index)
        (video,) = item.task.videos
        (colour,) = [c for c in BALL_COLOURS if pixels(video.frames[0], c).sum() > 20]
        rows, columns = np.nonzero(pixels(video.frames[0], "black"))
        room = {"left": columns.min(), "right": columns.max(), "top": rows.min(), "bottom": rows.max()}
        reach = 0.25 * 32 + 0.5 * 32  # the thickness of the wall and the ball's radius
        named = {}
        for step in item.privileged.reference.steps[:-1]:
            wall, number = re.fullmatch(r"(\w+) wall in frame (\d+)", step.value).groups()
            named[int(number) - 1] = wall
        for number, frame in enumerate(video.frames):
            x, y = centre(pixels(frame, colour))
            at = {
                "left": x - room["left"],
                "right": room["right"] - x,
                "top": y - room["top"],
                "bottom": room["bottom"] - y,
            }
            touched = [wall for wall, distance in at.items() if distance < reach + 2]
            assert touched == ([named[number]] if number in named else []), (index, number)


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_the_order_of_colours_is_what_the_frames_show(difficulty):
    source = FirstColour(difficulty=difficulty)
    for index in range(25):
        item = source.item(index)
        (video,) = item.task.videos
        verb, place = re.search(r"colour (\w+) (\w+)\?$", item.task.question).groups()
        seen = {c: [pixels(frame, c).sum() > 20 for frame in video.frames] for c in COLOURS}
        seen = {colour: flags for colour, flags in seen.items() if any(flags)}
        assert set(seen) == set(item.task.choices)
        if verb == "appears":
            times = {flags.index(True): colour for colour, flags in seen.items()}
        else:
            times = {len(flags) - flags[::-1].index(True): colour for colour, flags in seen.items()}
        assert len(times) == len(seen)  # no two at once
        assert 0 not in times
        order = [times[time] for time in sorted(times)]
        expected = order[-1] if place == "last" else order[ORDINALS.index(place)]
        assert item.privileged.reference.answer == expected, (difficulty, index)
        assert [step.value for step in item.privileged.reference.steps] == order


@pytest.mark.parametrize("family", [BounceCount, FirstColour])
@pytest.mark.parametrize("difficulty", range(1, 6))
def test_videos_are_short_and_no_two_frames_in_a_row_of_a_flight_are_equal(family, difficulty):
    (video,) = family(difficulty=difficulty).item(3).task.videos
    assert 8 <= len(video.frames) <= 16
    assert 2 <= video.fps <= 4
    assert max(video.frames.shape[1:3]) <= 160
    if family is BounceCount:
        assert all((a != b).any() for a, b in zip(video.frames, video.frames[1:]))
