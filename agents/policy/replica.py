"""A sampler with a second set of weights in this process: for models that are sharded, or trained while it samples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from agents.episodes import Completion, Prompt
from agents.policy.base import OnCompletion, Sampling
from agents.policy.transformers_policy import TransformersPolicy


class ReplicaSampler:
    """Samples with transformers from a model of its own.

    Args:
        policy: that model, loaded without adapters; nothing else may use it.

    """

    def __init__(self, policy: TransformersPolicy) -> None:
        self.policy = policy
        policy.model.requires_grad_(False)

    def generate(
        self,
        prompts: Sequence[Prompt],
        n: int,
        sampling: Sampling,
        seeds: Sequence[int],
        *,
        limits: Sequence[int] | None = None,
        on_completion: OnCompletion | None = None,
    ) -> list[list[Completion]]:
        """Sample; see `Sampler.generate`."""
        return self.policy.generate(prompts, n, sampling, seeds, limits=limits, on_completion=on_completion)

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
