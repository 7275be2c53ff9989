"""`rlsd/BarChart-v0`: read two bars, then their sum, difference or ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from rlsd_env.procedural.base import Draft, ProceduralSource
from rlsd_env.procedural.drawing import COLOURS, Canvas
from rlsd_env.task import Image
from verifiers import AnswerKind, Step


@dataclass(frozen=True)
class Level:
    """What a difficulty means: bars, largest value, operations, the step between axis labels, and the height of the
    largest value in cells."""

    bars: int
    most: int
    operations: tuple[str, ...]
    tick: int
    height: float = 5.5


LEVELS = (
    Level(2, 5, ("sum",), 1),
    Level(3, 9, ("sum", "difference"), 1),
    Level(4, 12, ("sum", "difference", "ratio"), 2),
    Level(5, 20, ("sum", "difference", "ratio"), 5),
    Level(6, 50, ("sum", "difference", "ratio"), 10, height=10.0),
)
BAR_COLOURS = tuple(colour for colour in COLOURS if colour != "black")  # axis and labels are black
UNIT = 3
"""The least height of one unit in pixels; with less it cannot be told how high a bar is."""
SIGNS = {"sum": "+", "difference": "-", "ratio": "/"}


class BarChart(ProceduralSource):
    """Read two bars of a chart and combine their values.

    ## Description
    A bar chart with coloured bars and a labelled value axis. The question names two bars by colour and asks
    for their sum, difference (the first is never the smaller) or ratio (an exact fraction).

    ## Action Space
    Text: the completion, with the answer in `<answer> </answer>`.

    ## Observation Space
    `question` (text with one `<image>`), `images` (one picture), `choices` (empty), `feedback`, `turn`.

    ## Rewards
    1 for the exact integer or fraction, else 0. A ratio may be written as any equal fraction or terminating
    decimal.

    ## Starting State
    A task drawn from the fold by the seed, or the one that `options={"task_index": n}` names.

    ## Episode End
    After one completion.

    ## Information
    `task`, `task_id`; after a step `verdict` and `reward/<part>`.

    ## Arguments
    `difficulty` (default 2): 1: 2 bars up to 5, sums. 2: 3 bars up to 9, sums and differences. 3: 4 bars up
    to 12, also ratios, every second value labelled. 4: 5 up to 20, every fifth. 5: 6 up to 50, every tenth.
    `cell` (default 16): width of a bar with its gap in pixels; at least 11 at difficulty 4 and 15 at difficulty 5, so
    that one unit is 3 pixels high.

    ## Version History
    v0: first version.
    """

    family = "bar_chart"
    levels = len(LEVELS)

    @classmethod
    def least_cell(cls, difficulty: int) -> int:
        """Return the smallest `cell` at which one unit is `UNIT` pixels high."""
        level = LEVELS[difficulty - 1]
        return max(super().least_cell(difficulty), math.ceil(UNIT * level.most / level.height))

    def make(self, task_id: str, rng: np.random.Generator) -> Draft:
        """Draw the values, the two bars that are asked for and the chart."""
        level = LEVELS[self.difficulty - 1]
        colours = [BAR_COLOURS[i] for i in rng.permutation(len(BAR_COLOURS))[: level.bars]]
        values = [int(value) for value in rng.integers(1, level.most + 1, size=level.bars)]
        operation = level.operations[int(rng.integers(len(level.operations)))]
        i, j = (int(n) for n in rng.permutation(level.bars)[:2])
        if operation == "difference" and values[i] < values[j]:
            i, j = j, i
        a, b = values[i], values[j]
        results = {"sum": Fraction(a + b), "difference": Fraction(a - b), "ratio": Fraction(a, b)}
        answer = str(results[operation])
        kind = AnswerKind.FRACTION if operation == "ratio" else AnswerKind.INTEGER
        name_a, name_b = f"{colours[i]} bar", f"{colours[j]} bar"
        sign = SIGNS[operation]
        steps = (Step(name_a, str(a)), Step(name_b, str(b)), Step(f"{a} {sign} {b}", answer))
        what = {
            "sum": f"the sum of the {name_a} and the {name_b}",
            "difference": f"the {name_a} minus the {name_b}",
            "ratio": f"the ratio of the {name_a} to the {name_b}",
        }[operation]
        return self.compose(
            task_id,
            f"<image>What is {what}?",
            steps,
            kind,
            content=[colours, values],
            show=lambda: self._draw(level, colours, values),
            operation=operation,
        )

    def _draw(self, level: Level, colours: list[str], values: list[int]) -> Image:
        cell = self.cell
        left, bottom, plot = 1.5 * cell, 0.5 * cell, level.height * cell
        width, height = round(left + (level.bars + 0.5) * cell), round(plot + 1.5 * cell)
        base = height - bottom
        canvas = Canvas(width, height)
        for value in range(0, level.most + 1, level.tick):
            y = base - plot * value / level.most
            canvas.rectangle((left - 0.15 * cell, y - 0.03 * cell, width, y + 0.03 * cell), "black")
            canvas.text((left - 0.3 * cell, y), str(value), 0.55 * cell, anchor="rm")
        for position, (colour, value) in enumerate(zip(colours, values)):
            x = left + (position + 0.25) * cell
            canvas.rectangle((x, base - plot * value / level.most, x + 0.7 * cell, base), colour)
        return canvas.array()
