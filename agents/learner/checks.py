"""Guard rails: what is checked of contexts and of distillation losses on the data that they are used on.

Published code has had each of these faults: a teacher that sees no picture, a template that drops the hint, a
distillation loss whose gradient does not depend on the teacher.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from agents.algorithms import Shown
from agents.episodes import Episode, EpisodeBatch, Prompt
from agents.policy.inputs import PromptEncoder
from agents.policy.scores import TopK
from rlsd_env.errors import ConfigurationError
from verifiers import Status, Verdict

TOKENS = 8
"""Tokens that a loss's gradient is compared on."""


def check_shown(name: str, shown: Shown, episode: Episode, task_id: str) -> None:
    """Refuse a context that is not a way of reading this very episode.

    Args:
        name: the context's.
        shown: what it shows.
        episode: the episode.
        task_id: its task's.

    Raises:
        ConfigurationError: there is not one prompt per turn, a turn's pictures are missing, or its earlier answers are
            others.

    """
    if len(shown.prompts) != len(episode.turns):
        raise ConfigurationError(
            f"context {name!r} shows {len(shown.prompts)} prompts for an episode of {len(episode.turns)} turns of "
            f"task {task_id!r}; it must be one per turn"
        )
    for number, (prompt, turn) in enumerate(zip(shown.prompts, episode.turns)):
        for kind in ("images", "videos"):
            if getattr(turn.prompt, kind) and not getattr(prompt, kind):
                raise ConfigurationError(
                    f"context {name!r} shows no {kind} in turn {number} of task {task_id!r}, whose student sees some; "
                    "a scorer must see what the response is about: keep them, or show degraded ones of the same size"
                )
        if _answers(prompt) != _answers(turn.prompt):
            raise ConfigurationError(
                f"context {name!r} has other earlier answers in turn {number} of task {task_id!r} than the student "
                "gave; keep its assistant messages as they are"
            )


def _answers(prompt: Prompt) -> list[object]:
    said = (message for message in prompt.messages if message["role"] == "assistant")
    return [message.get("token_ids", message["content"]) for message in said]


def check_rendered(name: str, prompt: Prompt, encoder: PromptEncoder) -> None:
    """Refuse a chat template that does not write all that a context's messages say.

    Raises:
        ConfigurationError: a text of the messages is not in the tokens that the model reads.

    """
    read = "".join(encoder.tokenizer.decode(encoder.token_ids(prompt)).split())
    for message in prompt.messages:
        content = message["content"]
        if message.get("token_ids") is not None:
            continue
        for text in [content] if isinstance(content, str) else [p["text"] for p in content if p["type"] == "text"]:
            if "".join(encoder.tokenizer.decode(encoder.text_ids(text)).split()) not in read:
                raise ConfigurationError(
                    f"the chat template leaves out what context {name!r} shows ({message['role']}: {text[:80]!r} ..); "
                    "use a template that writes every message whole"
                )


def check_depends(
    algorithm: str, auxiliary: Callable[..., Tensor], student_MV: Tensor, others: Mapping[str, Any]
) -> bool:
    """Refuse a distillation loss whose gradient is the same whatever the scorers say.

    Args:
        algorithm: its name.
        auxiliary: from student log-probabilities and `others` to a loss per token.
        student_MV: student log-probabilities, some tokens are enough.
        others: what scorers say of the same tokens, by context.

    Returns:
        Whether these tokens could tell: false where the loss has no gradient on any of them.

    Raises:
        ConfigurationError: there is a gradient and it does not depend on any scorer.

    """
    here = _gradient(auxiliary, student_MV, others)
    if not here.abs().max() > 0:
        return False
    shifted = {name: _shifted(scores, student_MV.shape[-1]) for name, scores in others.items()}
    if torch.equal(here, _gradient(auxiliary, student_MV, shifted)):
        raise ConfigurationError(
            f"the gradient of {algorithm}'s auxiliary loss does not depend on what its scorers say; a mean of "
            "`Q - S` with Q detached is such a loss: use a divergence, or `credit` with D as the token advantage"
        )
    return True


def _shifted(scores: Any, entries: int) -> Any:
    """Give each entry the probability of another one; of some entries other probabilities to others."""
    if isinstance(scores, TopK):
        fall_K = 1.0 + torch.arange(scores.logp_MK.shape[-1], device=scores.logp_MK.device)
        return TopK((scores.ids_MK + max(1, entries // 2)) % entries, scores.logp_MK - fall_K)
    return scores.roll(1, dims=-1)


def _gradient(auxiliary: Callable[..., Tensor], student_MV: Tensor, others: Mapping[str, Any]) -> Tensor:
    with torch.enable_grad():
        leaf_MV = student_MV.detach().clone().requires_grad_()
        loss = auxiliary(leaf_MV, others).sum()
        return torch.autograd.grad(loss, leaf_MV)[0] if loss.requires_grad else torch.zeros_like(leaf_MV)


def without_unscorable(batch: EpisodeBatch, policy: object) -> tuple[EpisodeBatch, int]:
    """Leave out episodes whose actions hold a token that the policy never says, as if their verifier had failed.

    A vision placeholder in a response has no log-probability. This model's samples have none; those of another sampler
    or of old data may.

    Args:
        batch: the episodes.
        policy: what will score them; one without `never_ids` says everything.

    Returns:
        The batch, the same one where there is no such episode, and how many were left out.

    """
    never = frozenset(getattr(policy, "never_ids", torch.empty(0)).tolist())
    found = {
        id(episode)
        for _, _, episode in batch
        if episode.valid and any(not never.isdisjoint(turn.action.token_ids) for turn in episode.turns)
    }
    if not found:
        return batch, 0
    groups = tuple(
        dataclasses.replace(
            group, episodes=tuple(_unjudged(one) if id(one) in found else one for one in group.episodes)
        )
        for group in batch.groups
    )
    return dataclasses.replace(batch, groups=groups), len(found)


def _unjudged(episode: Episode) -> Episode:
    verdict = Verdict(0.0, False, None, Status.ERROR, "the response holds a vision token, which has no log-probability")
    return dataclasses.replace(episode, verdict=verdict)
