"""What chains of equations say: "x = 5 + 6 = 11" is 11, and so is "5 + 6 = 11", if they hold."""

from __future__ import annotations

from verifiers.expressions.assignments import Assignment, Chain, assignment, renamed
from verifiers.expressions.numbers import literal, rounds_to
from verifiers.expressions.relations import Same, is_condition
from verifiers.expressions.tree import UNEVALUATED, Node, free_symbols, operations
from verifiers.numeric import Form


def same_assigned(gold: Node, answer: Node, same: Same) -> bool | None:
    """Compare "x = 3" with "3" or "x = 3"; None where neither reading applies."""
    left, right = assignment(gold), assignment(answer)
    if left is not None and right is not None:
        if left.name != right.name:
            right = renamed(left, right)
        return None if right is None else _either(left.value, right, same)
    if left is not None and not is_condition(answer):
        return same(left.value, answer)
    if right is not None and not is_condition(gold):
        return _either(gold, right, same)
    return None


def ends_in(chain: Chain, gold: Node, same: Same) -> bool | None:
    """Whether the value of a chain is the gold answer, exactly or as the chain itself rounds it."""
    verdict = same(gold, chain.value)
    return verdict if verdict or chain.rounded is None else same(gold, chain.rounded)


def holds(chain: Chain, same: Same) -> bool | None:
    """Whether every step of a calculation has the value that it ends in, everywhere if there are variables.

    Returns:
        True or False; None where only symbolic work could tell, because a step is a limit or its like.

    """
    if chain.rounded is not None and not rounds_to(chain.value, chain.rounded):
        return False
    undecided = False
    for step in chain.steps:
        verdict = same(chain.value, step)
        if verdict is None and operations(step) & UNEVALUATED:
            undecided = True
        elif not verdict and not _is_rounded(step, chain.value):
            return False
    return None if undecided else True


def _either(gold: Node, assigned: Assignment, same: Same) -> bool | None:
    """The value of "x = 1/3 ≈ 0.33": the exact or the rounded one, if the one rounds to the other."""
    return ends_in(assigned, gold, same) if _consistent(assigned, same) else False


def _consistent(assigned: Assignment, same: Same) -> bool:
    """Whether the constants of a chain "x = 5 + 6 = 11" are the same."""
    if assigned.rounded is not None and not rounds_to(assigned.value, assigned.rounded):
        return False
    if free_symbols(assigned.value):
        return True
    steps = [step for step in assigned.steps if not free_symbols(step)]
    return all(same(assigned.value, step) is not False for step in steps)


def _is_rounded(step: Node, value: Node) -> bool:
    """Whether a decimal is what a step comes to, rounded or cut off: "2/3 = 0.67"."""
    number = literal(value)
    return number is not None and number.form is Form.DECIMAL and rounds_to(step, value)
