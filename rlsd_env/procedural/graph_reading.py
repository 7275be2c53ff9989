"""`rlsd/GraphReading-v0`: degrees, components and shortest paths of a drawn graph."""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlsd_env.procedural.base import Draft, ProceduralSource, summed
from rlsd_env.procedural.drawing import Canvas
from rlsd_env.procedural.paths import shortest_paths
from rlsd_env.task import Image
from verifiers import AnswerKind, Step

SPACING, MARGIN = 3.0, 1.0
"""In cells: between places for nodes, and from the outer places to the edge."""
SHIFTS, SHIFT = 3, 1 / 16
"""The most that a node is moved from its place, in steps of how many cells; a step shows at any `cell`."""
NODE_RADIUS, TEXT = 0.55, 0.7
CLEARANCE = 0.95
"""In cells: the least distance of an edge to other nodes, and of its middle (with its weight) to other edges."""

Edges = dict[tuple[int, int], int]
"""Weights by the numbers of the two nodes, the smaller first."""


@dataclass(frozen=True)
class Level:
    """What a difficulty means: nodes, columns and rows of places for them, the fewest and most edges, what is asked,
    and the largest weight (0: edges have none)."""

    nodes: int
    places: tuple[int, int]
    edges: tuple[int, int]
    questions: tuple[str, ...]
    weight: int = 0


LEVELS = (
    Level(4, (2, 2), (1, 5), ("degree",)),
    Level(6, (3, 2), (2, 9), ("degree", "components")),
    Level(7, (3, 3), (3, 9), ("degree", "components", "distance")),
    Level(6, (3, 2), (5, 9), ("weighted",), weight=9),
    Level(9, (4, 3), (9, 14), ("weighted",), weight=20),
)


class GraphReading(ProceduralSource):
    """Read a graph: how many neighbours, how many components, how long the shortest path.

    ## Description
    Nodes with letters, joined by straight edges that cross neither one another nor other nodes; at the higher levels
    each edge has its length written on it. The question asks for the degree of a node, the number of connected
    components, or the length of the shortest path between two nodes, in edges or by the lengths written.

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
    `difficulty` (default 2): 1: 4 nodes, degree. 2: 6 nodes, degree or components. 3: 7 nodes, also the edges of a
    shortest path. 4: 6 nodes, shortest
    path by lengths up to 9. 5: 9 nodes, lengths up to 20.
    `cell` (default 24): pixels; a node is 1.1 of them wide.

    ## Version History
    v0: first version.
    """

    family = "graph_reading"
    levels = len(LEVELS)
    default_cell = 24

    def make(self, task_id: str, rng: np.random.Generator) -> Draft:
        """Draw the nodes, the edges and the question."""
        level = LEVELS[self.difficulty - 1]
        centres = _place(level, rng)
        asked = level.questions[int(rng.integers(len(level.questions)))]
        fewest, most = (0, level.nodes - 1) if asked == "components" else level.edges
        edges = _connect(level, centres, int(rng.integers(fewest, most + 1)), rng)
        graph: dict[int, dict[int, int]] = {node: {} for node in range(level.nodes)}
        for (a, b), weight in edges.items():
            graph[a][b] = graph[b][a] = weight
        if asked == "degree":
            question, steps = _degree(graph, rng)
        elif asked == "components":
            question, steps = _components(graph)
        else:
            question, steps = _distance(graph, asked == "weighted", rng)
        return self.compose(
            task_id,
            f"<image>{question}",
            steps,
            AnswerKind.INTEGER,
            content=[centres.tolist(), [[*pair, weight] for pair, weight in edges.items()]],
            show=lambda: self._draw(level, centres, edges),
            operation=asked,
        )

    def _draw(self, level: Level, centres: NDArray[np.float64], edges: Edges) -> Image:
        cell = self.cell
        width, height = (round((2 * MARGIN + SPACING * (places - 1)) * cell) for places in level.places)
        canvas = Canvas(width, height)
        points = [(float(x) * cell, float(y) * cell) for x, y in centres]
        for a, b in edges:
            canvas.line([points[a], points[b]], 0.1 * cell)
        for (a, b), weight in edges.items():
            if level.weight:
                middle = ((points[a][0] + points[b][0]) / 2, (points[a][1] + points[b][1]) / 2)
                canvas.label(middle, str(weight), TEXT * cell)
        for node, point in enumerate(points):
            canvas.shape("circle", "black", point, NODE_RADIUS * cell)
            canvas.shape("circle", "yellow", point, (NODE_RADIUS - 0.08) * cell)
            canvas.text(point, _name(node), TEXT * cell)
        return canvas.array()


