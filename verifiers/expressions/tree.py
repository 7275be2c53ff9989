"""The syntax tree of an answer: `Node`.

A tree says what is written, not what it means: "(1, 2)" is a `GROUP` that may be a point or an interval, and
"x = 3" is a relation. Every tree is built by `verifiers.expressions.parser`, which bounds its size, so that
functions over trees may recurse.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from fractions import Fraction
from typing import Any, NamedTuple

from verifiers.numeric import Form, Number

_LETTERS = re.compile(r"\\?[A-Za-z]")


class Op(StrEnum):
    """What a node is; `data` and `args` hold what each line says."""

    NUMBER = "number"
    """data: `verifiers.numeric.Number`."""
    SYMBOL = "symbol"
    """data: the name, subscript included, e.g. "x_1"."""
    CONSTANT = "constant"
    """data: "pi", "e", "i", "inf", or the name of a set of numbers: "R", "Q", "Z", "N", "C", "empty"."""
    ADD = "add"
    """args: two or more terms."""
    MUL = "mul"
    """args: two or more factors."""
    DIV = "div"
    """args: numerator, denominator."""
    NEG = "neg"
    """args: one."""
    POW = "pow"
    """args: base, exponent."""
    PLUS_MINUS = "plus_minus"
    """args: one; data: 1 for the sign ±, -1 for ∓."""
    CALL = "call"
    """data: the function's name; args: its arguments. A name of `FUNCTIONS`, or the user's own ("f")."""
    BASED = "based"
    """data: (digits, base), e.g. ("204", 5)."""
    SERIES = "series"
    """data: ("sum" or "prod", index); args: first, last, body."""
    INTEGRAL = "integral"
    """data: the variable; args: body, or body, from, to."""
    LIMIT = "limit"
    """data: (variable, "+", "-" or ""); args: target, body."""
    DERIVATIVE = "derivative"
    """data: the variables, one for each derivative; args: body."""
    MATRIX = "matrix"
    """args: rows, each a `LIST`."""
    RELATION = "relation"
    """args: the terms of a chain; data: the signs between them, e.g. ("<", "<=")."""
    GROUP = "group"
    """args: items in brackets; data: the brackets, e.g. "[)"."""
    SET = "set"
    """args: items in braces."""
    BUILDER = "builder"
    r"""args: pattern, condition; {x | x > 1}."""
    SET_OPERATION = "set_operation"
    """data: "union", "intersection" or "minus"; args: two or more sets."""
    LIST = "list"
    """args: items; data: what separates them: ",", ";", "and" or "or"."""
    RATIO = "ratio"
    """args: two or more terms, 1 : 2 : 3."""
    QUANTITY = "quantity"
    """args: value; data: the unit as written, e.g. "km/h", "%", "°", "$"."""
    CASES = "cases"
    """args: rows of a piecewise definition, each a `LIST`."""


class Node(NamedTuple):
    """One node; equal trees compare and hash equal."""

    op: Op
    args: tuple[Node, ...] = ()
    data: Any = None


COLLECTIONS = (Op.LIST, Op.GROUP, Op.SET)
"""Nodes that hold items."""
BINDING = (Op.SERIES, Op.INTEGRAL, Op.LIMIT)
"""Nodes that bind a variable."""
UNEVALUATED = frozenset({*BINDING, Op.DERIVATIVE})
"""Nodes that are work left to be done."""

FUNCTIONS = frozenset(
    (
        "sin cos tan cot sec csc arcsin arccos arctan arccot arcsec arccsc sinh cosh tanh coth sech csch"
        " arsinh arcosh artanh exp ln log root abs floor ceil factorial double_factorial binomial permutation"
        " gcd lcm max min mod sign re im arg conj gamma det tr transpose norm"
    ).split()
)
"""Functions with a meaning of their own; every other name stands for an unknown function."""


def number(value: int | Fraction) -> Node:
    """An exact number."""
    value = Fraction(value)
    return Node(Op.NUMBER, data=Number(value, Form.INTEGER if value.denominator == 1 else Form.FRACTION))


def symbol(name: str) -> Node:
    """A variable."""
    return Node(Op.SYMBOL, data=name)


def constant(name: str) -> Node:
    """A constant; see `Op.CONSTANT`."""
    return Node(Op.CONSTANT, data=name)


def negative(node: Node) -> Node:
    """The node with the opposite sign."""
    if node.op is Op.NEG:
        return node.args[0]
    if node.op is Op.QUANTITY:
        return Node(Op.QUANTITY, (negative(node.args[0]),), node.data)
    if node.op is Op.NUMBER:
        old: Number = node.data
        return Node(Op.NUMBER, data=Number(-old.value, old.form, old.digits, old.place))
    return Node(Op.NEG, (node,))


def difference(left: Node, right: Node) -> Node:
    """Left minus right."""
    return Node(Op.ADD, (left, negative(right)))


def fingerprint(node: Node) -> str:
    """A text that is the same for equal trees, in every process."""
    parts = []
    for part in walk(node):
        # the hash of a number is no secret of the process, and its digits may be too many to be written
        data = hash(part.data.value) if part.op is Op.NUMBER else part.data
        parts.append(f"{part.op.value}{len(part.args)}{data}")
    return "|".join(parts)


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it."""
    yield node
    for child in node.args:
        yield from walk(child)


def operations(node: Node) -> frozenset[Op]:
    """The kinds of node in a tree."""
    return frozenset(part.op for part in walk(node))


def free_symbols(node: Node) -> frozenset[str]:
    """The variables of a tree that no sum, integral or limit binds."""
    if node.op is Op.SYMBOL:
        return frozenset({node.data})
    names = frozenset[str]().union(*(free_symbols(child) for child in node.args)) if node.args else frozenset()
    if node.op is Op.SERIES:
        first, last, body = node.args
        return free_symbols(first) | free_symbols(last) | (free_symbols(body) - {node.data[1]})
    if node.op is Op.INTEGRAL and len(node.args) == 3:
        body, low, high = node.args
        return (free_symbols(body) - {node.data}) | free_symbols(low) | free_symbols(high)
    if node.op is Op.LIMIT:
        target, body = node.args
        return free_symbols(target) | (free_symbols(body) - {node.data[0]})
    return names


def indexed_symbols(node: Node, index: str) -> bool:
    """Whether a tree has a variable whose subscript names an index, as a_k does k."""
    return any(part.op is Op.SYMBOL and index in _LETTERS.findall(part.data.partition("_")[2]) for part in walk(node))


def substitute(node: Node, name: str, value: Node) -> Node:
    """The tree with a variable replaced."""
    if node.op is Op.SYMBOL and node.data == name:
        return value
    if not node.args:
        return node
    return Node(node.op, tuple(substitute(child, name, value) for child in node.args), node.data)
