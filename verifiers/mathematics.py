"""Answers that are mathematics: `NumberComparer`, and `ExpressionComparer` from "3 cm" to unions of intervals."""

from __future__ import annotations

import functools
import re
from collections.abc import Hashable
from fractions import Fraction

from verifiers.comparison import AMBIGUOUS, RIGHT, UNPARSABLE, WRONG, Comparer, Comparison, alternatives, without_prefix
from verifiers.errors import BadReference
from verifiers.expressions import (
    EqualityPolicy,
    Equivalence,
    Node,
    NoValueError,
    Op,
    ParseError,
    TooLargeError,
    UndecidedError,
    parse,
)
from verifiers.expressions.approximate import check_magnitudes
from verifiers.expressions.assignments import final_value
from verifiers.expressions.exact import exact
from verifiers.expressions.forms import has_form
from verifiers.expressions.normal import normalised
from verifiers.expressions.numbers import window
from verifiers.expressions.relations import is_condition
from verifiers.expressions.tree import COLLECTIONS, UNEVALUATED, free_symbols, operations, walk
from verifiers.expressions.units import is_unit
from verifiers.expressions.work import limited
from verifiers.normalize import flatten, unwrap
from verifiers.numeric import Form, parse_number
from verifiers.types import AnswerKind, Status

MAX_PRECISION = 1_000
"""Most decimals that `Reference.precision` may ask for."""

_COMMA_DECIMAL = re.compile(r"-?(?:0,[0-9]+|[0-9]+,(?:[0-9]{1,2}|[0-9]{4,}))")
_GROUPED = re.compile(r"[0-9],[0-9]{3}(?![0-9])")
_DIGITS = re.compile(r"[0-9]+")
_SEVERAL = (*COLLECTIONS, Op.SET_OPERATION, Op.PLUS_MINUS, Op.RELATION)


@functools.lru_cache(maxsize=8192)
def read(text: str, grouping: bool = True, variables: frozenset[str] = frozenset()) -> Node | None:
    """The tree of an answer; None where it is not mathematics. See `parse` for the options."""
    try:
        return parse(unwrap(text), grouping=grouping, variables=variables)
    except ParseError:
        return None


def _called(tree: Node) -> frozenset[str]:
    """The functions that a tree calls."""
    return frozenset(node.data for node in walk(tree) if node.op is Op.CALL)


def _check_precision(precision: int | None) -> None:
    if precision is not None and precision > MAX_PRECISION:
        raise BadReference(f"precision is {precision}; it must be at most {MAX_PRECISION} decimals")


class ExpressionComparer(Comparer):
    """Compares mathematics with one gold answer.

    Args:
        gold: the gold answer.
        precision: decimals that count; None: as many as the gold is written with.
        unit: the unit of a gold that is written without one.
        policy: what counts as equal.

    Raises:
        BadReference: the gold is not mathematics that is read here, or the unit is none.

    """

    def __init__(
        self,
        gold: str,
        precision: int | None = None,
        unit: str | None = None,
        policy: EqualityPolicy | None = None,
    ) -> None:
        tree = read(gold)
        if tree is None:
            raise BadReference(f"the reference answer {gold!r} is not mathematics that is read here")
        _check_precision(precision)
        self._set_up(tree, gold, precision, unit, policy)

    def _set_up(
        self, tree: Node, gold: str, precision: int | None, unit: str | None, policy: EqualityPolicy | None
    ) -> None:
        if unit is not None:
            if not is_unit(unit):
                raise BadReference(f"the reference's unit {unit!r} is unknown")
            if tree.op is not Op.QUANTITY:
                tree = Node(Op.QUANTITY, (tree,), unit)
        if not free_symbols(tree) and _is_undefined(tree):
            raise BadReference(f"the reference answer {gold!r} has no value")
        self.policy = policy or EqualityPolicy()
        self.tree = tree
        self._variables = free_symbols(tree) - _called(tree)
        self._text = gold.strip()
        self._written = flatten(gold)
        self.equivalence = Equivalence(self.policy, precision)
        self._has_several = tree.op in _SEVERAL
        self.takes_several = tree.op in (Op.LIST, Op.SET, Op.PLUS_MINUS)

    def compare(self, answer: str) -> Comparison:
        """Compare mathematics; "3 or 4" is ambiguous where one value is asked for, other text is unparsable."""
        if flatten(answer) == self._written and self.policy.form == "any":
            return RIGHT
        tree = self._tree(answer)
        if tree is None:
            return AMBIGUOUS if len(alternatives(answer)) > 1 and not self._has_several else UNPARSABLE
        comparison = self._judged(tree)
        if not comparison.correct and comparison.status is Status.OK:
            for gold, other in self._other_readings(answer):
                if self._verdict(gold, other) is True:
                    return RIGHT
            if tree.op in (*COLLECTIONS, Op.PLUS_MINUS) and not self._has_several:
                return AMBIGUOUS
        return comparison

    def trees(self, answer: str) -> tuple[Node, Node | None]:
        """The gold answer and an answer as trees; None for an answer that is not mathematics."""
        return self.tree, self._tree(answer)

    def _tree(self, answer: str) -> Node | None:
        """The tree of an answer, or of what follows "the answer is"."""
        return read(answer, True, self._variables) or read(without_prefix(answer), True, self._variables)

    def key(self, answer: str) -> Hashable | None:
        """The tree, as it is written."""
        return read(answer)

    def reads(self, answer: str) -> bool:
        """Whether a text is mathematics, or the gold answer itself."""
        return super().reads(answer) or flatten(answer) == self._written

    def same(self, left: str, right: str) -> bool:
        """Whether two answers of a response are the same one."""
        if super().same(left, right):
            return True
        first, second = read(left), read(right)
        return first is not None and second is not None and self._verdict(first, second) is True

    def _judged(self, tree: Node) -> Comparison:
        try:
            verdict = self.equivalence.same(self.tree, tree)
            if verdict is None:
                if not self._may_be_solved(tree):
                    return UNPARSABLE
                with limited():
                    check_magnitudes(tree)
                return Comparison(Status.UNPARSABLE, pending=(normalised(self.tree), normalised(tree)))
        except TooLargeError:
            return UNPARSABLE
        given = tree if is_condition(self.tree) else final_value(tree)
        if verdict and not has_form(given, self.tree, self.policy.form):
            return WRONG
        return RIGHT if verdict else WRONG

    def _may_be_solved(self, answer: Node) -> bool:
        """Whether symbolic algebra is due: the gold asks for it, or a relation has to be solved.

        An answer with an integral or a limit of its own, where the gold has none, has left the work to the verifier.
        """
        if is_condition(self.tree) or is_condition(answer):
            return True
        asked = operations(self.tree) & UNEVALUATED
        return bool(asked) and operations(answer) & UNEVALUATED <= asked

    def _verdict(self, gold: Node, answer: Node) -> bool | None:
        try:
            return self.equivalence.same(gold, answer)
        except TooLargeError:
            return False

    def _other_readings(self, answer: str) -> list[tuple[Node, Node]]:
        """Readings of a comma between digits: "1,22" as 1.22 beside a decimal point, "100,200" as a list."""
        pairs = []
        left, right = self._text.strip("$ "), answer.strip("$ ")
        for first, second in ((left, right), (right, left)):
            if _COMMA_DECIMAL.fullmatch(first) and "." in second and "," not in second:
                point = read(first.replace(",", "."))
                other = read(second)
                if point is not None and other is not None:
                    pairs.append((other, point) if first is right else (point, other))
        if (_GROUPED.search(left) or _GROUPED.search(right)) and _DIGITS.findall(left) == _DIGITS.findall(right):
            gold, other = read(self._text, False), read(answer, False)
            if gold is not None and other is not None and _is_number_list(gold) and _is_number_list(other):
                pairs.append((gold, other))
        return pairs