def _place(level: Level, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw the nodes' centres in cells, nodes x 2, each at a place of its own."""
    columns, rows = level.places
    chosen = rng.permutation(columns * rows)[: level.nodes]
    grid = np.stack([chosen % columns, chosen // columns], axis=1)
    return MARGIN + SPACING * grid + SHIFT * rng.integers(-SHIFTS, SHIFTS + 1, size=(level.nodes, 2))


def _connect(level: Level, centres: NDArray[np.float64], count: int, rng: np.random.Generator) -> Edges:
    """Draw at most `count` edges one by one, leaving out those that would come too close to what is there."""
    pairs = list(itertools.combinations(range(len(centres)), 2))
    edges: Edges = {}
    for number in rng.permutation(len(pairs)):
        pair = pairs[number]
        if len(edges) < count and _fits(pair, edges, centres):
            edges[pair] = int(rng.integers(1, level.weight + 1)) if level.weight else 1
    return dict(sorted(edges.items()))


def _fits(pair: tuple[int, int], edges: Iterable[tuple[int, int]], centres: NDArray[np.float64]) -> bool:
    a, b = centres[list(pair)]
    others = [centre for node, centre in enumerate(centres) if node not in pair]
    if any(_distance_to_segment(centre, a, b) < CLEARANCE for centre in others):
        return False
    for edge in edges:
        c, d = centres[list(edge)]
        if _cross(a, b, c, d):
            return False
        if _distance_to_segment((a + b) / 2, c, d) < CLEARANCE or _distance_to_segment((c + d) / 2, a, b) < CLEARANCE:
            return False
    return True


def _distance_to_segment(point: NDArray[np.float64], start: NDArray[np.float64], end: NDArray[np.float64]) -> float:
    along = end - start
    share = np.clip(np.dot(point - start, along) / np.dot(along, along), 0, 1)
    return float(np.linalg.norm(point - start - share * along))


def _cross(a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64], d: NDArray[np.float64]) -> bool:
    """Whether the segments ab and cd cross at an inner point of both."""

    def side(start: NDArray[np.float64], end: NDArray[np.float64], point: NDArray[np.float64]) -> float:
        u, v = end - start, point - start
        return float(u[0] * v[1] - u[1] * v[0])

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0


Graph = dict[int, dict[int, int]]


def _degree(graph: Graph, rng: np.random.Generator) -> tuple[str, list[Step]]:
    """Ask for a degree; the degrees that occur are equally likely."""
    degrees = sorted({len(neighbours) for neighbours in graph.values()})
    degree = degrees[int(rng.integers(len(degrees)))]
    nodes = [node for node, neighbours in graph.items() if len(neighbours) == degree]
    node = nodes[int(rng.integers(len(nodes)))]
    name = _name(node)
    names = " and ".join(_name(other) for other in sorted(graph[node])) or "none"
    steps = [Step(f"neighbours of {name}", names), Step(f"degree of {name}", str(degree))]
    return f"How many edges does node {name} have?", steps


def _components(graph: Graph) -> tuple[str, list[Step]]:
    """Ask for the number of connected components."""
    components: list[list[int]] = []
    for node in graph:
        if not any(node in component for component in components):
            components.append(sorted(shortest_paths(graph, node)))
    steps = [
        Step(f"component {number}", " and ".join(map(_name, component)))
        for number, component in enumerate(components, start=1)
    ]
    question = "How many connected components does the graph have? A node without edges is one of its own."
    return question, [*steps, Step("number of components", str(len(components)))]


def _distance(graph: Graph, weighted: bool, rng: np.random.Generator) -> tuple[str, list[Step]]:
    """Ask for the length of a shortest path; all lengths that occur are equally likely.

    With weights, single edges are left out where there are other paths.
    """
    every = [path for start in graph for path in shortest_paths(graph, start).values() if len(path) > 1]
    by_length: dict[int, list[list[int]]] = {}
    for path in [path for path in every if weighted and len(path) > 2] or every:
        by_length.setdefault(sum(_lengths(graph, path)), []).append(path)
    lengths = sorted(by_length)
    paths = by_length[lengths[int(rng.integers(len(lengths)))]]
    path = paths[int(rng.integers(len(paths)))]
    ends = f"from {_name(path[0])} to {_name(path[-1])}"
    steps = [Step("shortest path", " to ".join(map(_name, path)))]
    if weighted:
        question = f"What is the length of the shortest path {ends}, adding up the lengths written on its edges?"
        return question, [*steps, summed(_lengths(graph, path))]
    return f"How many edges does the shortest path {ends} have?", [*steps, Step("its edges", str(len(path) - 1))]


def _lengths(graph: Graph, path: list[int]) -> list[int]:
    return [graph[a][b] for a, b in itertools.pairwise(path)]


def _name(node: int) -> str:
    return string.ascii_uppercase[node]
