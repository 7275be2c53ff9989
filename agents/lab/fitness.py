"""Whether a laboratory model is as it should be: copies its task, errs as its table says, and reads hints by Bayes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agents.algorithms.contexts import show_answer
from agents.episodes import EpisodeBatch
from agents.lab.beliefs import KINDS, Beliefs, Digits, given_answer, informed_gains
from agents.lab.data import Work, gold
from agents.lab.rollouts import gains
from agents.policy.transformers_policy import TransformersPolicy
from agents.tiny.teachers import mean
from rlsd_env.procedural.chain import stated_links

COPIED = ("signs", "operands", "left digits")


def copied(work: Work, response: str) -> dict[str, list[bool]]:
    """Tell of each step that a response states whether its sign, operand and left digit are copied rightly.

    The sign and the operand are the task's; the left digit is the start digit or what the response itself said came of
    the step before. Steps beyond the task's last one are left out.

    >>> copied(Work(3, ("+", "*"), (4, 2), (7, 4)), "3 + 4 = 8. 8 * 5 = 0.")
    {'signs': [True, True], 'operands': [True, False], 'left digits': [True, True]}
    """
    links = stated_links(response)
    lefts = (work.start, *(link.result for link in links))
    found = [
        (link.sign == sign, link.right == operand, link.left == left)
        for link, sign, operand, left in zip(links, work.signs, work.operands, lefts)
    ]
    return {name: [one[place] for one in found] for place, name in enumerate(COPIED)}


def exact_gains(work: Work, response: str, table: Beliefs) -> Digits | None:
    """Return D of each result of a response, of an expert with these beliefs that is shown the right answer.

    The sum is `log P(answer is shown | last digit) - log P(answer is shown)`. None: the response is not one that the
    expert could write of this task.
    """
    results = tuple(link.result for link in stated_links(response))
    written = Work(work.start, work.signs, work.operands, results)
    if len(results) != len(work.signs) or written.response != response.strip():
        return None
    own_KDD = table.transitions(work.signs, work.operands)
    return informed_gains(work.start, own_KDD, given_answer(work.results[-1]), results)


@dataclass(frozen=True)
class Line:
    """How measured numbers go with exact ones.

    Attributes:
        points: how many there are.
        slope: of the least-squares line of measured on exact ones.
        correlation: of the two.
        difference: the mean of measured less exact ones.

    """

    points: int
    slope: float
    correlation: float
    difference: float


def line(exact: Sequence[float], measured: Sequence[float]) -> Line:
    """Compare measured numbers with exact ones.

    >>> line([0.0, 1.0, 2.0], [1.0, 3.0, 5.0])
    Line(points=3, slope=2.0, correlation=1.0, difference=2.0)
    """
    if not len(exact):
        return Line(0, math.nan, math.nan, math.nan)
    exact_N, measured_N = np.array(exact, dtype=np.float64), np.array(measured, dtype=np.float64)
    away_N, off_N = exact_N - exact_N.mean(), measured_N - measured_N.mean()
    product = float(away_N @ off_N)
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = np.divide(product, away_N @ away_N)
        correlation = np.divide(product, np.sqrt((away_N @ away_N) * (off_N @ off_N)))
    return Line(len(exact_N), float(slope), float(correlation), float((measured_N - exact_N).mean()))


@dataclass(frozen=True)
class Fitness:
    """What a model's responses to an environment's tasks are like.

    Attributes:
        copied: share of the stated signs, operands and left digits that are copied rightly.
        written: share of the responses that the expert could have written.
        right: share of right results by the kind of the table's entry.
        bayes: the sum of D with the right answer shown against what it is exactly, over the responses that the expert
            could have written.

    """

    copied: Mapping[str, float]
    written: float
    right: Mapping[str, float]
    bayes: Line


def measure_fitness(policy: TransformersPolicy, batch: EpisodeBatch, table: Beliefs) -> Fitness:
    """Measure a model on what it has sampled, without privileged text, of chains."""
    works = [gold(group.item) for group in batch.groups]
    copies: dict[str, list[bool]] = {name: [] for name in COPIED}
    right: dict[str, list[bool]] = {kind: [] for kind in KINDS}
    informed = gains(policy, batch, show_answer)
    exact, measured = [], []
    for (g, i), says_T in informed.items():
        response = batch.groups[g].episodes[i].response
        for name, found in copied(works[g], response).items():
            copies[name] += found
        for link in stated_links(response):
            if (entry := (link.sign, link.left, link.right)) in table.kind:
                right[table.kind[entry]].append(link.correct)
        exact_K = exact_gains(works[g], response, table)
        if exact_K is not None:
            exact.append(float(exact_K.sum()))
            measured.append(float(says_T.sum()))
    return Fitness(
        copied={name: mean(found) for name, found in copies.items()},
        written=len(exact) / len(informed),
        right={kind: mean(found) for kind, found in right.items()},
        bayes=line(exact, measured),
    )
