"""Trees as plain text, for people: `render`."""

from __future__ import annotations

from collections.abc import Callable

from verifiers.expressions.tree import Node, Op
from verifiers.numeric import Form

_CONSTANTS = {"pi": "π", "inf": "∞", "empty": "∅", "R": "ℝ", "Q": "ℚ", "Z": "ℤ", "N": "ℕ", "C": "ℂ"}
_SIGNS = {"<=": "≤", ">=": "≥", "!=": "≠", "~": "≈", "in": "∈", "notin": "∉", "to": "→"}
_SET_SIGNS = {"union": " ∪ ", "intersection": " ∩ ", "minus": " \\ "}
_TIGHTNESS = {Op.ADD: 1, Op.NEG: 2, Op.PLUS_MINUS: 2, Op.MUL: 3, Op.DIV: 3, Op.POW: 5}
_ATOM = 9


def render(node: Node) -> str:
    """A tree in the notation of a calculator, e.g. "(x + 1)^2 / 3"."""
    return _RENDERERS[node.op](node)


def _inside(node: Node, tightness: int) -> str:
    is_fraction = node.op is Op.NUMBER and (node.data.form is Form.FRACTION or node.data.value < 0)
    own = 3 if is_fraction else _TIGHTNESS.get(node.op, _ATOM)
    return f"({render(node)})" if own < tightness else render(node)


def _items(node: Node, separator: str = ", ") -> str:
    return separator.join(map(render, node.args))


def _number(node: Node) -> str:
    number = node.data
    if number.form is Form.DECIMAL and -12 < number.place <= 0:
        return f"{float(number.value):.{-number.place}f}" if abs(number.value) < 10**6 else str(number.value)
    return str(number.value)


def _sum(node: Node) -> str:
    text = _inside(node.args[0], 1)
    for term in node.args[1:]:
        rendered = _inside(term, 2) if term.op is not Op.NEG else render(term)
        text += f" - {rendered[1:]}" if rendered.startswith("-") else f" + {rendered}"
    return text.replace("+ ±", "±").replace("+ ∓", "∓")


def _call(node: Node) -> str:
    if node.data == "root" and node.args[1].op is Op.NUMBER and node.args[1].data.value == 2:
        return f"√({render(node.args[0])})"
    if node.data == "abs":
        return f"|{render(node.args[0])}|"
    if node.data == "factorial":
        return f"{_inside(node.args[0], 6)}!"
    return f"{node.data}({_items(node)})"


def _relation(node: Node) -> str:
    text = render(node.args[0])
    for sign, term in zip(node.data, node.args[1:]):
        text += f" {_SIGNS.get(sign, sign)} {render(term)}"
    return text


def _quantity(node: Node) -> str:
    value = _inside(node.args[0], 3)
    return f"{value}{node.data}" if node.data in ("%", "°") else f"{value} {node.data}"


def _bound(node: Node) -> str:
    if node.op is Op.INTEGRAL:
        limits = f" from {render(node.args[1])} to {render(node.args[2])}" if len(node.args) == 3 else ""
        return f"∫ {render(node.args[0])} d{node.data}{limits}"
    if node.op is Op.LIMIT:
        return f"lim({node.data[0]} → {render(node.args[0])}{node.data[1]}) {_inside(node.args[1], 3)}"
    if node.op is Op.DERIVATIVE:
        return f"d/d{'d'.join(node.data)} {_inside(node.args[0], 3)}"
    kind, index = node.data
    first, last, body = node.args
    return f"{kind}({index} = {render(first)}..{render(last)}) {_inside(body, 3)}"


_RENDERERS: dict[Op, Callable[[Node], str]] = {
    Op.NUMBER: _number,
    Op.SYMBOL: lambda node: node.data,
    Op.CONSTANT: lambda node: _CONSTANTS.get(node.data, node.data),
    Op.ADD: _sum,
    Op.MUL: lambda node: " * ".join(_inside(factor, 3) for factor in node.args),
    Op.DIV: lambda node: f"{_inside(node.args[0], 3)} / {_inside(node.args[1], 4)}",
    Op.NEG: lambda node: f"-{_inside(node.args[0], 3)}",
    Op.POW: lambda node: f"{_inside(node.args[0], 6)}^{_inside(node.args[1], 6)}",
    Op.PLUS_MINUS: lambda node: f"{'±' if node.data == 1 else '∓'}{_inside(node.args[0], 3)}",
    Op.CALL: _call,
    Op.BASED: lambda node: f"{node.data[0]} in base {node.data[1]}",
    Op.SERIES: _bound,
    Op.INTEGRAL: _bound,
    Op.LIMIT: _bound,
    Op.DERIVATIVE: _bound,
    Op.MATRIX: lambda node: f"[{_items(node, '; ')}]",
    Op.RELATION: _relation,
    Op.GROUP: lambda node: f"{node.data[0]}{_items(node)}{node.data[1]}",
    Op.SET: lambda node: f"{{{_items(node)}}}",
    Op.BUILDER: lambda node: f"{{{_items(node, ' | ')}}}",
    Op.SET_OPERATION: lambda node: _items(node, _SET_SIGNS[node.data]),
    Op.LIST: lambda node: _items(node, f" {node.data} " if node.data.isalpha() else f"{node.data} "),
    Op.RATIO: lambda node: _items(node, " : "),
    Op.QUANTITY: _quantity,
    Op.CASES: lambda node: f"cases [{_items(node, '; ')}]",
}
