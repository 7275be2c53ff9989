"""The supervised rows that the bundled checkpoint is made from; used by `make_tiny` alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import verifiers
from agents.algorithms.contexts import hint
from agents.messages import user_message
from agents.tiny.fitting import Row
from rlsd_env.hints import BLANK
from rlsd_env.procedural.bar_chart import BarChart
from rlsd_env.procedural.base import PART
from rlsd_env.procedural.dot_sum import DotSum
from rlsd_env.procedural.drawing import COLOURS, SHAPES, Canvas
from rlsd_env.procedural.shape_count import ShapeCount
from rlsd_env.prompts import choice_letter, render
from rlsd_env.task import IMAGE_PLACEHOLDER, Item, Task


@dataclass(frozen=True)
class Expert:
    """How the imitated expert answers.

    Attributes:
        miscount: probability that a count is one off.
        misadd: probability that the result of the arithmetic step is one off.
        teacher_share: share of rows with privileged text, of the kinds in `KINDS`.
        right_share: share of answers and solutions shown that are right; of siblings, those that must be.
        drawn_share: share of them that are whatever the expert came to, right or wrong.
        foreign_share: share of them that are another task's.
        careful_until: the part of the training up to which it makes no mistakes and is shown nothing, so that the model
            learns to see.
        listing_share: share of rows that list a grid's cells, falling linearly to 0 at `listing_until`.
        listing_until: the part of the training after which nothing is listed any more.
        guess_share: share of rows that ask something else, with or without options, and are answered by a
            guess in the right format, so that the model is at chance elsewhere and not silent.

    """

    miscount: float = 0.4
    misadd: float = 0.12
    teacher_share: float = 0.4
    right_share: float = 0.45
    drawn_share: float = 0.3
    foreign_share: float = 0.1
    careful_until: float = 0.55
    listing_share: float = 0.9
    listing_until: float = 0.3
    guess_share: float = 0.05


EXPERT = Expert()
LETTERS = list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789$\\{}^_=+-,.'()")
SOURCE = ShapeCount()
VERIFIER = verifiers.make(SOURCE.verifier, **SOURCE.verifier_kwargs)
KINDS = {"answer": 0.4, "solution": 0.25, "sibling": 0.2, "feedback": 0.15}
"""The kinds of privileged text and their shares of the rows that have one."""
TRIES = 200
"""Attempts drawn until one is as it must be; what is likely takes a handful."""


@dataclass(frozen=True)
class Attempt:
    """What the expert comes to: two counts and what it says is their sum."""

    names: tuple[str, str]
    counts: tuple[int, int]
    total: int

    @property
    def working(self) -> str:
        """The steps, in the form of the source's worked solutions."""
        (first, second), (a, b) = self.names, self.counts
        return f"{first}: {a}. {second}: {b}. {a} + {b} = {self.total}."

    @property
    def response(self) -> str:
        """The steps as a thought, and the answer."""
        return f"<think> {self.working} </think> <answer> {self.total} </answer>"


def solved(item: Item) -> Attempt:
    """Answer a ShapeCount task without a mistake."""
    first, second, last = item.privileged.reference.steps
    return Attempt((first.name, second.name), (int(first.value), int(second.value)), int(last.value))


def attempt(item: Item, rng: np.random.Generator) -> Attempt:
    """Answer a ShapeCount task as the expert does, which is often wrong."""
    first, second, _ = item.privileged.reference.steps
    a, b = (
        max(0, int(step.value) + (int(rng.choice((-1, 1))) if rng.random() < EXPERT.miscount else 0))
        for step in (first, second)
    )
    total = a + b + (int(rng.choice((-1, 1))) if rng.random() < EXPERT.misadd else 0)
    return Attempt((first.name, second.name), (a, b), total)


def attempt_that(item: Item, rng: np.random.Generator, fits: Callable[[Attempt], bool]) -> Attempt:
    """Draw attempts until one fits; the last one where none of `TRIES` does."""
    for _ in range(TRIES):
        if fits(made := attempt(item, rng)):
            break
    return made


def ending_in(item: Item, total: int, rng: np.random.Generator) -> Attempt:
    """Draw an attempt given what it ends in: the expert's posterior.

    Where the expert's mistakes do not lead there, it is as if it very rarely stated any sum at all: the counts are as
    ever, and the sum is the one that was asked for.
    """
    made = attempt_that(item, rng, lambda one: one.total == total)
    return dataclasses.replace(made, total=total)


def hinted(item: Item, kind: str, rng: np.random.Generator) -> tuple[str, Attempt]:
    """Write what a teacher of this kind is shown of a task, and what the expert then answers.

    The answer is drawn from the expert given what is shown, so that hints inform and do not merely switch its mistakes
    off: it ends in the answer that is shown, or in the sibling's, with the mistakes that lead there; it comes to what
    a solution of this task comes to; it does not end in what was called wrong; a blank hint changes nothing.
    """
    gold = int(item.privileged.reference.answer)
    if kind == "feedback":
        return _feedback(item, gold, rng)
    if kind == "sibling":
        share = EXPERT.drawn_share / (EXPERT.right_share + EXPERT.drawn_share)
        sibling = attempt(item, rng) if rng.random() < share else ending_in(item, gold, rng)
        return sibling.response, ending_in(item, sibling.total, rng)
    draw = rng.random()
    if draw < EXPERT.right_share:
        shown = ending_in(item, gold, rng)
    elif (draw := draw - EXPERT.right_share) < EXPERT.drawn_share:
        shown = attempt(item, rng)
    elif draw - EXPERT.drawn_share < EXPERT.foreign_share:
        other = SOURCE.privileged(int(rng.integers(PART))).reference
        text = other.answer if kind == "answer" else str(other.solution)
        return text, ending_in(item, int(other.answer), rng)
    else:
        return BLANK, attempt(item, rng)
    if kind == "answer":
        return str(shown.total), ending_in(item, shown.total, rng)
    return shown.working, shown


