"""Scorers that are other models than the trained one: a folder or hub id, or a server.

Responses are token ids and stay so, so the other model must read them as the trained one does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Protocol

import torch

from agents.episodes import Prompt
from agents.options.model import ModelOptions
from agents.policy.base import Policy
from agents.policy.loading import load_policy
from agents.policy.scores import GivenScores, TokenScores
from rlsd_env.errors import ConfigurationError


class Scoring(Protocol):
    """Scores given responses, whatever its weights."""

    def score(
        self,
        prompts: Sequence[Prompt],
        owners: Sequence[int],
        responses: Sequence[Sequence[int]],
        *,
        temperature: float,
        top_k: int,
    ) -> TokenScores | GivenScores:
        """Score responses as `Policy.score` does, without gradient, and their `top_k` likeliest entries."""
        ...


class Elsewhere(Scoring, Protocol):
    """Scores with weights that stay."""

    @property
    def vocabulary_size(self) -> int | None:
        """Entries of its distributions; None: it does not give whole ones."""
        ...

    def check(self, temperature: float, top_k: int) -> None:
        """Refuse what cannot be had.

        Raises:
            ConfigurationError: logits divided by that temperature, or so many entries, are not to be had.

        """
        ...


def open_scorer(kind: str, place: str, policy: Policy) -> Elsewhere:
    """Return a scorer of kind external or server.

    Raises:
        ConfigurationError: it cannot be loaded or reached, or its tokens are not the policy's.

    """
    if kind == "external":
        return ExternalScorer(place, policy)
    from agents.policy.vllm.server_scorer import VLLMServerScorer

    return VLLMServerScorer(place, policy)


class ExternalScorer:
    """Another model in this process, on the policy's device and in its precision.

    Args:
        place: a bundled model, a checkpoint folder, or a hub id.
        policy: what is trained.

    Raises:
        ConfigurationError: it cannot be loaded, or its tokens are not the policy's.

    """

    def __init__(self, place: str, policy: Policy) -> None:
        device = next(policy.model.parameters()).device.type
        # Tasks are left out for the pictures that the policy does not take; for no others.
        pictures = "stop" if policy.encoder.media.pictures == "stop" else "pad"
        options = ModelOptions(precision=policy.precision, head_dtype=policy.head_dtype, pictures=pictures)
        self.policy = load_policy(place, device, options)
        check_tokenizer(f"external({place})", self.policy.tokenizer, policy.tokenizer)
        if self.policy.vocabulary_size < policy.vocabulary_size and len(policy.tokenizer) > self.policy.vocabulary_size:
            raise ConfigurationError(
                f"scorer external({place}) has {self.policy.vocabulary_size} vocabulary entries and the trained model "
                f"{policy.vocabulary_size}; some of its tokens would have none"
            )

        never = torch.tensor(policy.encoder.vision_ids, dtype=torch.long, device=device)
        self._sayable = (never, min(policy.vocabulary_size, self.policy.vocabulary_size))

    @property
    def vocabulary_size(self) -> int:
        """Entries of its distributions."""
        return self.policy.vocabulary_size

    def score(
        self,
        prompts: Sequence[Prompt],
        owners: Sequence[int],
        responses: Sequence[Sequence[int]],
        *,
        temperature: float,
        top_k: int,
    ) -> TokenScores:
        """Score with the other model; see `Scoring.score`."""
        with torch.no_grad():
            scores = self.policy.score(prompts, owners, responses, temperature=temperature)
        return dataclasses.replace(scores, sayable=self._sayable)

    def check(self, temperature: float, top_k: int) -> None:
        """Refuse nothing."""


def check_tokenizer(name: str, theirs: Any, ours: Any) -> None:
    """Refuse a scorer that reads token ids otherwise than the trained model.

    Raises:
        ConfigurationError: the tokenizers differ; the message names both and the first id that does.

    """
    check_vocabulary(
        name, theirs.get_vocab(), ours.get_vocab(), str(getattr(ours, "name_or_path", "")) or "trained model"
    )


def check_vocabulary(name: str, theirs: dict[str, int], ours: dict[str, int], our_name: str) -> None:
    """Refuse other ids for the same tokens; see `check_tokenizer`."""
    if theirs == ours:
        return
    by_id, mine = ({id: token for token, id in one.items()} for one in (theirs, ours))
    first = next(id for id in sorted({*by_id, *mine}) if by_id.get(id) != mine.get(id))
    raise ConfigurationError(
        f"scorer {name} has another tokenizer than the trained model ({our_name}): {len(theirs)} entries and "
        f"{len(ours)}, and id {first} is {by_id.get(first)!r} there and {mine.get(first)!r} here; distillation needs "
        "the same ids, so take a teacher of the same family"
    )
