"""`rlsd/FunctionPlot-v0`: read values, roots, slopes, intersections and extrema off a drawn plot."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, TypeVar

import numpy as np

from rlsd_env.procedural.base import Draft, ProceduralSource, operand
from rlsd_env.procedural.drawing import Canvas
from rlsd_env.task import Image
from verifiers import AnswerKind, Step

REACH = 6
"""Both axes go from -REACH to REACH."""
MARGIN = 1.0
"""Cells around the grid, where the numbers stand."""
COLOURS = ("blue", "red", "green", "purple")
GRID = range(-REACH, REACH + 1)
SAMPLES = [n / 12 for n in range(-12 * REACH, 12 * REACH + 1)]
"""Where functions are computed to be drawn; all corners and extrema are among them."""
Number = TypeVar("Number", Fraction, float)


class Function(Protocol):
    """A function that is exact for fractions, and fast for floats."""

    def __call__(self, x: Number, /) -> Number:
        """Return its value."""


@dataclass(frozen=True)
class Plot:
    """A question about drawn functions with its worked solution.

    Attributes:
        functions: one in any of `COLOURS`, or two in the first and the second.
        question: the question.
        steps: the worked solution.
        kind: how answers are compared.
        answer: the gold answer; None: the last step's value.

    """

    functions: tuple[Function, ...]
    question: str
    steps: tuple[Step, ...]
    kind: AnswerKind = AnswerKind.INTEGER
    answer: str | None = None


class FunctionPlot(ProceduralSource):
    """Read a value, a root, a slope, an intersection or an extremum off a plot.

    ## Description
    A grid with numbered axes from -6 to 6 holds one or two functions: lines, parabolas, absolute values or
    polygonal lines. What has to be read off lies on grid points, so that the answer is exact.

    ## Action Space
    Text: the completion, with the answer in `<answer> </answer>`.

    ## Observation Space
    `question` (text with one `<image>`), `images` (one picture), `choices` (empty), `feedback`, `turn`.

    ## Rewards
    1 for the exact integer, fraction (any equal one or terminating decimal) or point, else 0.

    ## Starting State
    A task drawn from the fold by the seed, or the one that `options={"task_index": n}` names.

    ## Episode End
    After one completion.

    ## Information
    `task`, `task_id`; after a step `verdict` and `reward/<part>`.

    ## Arguments
    `difficulty` (default 2): 1: a value of a line. 2: slope, root or value at 0 of a line with a whole slope.
    3: the extremum or the larger root of a parabola or an absolute value. 4: a fractional slope, or where two lines
    meet. 5: f(f(x)), or the mean slope between two points, of a polygonal line.
    `cell` (default 24): pixels per unit.

    ## Version History
    v0: first version.
    """

    family = "function_plot"
    levels = 5
    default_cell = 24

    def make(self, task_id: str, rng: np.random.Generator) -> Draft:
        """Draw the functions and what is asked of them."""
        makers = LEVELS[self.difficulty - 1]
        maker = makers[int(rng.integers(len(makers)))]
        plot = maker(rng)
        functions, single = plot.functions, COLOURS[int(rng.integers(len(COLOURS)))]
        colours = (single,) if len(functions) == 1 else COLOURS[:2]
        return self.compose(
            task_id,
            f"<image>{plot.question}",
            plot.steps,
            plot.kind,
            answer=plot.answer,
            content=[colours, [[str(function(Fraction(x))) for x in GRID] for function in functions]],
            show=lambda: self._draw(functions, colours),
            operation=maker.__name__,
        )

    def _draw(self, functions: tuple[Function, ...], colours: tuple[str, ...]) -> Image:
        cell = self.cell
        side = round((2 * REACH + 2 * MARGIN) * cell)
        canvas = Canvas(side, side)
        low, high = MARGIN * cell, side - MARGIN * cell

        def at(x: float, y: float) -> tuple[float, float]:
            return (MARGIN + REACH + x) * cell, (MARGIN + REACH - y) * cell

        for value in GRID:
            x, y = at(value, value)
            thickness = (0.1 if value == 0 else 0.025) * cell
            canvas.line([(x, low), (x, high)], thickness)
            canvas.line([(low, y), (high, y)], thickness)
            canvas.text((x, high + 0.5 * cell), str(value), 0.5 * cell)
            canvas.text((low - 0.5 * cell, y), str(value), 0.5 * cell)
        for function, colour in zip(functions, colours):
            values = ((x, function(x)) for x in SAMPLES)
            canvas.line([at(x, y) for x, y in values if abs(y) <= REACH + 1e-9], 0.13 * cell, colour)
        return canvas.array()


def line_through(x: int, y: int, slope: Fraction) -> Function:
    """Return the line of a slope through a point."""
    return lambda t: y + (t - x) * slope.numerator / slope.denominator


def polygonal(values: list[int], spacing: int) -> Function:
    """Return the function with these values every `spacing` units from -REACH on, linear in between."""

    def function(x: Number, /) -> Number:
        number = min(math.floor((x + REACH) / spacing), len(values) - 2)
        start = number * spacing - REACH
        return values[number] + (x - start) * (values[number + 1] - values[number]) / spacing

    return function


def value(rng: np.random.Generator) -> Plot:
    """Ask for a value of a line; any that is whole and on the grid."""
    slope = Fraction(_one_of((-2, -1, 1, 2), rng))
    x, y = _whole(-4, 4, rng), _whole(-5, 5, rng)
    return Plot((line_through(x, y, slope),), f"What is the value of f at x = {x}?", (Step(f"f({x})", str(y)),))


def slope(rng: np.random.Generator) -> Plot:
    """Ask for the slope of a line with a whole slope."""
    m = _one_of((-3, -2, -1, 1, 2, 3), rng)
    x, y = _whole(-2, 1, rng), _whole(-3, 3, rng)
    return _slope_of(line_through(x, y, Fraction(m)), (x, x + 1), AnswerKind.INTEGER)


def fractional_slope(rng: np.random.Generator) -> Plot:
    """Ask for the slope of a line that meets grid points every two to four units."""
    run = _one_of((2, 3, 4), rng)
    rise = _one_of([n for n in range(-5, 6) if math.gcd(n, run) == 1], rng)
    x, y = _whole(-4, 0, rng), _whole(max(-5, -5 - rise), min(5, 5 - rise), rng)
    return _slope_of(line_through(x, y, Fraction(rise, run)), (x, x + run), AnswerKind.FRACTION)


def mean_slope(rng: np.random.Generator) -> Plot:
    """Ask for the mean slope of a polygonal line between two of its corners."""
    function = _polygon(rng)
    first, last = (int(n) * 2 - REACH for n in sorted(rng.choice(REACH + 1, size=2, replace=False)))
    question = f"What is the mean slope of f between x = {first} and x = {last}, exactly?"
    return _slope_of(function, (first, last), AnswerKind.FRACTION, question)


def _slope_of(
    function: Function, ends: tuple[int, int], kind: AnswerKind, question: str = "What is the slope of the line?"
) -> Plot:
    (a, left), (b, right) = ((x, function(Fraction(x))) for x in ends)
    steps = (
        Step(f"f({a})", str(left)),
        Step(f"f({b})", str(right)),
        Step(f"{operand(right)} - {operand(left)}", str(right - left)),
        Step(f"{operand(right - left)} / {b - a}", str((right - left) / (b - a))),
    )
    return Plot((function,), question, steps, kind)


def root(rng: np.random.Generator) -> Plot:
    """Ask where a line crosses the x-axis."""
    x = _whole(-5, 5, rng)
    function = line_through(x, 0, Fraction(_one_of((-3, -2, -1, 1, 2, 3), rng)))
    return Plot((function,), "At which x is f(x) = 0?", (Step("zero of f", str(x)),))


def value_at_zero(rng: np.random.Generator) -> Plot:
    """Ask where a line crosses the y-axis."""
    y = _whole(-5, 5, rng)
    function = line_through(0, y, Fraction(_one_of((-3, -2, -1, 1, 2, 3), rng)))
    return Plot((function,), "At which y does the line meet the y-axis?", (Step("f(0)", str(y)),))


def extremum(rng: np.random.Generator) -> Plot:
    """Ask for the largest or smallest value of a parabola or an absolute value."""
    opening = _one_of((-2, -1, 1, 2), rng)
    x, y = _whole(-3, 3, rng), _whole(-5, 2, rng) * (1 if opening > 0 else -1)
    power = _one_of((1, 2), rng)
    what = "smallest" if opening > 0 else "largest"
    steps = (Step(f"x of the {what} value", str(x)), Step(f"{what} value", str(y)))
    return Plot((_bent(x, y, opening, power),), f"What is the {what} value of f?", steps)


def larger_root(rng: np.random.Generator) -> Plot:
    """Ask for the larger of the two zeros of a parabola or an absolute value."""
    opening, power = _one_of((-1, 1), rng), _one_of((1, 2), rng)
    half = _one_of((1, 2) if power == 2 else (1, 2, 3, 4), rng)
    x = _whole(half - 5, 5 - half, rng)
    function = _bent(x, -opening * half**power, opening, power)
    steps = (Step("smaller zero", str(x - half)), Step("larger zero", str(x + half)))
    return Plot((function,), "What is the larger of the two x with f(x) = 0?", steps)


def _bent(x: int, y: int, opening: int, power: int) -> Function:
    """Return a parabola (power 2) or an absolute value (power 1) with its vertex at (x, y)."""
    return lambda t: y + opening * abs(t - x) ** power


def intersection(rng: np.random.Generator) -> Plot:
    """Ask for the point where two lines meet."""
    x, y = _whole(-4, 4, rng), _whole(-4, 4, rng)
    slopes = rng.choice(np.array([-3, -2, -1, 0, 1, 2, 3]), size=2, replace=False)
    functions = tuple(line_through(x, y, Fraction(int(m), 2)) for m in slopes)
    return Plot(
        functions,
        "At which point (x, y) do the blue and the red line meet?",
        (Step("x of the point", str(x)), Step("y of the point", str(y))),
        AnswerKind.EXPRESSION,
        f"({x}, {y})",
    )


def nested_value(rng: np.random.Generator) -> Plot:
    """Ask for f(f(x)) at a corner of a polygonal line, where f(x) is another corner's x."""
    function = _polygon(rng, 2)
    x = 2 * _whole(-REACH // 2, REACH // 2, rng)
    inner = int(function(Fraction(x)))
    outer = int(function(Fraction(inner)))
    return Plot((function,), f"What is f(f({x}))?", (Step(f"f({x})", str(inner)), Step(f"f({inner})", str(outer))))


def _polygon(rng: np.random.Generator, multiple: int = 1) -> Function:
    """Draw a polygonal line with a corner every two units, at multiples of a number below the edge of the grid."""
    most = (REACH - 1) // multiple
    return polygonal([int(n) * multiple for n in rng.integers(-most, most + 1, size=REACH + 1)], 2)


def _whole(low: int, high: int, rng: np.random.Generator) -> int:
    return int(rng.integers(low, high + 1))


def _one_of(values: tuple[int, ...] | list[int], rng: np.random.Generator) -> int:
    return values[int(rng.integers(len(values)))]


LEVELS: tuple[tuple[Callable[[np.random.Generator], Plot], ...], ...] = (
    (value,),
    (slope, root, value_at_zero),
    (extremum, larger_root),
    (fractional_slope, intersection),
    (nested_value, mean_slope),
)
