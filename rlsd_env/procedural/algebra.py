"""`rlsd/Algebra-v0`: equations and systems with integer or rational solutions, as text."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from rlsd_env.procedural.base import Draft, TextSource, operand
from verifiers import AnswerKind, Step


@dataclass(frozen=True)
class Level:
    """What a difficulty means: the forms of equations, and the largest solution and coefficient."""

    forms: tuple[str, ...]
    most: int


LEVELS = (
    Level(("linear",), 9),
    Level(("linear", "both_sides"), 12),
    Level(("rational", "system"), 9),
    Level(("system", "quadratic"), 12),
    Level(("rational_quadratic", "system_of_three"), 7),
)


@dataclass(frozen=True)
class Problem:
    """An equation or a system with its worked solution."""

    question: str
    answer: str
    steps: tuple[Step, ...]


class Algebra(TextSource):
    """Solve an equation or a system of equations.

    ## Description
    Linear equations, systems of two or three linear equations with one solution, and quadratic equations with two
    real roots. Solutions are integers, or fractions where the level says so, and drawn first.

    ## Action Space
    Text: the completion, with the answer in `<answer> </answer>`.

    ## Observation Space
    `question` (text), `images` and `choices` (empty), `feedback`, `turn`.

    ## Rewards
    1 for the exact solution, else 0: "x = 3" or "3" for one unknown, both roots in any order, all unknowns of a
    system by name or as a tuple in the order x, y, z. Fractions may be written as any equal fraction or terminating
    decimal.

    ## Starting State
    A task drawn from the fold by the seed, or the one that `options={"task_index": n}` names.

    ## Episode End
    After one completion.

    ## Information
    `task`, `task_id`; after a step `verdict` and `reward/<part>`.

    ## Arguments
    `difficulty` (default 2): 1: ax + b = c. 2: also ax + b = cx + d. 3: ax + b = c with a rational solution, or two
    equations. 4: two equations, or a quadratic equation with integer roots. 5: a quadratic equation with rational
    roots, or three equations.

    ## Version History
    v0: first version.
    """

    family = "algebra"
    levels = len(LEVELS)

    def make(self, task_id: str, rng: np.random.Generator) -> Draft:
        """Draw the form of the equation, its solution and its coefficients."""
        level = LEVELS[self.difficulty - 1]
        form = level.forms[int(rng.integers(len(level.forms)))]
        problem = FORMS[form](level.most, rng)
        return self.compose(
            task_id,
            problem.question,
            problem.steps,
            AnswerKind.EXPRESSION,
            answer=problem.answer,
            form=form,
        )


def linear(most: int, rng: np.random.Generator) -> Problem:
    """Make ax + b = c with an integer solution."""
    x, a, b = (_nonzero(most, rng) for _ in range(3))
    return _one_sided(a, b, Fraction(x))


def rational(most: int, rng: np.random.Generator) -> Problem:
    """Make ax + b = c with a fraction as its solution."""
    x, b = _fraction(most, rng), _nonzero(most, rng)
    return _one_sided(x.denominator * int(rng.integers(1, 4)), b, x)


def _one_sided(a: int, b: int, x: Fraction) -> Problem:
    value = a * x + b
    steps = (
        Step(f"{operand(value)} - {operand(b)}", str(value - b)),
        Step(f"{operand(value - b)} / {operand(a)}", str(x)),
    )
    return Problem(f"Solve {polynomial([(a, 'x'), (b, '')])} = {value} for x.", str(x), steps)


def both_sides(most: int, rng: np.random.Generator) -> Problem:
    """Make ax + b = cx + d with an integer solution."""
    x, c, b, difference = (_nonzero(most, rng) for _ in range(4))
    a = c + difference
    d = difference * x + b
    steps = (
        Step(f"{operand(a)} - {operand(c)}", str(difference)),
        Step(f"{operand(d)} - {operand(b)}", str(d - b)),
        Step(f"{operand(d - b)} / {operand(difference)}", str(x)),
    )
    sides = polynomial([(a, "x"), (b, "")]), polynomial([(c, "x"), (d, "")])
    return Problem(f"Solve {sides[0]} = {sides[1]} for x.", str(x), steps)


def system(most: int, rng: np.random.Generator, unknowns: str = "xy") -> Problem:
    """Make as many equations as unknowns, with one integer solution; solved by Cramer's rule."""
    size = len(unknowns)
    solution = np.array([_nonzero(most, rng) for _ in unknowns])
    while True:
        matrix = np.array([[_nonzero(5, rng) for _ in unknowns] for _ in unknowns])
        determinant = _determinant(matrix)
        if determinant:
            break
    values = matrix @ solution
    steps = [Step("determinant", str(determinant))]
    for number, name in enumerate(unknowns):
        replaced = matrix.copy()
        replaced[:, number] = values
        numerator = _determinant(replaced)
        steps.append(Step(f"determinant for {name}", str(numerator)))
        steps.append(Step(f"{operand(numerator)} / {operand(determinant)}", str(solution[number])))
    equations = [f"{polynomial(list(zip(map(int, matrix[i]), unknowns)))} = {values[i]}" for i in range(size)]
    answer = ", ".join(f"{name} = {value}" for name, value in zip(unknowns, solution))
    listed = ", ".join(equations[:-1]) + f" and {equations[-1]}"
    return Problem(f"Solve {listed} for {_listed(unknowns)}.", answer, tuple(steps))


