"""Families of figures: clocks, mazes, graphs, plots and triangles are measured in the pixels."""

from __future__ import annotations

import itertools
import math
import re
from fractions import Fraction

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components, dijkstra

import verifiers
from rlsd_env.procedural import function_plot, graph_reading, maze
from rlsd_env.procedural.angle import Angle
from rlsd_env.procedural.clock import Clock, ClockVerifier
from rlsd_env.procedural.function_plot import FunctionPlot
from rlsd_env.procedural.graph_reading import GraphReading
from rlsd_env.procedural.maze import Maze
from rlsd_env.procedural.paths import shortest_paths
from verifiers import AnswerKind, Reference
from verifiers.testing import check_verifier

from .families import centre, dark, pixels, read, regions

EVERY_LEVEL = range(1, 6)


def hand(mask, middle):
    """Return the part of a turn from twelve o'clock at which the pixels of a mask lie."""
    x, y = centre(mask)
    return math.atan2(x - middle, middle - y) / (2 * math.pi) % 1


def read_clock(image):
    """Return minutes past 12: whole minutes from the coloured hand, hours from the black one within its reach."""
    side = image.shape[0]
    rows, columns = np.indices(image.shape[:2]) - (side - 1) / 2
    inner = np.hypot(rows, columns) < side / 8 * 1.55
    coloured = np.ptp(image.astype(int), axis=-1) > 60
    hours = hand(dark(image) & ~coloured & inner, (side - 1) / 2) * 12
    minutes = round(hand(coloured & ~inner, (side - 1) / 2) * 60) % 60
    return round(hours - minutes / 60) % 12 * 60 + minutes


