"""Matrix arithmetic on trees: a sum or product of matrices becomes one matrix of trees."""

from __future__ import annotations

from verifiers.expressions.errors import UndecidedError
from verifiers.expressions.tree import Node, Op, operations, walk

_MOST_CELLS = 100


def as_matrix(node: Node) -> Node:
    """The matrix that a tree of matrices is.

    Raises:
        UndecidedError: it is no matrix, or not one that arithmetic alone gives.

    """
    rows = _rows(node)
    return Node(Op.MATRIX, tuple(Node(Op.LIST, tuple(row), ",") for row in rows))


def has_matrix(node: Node) -> bool:
    """Whether a tree is made of matrices, determinants aside."""
    return any(part.op is Op.MATRIX for part in walk(node)) and node.op is not Op.CALL


def cells(node: Node) -> list[list[Node]]:
    """The cells of a matrix."""
    return [list(row.args) for row in node.args]


def _rows(node: Node) -> list[list[Node]]:
    if node.op is Op.MATRIX:
        return cells(node)
    if node.op is Op.NEG:
        return [[Node(Op.NEG, (cell,)) for cell in row] for row in _rows(node.args[0])]
    if node.op is Op.ADD:
        terms = [_rows(term) for term in node.args]
        if len({(len(rows), len(rows[0])) for rows in terms}) != 1:
            raise UndecidedError("a sum of matrices of different sizes")
        return [[Node(Op.ADD, tuple(group)) for group in zip(*rows)] for rows in zip(*terms)]
    if node.op is Op.DIV and Op.MATRIX not in operations(node.args[1]):
        return [[Node(Op.DIV, (cell, node.args[1])) for cell in row] for row in _rows(node.args[0])]
    if node.op is Op.MUL:
        return _product(node)
    if node.op is Op.POW and node.args[1].op in (Op.SYMBOL, Op.CONSTANT) and node.args[1].data in ("T", "\\top"):
        return [list(column) for column in zip(*_rows(node.args[0]))]
    raise UndecidedError("no matrix")


def _product(node: Node) -> list[list[Node]]:
    scalars = [factor for factor in node.args if Op.MATRIX not in operations(factor)]
    matrices = [_rows(factor) for factor in node.args if Op.MATRIX in operations(factor)]
    result = matrices[0]
    for right in matrices[1:]:
        if len(result[0]) != len(right) or len(result) * len(right[0]) * len(right) > _MOST_CELLS:
            raise UndecidedError("a product of matrices that do not fit or are large")
        result = [
            [Node(Op.ADD, tuple(Node(Op.MUL, pair) for pair in zip(row, column))) for column in zip(*right)]
            for row in result
        ]
    for scalar in scalars:
        result = [[Node(Op.MUL, (scalar, cell)) for cell in row] for row in result]
    return result
