"""`rlsd/ShapeCount-v0`: count two kinds of coloured shapes, then one arithmetic step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlsd_env.procedural.base import Draft, ProceduralSource
from rlsd_env.procedural.drawing import COLOURS, SHAPES, Canvas
from rlsd_env.task import Image
from verifiers import AnswerKind, Step

OPERATIONS = {
    "plus": ("+", lambda a, b: a + b),
    "minus": ("-", lambda a, b: a - b),
    "times": ("*", lambda a, b: a * b),
}
PLURALS = {"circle": "circles", "square": "squares", "triangle": "triangles", "cross": "crosses"}


@dataclass(frozen=True)
class Level:
    """What a difficulty means: grid side, colours, shapes, largest count of a kind, operations, jitter."""

    side: int
    colours: int
    shapes: int
    most: int
    operations: tuple[str, ...]
    jitter: float


LEVELS = (
    Level(3, 2, 2, 3, ("plus",), 0.0),
    Level(4, 3, 3, 5, ("plus",), 0.0),
    Level(5, 4, 3, 7, ("plus", "minus"), 0.06),
    Level(6, 5, 4, 9, ("plus", "minus", "times"), 0.1),
    Level(8, 6, 4, 14, ("plus", "minus", "times"), 0.12),
)


class ShapeCount(ProceduralSource):
    """Count two kinds of coloured shapes in a grid and combine the two numbers.

    ## Description
    A white picture holds a grid of coloured shapes. The question names two kinds ("red circles", "blue
    squares") and one operation; the answer is one integer. Distractors share a colour or a shape with the
    kinds that are asked for. The worked solution counts each kind and then computes.

    ## Action Space
    Text: the completion, with the answer in `<answer> </answer>`.

    ## Observation Space
    `question` (text with one `<image>`), `images` (one picture of `side * cell` pixels square), `choices`
    (empty), `feedback` and `turn`.

    ## Rewards
    1 for the exact integer, else 0.

    ## Starting State
    A task drawn from the fold by the seed, or the one that `options={"task_index": n}` names.

    ## Episode End
    After one completion.

    ## Information
    `task`, `task_id`; after a step `verdict` and `reward/<part>`.

    ## Arguments
    `difficulty` (default 2): 1: 3x3 cells, 2 colours, 2 shapes, counts 0-3. 2: 4x4, 3, 3, 0-5. 3: 5x5, 4, 3,
    0-7, also minus, shapes jittered. 4: 6x6, 5, 4, 0-9, also times. 5: 8x8, 6, 4, 0-14.
    `cell` (default 16): pixels per grid cell; 32 or more for models with 32-pixel visual tokens.

    The folds are split by task number alone, not by content: published results were made with these tasks. Of the
    first 400 heldout tasks, 1 looks like one of the first 1,200 train tasks at difficulty 1 and none at 2 to 5; so it
    is with the first 400 tuning tasks.

    ## Version History
    v0: first version.
    """

    family = "shape_count"
    levels = len(LEVELS)
    content_split = False

    def make(self, task_id: str, rng: np.random.Generator) -> Draft:
        """Draw the kinds, their counts and the picture."""
        level = LEVELS[self.difficulty - 1]
        kinds = [(c, s) for c in list(COLOURS)[: level.colours] for s in SHAPES[: level.shapes]]
        first, second, *others = (kinds[i] for i in rng.permutation(len(kinds)))
        a, b = (int(n) for n in rng.integers(0, level.most + 1, size=2))
        operation = level.operations[int(rng.integers(len(level.operations)))]
        if operation == "minus" and a < b:
            first, second, a, b = second, first, b, a
        cells = level.side**2
        distractors = int(rng.integers(0, cells - a - b + 1))
        drawn = [first] * a + [second] * b + [others[i] for i in rng.integers(len(others), size=distractors)]
        places = rng.permutation(cells)[: len(drawn)]
        jitter = rng.uniform(-level.jitter, level.jitter, size=(len(drawn), 2))

        sign, function = OPERATIONS[operation]
        answer = str(function(a, b))
        name_a, name_b = (f"{colour} {PLURALS[shape]}" for colour, shape in (first, second))
        steps = (Step(name_a, str(a)), Step(name_b, str(b)), Step(f"{a} {sign} {b}", answer))
        return self.compose(
            task_id,
            f"<image>What is the number of {name_a} {operation} the number of {name_b}?",
            steps,
            AnswerKind.INTEGER,
            show=lambda: self._draw(level.side, drawn, places, jitter),
            operation=operation,
        )

    def _draw(
        self, side: int, drawn: list[tuple[str, str]], places: NDArray[np.int64], jitter: NDArray[np.float64]
    ) -> Image:
        canvas = Canvas(side * self.cell, side * self.cell)
        for (colour, shape), place, (dx, dy) in zip(drawn, places, jitter):
            row, column = divmod(int(place), side)
            centre = ((column + 0.5 + dx) * self.cell, (row + 0.5 + dy) * self.cell)
            canvas.shape(shape, colour, centre, 0.38 * self.cell)
        return canvas.resized()
