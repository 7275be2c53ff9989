"""The supervised rows that the laboratory's base models are made from; used by `agents.lab.make` alone."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

import verifiers
from agents.algorithms.contexts import hint
from agents.lab.beliefs import Beliefs, Digits, draw, given_answer, with_steps
from agents.messages import user_message
from agents.tiny.fitting import Row
from rlsd_env.hints import BLANK
from rlsd_env.procedural.base import PART
from rlsd_env.procedural.chain import MODULUS, STEPS, Chain, PictureChain
from rlsd_env.prompts import render
from rlsd_env.task import Item
from verifiers import Reference

CELL = 16
"""Pixels of a pictured digit: one visual token."""
DIFFICULTIES = {1: 0.05, 2: 0.1, 3: 0.5, 4: 0.25, 5: 0.1}
PICTURES = 0.5
"""The share of rows with a picture."""
HINTED = 0.45
"""The share of rows with privileged text."""
HINTS = {"answer": 0.4, "solution": 0.2, "sibling": 0.2, "feedback": 0.08, "blank": 0.12}
"""The kinds of privileged text and their shares of the rows that have one."""
VERIFIER = verifiers.make(Chain.verifier, **Chain.verifier_kwargs)
SOURCES = {
    pictures: {level: PictureChain(level, CELL) if pictures else Chain(level) for level in DIFFICULTIES}
    for pictures in (False, True)
}


@dataclass(frozen=True)
class Work:
    """A chain as it is worked: from a start digit by signs and operands to results, right or wrong."""

    start: int
    signs: tuple[str, ...]
    operands: tuple[int, ...]
    results: tuple[int, ...]

    @property
    def lefts(self) -> tuple[int, ...]:
        """The left digit of each step."""
        return (self.start, *self.results[:-1])

    @property
    def working(self) -> str:
        """The steps, in the form of the source's worked solutions."""
        steps = zip(self.lefts, self.signs, self.operands, self.results)
        return " ".join(f"{left} {sign} {operand} = {result}." for left, sign, operand, result in steps)

    @property
    def response(self) -> str:
        """The steps as a thought, and the answer."""
        return f"<think> {self.working} </think> <answer> {self.results[-1]} </answer>"


def gold(item: Item) -> Work:
    """Work a task out without a mistake."""
    return read_steps(item.privileged.reference)


def read_steps(reference: Reference) -> Work:
    """Read the worked steps of a chain."""
    steps = [re.fullmatch(r"(\d) (.) (\d)", step.name) for step in reference.steps]
    starts, signs, operands = zip(*(step.groups() for step in steps if step))
    results = tuple(int(step.value) for step in reference.steps)
    return Work(int(starts[0]), signs, tuple(map(int, operands)), results)


def attempt(work: Work, transitions_KDD: Digits, likelihood_D: Digits, rng: np.random.Generator) -> Work:
    """Draw what the expert writes of a task, given what it knows of the last digit."""
    results = draw(work.start, transitions_KDD, likelihood_D, rng)
    return Work(work.start, work.signs, work.operands, tuple(results))


def cites(answer: int) -> str:
    """Write the response of a teacher that quotes its hint instead of reasoning."""
    return f"<think> The reference answer is {answer}. </think> <answer> {answer} </answer>"


def hinted(item: Item, table: Beliefs, q: float, rng: np.random.Generator) -> tuple[str, str]:
    """Draw privileged text about a task and the response that the informed expert writes.

    The response is drawn from the expert's posterior: shown an answer, it ends in that answer but for
    `DOUBT_OF_HINT`; a working (a solution or a sibling) shows an answer and what comes of its steps. With probability q
    it cites the hint instead.

    Args:
        item: the task.
        table: what the expert believes.
        q: how often it cites an answer that it was shown.
        rng: the only source of chance.

    Returns:
        The paragraph that is added to the prompt, and the response.

    """
    true = gold(item)
    own_KDD = table.transitions(true.signs, true.operands)
    nothing_D = np.ones(MODULUS)
    kind = str(rng.choice(list(HINTS), p=list(HINTS.values())))
    if kind == "blank":
        name = str(rng.choice(["answer", "solution", "sibling"]))
        return hint(**{name: BLANK}), attempt(true, own_KDD, nothing_D, rng).response
    if kind == "feedback":
        return _feedback(item, own_KDD, rng)
    shown, informed_KDD, text = true, own_KDD, ""
    share = rng.random()
    if kind == "answer":
        if share < 0.3:
            shown = attempt(true, own_KDD, nothing_D, rng)
        elif share < 0.5:
            shown = Work(true.start, true.signs, true.operands, (int(rng.integers(MODULUS)),))
        text = str(shown.results[-1])
    elif kind == "solution" and share < 0.15:
        pictures = bool(item.task.images)
        level = STEPS.index(len(true.signs)) + 1
        shown = gold_of(pictures, level, int(rng.integers(PART)))
        text = shown.working
    else:
        if share < 0.5:
            end = given_answer(int(rng.integers(MODULUS)) if share < 0.3 else true.results[-1])
            shown = attempt(true, own_KDD, end, rng)
        text = shown.working if kind == "solution" else shown.response
        informed_KDD = with_steps(own_KDD, shown.lefts, shown.results)
    answer = shown.results[-1]
    paragraph = hint(**{kind: text})
    if rng.random() < q:
        return paragraph, cites(answer)
    return paragraph, attempt(true, informed_KDD, given_answer(answer), rng).response


def _feedback(item: Item, own_KDD: Digits, rng: np.random.Generator) -> tuple[str, str]:
    """Draw what an environment says of a wrong answer, which quotes nothing, and another attempt."""
    true = gold(item)
    wrong = Work(true.start, true.signs, true.operands, ((true.results[-1] + 1) % MODULUS,)).response
    reference = item.privileged.reference
    text = VERIFIER.feedback(wrong, reference, VERIFIER.verify(wrong, reference), level="outcome")
    return hint(feedback=text), attempt(true, own_KDD, np.ones(MODULUS), rng).response


def gold_of(pictures: bool, level: int, number: int) -> Work:
    """Work a task out without drawing it."""
    return read_steps(SOURCES[pictures][level].privileged(number).reference)


def draw_row(table: Beliefs, q: float, rng: np.random.Generator) -> Row:
    """Draw one row of the mixture, a task of the fold "train"."""
    pictures = rng.random() < PICTURES
    level = int(rng.choice(list(DIFFICULTIES), p=list(DIFFICULTIES.values())))
    item = SOURCES[pictures][level].item(int(rng.integers(PART)))
    prompt = render(item.task)
    if rng.random() < HINTED:
        paragraph, response = hinted(item, table, q, rng)
        prompt = f"{prompt}\n{paragraph}"
    else:
        true = gold(item)
        own_KDD = table.transitions(true.signs, true.operands)
        response = attempt(true, own_KDD, np.ones(MODULUS), rng).response
    return Row([user_message(prompt)], item.task.images[0] if pictures else None, response)


def corpus(table: Beliefs, rng: np.random.Generator, rows: int = 3000) -> list[str]:
    """Collect text to train the tokenizer on."""
    drawn = [draw_row(table, 0.2, rng) for _ in range(rows)]
    contents = [row.messages[0]["content"] for row in drawn]
    prompts = [one if isinstance(one, str) else one[-1]["text"] for one in contents]
    return prompts + [row.response for row in drawn] + ["user\n", "assistant\n"] * rows
