"""Equations and inequalities: assignments ("x = 3"), multiples of each other, congruences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from verifiers.expressions.approximate import Approximation, is_real
from verifiers.expressions.errors import NoValueError, TooLargeError, UndecidedError
from verifiers.expressions.exact import exact
from verifiers.expressions.identity import DIGITS, points
from verifiers.expressions.numbers import literal
from verifiers.expressions.tree import FUNCTIONS, Node, Op, difference, free_symbols, operations, substitute
from verifiers.numeric import Form

Same = Callable[[Node, Node], bool | None]

_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_POLYNOMIAL = frozenset({Op.NUMBER, Op.SYMBOL, Op.ADD, Op.MUL, Op.NEG, Op.POW, Op.RELATION})
_FEWEST_POINTS = 3


@dataclass(frozen=True, slots=True)
class Assignment:
    """A name and the value that an equation gives it.

    Attributes:
        name: the name.
        value: the last term of a chain.
        rounded: what follows a sign ≈ at its end.
        steps: the terms between.

    """

    name: Node
    value: Node
    rounded: Node | None = None
    steps: tuple[Node, ...] = ()


def is_name(node: Node) -> bool:
    """Whether a tree names something: x, f(x), AB, |AB|, NO/BO, (p, q)."""
    if node.op is Op.SYMBOL:
        return True
    if node.op is Op.CALL:
        return (
            node.data not in FUNCTIONS
            or (node.data not in ("abs", "norm") and all(map(is_name, node.args)))
            or (node.data in ("abs", "norm") and node.args[0].op is Op.MUL and is_name(node.args[0]))
        )
    if node.op is Op.MUL and node.args[0] == Node(Op.SYMBOL, data="m"):  # m∠A
        return len(node.args) == 2 and node.args[1].op is Op.SYMBOL and node.args[1].data.startswith("∠")
    if node.op is Op.MUL:
        return all(part.op is Op.SYMBOL and part.data[:1].isupper() for part in node.args)
    if node.op in (Op.DIV, Op.RATIO, Op.GROUP, Op.LIST):
        return all(map(is_name, node.args))
    return False


def assignment(node: Node) -> Assignment | None:
    """The assignment that a relation is, if it is one; of a chain "x = a = b" the last value counts."""
    if node.op is not Op.RELATION or not set(node.data) <= {"=", "~"}:
        return None
    terms, rounded = list(node.args), None
    if node.data[-1] == "~" and len(terms) > 2:
        rounded = terms.pop()
    if "~" in node.data[: len(terms) - 2]:
        return None
    name, value = terms[0], terms[-1]
    if not is_name(name):
        if len(terms) != 2 or not is_name(value) or is_name(name):
            return None
        name, value = value, name
    elif is_name(value) and len(terms) == 2 and name.op is Op.SYMBOL:
        return None  # "x = y"
    if name.op is Op.SYMBOL and free_symbols(name) & free_symbols(value):
        return None  # "x = 2x - 1" is an equation to solve
    return Assignment(name, value, rounded, tuple(terms[1:-1]))


def renamed(gold: Assignment, answer: Assignment) -> Assignment | None:
    """The answer's "f(t) = t" with the gold's argument, "f(x) = x"; None where the names truly differ."""
    first, second = gold.name, answer.name
    if first.op is not Op.CALL or second.op is not Op.CALL or first.data != second.data:
        return None
    if len(first.args) != len(second.args) or any(arg.op is not Op.SYMBOL for arg in (*first.args, *second.args)):
        return None
    value = answer.value
    for old, new in zip(second.args, first.args):
        value = substitute(value, old.data, new)
    return Assignment(first, value)


def spread(gold: Node, answer: Node) -> tuple[Node, Node]:
    """Both trees, "(x, y) = (1, 2)" and "x = y = 1" as lists of assignments where the other one is such a list."""
    sides = [_spread(gold), _spread(answer)]
    lists = [bool(assigned_names(side)) for side in (gold, answer)]
    if sides[0] is not None and (lists[1] or sides[1] is not None):
        gold = sides[0]
    if sides[1] is not None and (lists[0] or sides[0] is not None):
        answer = sides[1]
    return gold, answer


def _spread(node: Node) -> Node | None:
    if node.op is not Op.RELATION or set(node.data) != {"="}:
        return None
    *names, value = node.args
    is_point = len(names) == 1 and names[0].op is value.op is Op.GROUP and len(names[0].args) == len(value.args)
    is_round = is_point and names[0].data == value.data == "()"
    if is_round and all(part.op is Op.SYMBOL for part in names[0].args):
        pairs = zip(names[0].args, value.args)
        return Node(Op.LIST, tuple(Node(Op.RELATION, pair, ("=",)) for pair in pairs), ",")
    if len(names) > 1 and all(name.op is Op.SYMBOL for name in names) and not free_symbols(value):
        return Node(Op.LIST, tuple(Node(Op.RELATION, (name, value), ("=",)) for name in names), ",")
    return None


def assigned_names(node: Node) -> list[Node]:
    """The names that the items of a list give values to."""
    if node.op not in (Op.LIST, Op.SET, Op.GROUP):
        return []
    items = [assignment(item) for item in node.args if item.op is Op.RELATION]
    return [item.name for item in items if item is not None]


def systems(node: Node) -> tuple[Node, ...]:
    """The solutions of a system, each a list of assignments: "x = 1, y = 2; x = 3, y = 4"; () for anything else."""
    if node.op is not Op.LIST:
        return ()
    found = tuple(_spread(item) or item for item in node.args)
    return found if all(item.op is Op.LIST and len(set(assigned_names(item))) > 1 for item in found) else ()


def same_unknown(names: list[Node], others: list[Node]) -> bool:
    """Whether two lists give all the values of one unknown: "x = 1, x = 2" and "x_1 = 1, x_2 = 2"."""
    first, second = set(names), set(others)
    if len(first) == len(second) == 1:
        return first == second
    alone = first if len(first) == 1 else second
    if len(alone) != 1 or alone != {_base_name(name) for name in alone}:
        return False
    return {_base_name(name) for name in first} == {_base_name(name) for name in second}


def solutions(node: Node, custom: bool = False) -> Node:
    """A list of assignments as the list of its values: "x = 1 or x = 2", "a = 4, -8", "AB = 4, CD = 5".

    Args:
        node: the list; anything else is returned as it is.
        custom: whether the values go by the alphabet, as those of a point (x, y, z) do.

    """
    if node.op not in (Op.LIST, Op.SET, Op.GROUP):
        return node
    items = [assignment(item) if item.op is Op.RELATION else None for item in node.args]
    if all(item is None for item in items):
        return Node(
            node.op, tuple(solutions(item, custom) if item.op is Op.LIST else item for item in node.args), node.data
        )
    if len({item.name for item in items if item is not None}) > 1 and None in items:
        return node
    spread: list[Node] = []
    pairs = list(zip(items, node.args))
    if custom and all(item is not None and item.name.op is Op.SYMBOL for item in items):
        pairs.sort(key=lambda pair: pair[0].name.data if pair[0] is not None else "")
    for item, plain in pairs:
        value = plain if item is None else item.value
        spread.extend(value.args if value.op is Op.LIST else (value,))
    return Node(node.op, tuple(spread), node.data)


def _base_name(name: Node) -> Node:
    if name.op is Op.SYMBOL:
        return Node(Op.SYMBOL, data=name.data.partition("_")[0])
    return name


def rounds_to(value: Node, rounded: Node) -> bool:
    """Whether a number is a value rounded or cut off at its own last digit."""
    number = literal(rounded)
    if number is None or number.form is Form.FRACTION:
        return False
    try:
        at = Approximation(DIGITS, {}).value(value)
    except (UndecidedError, NoValueError, TooLargeError):
        return False
    if not is_real(at, DIGITS):
        return False
    real = getattr(at, "real", at)
    written = real.context.mpf(number.value.numerator) / number.value.denominator
    step = real.context.mpf(10) ** number.place
    return bool(abs(real - written) * 2 <= step or (abs(real - written) < step and abs(written) < abs(real)))


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
