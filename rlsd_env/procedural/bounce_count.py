"""`rlsd/BounceCount-v0`: count how often a ball bounces off the walls in a video."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlsd_env.procedural.base import Draft, ProceduralSource
from rlsd_env.procedural.drawing import Canvas
from rlsd_env.task import Video
from verifiers import AnswerKind, Step

BALL_COLOURS = ("red", "blue", "green", "purple", "orange")
WALLS = ("left", "right", "top", "bottom")
FPS = 4.0
MARGIN = 0.5
"""Cells between the walls of the largest room and the edge of a frame."""
SHIFTS = 8
"""In how many steps a smaller room is moved from one end of a frame to the other; a step shows at any `cell`."""


@dataclass(frozen=True)
class Level:
    """What a difficulty means: frames, the longest side of a room in cells, how many cells a frame a ball moves
    along x and y, and whether one wall is asked for and a second ball flies about."""

    frames: int
    longest: int
    speeds: tuple[tuple[int, int], ...]
    one_wall: bool = False
    second_ball: bool = False


STRAIGHT, FAST, DIAGONAL = ((1, 0), (0, 1)), ((2, 0), (0, 2)), ((1, 1), (1, 2), (2, 1))
LEVELS = (
    Level(9, 6, STRAIGHT),
    Level(13, 8, STRAIGHT + FAST),
    Level(13, 7, DIAGONAL),
    Level(15, 7, STRAIGHT + DIAGONAL, one_wall=True),
    Level(16, 8, STRAIGHT + FAST + DIAGONAL, one_wall=True, second_ball=True),
)


@dataclass(frozen=True)
class Path:
    """Where a ball is along one axis.

    Attributes:
        cells: cells from wall to wall.
        positions: the ball's cell in each frame, 0 .. cells - 1.

    """

    cells: int
    positions: tuple[int, ...]

    def touches(self, wall: int) -> tuple[int, ...]:
        """Return the frames in which the ball is at wall 0 (at cell 0) or 1 (at the last cell)."""
        return tuple(frame for frame, cell in enumerate(self.positions) if cell == (0, self.cells - 1)[wall])


@dataclass(frozen=True)
class Flight:
    """A ball's two paths; each touch of a wall is a bounce, as it comes and leaves within the video."""

    x: Path
    y: Path

    @property
    def cells(self) -> tuple[tuple[int, int], ...]:
        """The ball's column and row in each frame."""
        return tuple(zip(self.x.positions, self.y.positions))

    def bounces(self) -> list[tuple[int, str]]:
        """List (frame, wall) in the order of time."""
        touches = {wall: (self.x, self.y)[number // 2].touches(number % 2) for number, wall in enumerate(WALLS)}
        return sorted((frame, wall) for wall, frames in touches.items() for frame in frames)


@functools.cache
def paths(frames: int, longest: int, speed: int) -> list[Path]:
    """List all paths at a speed that meet the walls exactly, and are off them in the first and the last frame."""
    found = []
    for cells in range(3, longest + 1):
        period = 2 * (cells - 1)
        if speed and (cells - 1) % speed:
            continue
        for phase in range(0, period, speed) if speed else range(cells):
            unfolded = [(phase + speed * frame) % period for frame in range(frames)]
            positions = tuple(min(place, period - place) for place in unfolded)
            if {positions[0], positions[-1]}.isdisjoint({0, cells - 1}):
                found.append(Path(cells, positions))
    return found


@functools.cache
def flights(level: Level) -> dict[str, dict[int, list[Flight]]]:
    """Group all flights by the wall that is asked for ("any": all of them) and by the number of bounces there.

    A flight into a corner, which would be two bounces at once, is left out.
    """
    grouped: dict[str, dict[int, list[Flight]]] = {}
    for speeds in level.speeds:
        along_x, along_y = (paths(level.frames, level.longest, speed) for speed in speeds)
        for flight in itertools.starmap(Flight, itertools.product(along_x, along_y)):
            bounces = flight.bounces()
            if len({frame for frame, _ in bounces}) < len(bounces):
                continue
            for asked in WALLS if level.one_wall else ("any",):
                count = sum(asked in ("any", wall) for _, wall in bounces)
                grouped.setdefault(asked, {}).setdefault(count, []).append(flight)
    return grouped


class BounceCount(ProceduralSource):
    """Count how often a ball bounces off the walls of a room.

    ## Description
    A video shows a ball that moves through a room at a constant speed and is reflected by its walls. Each bounce is
    seen: there is a frame in which the ball touches the wall, and frames before and after it. The answer is the
    number of bounces, of one ball and off one wall at the higher levels. All numbers of bounces that a level
    allows are equally frequent. The worked solution lists the bounces by frame, the first frame being 1.

    ## Action Space
    Text: the completion, with the answer in `<answer> </answer>`.

    ## Observation Space
    `question` (text with one `<video>`), `videos` (one clip at 4 frames per second), `images` and `choices`
    (empty), `feedback`, `turn`.

    ## Rewards
    1 for the exact integer, else 0.

    ## Starting State
    A task drawn from the fold by the seed, or the one that `options={"task_index": n}` names.

    ## Episode End
    After one completion.

    ## Information
    `task`, `task_id`; after a step `verdict` and `reward/<part>`.

    ## Arguments
    `difficulty` (default 2): 1: 9 frames, the ball moves to and fro. 2: 13 frames, it may be twice as fast. 3: it
    moves along both axes. 4: 15 frames, only the bounces off one wall count. 5: 16 frames, two balls,
    of which one counts.
    `cell` (default 16): the ball's diameter in pixels; it moves by one or two of them a frame.

    ## Version History
    v0: first version.
    """

    family = "bounce_count"
    levels = len(LEVELS)

    def make(self, task_id: str, rng: np.random.Generator) -> Draft:
        """Draw the wall, the number of bounces, then a flight that has it."""
        level = LEVELS[self.difficulty - 1]
        by_wall = flights(level)
        asked = list(by_wall)[int(rng.integers(len(by_wall)))]
        counts = sorted(by_wall[asked])
        count = counts[int(rng.integers(len(counts)))]
        candidates = by_wall[asked][count]
        flight = candidates[int(rng.integers(len(candidates)))]
        colours = [BALL_COLOURS[i] for i in rng.permutation(len(BALL_COLOURS))]
        balls = {colours[0]: flight}
        if level.second_ball:
            others = [other for group in by_wall[asked].values() for other in group if _apart(flight, other)]
            balls[colours[1]] = others[int(rng.integers(len(others)))]
        left, top = (
            MARGIN + (level.longest - path.cells) * int(rng.integers(SHIFTS + 1)) / SHIFTS
            for path in (flight.x, flight.y)
        )
        where = "a wall" if asked == "any" else f"the {asked} wall"
        ball = f"the {colours[0]} ball" if level.second_ball else "the ball"
        listed = (
            Step(f"bounce {number}", f"{wall} wall in frame {frame + 1}")
            for number, (frame, wall) in enumerate(flight.bounces(), start=1)
        )
        return self.compose(
            task_id,
            f"<video>How many times does {ball} bounce off {where}?",
            (*listed, Step(f"bounces off {where}", str(count))),
            AnswerKind.INTEGER,
            content=[left, top, flight.x.cells, flight.y.cells, [[c, one.cells] for c, one in balls.items()]],
            show=lambda: Video(self._draw(level, balls, left, top), FPS),
            wall=asked,
        )

    def _draw(self, level: Level, balls: dict[str, Flight], left: float, top: float) -> NDArray[np.uint8]:
        """Draw the frames; `left` and `top` are the room's place in a frame, in cells."""
        side, wall = level.longest + 2 * MARGIN, MARGIN / 2
        room = next(iter(balls.values()))
        width, height = room.x.cells, room.y.cells
        edges = (left - wall, top - wall, left + width + wall, top + height + wall)
        left_edge, top_edge, right_edge, bottom_edge = (edge * self.cell for edge in edges)
        frames = []
        for frame in range(level.frames):
            canvas = Canvas(round(side * self.cell), round(side * self.cell))
            canvas.outline((left_edge, top_edge, right_edge, bottom_edge), wall * self.cell)
            for colour, flight in balls.items():
                column, row = flight.cells[frame]
                centre = ((left + column + 0.5) * self.cell, (top + row + 0.5) * self.cell)
                canvas.shape("circle", colour, centre, 0.5 * self.cell)
            frames.append(canvas.array())
        return np.stack(frames)


def _apart(flight: Flight, other: Flight) -> bool:
    """Whether two balls fly in the same room and are never in one cell."""
    same_room = (flight.x.cells, flight.y.cells) == (other.x.cells, other.y.cells)
    return same_room and all(a != b for a, b in zip(flight.cells, other.cells))
