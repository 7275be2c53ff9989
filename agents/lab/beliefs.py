"""What a laboratory model believes of each arithmetic step, as a table; and what hints make of it, exactly.

A table has the probability of every result of every step (digit, sign, operand). Of a fixed share of the steps the
model knows the result, of others it doubts it, of others it believes another one. An expert that draws each result from
the table is a Markov chain over digits, so that all of it can be computed: where it ends, and what it would have said
given where it ends. The laboratory's base models imitate this expert, uninformed and informed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlsd_env.procedural.chain import MODULUS, OPERANDS, OPERATIONS

KINDS = {"known": 0.6, "doubted": 0.2, "misbelieved": 0.2}
"""Kinds of entries and their shares of the table."""
RIGHT = {"known": 1.0, "doubted": 0.6, "misbelieved": 0.2}
"""The probability of the right result by kind; the rest is one wrong result's, before `FLOOR`."""
FLOOR = 0.05
"""The share of every entry that is spread over all digits, so that every end can be reached."""
DOUBT_OF_HINT = 0.1
"""The probability that a shown answer has nothing to do with how the response ends."""
TRUST_IN_STEPS = 0.9
"""The share of an entry that a shown working takes over for the steps it has."""
SEED = 20260403

Digits = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Beliefs:
    """The table.

    Attributes:
        kind: "known", "doubted" or "misbelieved" of every (sign, left digit, operand).
        result: the probabilities of the ten results, by (sign, left digit, operand).

    """

    kind: dict[tuple[str, int, int], str]
    result: dict[tuple[str, int, int], Digits]

    def transitions(self, signs: Sequence[str], operands: Sequence[int]) -> Digits:
        """Return the probability of each result from each left digit, [steps, 10, 10]."""
        return np.array(
            [[self.result[sign, left, operand] for left in range(MODULUS)] for sign, operand in zip(signs, operands)]
        )


def beliefs(seed: int = SEED) -> Beliefs:
    """Draw a table: the shares of `KINDS` hold exactly, but for rounding."""
    rng = np.random.default_rng(seed)
    entries = [(sign, left, operand) for sign in OPERATIONS for left in range(MODULUS) for operand in OPERANDS]
    order = [entries[i] for i in rng.permutation(len(entries))]
    ends = np.round(np.cumsum(list(KINDS.values())) * len(entries)).astype(int)
    kind = {entry: list(KINDS)[int(np.searchsorted(ends, place, side="right"))] for place, entry in enumerate(order)}
    result = {}
    for entry in entries:
        sign, left, operand = entry
        right = OPERATIONS[sign](left, operand)
        wrong = (right + int(rng.integers(1, MODULUS))) % MODULUS
        row = np.full(MODULUS, FLOOR / MODULUS)
        row[right] += (1 - FLOOR) * RIGHT[kind[entry]]
        row[wrong] += (1 - FLOOR) * (1 - RIGHT[kind[entry]])
        result[entry] = row
    return Beliefs(kind, result)


def ends(start: int, transitions_KDD: Digits) -> Digits:
    """Return the probability of each last digit, [10].

    >>> ends(0, np.array([np.roll(np.eye(10), 1, axis=1)] * 3)).argmax()  # three times plus one
    np.int64(3)
    """
    mass_D = np.eye(MODULUS)[start]
    for step_DD in transitions_KDD:
        mass_D = mass_D @ step_DD
    return mass_D


def ahead(transitions_KDD: Digits, likelihood_D: Digits) -> Digits:
    """Return the likelihood of what is known of the last digit, given each digit before the first step and after each.

    Args:
        transitions_KDD: the probability of each result from each left digit.
        likelihood_D: of what is known given each last digit.

    Returns:
        [steps + 1, 10].

    """
    found = [likelihood_D]
    for step_DD in transitions_KDD[::-1]:
        found.append(step_DD @ found[-1])
    return np.array(found[::-1])


def given_answer(answer: int) -> Digits:
    """Return the likelihood of a shown answer given each last digit, [10]."""
    return (1 - DOUBT_OF_HINT) * np.eye(MODULUS)[answer] + DOUBT_OF_HINT / MODULUS


def draw(start: int, transitions_KDD: Digits, likelihood_D: Digits, rng: np.random.Generator) -> list[int]:
    """Draw the results of all steps from the posterior given what is known of the last digit.

    Args:
        start: the start digit.
        transitions_KDD: the probability of each result from each left digit.
        likelihood_D: of what is known given each last digit; all ones: nothing is known.
        rng: the only source of chance.

    """
    digits, last = [], start
    for step_DD, ahead_D in zip(transitions_KDD, ahead(transitions_KDD, likelihood_D)[1:]):
        last = int(rng.choice(MODULUS, p=normalised(step_DD[last] * ahead_D)))
        digits.append(last)
    return digits


def posteriors(start: int, transitions_KDD: Digits, likelihood_D: Digits, results: Sequence[int]) -> Digits:
    """Return the posterior of each result given the results before it and what is known of the last digit, [steps, 10].

    Args:
        start: the start digit.
        transitions_KDD: the probability of each result from each left digit.
        likelihood_D: of what is known given each last digit.
        results: what a response says.

    """
    lefts = (start, *results[:-1])
    known_KD = ahead(transitions_KDD, likelihood_D)[1:]
    return normalised(np.array([step_DD[left] for step_DD, left in zip(transitions_KDD, lefts)]) * known_KD)


def normalised(weights_D: Digits) -> Digits:
    """Divide weights by their sum, along the last axis."""
    return weights_D / weights_D.sum(-1, keepdims=True)


def with_steps(transitions_KDD: Digits, lefts: Sequence[int], results: Sequence[int]) -> Digits:
    """Return the transitions of one who was shown a working: most of an entry that it has is what it says.

    Args:
        transitions_KDD: of the chain.
        lefts: the left digit of each shown step.
        results: its result.

    """
    informed_KDD = transitions_KDD.copy()
    for step_DD, left, result in zip(informed_KDD, lefts, results):
        step_DD[left] = (1 - TRUST_IN_STEPS) * step_DD[left] + TRUST_IN_STEPS * np.eye(MODULUS)[result]
    return informed_KDD


def information(answer: int, last: int, ends_D: Digits) -> float:
    """Return log P(answer is shown | last digit) - log P(answer is shown), nats: what sum_t D_t is by Theorem 4.

    >>> round(information(7, 7, np.full(10, 0.1)), 3)  # .91 / .1
    2.208
    """
    likelihood_D = given_answer(answer)
    return float(np.log(likelihood_D[last]) - np.log(likelihood_D @ ends_D))


def informed_gains(start: int, transitions_KDD: Digits, likelihood_D: Digits, results: Sequence[int]) -> Digits:
    """Return D of each result, [steps], of an expert that knows something of the last digit, exactly.

    `D_k = log P(known | result k) - log P(known | left digit k)`; the sum is what `information` gives.

    Args:
        start: the start digit.
        transitions_KDD: the probability of each result from each left digit.
        likelihood_D: of what is known given each last digit.
        results: what the response says.

    """
    known_KD = ahead(transitions_KDD, likelihood_D)
    return np.diff(np.log([known_D[digit] for known_D, digit in zip(known_KD, (start, *results))]))
