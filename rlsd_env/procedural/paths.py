"""Shortest paths in small graphs, for mazes and drawn graphs."""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Mapping
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)


def shortest_paths(graph: Mapping[Node, Mapping[Node, int]], start: Node) -> dict[Node, list[Node]]:
    """Find a shortest path from one node to every node that can be reached (Dijkstra's algorithm).

    Args:
        graph: for each node its neighbours with the positive lengths of the edges to them.
        start: where the paths begin.

    Returns:
        For each node that can be reached the nodes of a path, `start` and itself included.

    >>> shortest_paths({"A": {"B": 1, "C": 5}, "B": {"A": 1, "C": 2}, "C": {}}, "A")["C"]
    ['A', 'B', 'C']
    """
    found: dict[Node, list[Node]] = {}
    waiting: list[tuple[int, int, list[Node]]] = [(0, 0, [start])]
    pushed = 0
    while waiting:
        length, _, path = heapq.heappop(waiting)
        node = path[-1]
        if node in found:
            continue
        found[node] = path
        for neighbour, step in graph[node].items():
            if neighbour not in found:
                pushed += 1  # of two equally long paths the one that was found first is taken; nodes are not compared
                heapq.heappush(waiting, (length + step, pushed, [*path, neighbour]))
    return found
