"""`rlsd/FirstColour-v0`: in which order do coloured shapes appear, or disappear, in a video?"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlsd_env.procedural.base import Draft, ProceduralSource
from rlsd_env.procedural.drawing import COLOURS, SHAPES, Canvas
from rlsd_env.task import Video
from verifiers import AnswerKind, Step

FPS = 2.0
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")


@dataclass(frozen=True)
class Level:
    """What a difficulty means: shapes, frames, the side of the grid, whether every place in the order is asked
    for, and whether the shapes disappear again."""

    shapes: int
    frames: int
    side: int
    any_place: bool = False
    vanishing: bool = False


LEVELS = (
    Level(3, 8, 3),
    Level(4, 8, 3),
    Level(5, 12, 3, any_place=True),
    Level(5, 14, 3, any_place=True, vanishing=True),
    Level(6, 16, 4, any_place=True, vanishing=True),
)


@dataclass(frozen=True)
class Appearance:
    """One shape: its colour, its place in the grid and the frames [start, stop) in which it is seen."""

    colour: str
    shape: str
    place: int
    start: int
    stop: int


class FirstColour(ProceduralSource):
    """Say which colour appears, or disappears, first, last or in between.

    ## Description
    A video begins white; shapes of different colours appear in it one at a time, each in its own frame and place.
    At the higher levels they disappear again one at a time, after the last has appeared. The question asks for
    the colour at one place of the order; the options are the colours in the video. The worked solution lists the
    whole order.

    ## Action Space
    Text: the completion, with the answer in `<answer> </answer>`, as a letter or a colour.

    ## Observation Space
    `question` (text with one `<video>`), `videos` (one clip at 2 frames per second), `images` (empty), `choices`
    (the colours), `feedback`, `turn`.

    ## Rewards
    1 for the right option, else 0.

    ## Starting State
    A task drawn from the fold by the seed, or the one that `options={"task_index": n}` names.

    ## Episode End
    After one completion.

    ## Information
    `task`, `task_id`; after a step `verdict` and `reward/<part>`.

    ## Arguments
    `difficulty` (default 2): 1: 3 shapes in 8 frames, first or last. 2: 4 shapes. 3: 5 shapes in 12 frames, any
    place of the order. 4: 14 frames, the shapes disappear again, in another order. 5: 6 shapes in 16 frames.
    `cell` (default 32): pixels per place of the 3x3 grid (4x4 at difficulty 5).

    ## Version History
    v0: first version.
    """

    family = "first_colour"
    levels = len(LEVELS)
    default_cell = 32

    def make(self, task_id: str, rng: np.random.Generator) -> Draft:
        """Draw the shapes, the frames of their coming and going, and what is asked."""
        level = LEVELS[self.difficulty - 1]
        appearances = self._appearances(level, rng)
        asked = int(rng.integers(level.shapes)) if level.any_place else int(rng.integers(2)) * (level.shapes - 1)
        vanishes = level.vanishing and bool(rng.integers(2))
        verb = "disappears" if vanishes else "appears"
        order = sorted(appearances, key=lambda one: one.stop if vanishes else one.start)
        names = [*ORDINALS[: level.shapes - 1], "last"]
        colours = tuple(appearances[i].colour for i in rng.permutation(level.shapes))
        return self.compose(
            task_id,
            f"<video>Which colour {verb} {names[asked]}?",
            [Step(f"{verb} {name}", one.colour) for name, one in zip(names, order)],
            AnswerKind.CHOICE,
            answer=order[asked].colour,
            choices=colours,
            content=sorted(dataclasses.astuple(one) for one in appearances),
            show=lambda: Video(self._draw(level, appearances), FPS),
            event=verb,
            place=names[asked],
        )

    @staticmethod
    def _appearances(level: Level, rng: np.random.Generator) -> list[Appearance]:
        colours = [list(COLOURS)[i] for i in rng.permutation(len(COLOURS))[: level.shapes]]
        shapes = [SHAPES[i] for i in rng.integers(len(SHAPES), size=level.shapes)]
        places = rng.permutation(level.side**2)[: level.shapes]
        middle = level.frames // 2 + 1 if level.vanishing else level.frames
        starts = rng.permutation(np.arange(1, middle))[: level.shapes]
        if level.vanishing:
            stops = rng.permutation(np.arange(middle, level.frames))[: level.shapes]
        else:
            stops = np.full(level.shapes, level.frames)
        return [
            Appearance(c, s, int(p), int(a), int(b)) for c, s, p, a, b in zip(colours, shapes, places, starts, stops)
        ]

    def _draw(self, level: Level, appearances: list[Appearance]) -> NDArray[np.uint8]:
        frames = []
        for frame in range(level.frames):
            canvas = Canvas(level.side * self.cell, level.side * self.cell)
            for one in appearances:
                if one.start <= frame < one.stop:
                    row, column = divmod(one.place, level.side)
                    centre = ((column + 0.5) * self.cell, (row + 0.5) * self.cell)
                    canvas.shape(one.shape, one.colour, centre, 0.38 * self.cell)
            frames.append(canvas.array())
        return np.stack(frames)
