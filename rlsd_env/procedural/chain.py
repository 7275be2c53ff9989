"""`rlsd/Chain-v0` and `rlsd/PictureChain-v0`: steps of arithmetic modulo 10, each of which can be judged by itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rlsd_env.procedural.base import Draft, ProceduralSource, TextSource
from rlsd_env.procedural.drawing import Canvas
from rlsd_env.task import Image
from verifiers import AnswerKind, Step

MODULUS = 10
OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: (a + b) % MODULUS,
    "-": lambda a, b: (a - b) % MODULUS,
    "*": lambda a, b: (a * b) % MODULUS,
}
OPERANDS = range(1, 6)
STEPS = (2, 3, 4, 5, 8)
"""Steps of a chain by difficulty."""
LOOKS = ("dots", "bar", "dial")
STATED = re.compile(r"(\d) ([+*-]) (\d) = (\d)(?!\d)")


@dataclass(frozen=True)
class Link:
    """One step of a chain as a response states it: `left sign right = result`.

    Attributes:
        left: the digit that it goes on from.
        sign: a key of `OPERATIONS`.
        right: the operand.
        result: what the response says comes of it.
        start: where the digit of the result stands in the response.

    """

    left: int
    sign: str
    right: int
    result: int
    start: int

    @property
    def correct(self) -> bool:
        """Whether the result is right for the operands as they are stated, whatever came before."""
        return OPERATIONS[self.sign](self.left, self.right) == self.result


def stated_links(response: str) -> tuple[Link, ...]:
    """Read the steps out of a response, in order.

    >>> [(link.result, link.correct) for link in stated_links("3 + 4 = 7. 7 * 2 = 5.")]
    [(7, True), (5, False)]
    """
    return tuple(
        Link(int(found[1]), found[2], int(found[3]), int(found[4]), found.start(4))
        for found in STATED.finditer(response)
    )


def _drawn(rng: np.random.Generator, steps: int) -> tuple[int, list[str], list[int]]:
    """Draw a start digit, signs and operands."""
    operands = [int(digit) for digit in rng.integers(OPERANDS.start, OPERANDS.stop, size=steps)]
    signs = [list(OPERATIONS)[i] for i in rng.integers(len(OPERATIONS), size=steps)]
    return int(rng.integers(1, MODULUS)), signs, operands


def _worked(start: int, signs: list[str], operands: list[int]) -> list[Step]:
    """Work a chain out."""
    steps = []
    for sign, operand in zip(signs, operands):
        result = OPERATIONS[sign](start, operand)
        steps.append(Step(f"{start} {sign} {operand}", str(result)))
        start = result
    return steps


def _picture(operands: list[int], looks: list[str], cell: int) -> Image:
    """Draw digits from left to right, each in a square of `cell` pixels."""
    canvas = Canvas(cell * len(operands), cell)
    for place, (operand, look) in enumerate(zip(operands, looks)):
        DRAWN[look](canvas, place * cell, cell, operand)
    return canvas.resized()


def _dots(canvas: Canvas, left: float, cell: float, operand: int) -> None:
    """Draw as many dots as the digit says, in rows of three from the top."""
    for n in range(operand):
        row, column = divmod(n, 3)
        canvas.shape("circle", "red", (left + (0.22 + 0.28 * column) * cell, (0.22 + 0.28 * row) * cell), 0.12 * cell)


def _bar(canvas: Canvas, left: float, cell: float, operand: int) -> None:
    """Fill a frame from the bottom, a tenth of its height for each unit."""
    top, bottom, frame = 0.03 * cell, 0.97 * cell, 0.05 * cell
    canvas.outline((left + 0.2 * cell, top, left + 0.8 * cell, bottom), frame)
    height = (bottom - top - 2 * frame) * operand / MODULUS
    canvas.rectangle((left + 0.25 * cell, bottom - frame - height, left + 0.75 * cell, bottom - frame), "blue")


def _dial(canvas: Canvas, left: float, cell: float, operand: int) -> None:
    """Draw a hand that points at a tenth of the circle for each unit, clockwise from the top."""
    angle = 2 * np.pi * operand / MODULUS
    x, y = left + cell / 2, cell / 2
    canvas.shape("circle", "yellow", (x, y), 0.48 * cell)
    tip = (x + 0.46 * cell * float(np.sin(angle)), y - 0.46 * cell * float(np.cos(angle)))
    canvas.line([(x, y), tip], 0.12 * cell)


DRAWN = dict(zip(LOOKS, (_dots, _bar, _dial)))


class Chain(TextSource):
    """Work a chain of arithmetic out modulo 10.

    ## Description
    The question has a start digit and steps of addition, subtraction and multiplication by a digit from 1 to 5, from
    left to right; every result is taken modulo 10. The answer is the last digit. The worked solution states every
    step. Each step that a response states can be judged by itself (`rlsd_env.procedural.chain.stated_links`), so that
    it is known where a response went wrong: the environment of the laboratory (`agents.lab`).

    ## Action Space
    Text: the completion, with the answer in `<answer> </answer>`.

    ## Observation Space
    `question` (text), `images` (empty), `choices` (empty), `feedback` and `turn`.

    ## Rewards
    1 for the exact digit, else 0.

    ## Starting State
    A task drawn from the fold by the seed, or the one that `options={"task_index": n}` names.

    ## Episode End
    After one completion.

    ## Information
    `task`, `task_id`; after a step `verdict` and `reward/<part>`.

    ## Arguments
    `difficulty` (default 3): 1: 2 steps. 2: 3. 3: 4. 4: 5. 5: 8.

    ## Version History
    v0: first version.
    """

    family = "chain"
    levels = len(STEPS)

    def __init__(self, difficulty: int = 3) -> None:
        super().__init__(difficulty)

    def make(self, task_id: str, rng: np.random.Generator) -> Draft:
        """Draw a chain."""
        start, signs, operands = _drawn(rng, STEPS[self.difficulty - 1])
        shown = " ".join(f"{sign} {operand}" for sign, operand in zip(signs, operands))
        question = f"Work modulo 10 from left to right: {start} {shown} = ?"
        return self.compose(task_id, question, _worked(start, signs, operands), AnswerKind.INTEGER)


class PictureChain(ProceduralSource):
    """Work a chain of arithmetic out modulo 10 whose operands are read from a picture.

    ## Description
    As `rlsd/Chain-v0`, but the question names the operands a, b, c and so on, and the picture shows them from left to
    right: as many dots as the digit says, a bar that fills as many tenths of its frame, or a dial whose hand has gone
    as many tenths around.

    ## Action Space
    Text: the completion, with the answer in `<answer> </answer>`.

    ## Observation Space
    `question` (text with one `<image>`), `images` (one picture, `cell` pixels high and `cell` for each step wide),
    `choices` (empty), `feedback` and `turn`.

    ## Rewards
    1 for the exact digit, else 0.

    ## Starting State
    A task drawn from the fold by the seed, or the one that `options={"task_index": n}` names.

    ## Episode End
    After one completion.

    ## Information
    `task`, `task_id`; after a step `verdict` and `reward/<part>`.

    ## Arguments
    `difficulty` (default 3): 1: 2 steps. 2: 3. 3: 4. 4: 5. 5: 8.
    `cell` (default 64): pixels of a digit's square; the bundled models see 16.

    ## Version History
    v0: first version.
    """

    family = "picture_chain"
    levels = len(STEPS)
    default_cell = 64

    def __init__(self, difficulty: int = 3, cell: int | None = None) -> None:
        super().__init__(difficulty, cell)

    @classmethod
    def least_cell(cls, difficulty: int) -> int:
        """Return the smallest `cell` at which the digits differ."""
        return 16

    def make(self, task_id: str, rng: np.random.Generator) -> Draft:
        """Draw a chain and how each digit looks."""
        start, signs, operands = _drawn(rng, STEPS[self.difficulty - 1])
        looks = [LOOKS[i] for i in rng.integers(len(LOOKS), size=len(operands))]
        names = "abcdefgh"[: len(operands)]
        shown = " ".join(f"{sign} {name}" for sign, name in zip(signs, names))
        return self.compose(
            task_id,
            f"<image>Work modulo 10 from left to right: {start} {shown} = ?\nThe picture shows {', '.join(names)}.",
            _worked(start, signs, operands),
            AnswerKind.INTEGER,
            content=operands,
            show=lambda: _picture(operands, looks, self.cell),
        )
