"""Are two answers the same? `Equivalence` decides by what they are: values, lists, sets, relations, matrices.

Everything here is decided without symbolic algebra; where only that could tell, the result is None and
`verifiers.expressions.symbolic` is asked, in a worker process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from verifiers.expressions import assignments, chains, matrices, relations, units
from verifiers.expressions.equality import EqualityPolicy
from verifiers.expressions.errors import NoValueError, TooLargeError, UndecidedError
from verifiers.expressions.exact import exact
from verifiers.expressions.identity import same_value
from verifiers.expressions.measures import hundredth, measured, radians, split_unit
from verifiers.expressions.normal import normalised, renamed_bound
from verifiers.expressions.numbers import literal, same_number
from verifiers.expressions.realsets import RealSet, from_condition, from_set
from verifiers.expressions.tree import (
    BINDING,
    COLLECTIONS,
    UNEVALUATED,
    Node,
    Op,
    constant,
    free_symbols,
    negative,
    number,
    operations,
    walk,
)
from verifiers.expressions.work import limited
from verifiers.numeric import Form

_MOST_MATCHED = 40
_SETS = (Op.SET_OPERATION, Op.BUILDER)
_INFINITE = (constant("inf"), negative(constant("inf")))
_NO_VALUES = frozenset({*COLLECTIONS, *_SETS, Op.RELATION, Op.MATRIX, Op.CASES, Op.RATIO})


class Equivalence:
    """Compares trees.

    Args:
        policy: what counts as equal.
        precision: decimals that count for gold decimals; None: as many as they are written with.

    """

    def __init__(self, policy: EqualityPolicy | None = None, precision: int | None = None) -> None:
        self.policy = policy or EqualityPolicy()
        self.precision = precision

    def same(self, gold: Node, answer: Node) -> bool | None:
        """Whether an answer is the gold answer.

        Returns:
            True or False; None where only symbolic work could tell.

        Raises:
            TooLargeError: a magnitude or the work passes the limits.

        """
        with limited():
            verdict = self.decide(gold, answer)
            quantity = measured(answer) if verdict is False and literal(gold) is not None else None
            if quantity is None or literal(quantity.args[0]) is None:  # g/2 is no half
                return verdict
            return self.decide(gold, quantity)

    def decide(self, gold: Node, answer: Node) -> bool | None:
        """What `same` says, at every depth and within the account of whoever asks first."""
        if gold == answer:
            return True
        gold, answer = normalised(gold), normalised(answer)
        if Op.GROUP in (gold.op, answer.op):
            gold, answer = assignments.named_point(gold), assignments.named_point(answer)
        if Op.RELATION in (gold.op, answer.op):
            return self._relations(gold, answer)
        if self._is_set(gold) or self._is_set(answer):
            verdict = self._sets(gold, answer)
            if verdict is not None:
                return verdict
        if gold.op in COLLECTIONS or answer.op in COLLECTIONS:
            return self._collections(gold, answer)
        if Op.MATRIX in operations(gold) | operations(answer):
            gold, answer = matrices.without_determinants(gold), matrices.without_determinants(answer)
            if matrices.has_matrix(gold) or matrices.has_matrix(answer):
                return self._matrices(gold, answer)
        if gold.op is Op.RATIO or answer.op is Op.RATIO:
            return self._ratios(gold, answer)
        if gold.op is Op.CASES or answer.op is Op.CASES:
            return gold.op is answer.op and self._matched(gold.args, answer.args)
        if gold.op is Op.QUANTITY or answer.op is Op.QUANTITY:
            return self._quantities(gold, answer)
        return self._values(gold, answer)

    def _values(self, gold: Node, answer: Node) -> bool | None:
        if gold in _INFINITE or answer in _INFINITE:
            return gold == answer
        verdict = same_number(gold, answer, self.policy, self.precision)
        if verdict is None:
            if self._congruent(gold, answer):
                return True
            parts = operations(gold) | operations(answer)
            if parts & _NO_VALUES or (not parts & UNEVALUATED and (_has(gold, "inf") or _has(answer, "inf"))):
                return False
        return verdict

    def _congruent(self, gold: Node, answer: Node) -> bool:
        """Whether the trees are the same but for parts that have the same value."""
        if gold.op is not answer.op or len(gold.args) != len(answer.args):
            return False
        if gold.op in BINDING:
            gold, answer = renamed_bound(gold), renamed_bound(answer)
        if gold.data != answer.data:
            return False
        if gold.op in (Op.ADD, Op.MUL):
            return self._matched(gold.args, answer.args, self._part) is True
        return bool(gold.args) and all(map(self._part, gold.args, answer.args))

    def _part(self, gold: Node, answer: Node) -> bool:
        if gold == answer:
            return True
        if UNEVALUATED & {node.op for node in (*walk(gold), *walk(answer))}:
            return self._congruent(gold, answer)
        return self.decide(gold, answer) is True

    def _quantities(self, gold: Node, answer: Node) -> bool | None:
        gold_value, gold_unit = split_unit(gold)
        value, unit = split_unit(answer)
        if gold_unit is None and unit is None:
            return self._values(gold_value, value)
        percent = [side is not None and side.kind == "percent" for side in (gold_unit, unit)]
        if any(percent) and (gold_unit is None or unit is None):
            if not self.policy.percent_equals_fraction or (unit is None and self.policy.units == "required"):
                return False
            return self._values(hundredth(gold_value, percent[0]), hundredth(value, percent[1]))
        if unit is None:
            quantity = measured(value, units.is_unit_letter)
            if quantity is not None and gold_unit is not None:
                return self._quantities(gold, quantity)
            if gold_unit is not None and gold_unit.kind == "degree" and _has(value, "pi"):
                return self._values(Node(Op.QUANTITY, (gold_value,), "°"), value)
            return False if self.policy.units == "required" else self._values(gold_value, value)
        if gold_unit is None:
            quantity = measured(gold_value, units.is_unit_letter)
            if quantity is not None:
                return self._quantities(quantity, answer)
            if unit.kind == "degree" and _has(gold_value, "pi"):
                return self._values(gold_value, Node(Op.QUANTITY, (value,), "°"))
            return self._values(gold_value, value)
        angles = {gold_unit.kind, unit.kind} == {"degree", "physical"}
        if angles and units.is_radian(gold_unit if gold_unit.kind == "physical" else unit):
            sides = [radians(gold_value, gold_unit), radians(value, unit)]
            return self._values(*sides)
        factor = units.ratio(unit, gold_unit)
        if factor is None:
            return False
        if factor == 1:
            return self._values(gold_value, value)
        return self._values(gold_value, Node(Op.MUL, (number(factor), value)))

    def _ratios(self, gold: Node, answer: Node) -> bool | None:
        if gold.op is not answer.op:
            ratio, other = (gold, answer) if gold.op is Op.RATIO else (answer, gold)
            fraction = literal(other)
            is_whole = fraction is not None and fraction.form is not Form.FRACTION
            if len(ratio.args) != 2 or is_whole:
                return False
            quotient = Node(Op.DIV, ratio.args)
            return self._values(quotient, other) if gold is ratio else self._values(other, quotient)
        if len(gold.args) != len(answer.args) or gold.data != answer.data:
            return False
        verdicts = [self.decide(left, right) for left, right in zip(gold.args, answer.args)]
        if all(verdicts) or gold.data:
            return all(verdicts)
        first, other = gold.args[0], answer.args[0]
        if any(self._values(number(0), part) is not False for part in (*gold.args, *answer.args)):
            return False
        crossed = (
            self._values(Node(Op.MUL, (left, other)), Node(Op.MUL, (right, first)))
            for left, right in zip(gold.args[1:], answer.args[1:])
        )
        return all(crossed)

    def _matrices(self, gold: Node, answer: Node) -> bool | None:
        try:
            left, right = matrices.as_matrix(gold), matrices.as_matrix(answer)
        except UndecidedError:
            return self._congruent(gold, answer) or None
        rows, others = matrices.cells(left), matrices.cells(right)
        if (len(rows), len(rows[0])) != (len(others), len(others[0])):
            return False
        pairs = zip((cell for row in rows for cell in row), (cell for row in others for cell in row))
        return _all(self.decide(cell, other) for cell, other in pairs)

    def _is_set(self, node: Node) -> bool:
        if node.op is Op.LIST and node.data == "or" and all(map(self._is_set, node.args)):
            return True
        if node.op in _SETS or (node.op is Op.CONSTANT and node.data in ("R", "empty")):
            return True
        return node.op is Op.GROUP and (node.data in ("[)", "(]") or any(end in _INFINITE for end in node.args))

    def _sets(self, gold: Node, answer: Node) -> bool | None:
        try:
            return self._as_set(gold) == self._as_set(answer)
        except (UndecidedError, NoValueError):
            pass
        if gold.op is answer.op is Op.SET_OPERATION and gold.data == answer.data:
            if gold.data == "minus":
                return _all(map(self.decide, gold.args, answer.args))
            return self._matched(gold.args, answer.args)
        if gold.op is answer.op is Op.GROUP and gold.data == answer.data and len(gold.args) == len(answer.args) == 2:
            return _all(map(self.decide, gold.args, answer.args))
        if gold.op is answer.op is Op.BUILDER:
            return self._congruent(gold, answer) or None
        return None if Op.BUILDER in (gold.op, answer.op) else False

    def _as_set(self, node: Node) -> RealSet:
        if node.op is Op.LIST and node.data == "or" and all(map(self._is_set, node.args)):
            return RealSet(part for item in node.args for part in from_set(item))
        if node.op is Op.RELATION or node.op is Op.LIST:
            return from_condition(node)[1]
        return from_set(node)

    def _collections(self, gold: Node, answer: Node) -> bool | None:
        if any(relations.is_condition(part) for node in (gold, answer) if node.op in COLLECTIONS for part in node.args):
            verdict = self._condition_lists(gold, answer)
            if verdict is not None:
                return verdict
        if gold.op is answer.op is Op.LIST and {gold.data, answer.data} == {"and", "or"}:
            listed = all(assignments.assignment(item) is not None or not free_symbols(item) for item in gold.args)
            if not listed:
                return False
        systems, other_systems = assignments.systems(gold), assignments.systems(answer)
        if systems and other_systems:
            return self._matched(systems, other_systems)
        names, others = assignments.assigned_names(gold), assignments.assigned_names(answer)
        if len(set(names)) > 1 and len(set(others)) > 1 and (gold.data == "or") != (answer.data == "or"):
            return False  # "x = 1 and y = 2", "x = 1 or y = 2"
        one_unknown = bool(names and others) and assignments.same_unknown(names, others)
        if names and others and {gold.op, answer.op} <= {Op.LIST, Op.SET} and not one_unknown:
            complete = len(names) == len(gold.args) and len(others) == len(answer.args)
            return self._matched(gold.args, answer.args) if complete else False
        ordered = self.policy.order_matters or (max(len(set(names)), len(set(others))) > 1 and not one_unknown)
        custom = Op.GROUP in (gold.op, answer.op)
        if custom and len(set(names or others)) == 1 < len(names or others):
            return False  # an interval or a point, and two values of one unknown
        gold, answer = assignments.solutions(gold, custom), assignments.solutions(answer, custom)
        kinds = {gold.op, answer.op}
        if not kinds <= set(COLLECTIONS):
            single = gold if gold.op in COLLECTIONS else answer
            other = answer if single is gold else gold
            if single.op is not Op.SET or len(single.args) != 1:
                return False
            return self.decide(single.args[0], other) if single is gold else self.decide(other, single.args[0])
        if kinds == {Op.GROUP, Op.SET}:
            return False
        if Op.SET in kinds:
            return self._matched(_distinct(gold), _distinct(answer))
        if kinds == {Op.LIST} and not ordered and all(item.op is Op.GROUP for item in (*gold.args, *answer.args)):
            return self._matched(tuple(dict.fromkeys(gold.args)), tuple(dict.fromkeys(answer.args)))
        if len(gold.args) != len(answer.args):
            return False
        if kinds == {Op.GROUP}:
            if gold.data != answer.data and len(gold.args) == 2:
                return False
        elif kinds == {Op.LIST} and not ordered:
            return self._matched(gold.args, answer.args)
        elif kinds != {Op.LIST} and (gold if gold.op is Op.GROUP else answer).data in ("[)", "(]"):
            return False
        return _all(map(self.decide, gold.args, answer.args))

    def _condition_lists(self, gold: Node, answer: Node) -> bool | None:
        """Conditions on one unknown ("x < 1 or x > 2") as the set of what meets them; None where they are none."""
        try:
            first, left = from_condition(gold) if relations.is_condition(gold) else (None, from_set(gold))
            second, right = from_condition(answer) if relations.is_condition(answer) else (None, from_set(answer))
        except (UndecidedError, NoValueError, TooLargeError):
            return None
        if first is not None and second is not None and first != second:
            return None
        if left == right and left:
            return True
        unclear = any(node.op is Op.LIST and node.data not in ("and", "or") for node in (gold, answer))
        return None if unclear else False

    def _relations(self, gold: Node, answer: Node) -> bool | None:
        gold, answer = assignments.spread(gold, answer)
        if Op.RELATION not in (gold.op, answer.op):
            return self._collections(gold, answer)
        verdict = chains.same_assigned(gold, answer, self.decide)
        if verdict is not None:
            return verdict
        conditional = [relations.is_condition(node) for node in (gold, answer)]
        if all(conditional) or any(map(self._is_set, (gold, answer))) or {Op.SET, Op.GROUP} & {gold.op, answer.op}:
            verdict = self._condition_lists(gold, answer)
            if verdict is not None:
                return verdict
        if all(conditional):
            if Op.LIST in (gold.op, answer.op):
                verdict = self._collections(gold, answer)
            else:
                verdict = relations.same_relation(gold, answer, self.decide)
            return None if verdict is False and _is_solvable(gold, answer) else verdict
        plain = answer if conditional[0] else gold
        relation = gold if conditional[0] else answer
        verdict = self._calculated(gold, answer)
        if verdict is not False:
            return verdict
        if relation.op is Op.RELATION and relation.data == ("in",):
            is_finite = relation.args[1].op is Op.SET
            if (plain.op is Op.LIST and not is_finite) or not assignments.is_name(relation.args[0]):
                return False
            return self.decide(relation.args[1], plain) if relation is gold else self.decide(plain, relation.args[1])
        interval = _bounds(relation, plain)
        if interval is not None and free_symbols(interval):
            return self.decide(interval, plain) if relation is gold else self.decide(plain, interval)
        is_collection = self._is_set(plain) or plain.op in COLLECTIONS
        return None if is_collection and _is_solvable(gold, answer) else False

    def _calculated(self, gold: Node, answer: Node) -> bool | None:
        """Whether one side is a calculation that holds, "2 + 3 = 5", and ends in the other one."""
        chain = assignments.calculation(gold)
        if chain is not None:
            verdict = self.decide(chain.value, answer)
        else:
            chain = assignments.calculation(answer)
            verdict = False if chain is None else chains.ends_in(chain, gold, self.decide)
        if chain is None or verdict is False:
            return False
        return _all((verdict, chains.holds(chain, _BY_DEFAULT.decide)))

    def _matched(
        self, gold: Sequence[Node], answer: Sequence[Node], same: Callable[[Node, Node], bool | None] | None = None
    ) -> bool | None:
        """Whether items can be paired, each used once; exact numbers by counting, the rest one by one."""
        compare = same or self.decide
        if len(gold) != len(answer):
            return False
        left, right = Counter(map(_key, gold)), Counter(map(_key, answer))
        rest = [item for key, count in (left - right).items() for item in [key] * count]
        others = [item for key, count in (right - left).items() for item in [key] * count]
        if len(rest) > _MOST_MATCHED:
            raise TooLargeError(f"more than {_MOST_MATCHED} items that are not plain numbers")
        undecided = False
        for item in rest:
            verdicts = [compare(item, other) for other in others]
            if True in verdicts:
                del others[verdicts.index(True)]
            elif None in verdicts:
                undecided = True
            else:
                return False
        return None if undecided else True


_BY_DEFAULT = Equivalence()
"""How the steps of a calculation are compared, whatever the task asks of an answer."""


def _has(node: Node, name: str) -> bool:
    """Whether a constant occurs in a tree."""
    return constant(name) in walk(node)


def _is_solvable(gold: Node, answer: Node) -> bool:
    """Whether solving for the one unknown could tell: at least one side is no plain "x = 3"."""
    names = [free_symbols(node) for node in (gold, answer) if relations.is_condition(node)]
    if len(frozenset().union(*names)) != 1 or any(
        free_symbols(node) for node in (gold, answer) if not relations.is_condition(node)
    ):
        return False
    for node in (gold, answer):
        if _has(node, "i") or (relations.is_condition(node) and (_has(node, "inf") or operations(node) & UNEVALUATED)):
            return False
    parts = [part for node in (gold, answer) if relations.is_condition(node) for part in walk(node)]
    return any(part.op is Op.RELATION and assignments.assignment(part) is None for part in parts)


def _bounds(relation: Node, other: Node) -> Node | None:
    """ "a < x < b" with ends that are no constants as an interval, to be compared with one."""
    if relation.op is not Op.RELATION or other.op is not Op.GROUP or len(relation.data) != 2:
        return None
    signs = relation.data
    if not set(signs) <= {"<", "<="}:
        return None
    low, _, high = relation.args
    return Node(Op.GROUP, (low, high), ("(" if signs[0] == "<" else "[") + (")" if signs[1] == "<" else "]"))


def _key(node: Node) -> Node:
    """The item, as a plain number where it is rational."""
    if node.op in (Op.RELATION, Op.QUANTITY, *COLLECTIONS) or node.op is Op.NUMBER:
        return node
    try:
        return number(exact(node))
    except (UndecidedError, NoValueError, TooLargeError):
        return node


def _distinct(node: Node) -> tuple[Node, ...]:
    """The items; of a set each value once, however it is written."""
    if node.op is not Op.SET:
        return node.args
    items = tuple(dict.fromkeys(map(_key, node.args)))
    if len(items) > _MOST_MATCHED:
        return items
    kept: list[Node] = []
    for item in items:
        if not any(_is_value(item) and _is_value(other) and same_value(item, other) for other in kept):
            kept.append(item)
    return tuple(kept)


def _is_value(node: Node) -> bool:
    return not operations(node) & (_NO_VALUES | {Op.QUANTITY})


def _all(verdicts: Iterable[bool | None]) -> bool | None:
    undecided = False
    for verdict in verdicts:
        if verdict is False:
            return False
        undecided |= verdict is None
    return None if undecided else True
