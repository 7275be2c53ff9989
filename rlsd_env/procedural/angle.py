"""`rlsd/Angle-v0`: angles and lengths in figures drawn to scale."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rlsd_env.procedural.base import Draft, ProceduralSource
from rlsd_env.procedural.figures import Figure, Point
from verifiers import AnswerKind, Step

SIZE = (13.0, 10.0)
MARGIN = 1.2
"""In cells: the picture, and its edge in which labels stand."""
TRIPLES = ((3, 4, 5), (5, 12, 13), (8, 15, 17), (7, 24, 25), (20, 21, 29), (12, 35, 37), (28, 45, 53), (33, 56, 65))
"""Primitive Pythagorean triples whose triangles are wide enough to be labelled."""
PAIRS = (
    ((3, 4, 5), (5, 12, 13)),
    ((9, 12, 15), (15, 8, 17)),
    ((9, 12, 15), (15, 20, 25)),
    ((12, 16, 20), (20, 21, 29)),
    ((12, 16, 20), (20, 15, 25)),
    ((15, 20, 25), (25, 60, 65)),
)
"""Two right triangles each: the hypotenuse of the first is the first leg of the second."""
SHARES = ((1, 1), (1, 2), (2, 1), (2, 3), (3, 2), (3, 4), (4, 3))
"""In what ratio similar triangles cut a side."""


@dataclass(frozen=True)
class Problem:
    """A figure, what is asked of it, and the worked solution, whose last step gives the answer."""

    figure: Figure
    question: str
    steps: tuple[Step, ...]


class Angle(ProceduralSource):
    """Find the angle or length x in a figure.

    ## Description
    A figure to scale with its known angles (in degrees) and lengths written on it, and x where something is asked
    for: triangles, isosceles and right triangles (right angles have a square, equal sides a tick), exterior angles,
    parallel lines, similar triangles, an angle's bisector. The answer is an integer.

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
    `difficulty` (default 2): 1: the third angle of a triangle. 2: an angle of an isosceles triangle, a side of a
    right triangle. 3: an exterior angle, an angle at parallel lines. 4: similar triangles, an angle between parallel
    lines. 5: an angle at a bisector, a side of two right triangles.
    `cell` (default 20): pixels; the picture is 13 x 10 of them, a label 0.7 high.

    ## Version History
    v0: first version.
    """

    family = "angle"
    levels = 5
    default_cell = 20

    def make(self, task_id: str, rng: np.random.Generator) -> Draft:
        """Draw the kind of figure and its measures."""
        makers = LEVELS[self.difficulty - 1]
        maker = makers[int(rng.integers(len(makers)))]
        problem = maker(rng)
        return self.compose(
            task_id,
            f"<image>{problem.question}",
            problem.steps,
            AnswerKind.INTEGER,
            content=problem.figure.content(),
            show=lambda: problem.figure.draw(self.cell, SIZE, MARGIN),
            operation=maker.__name__,
        )


ANGLE_QUESTION = "What is the angle x in degrees?"
LENGTH_QUESTION = "What is the length x?"


def third_angle(rng: np.random.Generator) -> Problem:
    """Make a triangle with two known angles."""
    a, b, c = _triangle_angles(rng)
    figure, corners = _triangle(a, b)
    labels = [_degrees(a), _degrees(b), _degrees(c)]
    unknown = int(rng.integers(3))
    labels[unknown] = "x"
    _label_angles(figure, corners, labels)
    known = [angle for number, angle in enumerate((a, b, c)) if number != unknown]
    answer = 180 - sum(known)
    steps = (
        Step(f"{known[0]} + {known[1]}", str(sum(known))),
        Step(f"180 - {sum(known)}", str(answer)),
    )
    return Problem(figure, ANGLE_QUESTION, steps)


def isosceles(rng: np.random.Generator) -> Problem:
    """Make an isosceles triangle, with the angle at its apex known or asked for."""
    base = int(rng.integers(32, 76))
    apex = 180 - 2 * base
    figure, (left, right, top) = _triangle(base, base)
    figure.ticks += [(left, top), (top, right)]
    at_base, at_apex = _degrees(base), _degrees(apex)
    if rng.integers(2):
        at_base = "x"
        steps: tuple[Step, ...] = (Step(f"180 - {apex}", str(2 * base)), Step(f"{2 * base} / 2", str(base)))
    else:
        at_apex = "x"
        steps = (Step(f"2 * {base}", str(2 * base)), Step(f"180 - {2 * base}", str(apex)))
    labels = [at_base, "", at_apex] if rng.integers(2) else ["", at_base, at_apex]
    _label_angles(figure, (left, right, top), labels)
    return Problem(figure, ANGLE_QUESTION, steps)


def right_triangle(rng: np.random.Generator) -> Problem:
    """Make a right triangle with whole sides, of which one is asked for."""
    triple = TRIPLES[int(rng.integers(len(TRIPLES)))]
    factor = int(rng.integers(1, 1 + 100 // triple[2]))
    a, b, c = (factor * side for side in triple)
    if rng.integers(2):
        a, b = b, a
    corner, right, top = (0.0, 0.0), (float(a), 0.0), (0.0, float(b))
    figure = Figure()
    figure.polygon(corner, right, top)
    figure.angles.append((corner, right, top, ""))
    unknown = int(rng.integers(3))
    texts = ["x" if number == unknown else str(side) for number, side in enumerate((a, b, c))]
    figure.labels += [(corner, right, texts[0]), (top, corner, texts[1]), (right, top, texts[2])]
    return Problem(figure, LENGTH_QUESTION, _pythagoras((a, b, c), unknown))


def exterior(rng: np.random.Generator) -> Problem:
    """Make a triangle with one side extended and the two remote angles known, or one of them asked for."""
    a, b, c = _triangle_angles(rng)
    figure, (left, right, top) = _triangle(a, b)
    beyond = (right[0] + 0.45 * (right[0] - left[0]), 0.0)
    figure.lines.append((right, beyond))
    outside = 180 - b
    labels = [_degrees(a), _degrees(c), _degrees(outside)]
    if rng.integers(2):
        labels[2] = "x"
        steps = (Step(f"{a} + {c}", str(outside)),)
    else:
        labels[1] = "x"
        steps = (Step(f"{outside} - {a}", str(c)),)
    figure.angles += [(left, right, top, labels[0]), (top, left, right, labels[1]), (right, beyond, top, labels[2])]
    return Problem(figure, ANGLE_QUESTION, steps)


def parallel_lines(rng: np.random.Generator) -> Problem:
    """Make two parallel lines and a transversal, with an angle known at one and asked for at the other."""
    tilt = int(rng.choice(np.concatenate([np.arange(40, 86), np.arange(95, 141)])))
    across = 6 / math.tan(math.radians(tilt))
    lower, upper = (-across / 2, 0.0), (across / 2, 6.0)
    figure = Figure()
    ends: dict[Point, list[Point]] = {}
    for crossing in (lower, upper):
        left, right = (-8.0, crossing[1]), (8.0, crossing[1])
        figure.lines.append((left, right))
        ends[crossing] = [right, (crossing[0] + across, crossing[1] + 6), left, (crossing[0] - across, crossing[1] - 6)]
    figure.lines.append(((-across, -3.0), (across, 9.0)))
    known, asked = (int(n) for n in rng.integers(4, size=2))
    for crossing, sector, text in ((lower, known, _degrees(_sector(tilt, known))), (upper, asked, "x")):
        figure.angles.append((crossing, ends[crossing][sector], ends[crossing][(sector + 1) % 4], text))
    given, answer = _sector(tilt, known), _sector(tilt, asked)
    name = "equal angle" if given == answer else f"180 - {given}"
    question = f"The two horizontal lines are parallel. {ANGLE_QUESTION}"
    return Problem(figure, question, (Step(name, str(answer)),))


def _sector(tilt: int, number: int) -> int:
    """Return the size of an angle at a crossing, counted counter-clockwise from the one right above the line."""
    return tilt if number % 2 == 0 else 180 - tilt


def between_parallels(rng: np.random.Generator) -> Problem:
    """Make a bent line between two parallel lines; the angle at the bend is the sum of those at the lines."""
    upper, lower = (int(n) for n in rng.integers(30, 66, size=2))
    bend = (5.0, 0.0)
    above = (bend[0] - 3.5 / math.tan(math.radians(upper)), 3.5)
    below = (bend[0] - 3.5 / math.tan(math.radians(lower)), -3.5)
    figure = Figure()
    far = 8.0
    for point in (above, below):
        figure.lines += [((min(above[0], below[0]) - 2, point[1]), (far, point[1])), (point, bend)]
    total = upper + lower
    if rng.integers(2):
        texts = (_degrees(upper), _degrees(lower), "x")
        step = Step(f"{upper} + {lower}", str(total))
    else:
        texts = ("x", _degrees(lower), _degrees(total))
        step = Step(f"{total} - {lower}", str(upper))
    figure.angles += [
        (above, bend, (far, 3.5), texts[0]),
        (below, (far, -3.5), bend, texts[1]),
        (bend, above, below, texts[2]),
    ]
    return Problem(figure, f"The two horizontal lines are parallel. {ANGLE_QUESTION}", (step,))


def similar_triangles(rng: np.random.Generator) -> Problem:
    """Make a triangle cut parallel to one side, with that side or the cut asked for."""
    above, below = SHARES[int(rng.integers(len(SHARES)))]
    along, across = (int(n) for n in rng.choice(np.arange(4, 8), size=2, replace=False))  # lengths of a share
    near, far, whole = above * along, below * along, (above + below) * along
    short, long = above * across, (above + below) * across
    b, c = (0.0, 0.0), (float(long), 0.0)
    slope = math.radians(int(rng.integers(50, 96)))
    a = (whole * math.cos(slope), whole * math.sin(slope))
    share = near / whole
    d, e = (_between(a, end, share) for end in (b, c))
    figure = Figure()
    figure.polygon(b, c, a)
    figure.lines.append((d, e))
    asks_long = bool(rng.integers(2))
    texts = (str(short), "x") if asks_long else ("x", str(long))
    figure.labels += [(a, d, str(near)), (d, b, str(far)), (d, e, texts[0]), (b, c, texts[1])]
    question = f"The two horizontal lines are parallel. {LENGTH_QUESTION}"
    steps = [Step(f"{near} + {far}", str(whole))]
    if asks_long:
        steps += [Step(f"{short} * {whole}", str(short * whole)), Step(f"{short * whole} / {near}", str(long))]
    else:
        steps += [Step(f"{long} * {near}", str(long * near)), Step(f"{long * near} / {whole}", str(short))]
    return Problem(figure, question, tuple(steps))


def bisector(rng: np.random.Generator) -> Problem:
    """Make a triangle with the bisector of its left angle and ask for an angle where it meets the other side."""
    half = int(rng.integers(18, 36))
    b = int(rng.integers(max(40, 95 - 2 * half), 140 - 2 * half))  # the third angle is 41 to 85 degrees
    figure, (left, right, top) = _triangle(2 * half, b)
    # the bisector meets the side between right and top at the ratio of the adjacent sides
    share = math.dist(left, right) / (math.dist(left, right) + math.dist(left, top))
    foot = _between(right, top, share)
    figure.lines.append((left, foot))
    figure.names += [(left, "A", (-1, -0.3)), (right, "B", (1, -0.3)), (top, "C", (0, 1)), (foot, "D", (1, 0.7))]
    c = 180 - 2 * half - b
    figure.angles += [(right, top, left, _degrees(b)), (top, left, right, _degrees(c)), (foot, top, left, "x")]
    steps = (
        Step(f"{b} + {c}", str(b + c)),
        Step(f"180 - {b + c}", str(2 * half)),
        Step(f"{2 * half} / 2", str(half)),
        Step(f"{half} + {b}", str(half + b)),
    )
    return Problem(figure, f"AD bisects the angle at A. {ANGLE_QUESTION}", steps)


def two_right_triangles(rng: np.random.Generator) -> Problem:
    """Make a right triangle on the hypotenuse of another and ask for a side of the outer one."""
    first, second = PAIRS[int(rng.integers(len(PAIRS)))]
    factor = int(rng.integers(1, 4))
    a, b, shared = (factor * side for side in first)
    _, leg, outer = (factor * side for side in second)
    if rng.integers(2):
        a, b = b, a
    corner, right, top = (0.0, 0.0), (float(a), 0.0), (0.0, float(b))
    end = (top[0] + leg * b / shared, top[1] + leg * a / shared)
    figure = Figure()
    figure.polygon(corner, right, top)
    figure.lines += [(top, end), (end, right)]
    figure.angles += [(corner, right, top, ""), (top, right, end, "")]
    figure.labels += [(corner, right, str(a)), (top, corner, str(b))]
    inner = _pythagoras((a, b, shared), 2)
    if rng.integers(2):
        figure.labels += [(end, top, str(leg)), (right, end, "x")]
        return Problem(figure, LENGTH_QUESTION, inner + _pythagoras((shared, leg, outer), 2))
    figure.labels += [(end, top, "x"), (right, end, str(outer))]
    return Problem(figure, LENGTH_QUESTION, inner + _pythagoras((shared, leg, outer), 1))


def _pythagoras(sides: tuple[int, int, int], unknown: int) -> tuple[Step, ...]:
    """Find one side (0 and 1: legs, 2: hypotenuse) of a right triangle from the others."""
    known = [side for number, side in enumerate(sides) if number != unknown]
    small, large = known if unknown == 2 else sorted(known)
    first, second, sign = (small, large, "+") if unknown == 2 else (large, small, "-")
    square = sides[unknown] ** 2
    return (
        Step(f"{first} * {first}", str(first**2)),
        Step(f"{second} * {second}", str(second**2)),
        Step(f"{first**2} {sign} {second**2}", str(square)),
        Step(f"square root of {square}", str(sides[unknown])),
    )


def _triangle_angles(rng: np.random.Generator) -> tuple[int, int, int]:
    """Draw three angles of at least 35 degrees that make a triangle."""
    a = int(rng.integers(35, 101))
    b = int(rng.integers(35, 180 - a - 34))
    return a, b, 180 - a - b


def _triangle(a: int, b: int) -> tuple[Figure, tuple[Point, Point, Point]]:
    """Make a triangle on a horizontal side with these angles in degrees at its left and its right end."""
    left, right = (0.0, 0.0), (10.0, 0.0)
    length = 10 * math.sin(math.radians(b)) / math.sin(math.radians(a + b))
    top = (length * math.cos(math.radians(a)), length * math.sin(math.radians(a)))
    figure = Figure()
    figure.polygon(left, right, top)
    return figure, (left, right, top)


def _label_angles(figure: Figure, corners: tuple[Point, Point, Point], labels: list[str]) -> None:
    """Write the angles of a triangle whose corners are given counter-clockwise; "" leaves one out."""
    for number, label in enumerate(labels):
        if label:
            figure.angles.append((corners[number], corners[(number + 1) % 3], corners[(number + 2) % 3], label))


def _between(start: Point, end: Point, share: float) -> Point:
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


def _degrees(angle: int) -> str:
    return f"{angle}°"


LEVELS: tuple[tuple[Callable[[np.random.Generator], Problem], ...], ...] = (
    (third_angle,),
    (isosceles, right_triangle),
    (exterior, parallel_lines),
    (similar_triangles, between_parallels),
    (bisector, two_right_triangles),
)
