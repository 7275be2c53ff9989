"""`rlsd/Maze-v0`: the length of the shortest path through a drawn maze."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from rlsd_env.procedural.base import Draft, ProceduralSource
from rlsd_env.procedural.drawing import Canvas
from rlsd_env.procedural.paths import shortest_paths
from rlsd_env.task import Image
from verifiers import AnswerKind, Step

Cell = tuple[int, int]
"""Row and column."""
Passages = dict[Cell, dict[Cell, int]]
"""For each cell the neighbours to which there is no wall, each one step away."""
DIRECTIONS = {(-1, 0): "up", (1, 0): "down", (0, -1): "left", (0, 1): "right"}
MARGIN = 0.25
WALL = 0.12
"""In cells: the white edge of the picture, and the thickness of a wall."""


@dataclass(frozen=True)
class Level:
    """What a difficulty means: cells along a side, and walls that are taken out of a maze without loops."""

    side: int
    openings: int


LEVELS = (Level(3, 0), Level(4, 0), Level(5, 1), Level(6, 3), Level(8, 6))


class Maze(ProceduralSource):
    """Find how many steps the shortest path through a maze takes.

    ## Description
    A square maze of cells with walls between some of them. The question asks for the number of steps, each from a
    cell to one beside it, from the red circle to the green square. From difficulty 3 on there may be several ways.
    The worked solution lists the straight runs of a shortest path.

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
    `difficulty` (default 2): 1: 3x3 cells, one way from cell to cell. 2: 4x4. 3: 5x5, one wall taken out. 4: 6x6,
    three. 5: 8x8, six.
    `cell` (default 16): pixels per cell.

    ## Version History
    v0: first version.
    """

    family = "maze"
    levels = len(LEVELS)

    def make(self, task_id: str, rng: np.random.Generator) -> Draft:
        """Draw the maze, its start and its goal, then find the way."""
        level = LEVELS[self.difficulty - 1]
        maze = _carve(level, rng)
        start, goal = (divmod(int(n), level.side) for n in rng.choice(level.side**2, size=2, replace=False))
        path = shortest_paths(maze, start)[goal]
        moves = [DIRECTIONS[b[0] - a[0], b[1] - a[1]] for a, b in itertools.pairwise(path)]
        runs = [(direction, len(list(group))) for direction, group in itertools.groupby(moves)]
        steps = [Step(f"run {number}", f"{length} {way}") for number, (way, length) in enumerate(runs, start=1)]
        return self.compose(
            task_id,
            "<image>How many steps does the shortest path from the red circle to the green square take, "
            "if each step goes to a cell beside it and never through a wall?",
            [*steps, Step("steps in all", str(len(moves)))],
            AnswerKind.INTEGER,
            content=[sorted((cell, sorted(beside)) for cell, beside in maze.items()), start, goal],
            show=lambda: self._draw(level, maze, start, goal),
        )

    def _draw(self, level: Level, maze: Passages, start: Cell, goal: Cell) -> Image:
        cell, side = self.cell, level.side
        canvas = Canvas(round((side + 2 * MARGIN) * cell), round((side + 2 * MARGIN) * cell))

        def wall(left: float, top: float, right: float, bottom: float) -> None:
            half = WALL / 2
            box = (left - half + MARGIN, top - half + MARGIN, right + half + MARGIN, bottom + half + MARGIN)
            canvas.rectangle((box[0] * cell, box[1] * cell, box[2] * cell, box[3] * cell), "black")

        for edge in (0, side):
            wall(0, edge, side, edge)
            wall(edge, 0, edge, side)
        for row, column in maze:
            if column + 1 < side and (row, column + 1) not in maze[row, column]:
                wall(column + 1, row, column + 1, row + 1)
            if row + 1 < side and (row + 1, column) not in maze[row, column]:
                wall(column, row + 1, column + 1, row + 1)
        for (row, column), shape, colour in ((start, "circle", "red"), (goal, "square", "green")):
            canvas.shape(shape, colour, ((column + 0.5 + MARGIN) * cell, (row + 0.5 + MARGIN) * cell), 0.3 * cell)
        return canvas.array()


def _carve(level: Level, rng: np.random.Generator) -> Passages:
    """Draw a maze without loops by depth-first search, then take out some more walls."""
    cells = [(row, column) for row in range(level.side) for column in range(level.side)]
    maze: Passages = {cell: {} for cell in cells}
    trail = [cells[int(rng.integers(len(cells)))]]
    visited = set(trail)
    while trail:
        unvisited = [cell for cell in _beside(maze, trail[-1]) if cell not in visited]
        if not unvisited:
            trail.pop()
            continue
        following = unvisited[int(rng.integers(len(unvisited)))]
        _open(maze, trail[-1], following)
        visited.add(following)
        trail.append(following)
    walls = [(a, b) for a in cells for b in _beside(maze, a) if a < b and b not in maze[a]]
    for number in rng.permutation(len(walls))[: level.openings]:
        _open(maze, *walls[number])
    return maze


def _beside(maze: Passages, cell: Cell) -> list[Cell]:
    around = [(cell[0] + down, cell[1] + right) for down, right in DIRECTIONS]
    return [other for other in around if other in maze]


def _open(maze: Passages, a: Cell, b: Cell) -> None:
    maze[a][b] = maze[b][a] = 1
