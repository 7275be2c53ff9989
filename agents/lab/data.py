"""The supervised rows that the laboratory's base models are made from; used by `agents.lab.make` alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

import verifiers
from agents.algorithms.contexts import hint
from agents.lab.beliefs import Beliefs, Digits, ahead, draw, given_answer, normalised, posteriors, with_steps
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
LEVELS = range(1, len(STEPS) + 1)
LEVEL = 2
"""The laboratory's difficulty: three steps, which its models can read an answer back through."""
VERIFIER = verifiers.make(Chain.verifier, **Chain.verifier_kwargs)
SOURCES = {
    pictures: {level: PictureChain(level, CELL) if pictures else Chain(level) for level in LEVELS}
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


@dataclass(frozen=True, eq=False)
class Response:
    """What an expert writes, and what it thought of every result.

    Attributes:
        text: the response.
        results_KD: the distribution that the result of each step was drawn from; of no step where none is stated.
        ahead_KD: what the expert knew of the end, as a distribution of the left digit of every step but the first: the
            likelihood of it given that digit, normalised.

    """

    text: str
    results_KD: Digits
    ahead_KD: Digits


@dataclass(frozen=True)
class LabRow(Row):
    """A supervised example whose results have whole distributions to learn."""

    expected: Response


def attempt(work: Work, transitions_KDD: Digits, likelihood_D: Digits, rng: np.random.Generator) -> Work:
    """Draw what the expert writes of a task, given what it knows of the last digit."""
    results = draw(work.start, transitions_KDD, likelihood_D, rng)
    return Work(work.start, work.signs, work.operands, tuple(results))


def respond(work: Work, transitions_KDD: Digits, likelihood_D: Digits, rng: np.random.Generator) -> Response:
    """Draw it together with what the expert thought."""
    drawn = attempt(work, transitions_KDD, likelihood_D, rng)
    results_KD = posteriors(work.start, transitions_KDD, likelihood_D, drawn.results)
    return Response(drawn.response, results_KD, normalised(ahead(transitions_KDD, likelihood_D)[1:-1]))


def cites(answer: int) -> Response:
    """Write the response of a teacher that quotes its hint instead of reasoning."""
    text = f"<think> The reference answer is {answer}. </think> <answer> {answer} </answer>"
    return Response(text, np.empty((0, MODULUS)), np.empty((0, MODULUS)))


def hinted(
    item: Item, table: Beliefs, q: float, hints: Mapping[str, float], rng: np.random.Generator
) -> tuple[str, Response]:
    """Draw privileged text about a task and the response that the informed expert writes.

    The response is drawn from the expert's posterior: shown an answer, it ends in that answer but for
    `DOUBT_OF_HINT`; a working (a solution or a sibling) shows an answer and what comes of its steps. With probability q
    it cites the hint instead.

    Args:
        item: the task.
        table: what the expert believes.
        q: how often it cites an answer that it was shown.
        hints: the kinds of privileged text and their shares.
        rng: the only source of chance.

    Returns:
        The paragraph that is added to the prompt, and the response.

    """
    true = gold(item)
    own_KDD = table.transitions(true.signs, true.operands)
    nothing_D = np.ones(MODULUS)
    kind = str(rng.choice(list(hints), p=list(hints.values())))
    if kind == "blank":
        name = str(rng.choice(["answer", "solution", "sibling"]))
        return hint(**{name: BLANK}), respond(true, own_KDD, nothing_D, rng)
    if kind == "feedback":
        return _feedback(item, own_KDD, rng)
    informed_KDD, text = own_KDD, ""
    share = rng.random()
    shown = attempt(true, own_KDD, nothing_D, rng) if share < 0.5 else true
    if kind == "answer":
        if share > 0.7:
            shown = Work(true.start, true.signs, true.operands, (int(rng.integers(MODULUS)),))
        text = str(shown.results[-1])
    else:
        if share > 0.8:
            shown = attempt(true, own_KDD, given_answer(int(rng.integers(MODULUS))), rng)
        if kind == "solution" and share > 0.9:
            shown = gold_of(bool(item.task.images), STEPS.index(len(true.signs)) + 1, int(rng.integers(PART)))
        text = shown.working if kind == "solution" else shown.response
        informed_KDD = with_steps(own_KDD, shown.lefts, shown.results)
    answer = shown.results[-1]
    paragraph = hint(**{kind: text})
    if rng.random() < q:
        return paragraph, cites(answer)
    return paragraph, respond(true, informed_KDD, given_answer(answer), rng)


def _feedback(item: Item, own_KDD: Digits, rng: np.random.Generator) -> tuple[str, Response]:
    """Draw what an environment says of a wrong answer, which quotes nothing, and another attempt."""
    true = gold(item)
    wrong = Work(true.start, true.signs, true.operands, ((true.results[-1] + 1) % MODULUS,)).response
    reference = item.privileged.reference
    text = VERIFIER.feedback(wrong, reference, VERIFIER.verify(wrong, reference), level="outcome")
    return hint(feedback=text), respond(true, own_KDD, np.ones(MODULUS), rng)


def gold_of(pictures: bool, level: int, number: int) -> Work:
    """Work a task out without drawing it."""
    return read_steps(SOURCES[pictures][level].privileged(number).reference)


@dataclass(frozen=True)
class Mixture:
    """What rows are drawn from.

    Attributes:
        difficulties: shares of the levels.
        pictures: the share of rows with a picture.
        hinted: the share of rows with privileged text.
        hints: the kinds of privileged text and their shares of the rows that have one.

    """

    difficulties: Mapping[int, float]
    pictures: float
    hinted: float
    hints: Mapping[str, float]


FIRST = Mixture({1: 0.3, 2: 0.7}, 0.0, 0.85, {"answer": 1.0})
"""Short chains in words with an answer shown: reading an answer backwards through the steps is learned here."""
ALL = Mixture(
    {1: 0.15, 2: 0.5, 3: 0.2, 4: 0.1, 5: 0.05},
    0.6,
    0.7,
    {"answer": 0.6, "solution": 0.12, "sibling": 0.12, "feedback": 0.04, "blank": 0.12},
)


def draw_row(table: Beliefs, q: float, mixture: Mixture, rng: np.random.Generator) -> LabRow:
    """Draw one row of a mixture, a task of the fold "train"."""
    pictures = rng.random() < mixture.pictures
    level = int(rng.choice(list(mixture.difficulties), p=list(mixture.difficulties.values())))
    item = SOURCES[pictures][level].item(int(rng.integers(PART)))
    prompt = render(item.task)
    if rng.random() < mixture.hinted:
        paragraph, response = hinted(item, table, q, mixture.hints, rng)
        prompt = f"{prompt}\n{paragraph}"
    else:
        true = gold(item)
        own_KDD = table.transitions(true.signs, true.operands)
        response = respond(true, own_KDD, np.ones(MODULUS), rng)
    return LabRow([user_message(prompt)], item.task.images[0] if pictures else None, response.text, response)


def corpus(table: Beliefs, rng: np.random.Generator, rows: int = 3000) -> list[str]:
    """Collect text to train the tokenizer on."""
    drawn = [draw_row(table, 0.2, ALL, rng) for _ in range(rows)]
    contents = [row.messages[0]["content"] for row in drawn]
    prompts = [one if isinstance(one, str) else one[-1]["text"] for one in contents]
    return prompts + [row.response for row in drawn] + ["user\n", "assistant\n"] * rows
