"""Families of numbers: tables and matrices are read back from the pixels, equations from the text."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest
import sympy

from rlsd_env.procedural import matrix, table_reading
from rlsd_env.procedural.algebra import Algebra, polynomial
from rlsd_env.procedural.arithmetic import Arithmetic, Expression
from rlsd_env.procedural.matrix import Matrix
from rlsd_env.procedural.table_reading import TableReading

from .families import dark, read

CELL = 32
EVERY_LEVEL = range(1, 6)


def read_matrix(image, start, side):
    def entry(row, column):
        x = (start + matrix.GAP + (column + 0.5) * matrix.WIDTH) * CELL
        y = (matrix.MARGIN + row + 0.5) * CELL
        return int(read(image, (x, y), matrix.TEXT * CELL, [str(n) for n in range(-9, 10)], half=(1, 0.6)))

    return np.array([[entry(row, column) for column in range(side)] for row in range(side)])


@pytest.mark.parametrize("difficulty", EVERY_LEVEL)
def test_matrix_answers_are_what_the_picture_shows(difficulty):
    for index in range(10):
        item = Matrix(difficulty=difficulty, cell=CELL).item(index)
        (image,) = item.task.images
        side = round(image.shape[0] / CELL - 2 * matrix.MARGIN)
        a = read_matrix(image, matrix.MARGIN, side)
        question = item.task.question
        if "trace" in question:
            expected = np.trace(a)
        elif question.endswith("determinant of A?"):
            expected = round(np.linalg.det(a))
        else:
            row, column = ([int(n) - 1 for n in re.findall(r"\d", question)] + [0, 0])[:2]
            if "A^T" in question:
                expected = (a + a.T)[row, column]
            else:
                b = read_matrix(image, 2 * matrix.MARGIN + matrix.GAP + side * matrix.WIDTH, side)
                expected = (a @ b)[row, column] if "AB" in question else round(np.linalg.det(a + b))
        assert item.privileged.reference.answer == str(expected), (difficulty, index)


def read_table(image):
    columns = round((image.shape[1] / CELL - 2 * table_reading.MARGIN) / table_reading.WIDTH) - 1
    rows = round(image.shape[0] / CELL - 2 * table_reading.MARGIN) - 1

    def cell(row, column, candidates):
        x = (table_reading.MARGIN + (column + 0.5) * table_reading.WIDTH) * CELL
        y = (table_reading.MARGIN + row + 0.5) * CELL
        return read(image, (x, y), table_reading.TEXT * CELL, candidates, half=(2.2, 0.6))

    goods = [cell(0, column + 1, table_reading.GOODS) for column in range(columns)]
    people = [cell(row + 1, 0, table_reading.PEOPLE) for row in range(rows)]
    numbers = [str(n) for n in range(100)]
    return {
        good: {who: int(cell(row + 1, column + 1, numbers)) for row, who in enumerate(people)}
        for column, good in enumerate(goods)
    }


def answer_from_table(question, table):
    if found := re.search(r"How many (\w+) does (\w+) have\?", question):
        return table[found[1]][found[2]]
    if found := re.search(r"How many more (\w+) does (\w+) have than (\w+)\?", question):
        return table[found[1]][found[2]] - table[found[1]][found[3]]
    if found := re.search(r"How many (\w+) do they all", question):
        return sum(table[found[1]].values())
    if found := re.search(r"mean number of (\w+)", question):
        return Fraction(sum(table[found[1]].values()), len(table[found[1]]))
    bound, bounded = re.search(r"those with more than (-?\d+) (\w+)", question).groups()
    those = [who for who, number in table[bounded].items() if number > int(bound)]
    if found := re.search(r"largest number of (\w+)", question):
        return max(table[found[1]][who] for who in those)
    return sum(table[re.search(r"How many (\w+) do those", question)[1]][who] for who in those)


@pytest.mark.parametrize("difficulty", EVERY_LEVEL)
def test_table_answers_are_what_the_picture_shows(difficulty):
    for index in range(8):
        item = TableReading(difficulty=difficulty, cell=CELL).item(index)
        table = read_table(item.task.images[0])
        expected = answer_from_table(item.task.question, table)
        assert item.privileged.reference.answer == str(expected), (difficulty, index)


@pytest.mark.parametrize("family", [Matrix, TableReading])
@pytest.mark.parametrize("cell", [24, 48])
def test_nothing_is_cut_off(family, cell):
    for index in range(10):
        (image,) = family(difficulty=5, cell=cell).item(index).task.images
        border = dark(image)
        border[2:-2, 2:-2] = False
        assert not border.any()


@pytest.mark.parametrize("difficulty", EVERY_LEVEL)
def test_arithmetic_answers_are_those_of_python(difficulty):
    for index in range(200):
        item = Arithmetic(difficulty=difficulty).item(index)
        expression = re.fullmatch(r"What is ([\d\s()+*/-]+)\?", item.task.question)[1]
        assert item.privileged.reference.answer == str(eval(re.sub(r"\d+", r"Fraction(\g<0>)", expression)))
        assert difficulty >= 4 or "(" not in expression


def test_parentheses_stand_only_where_they_are_needed():
    one, two = Expression(1), Expression(2)
    total, difference = Expression(3, "+", (one, two)), Expression(-1, "-", (one, two))
    assert Expression(2, "-", (one, difference)).text() == "1 - (1 - 2)"
    assert Expression(0, "+", (difference, one)).text() == "1 - 2 + 1"
    assert Expression(6, "*", (two, total)).text() == "2 * (1 + 2)"
    assert [step.name for step in Expression(-2, "*", (two, difference)).steps()] == ["1 - 2", "2 * (-1)"]


def equations(question):
    unknowns = sympy.symbols("x y z")
    body = re.sub(r"(Solve|Find all solutions of) ", "", question).partition(" for ")[0].rstrip(".")
    found = []
    for equation in re.split(r", | and ", body):
        left, right = (re.sub(r"(\d)([xyz])", r"\1*\2", side).replace("^", "**") for side in equation.split("="))
        found.append(sympy.sympify(left) - sympy.sympify(right))
    return found, [unknown for unknown in unknowns if any(equation.has(unknown) for equation in found)]


@pytest.mark.parametrize("difficulty", EVERY_LEVEL)
def test_algebra_answers_are_those_of_sympy(difficulty):
    for index in range(30):
        item = Algebra(difficulty=difficulty).item(index)
        found, unknowns = equations(item.task.question)
        answer = item.privileged.reference.answer
        solutions = sympy.solve(found, unknowns, dict=True)
        if len(unknowns) > 1:
            (solution,) = solutions
            assert answer == ", ".join(f"{unknown} = {solution[unknown]}" for unknown in unknowns)
        else:
            assert answer == ", ".join(str(root) for root in sorted(solution[unknowns[0]] for solution in solutions))


def test_polynomials_are_written_as_in_books():
    assert polynomial([(-1, "x^2"), (0, "x"), (5, "")]) == "-x^2 + 5"
    assert polynomial([(2, "x"), (-1, "y"), (1, "z")]) == "2x - y + z"
