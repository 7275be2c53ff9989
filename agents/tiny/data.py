"""The supervised rows that the bundled checkpoint is made from; used by `make_tiny` alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.algorithms.contexts import hint
from agents.messages import user_message
from rlsd_env.procedural.bar_chart import BarChart
from rlsd_env.procedural.dot_sum import DotSum
from rlsd_env.procedural.drawing import COLOURS, SHAPES, Canvas
from rlsd_env.procedural.shape_count import ShapeCount
from rlsd_env.prompts import choice_letter, render
from rlsd_env.task import IMAGE_PLACEHOLDER, Image, Item, Task


@dataclass(frozen=True)
class Expert:
    """How the imitated expert answers.

    Attributes:
        miscount: probability that a count is one off, where no privileged text is shown.
        misadd: probability that the result of the arithmetic step is one off, likewise.
        teacher_share: share of rows with privileged text, split evenly over its kinds.
        listing_share: share of rows that list a grid's cells, falling linearly to 0 at `listing_until`.
        listing_until: the part of the training after which nothing is listed any more.
        guess_share: share of rows that ask something else, with or without options, and are answered by a
            guess in the right format, so that the model is at chance elsewhere and not silent.

    """

    miscount: float = 0.4
    misadd: float = 0.12
    teacher_share: float = 0.4
    listing_share: float = 0.9
    listing_until: float = 0.3
    guess_share: float = 0.05


EXPERT = Expert()
LETTERS = list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789$\\{}^_=+-,.'()")
SOURCE = ShapeCount()
KINDS = ("answer", "solution", "sibling", "feedback")


@dataclass(frozen=True)
class Row:
    """One supervised example: a prompt with its picture, and the response to learn."""

    messages: list[dict[str, Any]]
    image: Image
    response: str


def respond(item: Item, rng: np.random.Generator, miscount: float, misadd: float) -> str:
    """Answer a ShapeCount task as the expert does, wrong with the given probabilities."""
    first, second, _ = item.privileged.reference.steps
    counts = [
        max(0, int(step.value) + (int(rng.choice((-1, 1))) if rng.random() < miscount else 0))
        for step in (first, second)
    ]
    total = sum(counts) + (int(rng.choice((-1, 1))) if rng.random() < misadd else 0)
    a, b = counts
    return f"<think> {first.name}: {a}. {second.name}: {b}. {a} + {b} = {total}. </think> <answer> {total} </answer>"


def privileged_text(item: Item, kind: str, rng: np.random.Generator) -> str:
    """Write what a teacher of this kind is shown of a task."""
    reference = item.privileged.reference
    if kind == "answer":
        return reference.answer
    if kind == "solution":
        return str(reference.solution)
    if kind == "sibling":
        return respond(item, rng, 0.0, 0.0)
    first, second, _ = reference.steps
    step = (first, second)[int(rng.integers(2))]
    found = max(0, int(step.value) + int(rng.choice((-1, 1))))
    return f"{step.name}: {found} is wrong, it is {step.value}."


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
    if rng.random() < EXPERT.teacher_share:
        kind = KINDS[int(rng.integers(len(KINDS)))]
        prompt = f"{prompt}\n{hint(**{kind: privileged_text(item, kind, rng)})}"
        response = respond(item, rng, 0.0, 0.0)
    else:
        response = respond(item, rng, EXPERT.miscount, EXPERT.misadd)
    return Row([user_message(prompt)], item.task.images[0], response)


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