@pytest.mark.parametrize("difficulty", EVERY_LEVEL)
def test_clock_answers_are_what_the_hands_show(difficulty):
    for index in range(40):
        item = Clock(difficulty=difficulty, cell=32).item(index)
        (image,) = item.task.images
        times = [read_clock(part) for part in np.split(image, image.shape[1] // image.shape[0], axis=1)]
        if len(times) == 2:
            expected = str((times[1] - times[0]) % 720)
        else:
            found = re.search(r"(\d+) minutes (later|earlier)", item.task.question)
            delay = int(found[1]) * (1 if found[2] == "later" else -1) if found else 0
            hours, minutes = divmod((times[0] + delay) % 720, 60)
            expected = f"{hours or 12}:{minutes:02d}"
        assert item.privileged.reference.answer == expected, (difficulty, index)


@pytest.mark.parametrize(
    ("answer", "correct"),
    [("3:05", True), ("03:05", True), ("3:05.", True), ("$3:05$", True)]
    + [(wrong, False) for wrong in ("3/5", "3.05", "6:10", "3:5", "15:05", "10:05", "13:05", "3:005", "3:05 or 6:10")],
)
def test_a_time_is_hours_and_minutes_with_a_colon(answer, correct):
    verdict = ClockVerifier().verify(f"<answer> {answer} </answer>", Reference("3:05", AnswerKind.TEXT))
    assert verdict.correct == correct


def test_the_clock_verifier_keeps_the_contract():
    right, wrong = "The answer is 10:05.", "<answer> 01:05 </answer>"
    check_verifier(ClockVerifier(), Reference("10:05", AnswerKind.TEXT), right, wrong)
    assert verifiers.make(Clock.verifier).verify("<answer> 65.0 </answer>", Reference("65", AnswerKind.INTEGER)).correct


@pytest.mark.parametrize("difficulty", EVERY_LEVEL)
def test_maze_answers_are_the_shortest_ways_between_the_walls(difficulty):
    cell = 32
    for index in range(10):
        item = Maze(difficulty=difficulty, cell=cell).item(index)
        (image,) = item.task.images
        walls, side = dark(image), round(image.shape[0] / cell - 2 * maze.MARGIN)

        def at(place):
            return round((place + maze.MARGIN) * cell)

        cells = list(itertools.product(range(side), repeat=2))
        lengths = np.zeros((side**2, side**2))
        for (a, (row, column)), (b, (other_row, other_column)) in itertools.combinations(enumerate(cells), 2):
            if abs(row - other_row) + abs(column - other_column) == 1:
                lengths[a, b] = not walls[at((row + other_row + 1) / 2), at((column + other_column + 1) / 2)]
        assert walls[at(0)].sum() == walls[at(side)].sum() >= side * cell  # closed around
        ends = [centre(pixels(image, colour)) for colour in ("red", "green")]
        start, goal = (int(y / cell - maze.MARGIN) * side + int(x / cell - maze.MARGIN) for x, y in ends)
        expected = dijkstra(lengths, directed=False, indices=start)[goal]
        assert item.privileged.reference.answer == str(int(expected)), (difficulty, index)


def distance(point, start, end):
    along = end - start
    share = np.clip((point - start) @ along / (along @ along), 0, 1)
    return np.linalg.norm(point - start - share * along)


def read_graph(image, cell):
    """Return the letters and the matrix of weights: 0 without an edge, 1 for one without a number."""
    size = graph_reading.TEXT * cell
    boxes = [box for box in regions(pixels(image, "yellow", 120)) if box[2] - box[0] > 0.7 * cell]
    centres = [np.array([(left + right) / 2, (top + bottom) / 2]) for left, top, right, bottom in boxes]
    names = [read(image, point, size, "ABCDEFGHI", half=(0.4, 0.52)) for point in centres]
    ink = dark(image)
    lengths = np.zeros((len(centres), len(centres)), dtype=int)
    for (a, start), (b, end) in itertools.combinations(enumerate(centres), 2):
        others = [point for number, point in enumerate(centres) if number not in (a, b)]
        if any(distance(point, start, end) < 0.8 * cell for point in others):
            continue
        gap = 0.75 * cell / np.linalg.norm(end - start)
        shares = [*np.linspace(gap, 0.5 - gap, 15), *np.linspace(0.5 + gap, 1 - gap, 15)]
        points = [np.round(start + share * (end - start) - 0.5).astype(int) for share in shares]
        if all(ink[y - 1 : y + 2, x - 1 : x + 2].any() for x, y in points):
            middle = (start + end) / 2
            across = ink[round(middle[1]) - 2 : round(middle[1]) + 3, round(middle[0]) - 2 : round(middle[0]) + 3]
            numbers = [str(n) for n in range(1, 21)]
            lengths[a, b] = 1 if across.mean() > 0.9 else int(read(image, middle, size, numbers, half=(0.75, 0.55)))
    return names, lengths


@pytest.mark.parametrize("difficulty", EVERY_LEVEL)
def test_graph_answers_are_what_the_picture_shows(difficulty):
    cell = 64
    for index in range(12):
        item = GraphReading(difficulty=difficulty, cell=cell).item(index)
        names, lengths = read_graph(item.task.images[0], cell)
        assert sorted(names) == list("ABCDEFGHI"[: len(names)])
        question = item.task.question
        asked = [names.index(letter) for letter in re.findall(r"\b([A-I])\b", question.partition("A node")[0])]
        if "components" in question:
            expected, _ = connected_components(lengths, directed=False)
        elif len(asked) == 1:
            expected = ((lengths + lengths.T)[asked[0]] > 0).sum()
        else:
            unweighted = "How many" in question
            weights = np.minimum(lengths, 1) if unweighted else lengths
            expected = int(dijkstra(weights, directed=False, indices=asked[0])[asked[1]])
        assert item.privileged.reference.answer == str(expected), (difficulty, index)


def test_shortest_paths_worked_by_hand():
    graph = {"A": {"B": 4, "C": 1}, "B": {"A": 4, "C": 2}, "C": {"A": 1, "B": 2}, "D": {}}
    assert shortest_paths(graph, "A") == {"A": ["A"], "B": ["A", "C", "B"], "C": ["A", "C"]}  # 1 + 2 < 4


class Curve:
    """A function read from the pixels of its colour."""

    def __init__(self, image, colour, cell):
        rows, columns = np.nonzero(pixels(image, colour, 60))
        self.x = (columns + 0.5) / cell - function_plot.MARGIN - function_plot.REACH
        self.y = function_plot.MARGIN + function_plot.REACH - (rows + 0.5) / cell

    def at(self, x):
        return round(self.y[np.abs(self.x - x) < 0.03].mean())

    def zeros(self):
        near = np.sort(self.x[np.abs(self.y) < 0.03])
        return [round(group.mean()) for group in np.split(near, np.flatnonzero(np.diff(near) > 0.5) + 1)]

    def slope(self):
        slope, _ = np.polyfit(self.x, self.y, 1)
        return Fraction(float(slope)).limit_denominator(4)


def answer_from_plot(question, curves, cell):
    curve = curves[0]
    numbers = [int(n) for n in re.findall(r"-?\d+", question)]
    if "mean slope" in question:
        first, last = numbers
        return Fraction(curve.at(last) - curve.at(first), last - first)
    if "value of f at" in question:
        return curve.at(numbers[0])
    if "slope" in question:
        return curve.slope()
    if "smallest" in question:
        return round(curve.y.min() + 0.1)
    if "largest" in question:
        return round(curve.y.max() - 0.1)
    if "f(f(" in question:
        return curve.at(curve.at(numbers[0]))
    if "y-axis" in question:
        return curve.at(0)
    if "f(x) = 0" in question:
        return curve.zeros()[-1]
    x, y = centre_of_meeting(*curves)
    return f"({x}, {y})"


def centre_of_meeting(first, second):
    (a, b), (c, d) = (np.polyfit(curve.x, curve.y, 1) for curve in (first, second))
    x = (d - b) / (a - c)
    return round(x), round(a * x + b)


@pytest.mark.parametrize("difficulty", EVERY_LEVEL)
def test_plot_answers_are_what_the_picture_shows(difficulty):
    cell = 48
    for index in range(25):
        item = FunctionPlot(difficulty=difficulty, cell=cell).item(index)
        (image,) = item.task.images
        curves = [Curve(image, colour, cell) for colour in function_plot.COLOURS if pixels(image, colour).sum() > 50]
        expected = answer_from_plot(item.task.question, curves, cell)
        assert item.privileged.reference.answer == str(expected), (difficulty, index)


class Outline:
    """The blue lines of a figure: the box around them, and the angles of its two sides."""

    def __init__(self, image):
        self.ink = image[..., 2].astype(int) - image[..., 0] > 90  # black and grey are no lines
        rows, columns = np.nonzero(self.ink)
        self.top, self.bottom, self.left, self.right = rows.min(), rows.max(), columns.min(), columns.max()

    def side(self, pick, share=(0.15, 0.85)):
        """Return the direction in degrees, 0 to 180, of what `pick` takes of each row's columns."""
        height = self.bottom - self.top
        first, last = (round(self.top + part * height) for part in share)
        rows = first + np.flatnonzero(self.ink[first:last].any(axis=1))  # a tick may hide a row
        slope, _ = np.polyfit(rows, [pick(np.flatnonzero(self.ink[row])) for row in rows], 1)
        return math.degrees(math.atan2(1, -slope)) % 180

    def angles(self):
        left, right = self.side(np.min), 180 - self.side(np.max)
        return left, right, 180 - left - right


def near(value, answer, tolerance=1.2):
    return abs(value - int(answer)) < tolerance


def answers(operation, difficulty, count=12):
    source = Angle(difficulty=difficulty, cell=48)
    items = (source.item(index) for index in itertools.count())
    found = itertools.islice((item for item in items if item.task.metadata["operation"] == operation), count)
    return [(Outline(item.task.images[0]), item.privileged.reference) for item in found]


@pytest.mark.parametrize(("operation", "difficulty"), [("third_angle", 1), ("isosceles", 2)])
def test_angles_of_triangles_are_to_scale(operation, difficulty):
    for outline, reference in answers(operation, difficulty):
        angles = outline.angles()
        assert any(near(angle, reference.answer) for angle in angles), (angles, reference)
        if operation == "third_angle":
            known = [int(n) for n in reference.steps[0].name.split(" + ")]
            assert sorted([*known, int(reference.answer)]) == pytest.approx(sorted(angles), abs=1.2)
        else:
            assert angles[0] == pytest.approx(angles[1], abs=1.2)


def test_sides_of_right_triangles_are_to_scale():
    for outline, reference in answers("right_triangle", 2):
        width, height = outline.right - outline.left, outline.bottom - outline.top
        seen = sorted((width, height, math.hypot(width, height)))
        known = [int(step.name.partition(" ")[0]) for step in reference.steps[:2]]
        sides = sorted([*known, int(reference.answer)])
        assert sides[0] ** 2 + sides[1] ** 2 == sides[2] ** 2
        assert np.array(seen) / seen[2] == pytest.approx(np.array(sides) / sides[2], abs=0.03)


def test_exterior_angles_are_to_scale():
    for outline, reference in answers("exterior", 3):
        remote, inner, apex = outline.angles()
        expected = remote + apex if "+" in reference.steps[0].name else apex
        assert near(expected, reference.answer)
        assert near(
            180 - inner,
            int(reference.answer) if "+" in reference.steps[0].name else int(reference.steps[0].name.partition(" ")[0]),
        )


def test_angles_at_parallel_lines_are_to_scale():
    for outline, reference in answers("parallel_lines", 3):
        tilt = outline.side(np.mean, (0.05, 0.22))  # above the upper line
        assert near(tilt, reference.answer) or near(180 - tilt, reference.answer)


def test_a_bend_between_parallel_lines_is_to_scale():
    for outline, reference in answers("between_parallels", 4):
        upper, lower = 180 - outline.side(np.mean, (0.08, 0.4)), outline.side(np.mean, (0.6, 0.92))
        expected = upper + lower if "+" in reference.steps[0].name else upper
        assert near(expected, reference.answer, 2)


def test_similar_triangles_are_to_scale():
    for outline, reference in answers("similar_triangles", 4):
        height = outline.bottom - outline.top
        first, last = round(outline.top + 0.1 * height), round(outline.bottom - 0.1 * height)
        share = (first + np.argmax(outline.ink.sum(axis=1)[first:last]) - outline.top) / height
        above, below = (int(n) for n in reference.steps[0].name.split(" + "))
        assert share == pytest.approx(above / (above + below), abs=0.02)
        given = int(reference.steps[1].name.partition(" ")[0])
        scale = share if reference.steps[1].name.endswith(f" {above}") else 1 / share
        assert int(reference.answer) == pytest.approx(given * scale, rel=0.04)


def test_angles_at_a_bisector_are_to_scale():
    for outline, reference in answers("bisector", 5):
        at_a, at_b, at_c = outline.angles()
        assert near(at_a / 2 + at_b, reference.answer, 2)
        assert near(at_b + at_c, reference.steps[0].value, 2)


def test_two_right_triangles_are_to_scale():
    for outline, reference in answers("two_right_triangles", 5):
        numbers = [int(step.name.partition(" ")[0]) for step in reference.steps if "*" in step.name]
        base = np.flatnonzero(outline.ink[outline.bottom - 2])
        wall = np.flatnonzero(outline.ink[:, outline.left + 2])
        width, height = base.max() - base.min(), wall.max() - wall.min()
        scale = math.hypot(*numbers[:2]) / math.hypot(width, height)
        assert sorted((width * scale, height * scale)) == pytest.approx(sorted(numbers[:2]), rel=0.06)
        end = np.array([np.flatnonzero(outline.ink[outline.top + 1]).mean(), outline.top])
        corner = np.array([base.max() if "+" in reference.steps[-2].name else outline.left, 0])
        corner[1] = outline.bottom if "+" in reference.steps[-2].name else wall.min()
        assert np.linalg.norm(end - corner) * scale == pytest.approx(int(reference.answer), rel=0.06)


@pytest.mark.parametrize("family", [Angle, FunctionPlot, GraphReading, Clock])
@pytest.mark.parametrize("difficulty", EVERY_LEVEL)
def test_nothing_is_cut_off(family, difficulty):
    for cell, index in itertools.product((family.default_cell, 2 * family.default_cell), range(15)):
        (image,) = family(difficulty=difficulty, cell=cell).item(index).task.images
        border = dark(image)
        border[1:-1, 1:-1] = False
        assert not border.any()
