"""Small changes of structures, or of a value in them: `mutated`."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable

from benchmarks.campaign import rewriting
from benchmarks.campaign.grammar import plain
from benchmarks.campaign.trees import INF, Node, negative, value
from benchmarks.campaign.unit_table import UNITS


def mutated(node: Node, generator: random.Random) -> tuple[Node, list[str]]:
    """Make one small change of a structure or of a value in it; no step is told where none was found."""
    if node.op in _CHANGES and generator.random() < 0.6:
        name, change = generator.choice(_CHANGES[node.op])
        made = change(node, generator)
        return (node, []) if made is None else (made, [name])
    return rewriting.mutated(node, generator)


def _bracket(node: Node, generator: random.Random) -> Node | None:
    """Open a closed end or close an open one."""
    if node.op == "union":
        at = generator.randrange(len(node.args))
        piece = _bracket(node.args[at], generator)
        return None if piece is None else dataclasses.replace(node, args=(*node.args[:at], piece, *node.args[at + 1 :]))
    at = generator.randrange(2)
    if node.args[at] in (INF, negative(INF)):
        return None
    turned = node.data[at].translate(str.maketrans("()[]", "[](" + ")"))
    return Node("interval", node.args, turned + node.data[1] if at == 0 else node.data[0] + turned)


def _inner_bracket(node: Node, generator: random.Random) -> Node | None:
    piece = _bracket(node.args[0], generator)
    return None if piece is None else dataclasses.replace(node, args=(piece,))


def _relation(node: Node, generator: random.Random) -> Node | None:
    return dataclasses.replace(node, data=generator.choice(("<", "<=", ">", ">=")))


def _other_side(node: Node, generator: random.Random) -> Node | None:
    """Take the ray on the other side."""
    low, high = node.args
    if low == negative(INF):
        return Node("interval", (high, INF), {"]": "[", ")": "("}[node.data[1]] + ")")
    if high == INF:
        return Node("interval", (negative(INF), low), "(" + {"[": "]", "(": ")"}[node.data[0]])
    return Node("interval", (low, INF), node.data[0] + ")")


def _fewer(node: Node, generator: random.Random) -> Node | None:
    if len(node.args) < 2:
        return None
    at = generator.randrange(len(node.args))
    left = (*node.args[:at], *node.args[at + 1 :])
    if len(left) == 1 and node.op in ("union", "tuple", "list"):
        return left[0]
    return dataclasses.replace(node, args=left)


def _more(node: Node, generator: random.Random) -> Node | None:
    at = generator.randrange(len(node.args) + 1)
    return dataclasses.replace(node, args=(*node.args[:at], plain(generator), *node.args[at:]))


def _exchange(node: Node, generator: random.Random) -> Node | None:
    if len(node.args) < 2:
        return None
    first, second = sorted(generator.sample(range(len(node.args)), 2))
    args = list(node.args)
    args[first], args[second] = args[second], args[first]
    return dataclasses.replace(node, args=tuple(args))


def _as_set(node: Node, generator: random.Random) -> Node | None:
    return Node("set", node.args)


def _as_interval(node: Node, generator: random.Random) -> Node | None:
    if len(node.args) != 2 or not value(node.args[0]).real < value(node.args[1]).real:
        return None
    return Node("interval", node.args, generator.choice(("[]", "[)", "(]")))


def _transpose(node: Node, generator: random.Random) -> Node | None:
    columns, rows = node.data, len(node.args) // node.data
    return Node(
        "matrix", tuple(node.args[row * columns + column] for column in range(columns) for row in range(rows)), rows
    )


def _other_unit(node: Node, generator: random.Random) -> Node | None:
    return Node("quantity", node.args, generator.choice([name for name in UNITS if name != node.data]))


_CHANGES: dict[str, list[tuple[str, Callable[[Node, random.Random], Node | None]]]] = {
    "interval": [("open or closed", _bracket), ("open or closed", _bracket), ("the other side", _other_side)],
    "condition": [("open or closed", _inner_bracket)],
    "distance": [("another relation", _relation)],
    "union": [("open or closed", _bracket), ("one fewer", _fewer)],
    "set": [("one fewer", _fewer), ("one more", _more)],
    "list": [("one fewer", _fewer), ("one more", _more)],
    "solutions": [("one fewer", _fewer), ("one more", _more)],
    "tuple": [
        ("exchange", _exchange),
        ("exchange", _exchange),
        ("one fewer", _fewer),
        ("one more", _more),
        ("braces", _as_set),
        ("square brackets", _as_interval),
    ],
    "matrix": [("exchange", _exchange), ("transpose", _transpose)],
    "system": [("exchange", _exchange)],
    "ratio": [("exchange", _exchange), ("one more", _more)],
    "quantity": [("another unit", _other_unit)],
}
