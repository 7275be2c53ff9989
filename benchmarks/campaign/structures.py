r"""Structures as they are written: intervals as inequalities, systems in braces, quantities with units: `write`."""

from __future__ import annotations

from benchmarks.campaign.notation import FRACTION, PRODUCT, Writer
from benchmarks.campaign.trees import INF, Node, add, integer, mul, negative, symbol, unsigned
from benchmarks.campaign.unit_table import UNITS

_LESS = {
    "latex": (("<", r"\lt "), (r"\le", r"\leq", r"\leqslant")),
    "plain": (("<",), ("<=",)),
    "unicode": (("<",), ("≤",)),
}
_GREATER = {
    "latex": ((">", r"\gt "), (r"\ge", r"\geq", r"\geqslant")),
    "plain": ((">",), (">=",)),
    "unicode": ((">",), ("≥",)),
}
VARIABLE = "x"
"""The unknown of inequalities and solutions."""


def write(node: Node, writer: Writer, unknown: str = VARIABLE) -> str:
    """Write an answer.

    Args:
        node: the answer.
        writer: of its values.
        unknown: the variable of conditions.

    """
    how = _WRITTEN.get(node.op)
    return writer.whole(node) if how is None else how(node, writer, unknown)


def _interval(node: Node, writer: Writer) -> str:
    (low, high), (opener, closer) = node.args, node.data
    pairs = [("", ""), ("", ""), (r"\left", r"\right"), (r"\mleft", r"\mright"), (r"\bigl", r"\bigr")]
    left, right = writer.generator.choice(pairs) if writer.latex else ("", "")
    high_text = (
        writer.one("+", "") + writer.value(high) if high == INF and writer.manner != "plain" else writer.value(high)
    )
    return f"{left}{opener}{writer.listed([writer.value(low), high_text])}{right}{closer}"


def _sets(node: Node, writer: Writer, unknown: str) -> str:
    """Write a set of reals as intervals or by a condition."""
    intervals = node.args if node.op == "union" else (node,)
    if len({end for one in intervals for end in one.args} - {INF, negative(INF)}) == 1 < len(intervals):
        return _without(min(intervals[0].args, key=lambda end: end in (INF, negative(INF))), writer, unknown)
    form = writer.one("intervals", "intervals", "condition", "condition", "element", "builder")
    if writer.manner == "plain" and form == "builder":
        form = "condition"
    if form in ("intervals", "element"):
        cup = {"latex": r" \cup ", "plain": " U ", "unicode": " ∪ "}[writer.manner]
        text = cup.join(_interval(one, writer) for one in intervals)
        element = {"latex": r" \in ", "plain": " in ", "unicode": " ∈ "}[writer.manner]
        return text if form == "intervals" else f"{unknown}{element}{text}"
    word = writer.one(r" \text{ or } ", r"\text{ or }", " or ") if writer.latex else " or "
    text = word.join(_condition(one, writer, unknown) for one in intervals)
    if form == "condition":
        return text
    bar = writer.one(r" \mid ", " : ", " | ") if writer.latex else " | "
    head = unknown
    if writer.chance(0.3):
        head += r" \in \mathbb{R}" if writer.latex else " ∈ ℝ"
    opener, closer = _braces(writer)
    return f"{opener}{head}{bar}{text}{closer}"


def _without(gap: Node, writer: Writer, unknown: str) -> str:
    """Write all reals but one."""
    text = writer.value(gap)
    if writer.latex:
        sign = writer.one(r"\ne", r"\neq", r"\not=")
        return writer.one(f"{unknown}{writer.sign(sign)}{text}", rf"\mathbb{{R}} \setminus \{{{text}\}}")
    return f"{unknown}{writer.sign('≠' if writer.manner == 'unicode' else '!=')}{text}"


def _braces(writer: Writer) -> tuple[str, str]:
    if not writer.latex:
        return "{", "}"
    return writer.generator.choice(
        [(r"\{", r"\}"), (r"\left\{", r"\right\}"), (r"\lbrace ", r"\rbrace"), (r"\bigl\{", r"\bigr\}")]
    )