def system_of_three(most: int, rng: np.random.Generator) -> Problem:
    """Make three equations in x, y and z."""
    return system(most, rng, "xyz")


def quadratic(most: int, rng: np.random.Generator) -> Problem:
    """Make x^2 + bx + c = 0 with two integer roots."""
    low, high = sorted(int(n) for n in rng.choice(np.arange(-most, most + 1), size=2, replace=False))
    return _quadratic(1, Fraction(low), Fraction(high))


def rational_quadratic(most: int, rng: np.random.Generator) -> Problem:
    """Make ax^2 + bx + c = 0 with two roots, of which one at least is no integer."""
    first = _fraction(most, rng)
    second = Fraction(_nonzero(most, rng), int(rng.integers(1, 4)))
    if second == first:
        second = -first
    low, high = sorted((first, second))
    return _quadratic(first.denominator * second.denominator, low, high)


def _quadratic(a: int, low: Fraction, high: Fraction) -> Problem:
    b, c = int(-a * (low + high)), int(a * low * high)
    root = int(a * (high - low))
    steps = (
        Step("discriminant", str(root**2)),
        Step("its square root", str(root)),
        Step("smaller root", str(low)),
        Step("larger root", str(high)),
    )
    left = polynomial([(a, "x^2"), (b, "x"), (c, "")])
    return Problem(f"Find all solutions of {left} = 0.", f"{low}, {high}", steps)


def polynomial(terms: list[tuple[int, str]]) -> str:
    """Write a sum of terms as in a book; a term of coefficient 0 is left out.

    >>> polynomial([(1, "x^2"), (-3, "x"), (0, "y"), (-1, "")])
    'x^2 - 3x - 1'
    """
    text = ""
    for coefficient, unknown in terms:
        if coefficient:
            sign = "-" if coefficient < 0 else "+" if text else ""
            size = "" if unknown and abs(coefficient) == 1 else str(abs(coefficient))
            text += (f" {sign} " if text else sign) + size + unknown
    return text


def _listed(names: str) -> str:
    return ", ".join(names[:-1]) + f" and {names[-1]}"


def _nonzero(most: int, rng: np.random.Generator) -> int:
    return int(rng.integers(1, most + 1)) * (1 if rng.integers(2) else -1)


def _fraction(most: int, rng: np.random.Generator) -> Fraction:
    """Draw a fraction that is no integer, with a denominator of 2 to 5."""
    denominator = int(rng.integers(2, 6))
    numerator = _nonzero(most, rng)
    return Fraction(numerator if numerator % denominator else numerator + 1, denominator)


def _determinant(matrix: np.ndarray) -> int:
    return round(float(np.linalg.det(matrix)))


FORMS = {
    "linear": linear,
    "both_sides": both_sides,
    "rational": rational,
    "system": system,
    "quadratic": quadratic,
    "rational_quadratic": rational_quadratic,
    "system_of_three": system_of_three,
}
