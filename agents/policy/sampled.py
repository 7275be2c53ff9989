"""A policy whose completions come from another engine: vLLM, or a copy of the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from agents.episodes import Completion, Prompt
from agents.policy.base import OnCompletion, Policy, Sampler, Sampling
from agents.policy.inputs import PromptEncoder
from agents.policy.scores import TokenScores


class SampledPolicy:
    """Scores and is trained as a policy, samples through a sampler.

    The sampler gets the weights before it samples for the first time after they have changed, so updates that are
    not followed by a rollout cost nothing.

    Args:
        policy: what is trained.
        sampler: what samples. It has the policy's weights of now already where `current` is true.
        current: see `sampler`.

    """

    def __init__(self, policy: Policy, sampler: Sampler, *, current: bool = False) -> None:
        self.policy = policy
        self.sampler = sampler
        self._current = current

    @property
    def model(self) -> nn.Module:
        """The weights that are trained."""
        return self.policy.model

    @property
    def encoder(self) -> PromptEncoder:
        """What turns prompts into token ids and the model's inputs."""
        return self.policy.encoder

    @property
    def tokenizer(self) -> Any:
        """What turns token ids into text."""
        return self.policy.tokenizer

    @property
    def precision(self) -> str:
        """float32 or bfloat16."""
        return self.policy.precision

    @property
    def vocabulary_size(self) -> int:
        """The number of token ids."""
        return self.policy.vocabulary_size

    @property
    def packs(self) -> bool:
        """Whether responses are scored without padding."""
        return self.policy.packs

    def count_tokens(self, prompt: Prompt) -> int:
        """Count the tokens that a prompt is run as."""
        return self.policy.count_tokens(prompt)

    def weights(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the weights as a checkpoint of the model has them."""
        return self.policy.weights()

    def weights_changed(self) -> None:
        """Have the sampler follow before it samples again."""
        self._current = False
        self.policy.weights_changed()

    def synchronise(self) -> None:
        """Hand the weights to the sampler, where they have changed."""
        if not self._current:
            self.sampler.load_weights(self.policy.weights())
            self._current = True

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
        """Sample with the latest weights; see `Sampler.generate`."""
        self.synchronise()
        return self.sampler.generate(prompts, n, sampling, seeds, limits=limits, on_completion=on_completion)

    def score(
        self, prompts: Sequence[Prompt], owners: Sequence[int], responses: Sequence[Sequence[int]], **options: Any
    ) -> TokenScores:
        """Score responses with the trained weights; see `Policy.score`."""
        return self.policy.score(prompts, owners, responses, **options)

    def save(self, folder: Path) -> None:
        """Write the trained model."""
        self.policy.save(folder)

    def close(self) -> None:
        """Close the sampler."""
        self.sampler.close()
