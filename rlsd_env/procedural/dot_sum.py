"""`rlsd/DotSum-v0`: count the dots in several boxes and add them up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rlsd_env.procedural.base import Draft, ProceduralSource
from rlsd_env.procedural.drawing import Canvas
from rlsd_env.task import Image
from verifiers import AnswerKind, Step

COLOURS = ("red", "blue", "green", "purple")


@dataclass(frozen=True)
class Level:
    """What a difficulty means: boxes, the largest count in one, and the dots' grid side within a box."""

    boxes: int
    most: int
    side: int


LEVELS = (Level(2, 3, 2), Level(2, 6, 3), Level(3, 6, 3), Level(3, 9, 4), Level(4, 12, 4))


class DotSum(ProceduralSource):
    """Count the dots in each box and give the total.

    ## Description
    Boxes stand side by side, each with dots of one colour of its own. The answer is the number of all dots;
    the worked solution counts box by box.

    ## Action Space
    Text: the completion, with the answer in `<answer> </answer>`.

    ## Observation Space
    `question` (text with one `<image>`), `images` (one picture), `choices` (empty), `feedback`, `turn`.

    ## Rewards
    1 for the exact integer, else 0.

    ## Starting State
    A task drawn from the fold by the seed, or the one that `options={"task_index": n}` names.

    ## Episode End
    After one completion.

    ## Information
    `task`, `task_id`; after a step `verdict` and `reward/<part>`.

    ## Arguments
    `difficulty` (default 2): 1: 2 boxes of 0-3 dots. 2: 2 of 0-6. 3: 3 of 0-6. 4: 3 of 0-9. 5: 4 of 0-12.
    `cell` (default 16): pixels from one possible dot to the next.

    ## Version History
    v0: first version.
    """

    family = "dot_sum"
    levels = len(LEVELS)

    def make(self, task_id: str, rng: np.random.Generator) -> Draft:
        """Draw the counts and the boxes."""
        level = LEVELS[self.difficulty - 1]
        counts = [int(count) for count in rng.integers(0, level.most + 1, size=level.boxes)]
        places = [sorted(int(n) for n in rng.permutation(level.side**2)[:count]) for count in counts]
        steps = [Step(f"{colour} dots", str(count)) for colour, count in zip(COLOURS, counts)]
        steps.append(Step(" + ".join(map(str, counts)), str(sum(counts))))
        return self.compose(
            task_id,
            "<image>How many dots are there in all boxes together?",
            steps,
            AnswerKind.INTEGER,
            content=places,
            show=lambda: self._draw(level.side, places),
        )

    def _draw(self, side: int, places: list[list[int]]) -> Image:
        pitch, gap = self.cell, self.cell // 4
        box = side * pitch + 2 * gap
        canvas = Canvas(len(places) * (box + gap) + gap, box + 2 * gap)
        for number, (colour, taken) in enumerate(zip(COLOURS, places)):
            left, top = gap + number * (box + gap), gap
            canvas.outline((left, top, left + box, top + box), self.cell / 16)
            for place in taken:
                row, column = divmod(place, side)
                centre = (left + gap + (column + 0.5) * pitch, top + gap + (row + 0.5) * pitch)
                canvas.shape("circle", colour, centre, 0.34 * pitch)
        return canvas.array()
