"""The form an answer has: simplified, factored."""

from __future__ import annotations

import math

from verifiers.expressions.tree import Node, Op, free_symbols, walk


def has_form(answer: Node, gold: Node, form: str) -> bool:
    """Whether an answer has the form that is asked for.

    Args:
        answer: a tree with the gold's value.
        gold: the gold answer, which has the form.
        form: "any", "simplified" or "factored"; see `EqualityPolicy`.

    """
    if form == "simplified":
        return not any(map(_can_be_simplified, walk(answer)))
    if form == "factored":
        return _factors(answer) >= _factors(gold)
    return True


def _plain(node: Node) -> bool:
    return node.op is Op.NUMBER or (node.op is Op.NEG and node.args[0].op is Op.NUMBER)


def _whole(node: Node) -> int | None:
    if node.op is Op.NEG:
        inner = _whole(node.args[0])
        return None if inner is None else -inner
    return node.data.value.numerator if node.op is Op.NUMBER and node.data.value.denominator == 1 else None


def _can_be_simplified(node: Node) -> bool:
    """Whether something is left to be computed between numbers right at this node."""
    if node.op is Op.DIV:
        top, bottom = map(_whole, node.args)
        if top is not None and bottom is not None:
            return bottom <= 1 or math.gcd(top, bottom) > 1
        return any(part.op is Op.DIV for part in node.args) or node.args[0] == node.args[1]
    if node.op is Op.CALL and node.data == "root" and node.args[1] == Node(Op.NUMBER, data=node.args[1].data):
        radicand, degree = map(_whole, node.args)
        if radicand is None or degree is None or not 2 <= degree <= 10:
            return False
        return any(
            radicand % base**degree == 0 for base in range(2, min(1_000, int(abs(radicand) ** (1 / degree)) + 2))
        )
    if node.op is Op.CALL and node.args and all(map(_plain, node.args)):
        return node.data in ("abs", "factorial", "binomial", "gcd", "lcm", "max", "min", "floor", "ceil")
    if node.op is Op.POW:
        exponent = _whole(node.args[1])
        return _plain(node.args[0]) and exponent is not None and abs(exponent) <= 10
    if node.op in (Op.ADD, Op.MUL):
        if sum(map(_plain, node.args)) > 1:
            return True
        if node.op is Op.ADD:
            terms = [_without_coefficient(term) for term in node.args]
            return len(set(terms)) < len(terms)
    return False


def _without_coefficient(term: Node) -> Node:
    if term.op is Op.NEG:
        term = term.args[0]
    if term.op is Op.MUL:
        rest = tuple(part for part in term.args if not _plain(part))
        return rest[0] if len(rest) == 1 else Node(Op.MUL, rest)
    return term


def _factors(node: Node) -> int:
    """How many factors with variables a product has, powers counted as often as they say."""
    if node.op is Op.NEG:
        return _factors(node.args[0])
    if node.op is Op.MUL:
        return sum(map(_factors, node.args))
    if node.op is Op.DIV:
        return _factors(node.args[0])
    if node.op is Op.POW:
        exponent = _whole(node.args[1])
        return _factors(node.args[0]) * (exponent if exponent is not None and 0 < exponent < 100 else 1)
    return 1 if free_symbols(node) else 0
