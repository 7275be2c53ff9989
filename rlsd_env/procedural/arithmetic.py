"""`rlsd/Arithmetic-v0`: exact integer arithmetic with precedence and parentheses, as text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rlsd_env.procedural.base import Draft, TextSource, operand
from verifiers import AnswerKind, Step

PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2}
FACTORS = range(2, 13)
"""What a product has as one factor and a quotient as its divisor."""


@dataclass(frozen=True)
class Level:
    """What a difficulty means: operators in the expression, the largest number, which operators there are, and
    whether an operand may be a group in parentheses."""

    operators: int
    most: int
    signs: str
    groups: bool = False


LEVELS = (
    Level(1, 99, "+-"),
    Level(2, 99, "+-*"),
    Level(3, 99, "+-*/"),
    Level(4, 999, "+-*/", groups=True),
    Level(6, 999, "+-*/", groups=True),
)


@dataclass(frozen=True)
class Expression:
    """A whole number, or two expressions and the operator between them.

    Attributes:
        value: what it comes to, always a whole number.
        sign: "+", "-", "*" or "/"; "" for a number.
        parts: the two operands; none for a number.

    """

    value: int
    sign: str = ""
    parts: tuple[Expression, ...] = ()

    def text(self) -> str:
        """Write it with the parentheses that precedence asks for, and no others.

        >>> five = Expression(5)
        >>> Expression(50, "*", (Expression(10, "+", (five, five)), five)).text()
        '(5 + 5) * 5'
        """
        if not self.sign:
            return str(self.value)
        left, right = self.parts
        rank = PRECEDENCE[self.sign]
        written = [
            f"({part.text()})" if part.sign and PRECEDENCE[part.sign] < least else part.text()
            for part, least in ((left, rank), (right, rank + 1))
        ]
        return f"{written[0]} {self.sign} {written[1]}"

    def steps(self) -> list[Step]:
        """List the operations from the inside out, each with the values of its operands."""
        if not self.sign:
            return []
        left, right = self.parts
        name = f"{operand(left.value)} {self.sign} {operand(right.value)}"
        return [*left.steps(), *right.steps(), Step(name, str(self.value))]


class Arithmetic(TextSource):
    """Compute an expression in whole numbers.

    ## Description
    The question is an expression of +, -, *, / and parentheses under the usual precedence. Every division comes
    out even, so that all intermediate results are integers. The worked solution goes operation by operation.

    ## Action Space
    Text: the completion, with the answer in `<answer> </answer>`.

    ## Observation Space
    `question` (text), `images` and `choices` (empty), `feedback`, `turn`.

    ## Rewards
    1 for the exact integer, else 0.

    ## Starting State
    A task drawn from the fold by the seed, or the one that `options={"task_index": n}` names.

    ## Episode End
    After one completion.

    ## Information
    `task`, `task_id`; after a step `verdict` and `reward/<part>`.

    ## Arguments
    `difficulty` (default 2): 1: one + or - of numbers up to 99. 2: two of +, -, *. 3: three of +, -, *, /. 4: four,
    numbers up to 999, with parentheses. 5: six.

    ## Version History
    v0: first version.
    """

    family = "arithmetic"
    levels = len(LEVELS)

    def make(self, task_id: str, rng: np.random.Generator) -> Draft:
        """Draw an expression."""
        level = LEVELS[self.difficulty - 1]
        expression = _draw(level, level.operators, rng)
        return self.compose(task_id, f"What is {expression.text()}?", expression.steps(), AnswerKind.INTEGER)


def _draw(level: Level, operators: int, rng: np.random.Generator, weakest: int = 1) -> Expression:
    """Draw an expression whose outer operator has at least the precedence `weakest` where a level has no groups.

    One operand of * and the divisor of / are small, so that values stay readable; where nothing divides, the
    expression is multiplied instead.
    """
    if not operators:
        return Expression(int(rng.integers(1, level.most + 1)))
    signs = [sign for sign in level.signs if level.groups or PRECEDENCE[sign] >= weakest]
    sign = signs[int(rng.integers(len(signs)))]
    if PRECEDENCE[sign] == 1:
        before = int(rng.integers(operators))
        a, b = _draw(level, before, rng), _draw(level, operators - 1 - before, rng, weakest=2)
        return Expression(a.value + b.value if sign == "+" else a.value - b.value, sign, (a, b))
    a = _draw(level, operators - 1, rng, weakest=2)
    divisors = [factor for factor in FACTORS if a.value % factor == 0]
    if sign == "/" and divisors:
        divisor = divisors[int(rng.integers(len(divisors)))]
        return Expression(a.value // divisor, "/", (a, Expression(divisor)))
    b = Expression(FACTORS[int(rng.integers(len(FACTORS)))])
    swapped = rng.integers(2) and (level.groups or not a.sign)
    return Expression(a.value * b.value, "*", (b, a) if swapped else (a, b))
