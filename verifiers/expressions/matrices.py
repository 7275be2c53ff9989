"""Matrix arithmetic on trees: a sum or product of matrices becomes one matrix of trees."""

from __future__ import annotations

from verifiers.expressions.errors import TooLargeError, UndecidedError
from verifiers.expressions.tree import Node, Op, number, operations, walk

_MOST_CELLS = 100
_LARGEST_DETERMINANT = 5
_MOST_NODES = 2_000


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


def without_determinants(node: Node) -> Node:
    """The tree with determinants, traces and norms of matrices written out; matrices that are larger stay."""
    if not node.args:
        return node
    node = Node(node.op, tuple(map(without_determinants, node.args)), node.data)
    if node.op is not Op.CALL or node.data not in ("det", "tr", "norm", "abs") or not has_matrix(node.args[0]):
        return node
    try:
        rows = _rows(node.args[0])
    except UndecidedError:
        return node
    if node.data == "norm" and 1 in (len(rows), len(rows[0])):
        squares = tuple(Node(Op.POW, (cell, number(2))) for row in rows for cell in row)
        return Node(Op.CALL, (Node(Op.ADD, squares), number(2)), "root")
    if len(rows) != len(rows[0]) or len(rows) > _LARGEST_DETERMINANT:
        return node
    if node.data == "tr":
        return Node(Op.ADD, tuple(row[at] for at, row in enumerate(rows)))
    return _determinant(rows)


def _determinant(rows: list[list[Node]]) -> Node:
    if len(rows) == 1:
        return rows[0][0]
    terms = []
    for at, cell in enumerate(rows[0]):
        term = Node(Op.MUL, (cell, _determinant(_minor(rows, 0, at))))
        terms.append(Node(Op.NEG, (term,)) if at % 2 else term)
    return Node(Op.ADD, tuple(terms))


def _minor(rows: list[list[Node]], row: int, column: int) -> list[list[Node]]:
    return [[cell for at, cell in enumerate(line) if at != column] for k, line in enumerate(rows) if k != row]


def _inverse(rows: list[list[Node]]) -> list[list[Node]]:
    size = len(rows)
    if size != len(rows[0]) or not 2 <= size <= 3:
        raise UndecidedError("an inverse that is not worked out here")
    determinant = _determinant(rows)
    cofactors = [
        [Node(Op.MUL, (number((-1) ** (i + j)), _determinant(_minor(rows, j, i)))) for j in range(size)]
        for i in range(size)
    ]
    return _checked([[Node(Op.DIV, (cell, determinant)) for cell in row] for row in cofactors])


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
    if node.op is Op.POW and node.args[1].op is Op.NUMBER:
        exponent = node.args[1].data.value
        if exponent == -1:
            return _inverse(_rows(node.args[0]))
        if exponent in (2, 3, 4):
            return _product(Node(Op.MUL, (node.args[0],) * int(exponent)))
    raise UndecidedError("no matrix")


def _product(node: Node) -> list[list[Node]]:
    scalars = [factor for factor in node.args if Op.MATRIX not in operations(factor)]
    matrices = [_rows(factor) for factor in node.args if Op.MATRIX in operations(factor)]
    if not matrices:
        raise UndecidedError("no matrix")
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
    return _checked(result)


def _checked(rows: list[list[Node]]) -> list[list[Node]]:
    """The rows.

    Raises:
        TooLargeError: written out, they have too many nodes.

    """
    nodes = 0
    for row in rows:
        for cell in row:
            for _ in walk(cell):
                nodes += 1
                if nodes > _MOST_NODES:
                    raise TooLargeError("a matrix that is too large when it is written out")
    return rows
