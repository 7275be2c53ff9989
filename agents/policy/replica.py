"""A sampler with a second set of weights in this process: for models that are sharded, or trained while it samples."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from agents.episodes import Completion
from agents.options.commands import TrainingOptions
from agents.options.model import ModelOptions
from agents.policy.actor import Actor
from agents.policy.base import OnCompletion, Request
from agents.policy.loading import load_policy
from agents.policy.transformers_policy import TransformersPolicy


class ReplicaSampler:
    """Samples with transformers from a model of its own.

    Args:
        policy: that model, loaded without adapters; nothing else may use it.
        frozen_vision: whether the vision tower never gets other weights, so that what it makes of pictures is kept.

    """

    def __init__(self, policy: TransformersPolicy, *, frozen_vision: bool = False) -> None:
        self.policy = policy
        policy.model.requires_grad_(False)
        policy.encoder.kept.frozen = frozen_vision

    def generate(self, request: Request, on_completion: OnCompletion | None = None) -> list[list[Completion]]:
        """Sample; see `Sampler.generate`."""
        return self.policy.generate(request, on_completion)

    @torch.no_grad()
    def load_weights(self, weights: Iterable[tuple[str, Tensor]]) -> None:
        """Copy weights, from whatever device and in whatever precision they come.

        Raises:
            KeyError: the model has no weight of that name.

        """
        model = self.policy.model
        own = dict(model.named_parameters(remove_duplicate=False)) | dict(model.named_buffers())
        for name, value in weights:
            own[name].copy_(value)
        self.policy.weights_changed()

    def close(self) -> None:
        """Do nothing: the weights go with the object."""


def with_replica(policy: TransformersPolicy, options: TrainingOptions) -> Actor:
    """Let a policy be sampled by a model of its own, loaded from where the policy was; its weights are not yet trained.

    Pictures are made into patches once for both.
    """
    own = ModelOptions(precision=options.precision, head_dtype=options.head_dtype)
    replica = load_policy(options.policy, options.device, own)
    replica.encoder.media = policy.encoder.media
    engine = ReplicaSampler(replica, frozen_vision=policy.encoder.kept.frozen)
    return Actor(policy, engine, current=True)
