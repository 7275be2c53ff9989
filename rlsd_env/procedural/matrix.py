"""`rlsd/Matrix-v0`: read one or two matrices from a picture and compute with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlsd_env.procedural.base import Draft, ProceduralSource, operand, summed
from rlsd_env.procedural.drawing import Canvas
from rlsd_env.task import Image
from verifiers import AnswerKind, Step

Entries = NDArray[np.int64]
NAMES = ("A", "B")
WIDTH, MARGIN, GAP = 1.6, 0.5, 1.5
"""In cells: a column of a matrix, the white edge of the picture, and the room for "A =" before a matrix."""
TEXT = 0.7
"""Height of the text in cells."""


@dataclass(frozen=True)
class Level:
    """What a difficulty means: rows and columns, the smallest and largest entry, and what is computed."""

    side: int
    entries: tuple[int, int]
    operations: tuple[str, ...]


LEVELS = (
    Level(2, (0, 9), ("trace",)),
    Level(2, (-9, 9), ("trace", "determinant")),
    Level(3, (-9, 9), ("trace", "transpose_sum")),
    Level(2, (-9, 9), ("product", "determinant_of_sum")),
    Level(3, (-6, 6), ("determinant", "product")),
)


class Matrix(ProceduralSource):
    """Compute a trace, a determinant or an entry of a sum or product of drawn matrices.

    ## Description
    The picture shows a square matrix A, and B beside it where it takes two. The question asks for the trace, the
    determinant, an entry of A + A^T or of AB, or the determinant of A + B. The answer is an integer; the worked
    solution goes product by product.

    ## Action Space
    Text: the completion, with the answer in `<answer> </answer>`.

    ## Observation Space
    `question` (text with one `<image>`), `images` (one picture), `choices` (empty), `feedback`, `turn`.

    ## Rewards
    1 for the exact integer, else 0.

    ## Starting State
    A task drawn from the fold by the seed, or the one that `options={"task_index": n}` names.

    ## Episode End
    After one completion.

    ## Information
    `task`, `task_id`; after a step `verdict` and `reward/<part>`.

    ## Arguments
    `difficulty` (default 2): 1: 2x2 with entries 0 to 9, trace. 2: 2x2 with -9 to 9, trace or determinant. 3: 3x3,
    trace or entry of A + A^T. 4: two 2x2, entry of AB or determinant of A + B. 5: 3x3 with -6 to 6, determinant or
    entry of AB.
    `cell` (default 24): height of a row in pixels.

    ## Version History
    v0: first version.
    """

    family = "matrix"
    levels = len(LEVELS)
    default_cell = 24

    def make(self, task_id: str, rng: np.random.Generator) -> Draft:
        """Draw the operation, the matrices and the entry that is asked for."""
        level = LEVELS[self.difficulty - 1]
        operation = level.operations[int(rng.integers(len(level.operations)))]
        count = 2 if operation in ("product", "determinant_of_sum") else 1
        low, high = level.entries
        matrices = list(rng.integers(low, high + 1, size=(count, level.side, level.side)))
        row, column = (int(n) for n in rng.integers(level.side, size=2))
        a = matrices[0]
        if operation == "trace":
            what, steps = "the trace of A", [summed([int(a[i, i]) for i in range(level.side)])]
        elif operation == "determinant":
            what, steps = "the determinant of A", determinant_steps(a)
        elif operation == "transpose_sum":
            steps = [summed([int(a[row, column]), int(a[column, row])])]
            what = f"the entry of A + A^T in row {row + 1} and column {column + 1}"
        elif operation == "product":
            pairs = [(int(a[row, k]), int(matrices[1][k, column])) for k in range(level.side)]
            steps = sum_of_products([(1, pair) for pair in pairs])
            what = f"the entry of the product AB in row {row + 1} and column {column + 1}"
        else:
            both = a + matrices[1]
            steps = [summed([int(a[i]), int(matrices[1][i])]) for i in np.ndindex(a.shape)] + determinant_steps(both)
            what = "the determinant of A + B"
        return self.compose(
            task_id,
            f"<image>What is {what}?",
            steps,
            AnswerKind.INTEGER,
            content=[matrix.tolist() for matrix in matrices],
            show=lambda: self._draw(matrices),
            operation=operation,
        )

    def _draw(self, matrices: list[Entries]) -> Image:
        cell, side = self.cell, len(matrices[0])
        block = GAP + side * WIDTH + MARGIN
        canvas = Canvas(round((len(matrices) * block + MARGIN) * cell), round((side + 2 * MARGIN) * cell))
        top, bottom = MARGIN * cell, (MARGIN + side) * cell
        for number, (name, matrix) in enumerate(zip(NAMES, matrices)):
            start = MARGIN + number * block
            canvas.text(((start + GAP / 2 - 0.2) * cell, (top + bottom) / 2), f"{name} =", TEXT * cell)
            left, right = (start + GAP) * cell, (start + GAP + side * WIDTH) * cell
            for x, lip in ((left, 0.25 * cell), (right, -0.25 * cell)):
                canvas.line([(x + lip, top), (x, top), (x, bottom), (x + lip, bottom)], 0.07 * cell)
            for (row, column), value in np.ndenumerate(matrix):
                centre = (left + (column + 0.5) * WIDTH * cell, top + (row + 0.5) * cell)
                canvas.text(centre, str(value), TEXT * cell)
        return canvas.array()


def sum_of_products(terms: list[tuple[int, tuple[int, ...]]]) -> list[Step]:
    """Compute products, then their sum with signs.

    >>> [f"{step.name} = {step.value}" for step in sum_of_products([(1, (2, 3)), (-1, (4, -1))])]
    ['2 * 3 = 6', '4 * (-1) = -4', '6 - (-4) = 10']
    """
    steps, total, text = [], 0, ""
    for sign, factors in terms:
        product = int(np.prod(factors))
        steps.append(Step(" * ".join(map(operand, factors)), str(product)))
        total += sign * product
        text += (f" {'+' if sign > 0 else '-'} " if text else "") + operand(product)
    return [*steps, Step(text, str(total))]


def determinant_steps(matrix: Entries) -> list[Step]:
    """Compute a 2x2 or 3x3 determinant as the signed sum of products along its diagonals."""
    diagonals: list[tuple[int, tuple[int, ...]]] = [(1, (0, 1)), (-1, (1, 0))]
    if len(matrix) == 3:  # rule of Sarrus
        diagonals = [(1, (0, 1, 2)), (1, (1, 2, 0)), (1, (2, 0, 1)), (-1, (2, 1, 0)), (-1, (1, 0, 2)), (-1, (0, 2, 1))]
    return sum_of_products(
        [(sign, tuple(int(matrix[row, column]) for row, column in enumerate(columns))) for sign, columns in diagonals]
    )