def _is_undefined(tree: Node) -> bool:
    """Whether a constant divides by zero, or is as undefined otherwise."""
    try:
        with limited():
            exact(tree)
    except NoValueError:
        return True
    except (UndecidedError, TooLargeError):
        pass
    return False


def _is_number_list(node: Node) -> bool:
    return node.op is Op.LIST and all(item.op is Op.NUMBER for item in node.args)


class NumberComparer(ExpressionComparer):
    """A gold that is one number: exact, or a decimal that is met by what rounds to it.

    Plain numbers are compared at once; anything else an answer may be, as any `ExpressionComparer` does.

    Args:
        gold: the gold answer.
        kind: `INTEGER` and `FRACTION` golds are exact, however they are written.
        precision: decimals that count for `DECIMAL`; None: see `ExpressionComparer`.
        unit: the unit of a gold that is written without one.
        policy: what counts as equal.

    Raises:
        BadReference: the gold is not a number of this kind.

    """

    def __init__(
        self,
        gold: str,
        kind: AnswerKind,
        precision: int | None = None,
        unit: str | None = None,
        policy: EqualityPolicy | None = None,
    ) -> None:
        number = parse_number(gold)
        if number is None or (kind is AnswerKind.INTEGER and number.value.denominator != 1):
            raise BadReference(f"the reference answer {gold!r} is not of kind {kind.value!r}")
        _check_precision(precision)
        self._number = number
        self._gold = gold
        self._options = (precision if kind is AnswerKind.DECIMAL else None, unit, policy)
        self._is_plain = policy is None or policy == EqualityPolicy()
        exactly = (number.value, Fraction(0))
        self._center, self._tolerance = window(number, precision) if kind is AnswerKind.DECIMAL else exactly
        self._prepared = False

    def compare(self, answer: str) -> Comparison:
        """Compare numbers at once, everything else as mathematics."""
        number = parse_number(answer) or parse_number(without_prefix(answer)) if self._is_plain else None
        if number is None or (number.form is Form.DECIMAL and self._number.form is Form.FRACTION):
            self._prepare()
            return super().compare(answer)
        value = number.value
        if value == self._number.value or (self._tolerance and abs(value - self._center) <= self._tolerance):
            return RIGHT
        if "," in answer:  # "1,22" may be meant as 1.22
            self._prepare()
            return super().compare(answer)
        return WRONG

    def key(self, answer: str) -> Hashable | None:
        """The exact value of a number, else the tree."""
        number = parse_number(answer)
        return read(answer) if number is None else number.value

    def trees(self, answer: str) -> tuple[Node, Node | None]:
        """The gold answer and an answer as trees; None for an answer that is not mathematics."""
        self._prepare()
        return super().trees(answer)

    def reads(self, answer: str) -> bool:
        """Whether a text is mathematics."""
        return self.key(answer) is not None

    def same(self, left: str, right: str) -> bool:
        """Whether two answers of a response are the same one."""
        self._prepare()
        return super().same(left, right)

    def _prepare(self) -> None:
        if not self._prepared:
            self._set_up(Node(Op.NUMBER, data=self._number), self._gold, *self._options)
            self._prepared = True