def _condition(node: Node, writer: Writer, unknown: str) -> str:
    (low, high), (opener, closer) = node.args, node.data
    less = [writer.one(*_LESS[writer.manner][bracket in "[]"]) for bracket in (opener, closer)]
    greater = [writer.one(*_GREATER[writer.manner][bracket in "[]"]) for bracket in (opener, closer)]
    above = writer.one(
        f"{writer.value(low)}{writer.sign(less[0])}{unknown}", f"{unknown}{writer.sign(greater[0])}{writer.value(low)}"
    )
    below = writer.one(
        f"{unknown}{writer.sign(less[1])}{writer.value(high)}",
        f"{writer.value(high)}{writer.sign(greater[1])}{unknown}",
    )
    if low == negative(INF):
        return below
    if high == INF:
        return above
    if writer.chance(0.75):
        return f"{writer.value(low)}{writer.sign(less[0])}{unknown}{writer.sign(less[1])}{writer.value(high)}"
    return above + (writer.one(r" \text{ and } ", r"\text{ and }") if writer.latex else " and ") + below


def _transformed(node: Node, writer: Writer, unknown: str) -> str:
    """Write a condition on a multiple of the unknown and a number."""
    factor, shift = node.data
    parts = [mul(integer(abs(factor)), symbol(unknown)), *([integer(shift)] if shift else [])]
    parts[0] = negative(parts[0]) if factor < 0 else parts[0]
    return _condition(node.args[0], writer, writer.value(add(*parts)))


def _distance(node: Node, writer: Writer, unknown: str) -> str:
    middle, distance = node.args
    inner = symbol(unknown) if middle == integer(0) else add(symbol(unknown), negative(middle))
    signs = (_LESS if node.data[0] == "<" else _GREATER)[writer.manner][len(node.data) - 1]
    return f"{writer.value(Node('abs', (inner,)))}{writer.sign(writer.one(*signs))}{writer.value(distance)}"


def _elements(node: Node, writer: Writer) -> str:
    return writer.listed([writer.value(part) for part in node.args])


def _set(node: Node, writer: Writer, unknown: str) -> str:
    opener, closer = _braces(writer)
    return f"{opener}{_elements(node, writer)}{closer}"


def _tuple(node: Node, writer: Writer, unknown: str) -> str:
    pairs = [("(", ")"), ("(", ")"), (r"\left(", r"\right)"), (r"\mleft(", r"\mright)"), (r"\bigl(", r"\bigr)")]
    opener, closer = writer.generator.choice(pairs) if writer.latex else ("(", ")")
    return f"{opener}{_elements(node, writer)}{closer}"


def _list(node: Node, writer: Writer, unknown: str) -> str:
    if not writer.chance(0.3):
        return _elements(node, writer)
    return _joined([writer.value(part) for part in node.args], "and", writer)


def _joined(texts: list[str], word: str, writer: Writer) -> str:
    link = writer.one(rf" \text{{ {word} }} ", rf"\text{{ {word} }}") if writer.latex else f" {word} "
    return ", ".join(texts[:-1]) + link + texts[-1]


def _matrix(node: Node, writer: Writer, unknown: str) -> str:
    rows, columns = writer.rows(node), node.data
    array = rf"\begin{{array}}{{{'c' * columns}}}{rows}\end{{array}}"
    name = writer.one("pmatrix", "pmatrix", "bmatrix")
    return writer.one(
        rf"\begin{{{name}}}{rows}\end{{{name}}}",
        rf"\begin{{{name}}} {rows} \end{{{name}}}",
        rf"\left({array}\right)",
        rf"\left[{array}\right]",
    )


def _equation(node: Node, writer: Writer, unknown: str) -> str:
    left, right = node.args if writer.chance(0.7) else node.args[::-1]
    return f"{writer.value(left)}{writer.sign('=')}{writer.value(right)}"


