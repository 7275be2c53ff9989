"""How well blame finds the steps that were wrong: pure functions of numbers per token and of where the steps stand.

A response has T tokens and K steps (`agents.lab.steps.Steps`), of each of which it is known whether its result is wrong
for its own operands. `x_t` is what a method says of a token, larger where it supports it: its credit, or the evidence
that this was made from. The token's blame is `b_t = max(0, -x_t)`. `r_k` is the token of the result of step k, `f` the
first wrong step.

- share: `sum_{t in P} b_t / sum_t b_t` of a response, P being the tokens of step f, its result's token, those of all
  wrong steps, those of the last step, or those behind the last result (where the answer is). The mean is over responses
  with some blame and a wrong step. By chance it is `|P| / T`.
- most blamed: of the results, the one with the lowest `x_{r_k}` is that of step f, of the last step, or of neither.
  Results that share the lowest value share the response. By chance it is 1 / K.
- detection: the probability that a wrong step has a lower `x_{r_k}` than a right one, over the steps of all responses
  together; half of equal ones. By chance it is 1/2.
- prediction: the probability that a right response has a higher `sum_t x_t` than a wrong one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.lab.steps import Steps
from agents.report.statistics import Interval

Numbers = NDArray[np.float64]
PLACES = ("first_wrong_step", "first_wrong_result", "wrong_steps", "last_step", "behind")


class Measured(NamedTuple):
    """A number of a response, or of a step: the group that it is from, and the number."""

    group: int
    value: float


@dataclass(frozen=True, eq=False)
class Judged:
    """A response, where its steps are and what a method says of its tokens.

    Attributes:
        group: number of its group.
        right: the verifier's word.
        steps: where its steps are.
        says: x, a number per token.

    """

    group: int
    right: bool
    steps: Steps
    says: Numbers


def places(steps: Steps) -> dict[str, NDArray[np.bool_]]:
    """Tell of each place of `PLACES` which tokens are there; the response must have a wrong step."""
    first = steps.first_wrong
    assert first is not None
    of_T, number_T = np.array(steps.of_token), np.arange(len(steps.of_token))
    wrong = [k for k, right in enumerate(steps.right) if not right]
    found = (
        of_T == first,
        number_T == steps.results[first],
        np.isin(of_T, wrong),
        of_T == steps.last,
        number_T >= steps.after,
    )
    return dict(zip(PLACES, found))


def shares(steps: Steps, says: Numbers) -> dict[str, float] | None:
    """Return the share of a response's blame by place; None: it has no blame or no wrong step.

    >>> steps = Steps((0, 0, -1, 1), (1, 3), (False, True))
    >>> shares(steps, np.array([-1.0, -3.0, 2.0, -4.0]))["first_wrong_step"]  # (1 + 3) / 8
    0.5
    """
    blame_T = np.maximum(0.0, -says)
    if steps.first_wrong is None or not blame_T.sum() > 0:
        return None
    return {name: float(blame_T[here_T].sum() / blame_T.sum()) for name, here_T in places(steps).items()}


def most_blamed(steps: Steps, says: Numbers) -> dict[str, float] | None:
    """Tell whether the most blamed result is the first wrong step's, the last one's or neither's; None: no wrong step.

    The first two are one step where that is so, and both count.

    >>> steps = Steps((0, 1, 2), (0, 1, 2), (True, False, True))
    >>> most_blamed(steps, np.array([0.0, -2.0, -2.0]))  # two of the same
    {'first_wrong': 0.5, 'last': 0.5, 'neither': 0.0}
    """
    if steps.first_wrong is None:
        return None
    results_K = says[list(steps.results)]
    lowest = np.flatnonzero(results_K == results_K.min())
    named = {"first_wrong": {steps.first_wrong}, "last": {steps.last}}
    named["neither"] = set(range(len(results_K))) - {steps.first_wrong, steps.last}
    return {name: float(np.isin(lowest, list(which)).mean()) for name, which in named.items()}


def step_scores(one: Judged, *, last: bool) -> tuple[list[Measured], list[Measured]]:
    """Return `-x` at the results of a response's wrong steps and of its right ones.

    Args:
        one: the response.
        last: whether its last step counts.

    """
    scores: dict[bool, list[Measured]] = {True: [], False: []}
    for k, (token, right) in enumerate(zip(one.steps.results, one.steps.right)):
        if last or k != one.steps.last:
            scores[right].append(Measured(one.group, -float(one.says[token])))
    return scores[False], scores[True]


class Bootstrap:
    """Intervals of 95 % from groups drawn again with replacement; the same draws for every number.

    Args:
        groups: how many there are.
        draws: how often they are drawn.
        seed: of the draws.

    """

    def __init__(self, groups: int, draws: int = 1000, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.groups = groups
        self.times_RB = rng.multinomial(groups, np.full(groups, 1 / groups), size=draws).astype(np.float64)

    def mean(self, values: Iterable[Measured]) -> Interval:
        """Return the mean of numbers of responses."""
        sums_B, counts_B = np.zeros(self.groups), np.zeros(self.groups)
        for group, value in values:
            sums_B[group] += value
            counts_B[group] += 1
        return _interval(_ratio(sums_B.sum(), counts_B.sum()), _ratio(self.times_RB @ sums_B, self.times_RB @ counts_B))

    def above(self, ones: Sequence[Measured], others: Sequence[Measured]) -> Interval:
        """Return the probability that one is above one of the others, ties counting half: an area under the curve."""
        one_I, other_J = (np.array([value for _, value in measured]) for measured in (ones, others))
        one_IB, other_JB = (self._membership([group for group, _ in measured]) for measured in (ones, others))
        difference_IJ = one_I[:, None] - other_J
        wins_BB = one_IB.T @ ((difference_IJ > 0) + 0.5 * (difference_IJ == 0)) @ other_JB
        drawn = ((self.times_RB @ wins_BB) * self.times_RB).sum(1)
        pairs = (self.times_RB @ one_IB.sum(0)) * (self.times_RB @ other_JB.sum(0))
        return _interval(_ratio(wins_BB.sum(), float(len(one_I) * len(other_J))), _ratio(drawn, pairs))

    def _membership(self, groups: Sequence[int]) -> Numbers:
        member_IB = np.zeros((len(groups), self.groups))
        member_IB[np.arange(len(groups)), groups] = 1
        return member_IB


def _ratio(sums: Numbers | float, counts: Numbers | float) -> Numbers:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.divide(sums, counts), dtype=np.float64)


def _interval(value: Numbers, drawn_R: Numbers) -> Interval:
    drawn_R = drawn_R[np.isfinite(drawn_R)]
    if not np.isfinite(value) or not len(drawn_R):
        return Interval(math.nan, math.nan, math.nan)
    return Interval(float(value), *(float(edge) for edge in np.quantile(drawn_R, (0.025, 0.975))))


@dataclass(frozen=True)
class Blame:
    """What became of the blame of wrong responses.

    Attributes:
        responses: how many with a wrong step there are.
        figures: by name; those that end in `_chance` are what they would be by chance.

    """

    responses: int
    figures: dict[str, Interval]


def measure_blame(judged: Sequence[Judged], bootstrap: Bootstrap) -> Blame:
    """Measure what a method says of wrong responses; those that state no wrong step are left out.

    Args:
        judged: wrong responses.
        bootstrap: of their groups.

    """
    judged = [one for one in judged if one.steps.first_wrong is not None]
    figures: dict[str, Interval] = {}
    blamed = [(one, found) for one in judged if (found := shares(one.steps, one.says)) is not None]
    for name in PLACES:
        figures[f"share_{name}"] = bootstrap.mean(Measured(one.group, found[name]) for one, found in blamed)
        chance = [Measured(one.group, float(places(one.steps)[name].mean())) for one, _ in blamed]
        figures[f"share_{name}_chance"] = bootstrap.mean(chance)
    earlier = [one for one in judged if one.steps.first_wrong != one.steps.last]
    for suffix, ones in (("", judged), ("_earlier", earlier)):
        most = [(one.group, most_blamed(one.steps, one.says) or {}) for one in ones]
        for name in ("first_wrong", "last", "neither"):
            figures[f"most_{name}{suffix}"] = bootstrap.mean(Measured(group, found[name]) for group, found in most)
        chance = [Measured(one.group, 1 / len(one.steps.results)) for one in ones]
        figures[f"most_first_wrong{suffix}_chance"] = bootstrap.mean(chance)
    for name, last in (("auc_steps", True), ("auc_steps_not_last", False)):
        scores = [step_scores(one, last=last) for one in judged]
        wrong = [score for bad, _ in scores for score in bad]
        right = [score for _, good in scores for score in good]
        figures[name] = bootstrap.above(wrong, right)
    return Blame(len(judged), figures)


def prediction(judged: Sequence[Judged], bootstrap: Bootstrap) -> Interval:
    """Return how well the sum of what is said of a response's tokens tells right responses from wrong ones."""
    sums: dict[bool, list[Measured]] = {True: [], False: []}
    for one in judged:
        sums[one.right].append(Measured(one.group, float(one.says.sum())))
    return bootstrap.above(sums[True], sums[False])
