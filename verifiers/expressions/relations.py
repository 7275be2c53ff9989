"""Equations and inequalities: multiples of each other, congruences, chains with the same parts."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from verifiers.expressions.approximate import Approximation, is_real
from verifiers.expressions.errors import NoValueError, TooLargeError, UndecidedError
from verifiers.expressions.exact import exact
from verifiers.expressions.identity import DIGITS, points
from verifiers.expressions.tree import Node, Op, difference, free_symbols, operations

Same = Callable[[Node, Node], bool | None]
"""How two parts are compared."""

_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_POLYNOMIAL = frozenset({Op.NUMBER, Op.SYMBOL, Op.ADD, Op.MUL, Op.NEG, Op.POW, Op.RELATION})
_FEWEST_POINTS = 3


def is_condition(node: Node) -> bool:
    """Whether a tree is a relation, a list of relations, or "A or B and C"."""
    if node.op is not Op.LIST:
        return node.op is Op.RELATION
    return all(
        part.op is Op.RELATION or (node.data == "or" and part.data == "and" and is_condition(part))
        for part in node.args
    )


def same_relation(gold: Node, answer: Node, same: Same) -> bool | None:
    """Whether two relations say the same: one is a multiple of the other.

    Args:
        gold: a relation.
        answer: a relation.
        same: how their parts are compared where they are no numbers.

    Returns:
        True or False; None where only solving them could tell.

    """
    if len(gold.data) > 1 or len(answer.data) > 1:
        return _same_chain(gold, answer, same)
    sign, other = gold.data[0], answer.data[0]
    if sign not in ("=", "!=", *_FLIPPED) or other not in ("=", "!=", *_FLIPPED):
        return _same_parts(gold, answer, same) if sign == other else False
    if (sign in _FLIPPED) != (other in _FLIPPED) or (sign not in _FLIPPED and sign != other):
        return False
    if len(sign) != len(other):
        return False
    try:
        factor = _factor(difference(*gold.args), difference(*answer.args))
    except UndecidedError:
        parts = _same_parts(gold, answer, same)
        return (
            True
            if parts
            else _same_parts(gold, Node(Op.RELATION, answer.args[::-1], answer.data), same) and sign == "="
        )
    if factor is None:
        return None if _needs_solving(gold, answer) else False
    if factor == 0:
        return False
    return (factor > 0) == (sign == other) or sign not in _FLIPPED


def _same_chain(gold: Node, answer: Node, same: Same) -> bool | None:
    if len(gold.data) != len(answer.data):
        return False
    if gold.data != answer.data:
        flipped = tuple(_FLIPPED.get(sign, sign) for sign in reversed(answer.data))
        answer = Node(Op.RELATION, answer.args[::-1], flipped)
    if gold.data != answer.data:
        return False
    return _same_parts(gold, answer, same)


def _same_parts(gold: Node, answer: Node, same: Same) -> bool | None:
    verdicts = [same(left, right) for left, right in zip(gold.args, answer.args)]
    if all(verdicts):
        return True
    return False if False in verdicts else None


def _needs_solving(gold: Node, answer: Node) -> bool:
    names = free_symbols(gold) | free_symbols(answer)
    if free_symbols(gold) != free_symbols(answer):
        return False
    return len(names) == 1 or not (operations(gold) | operations(answer)) <= _POLYNOMIAL


def _factor(left: Node, right: Node) -> Any:
    """The constant by which the values differ everywhere; 0 where either is always zero; None: none."""
    if not free_symbols(left) | free_symbols(right):
        return None
    ratio: Any = None
    too_large: TooLargeError | None = None
    agreed = 0
    for values in points(left, right):
        try:
            first, second = _at((left, right), values, ratio)
        except NoValueError:
            continue
        except TooLargeError as error:
            too_large = error
            continue
        if first == 0 and second == 0:
            continue
        if first == 0 or second == 0:
            return None
        quotient = first / second
        if ratio is None:
            ratio = quotient
        elif quotient != ratio and abs(quotient / ratio - 1) > 1e-30:
            return None
        agreed += 1
        if agreed == _FEWEST_POINTS:
            return ratio.real if hasattr(ratio, "imag") else ratio
    if too_large is not None:
        raise too_large
    return 0


def _at(trees: tuple[Node, Node], values: dict[str, Fraction], ratio: Any) -> list[Any]:
    """The values at a point: exact if all are, and the ratio so far is, else at 50 digits."""
    if ratio is None or isinstance(ratio, Fraction):
        try:
            return [exact(tree, values) for tree in trees]
        except UndecidedError:
            if ratio is not None:
                raise
    found = []
    for tree in trees:
        fine = Approximation(DIGITS, values)
        value = fine.value(tree)
        if not is_real(value, DIGITS):
            raise NoValueError("not real")
        real = getattr(value, "real", value)
        is_zero = abs(real) < fine.context.mpf(10) ** -(DIGITS - 10) * fine.scale
        found.append(fine.context.mpf(0) if is_zero else real)
    return found
