"""Does the evidence say what Bayes' rule says it should? (Self-Distilled RLVR, arXiv 2604.03128, Theorem 4.)

`prod_t P_T(y_t) / P_S(y_t) = P(r | x, y) / P(r | x)` of one joint distribution of hints r and responses y; a model has
no such joint, so how far its `sum_t D_t` follows `log P(r | x, y) - log P(r | x)` says how far the reading holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from agents.algorithms.contexts import show_answer
from agents.episodes import Completion, EpisodeBatch, EpisodeGroup, Prompt, StopReason
from agents.policy.scoring import score_each

if TYPE_CHECKING:
    from agents.learner.learner import Learner


def slope_and_correlation(x_N: Tensor, y_N: Tensor) -> tuple[float, float] | None:
    """Return the slope of y over x by least squares and Pearson's correlation; None where one of them is constant.

    >>> slope_and_correlation(torch.tensor([0.0, 1.0, 2.0]), torch.tensor([1.0, 3.0, 5.0]))
    (2.0, 1.0)
    """
    if len(x_N) < 2:
        return None
    x_N, y_N = x_N.double() - x_N.double().mean(), y_N.double() - y_N.double().mean()
    xx, yy, xy = (float((a * b).sum()) for a, b in ((x_N, x_N), (y_N, y_N), (x_N, y_N)))
    return (xy / xx, xy / (xx * yy) ** 0.5) if xx > 1e-12 and yy > 1e-12 else None


@torch.no_grad()
def measure(learner: Learner, batch: EpisodeBatch) -> Mapping[str, float]:
    """Compare, over all of the policy's own responses of a batch, under the live weights.

    D is that of the context of `show_answer`, summed over all turns. r is the text that this context shows,
    `hints["answer"]`, tokenised by itself; it is scored right behind the last action, without its stop token, and right
    behind the first prompt, in both cases as words of the student.
    """
    pairs = [pair for group in batch.own.groups for pair in _pairs(learner, group)]
    everyone = torch.tensor([pair for part in learner.world.gather(pairs) for pair in part], dtype=torch.float64)
    found = slope_and_correlation(*everyone.T)
    return {} if found is None else dict(zip(("bayes_slope", "bayes_correlation"), found))


def _pairs(learner: Learner, group: EpisodeGroup) -> list[tuple[float, float]]:
    """Return `log P(r | x, y) - log P(r | x)` and `sum_t D_t` of each episode of a group."""
    episodes = group.episodes
    turns = [(i, t) for i, episode in enumerate(episodes) for t in range(len(episode.turns))]
    said = [episodes[i].turns[t].action.token_ids for i, t in turns]
    shown = [show_answer(group, i) for i in range(len(episodes))]
    own = _totals(learner, [episodes[i].turns[t].prompt for i, t in turns], said)
    informed = _totals(learner, [shown[i].prompts[t] for i, t in turns], said)
    gains = [sum(q - s for (of, _), q, s in zip(turns, informed, own) if of == i) for i in range(len(episodes))]
    ids = tuple(learner.policy.tokenizer(group.hints["answer"], add_special_tokens=False)["input_ids"])
    spoken = [_without_stop(episode.turns[-1].action) for episode in episodes]
    after = _totals(learner, [e.turns[-1].prompt for e in episodes], [(*one, *ids) for one in spoken], last=len(ids))
    before = _totals(learner, [e.turns[0].prompt for e in episodes], [ids] * len(episodes))
    return [(late - early, gain) for late, early, gain in zip(after, before, gains)]


def _without_stop(action: Completion) -> tuple[int, ...]:
    return action.token_ids[:-1] if action.stop_reason is StopReason.STOP else action.token_ids


def _totals(
    learner: Learner, prompts: Sequence[Prompt], responses: Sequence[Sequence[int]], last: int | None = None
) -> list[float]:
    """Return the log-probability of each response, or of its `last` tokens."""
    logp_NT = score_each(learner.policy.score, prompts, responses, learner.temperature).logp_NT.double()
    starts = [0 if last is None else len(ids) - last for ids in responses]
    return [float(row[start : len(ids)].sum()) for row, start, ids in zip(logp_NT, starts, responses)]
