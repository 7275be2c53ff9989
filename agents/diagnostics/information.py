"""How much a token tells of the reference that the teacher was shown."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from agents.algorithms.contexts import show_answer
from agents.diagnostics.references import hints_from
from agents.episodes import EpisodeBatch, EpisodeGroup
from agents.losses import entropy
from agents.policy.scores import TokenScores
from agents.policy.scoring import score_each

if TYPE_CHECKING:
    from agents.learner.learner import Learner

REFERENCES = 4
"""References at most, the task's own among them."""


def mutual_information(*logp_MV: Tensor, weights_KM: Tensor | None = None) -> Tensor:
    """`H(sum_k w_k P_k) - sum_k w_k H(P_k)` in nats, [M]: between a token and which of K references was shown.

    Args:
        logp_MV: log-probabilities under each of the K references.
        weights_KM: how likely each reference is, given what was said before the token; None: all alike.

    >>> one, other = torch.tensor([[1.0, 1e-9]]).log(), torch.tensor([[1e-9, 1.0]]).log()
    >>> mutual_information(one, other), mutual_information(one, one)  # log 2, and nothing
    (tensor([0.6931]), tensor([0.]))

    """
    logp_KMV, entropy_KM = torch.stack(logp_MV), torch.stack([entropy(one_MV) for one_MV in logp_MV])
    if weights_KM is None:
        return entropy(logp_KMV.logsumexp(0) - math.log(len(logp_MV))) - entropy_KM.mean(0)
    together_MV = (logp_KMV + weights_KM.log()[..., None]).logsumexp(0)
    return entropy(together_MV) - (weights_KM * entropy_KM).sum(0)


@torch.no_grad()
def measure(learner: Learner, batch: EpisodeBatch) -> Mapping[str, float]:
    """Measure over the policy's own responses, under the live weights shown a reference in the words of `show_answer`.

    References are the task's own answer and those of the next groups, of all processes, that differ from it and from
    each other, `REFERENCES` in all; a group with no other is left out.
    """
    sums = torch.zeros(4, dtype=torch.float64)  # information, tokens, responses, log K of the responses
    for group, hints in zip(batch.own.groups, hints_from(batch, learner.world)):
        answers = list(dict.fromkeys(one["answer"] for one in hints))[:REFERENCES]
        # Sharded weights are gathered by all processes together, so all make as many calls.
        scores = [_score(learner, group, answers[k % len(answers)]) for k in range(REFERENCES)][: len(answers)]
        if len(answers) > 1:
            information_M = scores[0].reduce(mutual_information, *scores[1:])
            size = len(group.episodes)
            sums += torch.tensor(
                [float(information_M.double().sum()), len(information_M), size, size * math.log(len(answers))]
            )
    information, tokens, responses, bounds = (sum(part) for part in zip(*learner.world.gather(sums.tolist())))
    if not responses:
        return {}
    return {
        "information_per_token": information / tokens,
        "information_per_response": information / responses,
        "information_log_references": bounds / responses,
    }


def _score(learner: Learner, group: EpisodeGroup, answer: str) -> TokenScores:
    told = dataclasses.replace(group, hints={**group.hints, "answer": answer})
    prompts = [p for i in range(len(group.episodes)) for p in show_answer(told, i).prompts]
    responses = [turn.action.token_ids for episode in group.episodes for turn in episode.turns]
    return score_each(learner.policy.score, prompts, responses, learner.temperature)
