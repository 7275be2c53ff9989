"""`rlsd/TableReading-v0`: look up, add, compare and average the numbers of a drawn table."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from rlsd_env.procedural.base import Draft, ProceduralSource, summed
from rlsd_env.procedural.drawing import Canvas
from rlsd_env.task import Image
from verifiers import AnswerKind, Step

PEOPLE = ("Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gina", "Hugo", "Ines", "Jack")
GOODS = ("apples", "pears", "plums", "melons", "kiwis", "figs", "lemons", "dates")
WIDTH, MARGIN, TEXT = 3.2, 0.5, 0.65
"""In cells: a column, the white edge of the picture, and the height of the text."""


@dataclass(frozen=True)
class Level:
    """What a difficulty means: rows, columns, the largest number, and what is asked."""

    rows: int
    columns: int
    most: int
    operations: tuple[str, ...]


LEVELS = (
    Level(3, 2, 9, ("cell",)),
    Level(4, 3, 20, ("cell", "difference")),
    Level(5, 3, 50, ("difference", "column_sum")),
    Level(6, 4, 99, ("column_sum", "mean", "largest_where")),
    Level(8, 5, 99, ("mean", "largest_where", "sum_where")),
)


@dataclass(frozen=True)
class Counts:
    """Who has how many of what.

    Attributes:
        rows: the people.
        columns: the goods.
        values: integers, rows x columns.

    """

    rows: list[str]
    columns: list[str]
    values: NDArray[np.int64]

    def step(self, row: int, column: int) -> Step:
        """Look one number up."""
        return Step(f"{self.columns[column]} of {self.rows[row]}", str(self.values[row, column]))


class TableReading(ProceduralSource):
    """Answer a question about the numbers in a table.

    ## Description
    A table says who has how many of what. Depending on the level the question asks for one number, the difference of
    two in a column, the sum or the mean of a column, or the largest number or the sum in one column over the people
    with more than so many in another. The worked solution looks the numbers up one by one.

    ## Action Space
    Text: the completion, with the answer in `<answer> </answer>`.

    ## Observation Space
    `question` (text with one `<image>`), `images` (one picture), `choices` (empty), `feedback`, `turn`.

    ## Rewards
    1 for the exact integer or fraction, else 0. A mean may be written as any equal fraction or terminating decimal.

    ## Starting State
    A task drawn from the fold by the seed, or the one that `options={"task_index": n}` names.

    ## Episode End
    After one completion.

    ## Information
    `task`, `task_id`; after a step `verdict` and `reward/<part>`.

    ## Arguments
    `difficulty` (default 2): 1: 3 rows and 2 columns of numbers up to 9, one number. 2: 4 and 3, up to 20, also
    differences. 3: 5 and 3, up to 50, differences and sums. 4: 6 and 4, up to 99, sums, means and the largest under
    a condition. 5: 8 and 5, also sums under a condition.
    `cell` (default 24): height of a row in pixels.

    ## Version History
    v0: first version.
    """

    family = "table_reading"
    levels = len(LEVELS)
    default_cell = 24

    def make(self, task_id: str, rng: np.random.Generator) -> Draft:
        """Draw the table, the operation and what it is about."""
        level = LEVELS[self.difficulty - 1]
        table = Counts(
            [PEOPLE[i] for i in sorted(rng.permutation(len(PEOPLE))[: level.rows])],
            [GOODS[i] for i in rng.permutation(len(GOODS))[: level.columns]],
            rng.integers(0, level.most + 1, size=(level.rows, level.columns)),
        )
        operation = level.operations[int(rng.integers(len(level.operations)))]
        question, steps = OPERATIONS[operation](table, rng)
        return self.compose(
            task_id,
            f"<image>{question}",
            steps,
            AnswerKind.FRACTION if operation == "mean" else AnswerKind.INTEGER,
            content=[table.rows, table.columns, table.values.tolist()],
            show=lambda: self._draw(table),
            operation=operation,
        )

    def _draw(self, table: Counts) -> Image:
        cell, (rows, columns) = self.cell, table.values.shape
        canvas = Canvas(
            round(((columns + 1) * WIDTH + 2 * MARGIN) * cell),
            round((rows + 1 + 2 * MARGIN) * cell),
        )
        right, bottom = (MARGIN + (columns + 1) * WIDTH) * cell, (MARGIN + rows + 1) * cell
        for row in range(rows + 2):
            y = (MARGIN + row) * cell
            canvas.line([(MARGIN * cell, y), (right, y)], (0.08 if row == 1 else 0.04) * cell)
        for column in range(columns + 2):
            x = (MARGIN + column * WIDTH) * cell
            canvas.line([(x, MARGIN * cell), (x, bottom)], (0.08 if column == 1 else 0.04) * cell)
        written = [["", *table.columns]] + [[name, *map(str, row)] for name, row in zip(table.rows, table.values)]
        for row, texts in enumerate(written):
            for column, text in enumerate(texts):
                centre = ((MARGIN + (column + 0.5) * WIDTH) * cell, (MARGIN + row + 0.5) * cell)
                canvas.text(centre, text, TEXT * cell)
        return canvas.array()


Question = tuple[str, list[Step]]


def one_cell(table: Counts, rng: np.random.Generator) -> Question:
    """Ask for one number."""
    row, column = (int(rng.integers(size)) for size in table.values.shape)
    return f"How many {table.columns[column]} does {table.rows[row]} have?", [table.step(row, column)]


def difference(table: Counts, rng: np.random.Generator) -> Question:
    """Ask how much more one person has than another, who has no more of it."""
    column = int(rng.integers(len(table.columns)))
    first, second = (int(n) for n in rng.permutation(len(table.rows))[:2])
    if table.values[first, column] < table.values[second, column]:
        first, second = second, first
    a, b = (int(table.values[row, column]) for row in (first, second))
    steps = [table.step(first, column), table.step(second, column), Step(f"{a} - {b}", str(a - b))]
    return f"How many more {table.columns[column]} does {table.rows[first]} have than {table.rows[second]}?", steps


def column_sum(table: Counts, rng: np.random.Generator) -> Question:
    """Ask for the sum of a column."""
    column = int(rng.integers(len(table.columns)))
    return f"How many {table.columns[column]} do they all have together?", _added(table, range(len(table.rows)), column)


def mean(table: Counts, rng: np.random.Generator) -> Question:
    """Ask for the mean of a column."""
    column = int(rng.integers(len(table.columns)))
    steps = _added(table, range(len(table.rows)), column)
    value = Fraction(int(steps[-1].value), len(table.rows))
    steps.append(Step(f"{steps[-1].value} / {len(table.rows)}", str(value)))
    return f"What is the mean number of {table.columns[column]} per person, exactly?", steps


def largest_where(table: Counts, rng: np.random.Generator) -> Question:
    """Ask for the largest number in one column where another is above a bound."""
    who, rows, column, steps = _condition(table, rng)
    steps += [table.step(row, column) for row in rows]
    steps.append(Step("largest of these", str(table.values[rows, column].max())))
    return f"Among {who}, what is the largest number of {table.columns[column]} that one of them has?", steps


def sum_where(table: Counts, rng: np.random.Generator) -> Question:
    """Ask for the sum in one column where another is above a bound."""
    who, rows, column, steps = _condition(table, rng)
    return f"How many {table.columns[column]} do {who} have together?", steps + _added(table, rows, column)


def _condition(table: Counts, rng: np.random.Generator) -> tuple[str, list[int], int, list[Step]]:
    """Draw a condition that some fulfil and some may not: its words, the rows, another column, and the first step."""
    bounded, column = (int(n) for n in rng.permutation(len(table.columns))[:2])
    values = table.values[:, bounded]
    bounds = values[values < values.max()] if (values < values.max()).any() else values - 1
    bound = int(bounds[int(rng.integers(len(bounds)))])
    rows = [int(row) for row in np.flatnonzero(values > bound)]
    who = f"more than {bound} {table.columns[bounded]}"
    names = " and ".join(table.rows[row] for row in rows)
    return f"those with {who}", rows, column, [Step(f"those with {who}", names)]


def _added(table: Counts, rows: range | list[int], column: int) -> list[Step]:
    return [table.step(row, column) for row in rows] + [summed([int(table.values[row, column]) for row in rows])]


OPERATIONS = {
    "cell": one_cell,
    "difference": difference,
    "column_sum": column_sum,
    "mean": mean,
    "largest_where": largest_where,
    "sum_where": sum_where,
}