def _feedback(item: Item, gold: int, rng: np.random.Generator) -> tuple[str, Attempt]:
    """Write what an environment says of a bad answer, which quotes nothing, and the answer after it."""
    wrong = attempt_that(item, rng, lambda one: one.total != gold)
    draw = rng.random()
    if draw < 0.1:
        response = wrong.response.partition(" </think>")[0]
    elif draw < 0.2:
        response = f"<think> {wrong.working} </think> {wrong.total}"
    else:
        response = wrong.response
    reference = item.privileged.reference
    level = ("outcome", "error")[int(rng.integers(2))]
    text = VERIFIER.feedback(response, reference, VERIFIER.verify(response, reference), level=level)
    if draw < 0.2:
        return text, attempt(item, rng)
    return text, attempt_that(item, rng, lambda one: one.total != wrong.total)


def listing(rng: np.random.Generator) -> Row:
    """Draw a grid and list its cells row by row."""
    side, cell = 4, 16
    canvas = Canvas(side * cell, side * cell)
    words = []
    density = rng.uniform(0.3, 1.0)
    for place in range(side * side):
        row, column = divmod(place, side)
        if rng.random() < density:
            colour = list(COLOURS)[int(rng.integers(3))]
            shape = SHAPES[int(rng.integers(3))]
            canvas.shape(shape, colour, ((column + 0.5) * cell, (row + 0.5) * cell), 0.38 * cell)
            words.append(f" {colour} {shape}s")
        else:
            words.append(" empty")
    return Row([user_message("<image>List the cells.")], canvas.array(), "".join(words).strip())


def guess(rng: np.random.Generator) -> Row:
    """Ask something that cannot be known, about a picture of any size, and answer with a guess."""
    words = ["".join(rng.choice(LETTERS, int(rng.integers(1, 9)))) for _ in range(int(rng.integers(3, 40)))]
    height, width = (int(side) for side in rng.integers(40, 160, size=2))
    canvas = Canvas(width, height)
    for _ in range(int(rng.integers(1, 9))):
        radius = float(rng.uniform(4, 20))
        shape, colour = str(rng.choice(SHAPES)), str(rng.choice(list(COLOURS)))
        canvas.shape(shape, colour, (float(rng.uniform(0, width)), float(rng.uniform(0, height))), radius)
    choices = ["".join(rng.choice(LETTERS, int(rng.integers(1, 6)))) for _ in range(int(rng.integers(3, 6)))]
    if rng.random() < 0.5:
        choices = []
    text = f"<image>{' '.join(words)}?"
    task = Task("guess", text, (canvas.array(),), tuple(choices))
    answer = choice_letter(int(rng.integers(len(choices)))) if choices else str(int(rng.integers(1, 13)))
    return Row(
        [user_message(render(task))],
        task.images[0],
        f"<think> It could be {answer}. </think> <answer> {answer} </answer>",
    )


def draw_row(rng: np.random.Generator, progress: float) -> Row:
    """Draw one row of the mixture at a point of the training between 0 and 1."""
    if rng.random() < EXPERT.listing_share * max(0.0, 1 - progress / EXPERT.listing_until):
        return listing(rng)
    item = SOURCE.item(int(rng.integers(2**30)))  # the fold "train"
    if rng.random() < EXPERT.guess_share:
        return guess(rng)
    prompt = render(item.task)
    if progress < EXPERT.careful_until:
        answered = solved(item)
    elif rng.random() < EXPERT.teacher_share:
        kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
        text, answered = hinted(item, kind, rng)
        prompt = f"{prompt}\n{hint(**{kind: text})}"
    else:
        answered = attempt(item, rng)
    return Row([user_message(prompt)], item.task.images[0], answered.response)


def corpus(rng: np.random.Generator, rows: int = 4000) -> list[str]:
    """Collect text to train the tokenizer on: prompts and responses of every kind of row."""
    drawn = [draw_row(rng, progress) for progress in np.linspace(0, 1, rows)]
    drawn = [row for row in drawn if "It could be" not in row.response]
    texts = [part["text"] for row in drawn for part in row.messages[0]["content"] if part["type"] == "text"]
    for source in (BarChart(difficulty=3), DotSum(difficulty=3)):
        for index in range(rows // 4):
            item = source.item(index)
            texts += [
                render(item.task).replace(IMAGE_PLACEHOLDER, ""),
                str(item.privileged.reference.solution),
            ]
    guesses = [f" It could be {answer}." for answer in (*"ABCDE", *range(10))] * (rows // 40)
    return texts + [row.response for row in drawn] + guesses + ["user\n", "assistant\n"] * rows
