"""A policy that runs no response twice under the same prompt: for looking at many methods on the same rollouts."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence

import torch
from torch import Tensor

from agents.episodes import Prompt
from agents.policy.scores import TokenScores, score_tokens
from agents.policy.transformers_policy import TransformersPolicy

AT_ONCE = 128
"""Responses that are run at once."""


class RememberingPolicy(TransformersPolicy):
    """Keeps the states that tokens are predicted from, by prompt and response, as long as its weights stay.

    Only the head is trained, so that a learner can ask it for gradients without running the rest again. All teachers
    that are copies of it are it, before a first update.
    """

    def __init__(self, policy: TransformersPolicy) -> None:
        super().__init__(policy.model, policy.processor)
        policy.model.requires_grad_(False)
        policy.model.lm_head.weight.requires_grad_(True)
        self._states: dict[Hashable, dict[tuple[int, ...], Tensor]] = {}
        self._prompts: dict[Hashable, Prompt] = {}  # a key has ids of pictures, which must stay alive with it
        self.runs = 0
        """Responses that have been run."""

    def score(
        self,
        prompts: Sequence[Prompt],
        owners: Sequence[int],
        responses: Sequence[Sequence[int]],
        *,
        temperature: float = 1.0,
    ) -> TokenScores:
        """Score responses, running those that are new; see `Policy.score`."""
        asked = [(prompts[owner], tuple(ids)) for owner, ids in zip(owners, responses)]
        new = {(p.key, ids): (p, ids) for p, ids in asked if ids not in self._states.get(p.key, {})}
        pairs = list(new.values())
        for start in range(0, len(pairs), AT_ONCE):
            self._run(pairs[start : start + AT_ONCE])
        device = self.model.device
        lengths = torch.tensor([len(ids) for _, ids in asked], device=device)
        mask_NT = torch.arange(int(lengths.max()), device=device) < lengths[:, None]
        ids_M = torch.tensor([token for _, ids in asked for token in ids], device=device)
        hidden_MH = torch.cat([self._states[prompt.key][ids] for prompt, ids in asked])
        return score_tokens(mask_NT, ids_M, hidden_MH, self.head(temperature))

    @torch.no_grad()
    def _run(self, pairs: Sequence[tuple[Prompt, tuple[int, ...]]]) -> None:
        """Run responses and keep their states."""
        prompts = list({prompt.key: prompt for prompt, _ in pairs}.values())
        places = {prompt.key: place for place, prompt in enumerate(prompts)}
        scores = super().score(prompts, [places[prompt.key] for prompt, _ in pairs], [ids for _, ids in pairs])
        states = scores.hidden_MH.split([len(ids) for _, ids in pairs])
        for (prompt, ids), state_TH in zip(pairs, states):
            self._prompts[prompt.key] = prompt
            self._states.setdefault(prompt.key, {})[ids] = state_TH
        self.runs += len(pairs)

    def forget(self, but: Collection[Prompt]) -> None:
        """Let go of what was kept under other prompts than some."""
        keys = {prompt.key for prompt in but}
        for kept in (self._states, self._prompts):
            for key in kept.keys() - keys:
                del kept[key]