def _solutions(node: Node, writer: Writer, unknown: str) -> str:
    """Write the values of one unknown: "x = 1 or x = 2", "x = 1, 2"; node.data: whether as a bare list or set."""
    texts = [writer.value(part) for part in node.args]
    equal = writer.sign("=")
    form = writer.one("or", "or", "after one sign", "comma", "element", "list")
    if form == "or" and len(texts) > 1:
        return _joined([f"{unknown}{equal}{text}" for text in texts], "or", writer)
    if form == "comma":
        return writer.listed([f"{unknown}{equal}{text}" for text in texts])
    if form == "element":
        opener, closer = _braces(writer)
        element = {"latex": r" \in ", "plain": " in ", "unicode": " ∈ "}[writer.manner]
        return f"{unknown}{element}{opener}{writer.listed(texts)}{closer}"
    if form == "list":
        return writer.listed(texts)
    return f"{unknown}{equal}{writer.listed(texts)}"


def _system(node: Node, writer: Writer, unknown: str) -> str:
    pairs = list(zip(node.data, node.args))
    equal = writer.sign("=")
    form = writer.one("comma", "comma", "and", "cases", "point", "semicolon")
    if form == "point":
        names, found = writer.listed(node.data), _elements(node, writer)
        return f"({names}){equal}({found})"
    texts = [f"{name}{equal}{writer.value(part)}" for name, part in pairs]
    if form == "cases" and writer.latex:
        return rf"\begin{{cases}} {writer.one(' ' + chr(92) * 2 + ' ', chr(92) * 2).join(texts)} \end{{cases}}"
    if form == "and":
        return _joined(texts, "and", writer)
    return "; ".join(texts) if form == "semicolon" else writer.listed(texts)


def _quantity(node: Node, writer: Writer, unknown: str) -> str:
    unit = UNITS[node.data]
    amount = node.args[0]
    sign = writer.minus if amount.op == "neg" else ""
    text = writer.whole(amount) if unsigned(amount).op == "int" else sign + writer.value(unsigned(amount), PRODUCT)
    words = [f" {word}" for word in unit.words]
    if node.data == "degree":
        signs = list(unit.symbols) if writer.latex else ["°"]
        return writer.value(amount, FRACTION) + writer.one(*signs, *words)
    if node.data == "euro":
        return writer.one(f"€{text}", f"{text} euros")
    if node.data == "dollar":
        signs = [("\\" if writer.latex else "") + f"${text}"] if amount.op in ("int", "dec") else []
        return writer.one(*signs, *(f"{text}{word}" for word in words))
    if not writer.latex:
        plain = [mark.replace("{", "").replace("}", "") for mark in unit.symbols if "\\" not in mark]
        if writer.manner == "unicode":
            plain = [mark.replace("^2", "²").replace("^3", "³").replace("^-1", "⁻¹") for mark in plain]
        return text + writer.one(*(f" {mark}" for mark in plain), *words)
    forms = [rf"\text{{{word}}}" for word in words] + [rf"\ \text{{{word.strip()}}}" for word in words]
    for mark in unit.symbols:
        forms += _symbol_forms(mark)
    return text + writer.one(*forms)


def _symbol_forms(mark: str) -> list[str]:
    if " " in mark:  # m s^{-1}
        return [rf"\,\mathrm{{{mark.replace(' ', backslash + ',')}}}" for backslash in "\\"]
    name, caret, power = mark.partition("^")
    raised = caret + power
    texts = [rf"\text{{ {name}}}{raised}", rf"\,\text{{{name}}}{raised}", rf"~\mathrm{{{name}{raised}}}"]
    return [
        *texts,
        rf"\,\mathrm{{{name}}}{raised}",
        rf"\ \mathrm{{{name}}}{raised}",
        rf" \mathrm{{~{name}}}{raised}",
        f" {mark}",
    ]


def _ratio(node: Node, writer: Writer, unknown: str) -> str:
    colon = writer.one(":", " : ", r"\colon ") if writer.latex else writer.one(":", " : ")
    return colon.join(writer.value(part) for part in node.args)


_WRITTEN = {
    "interval": _sets,
    "union": _sets,
    "condition": _transformed,
    "distance": _distance,
    "set": _set,
    "tuple": _tuple,
    "list": _list,
    "matrix": _matrix,
    "equation": _equation,
    "solutions": _solutions,
    "system": _system,
    "quantity": _quantity,
    "ratio": _ratio,
}
