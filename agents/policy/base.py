"""The policy interface: token ids in, token ids out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn

from agents.episodes import Completion, Prompt, StopReason
from agents.policy.inputs import PromptEncoder
from agents.policy.scores import TokenScores


@dataclass(frozen=True)
class Sampling:
    """How completions are sampled.

    There is no top-p or top-k: a truncated distribution biases the importance ratios of training.
    """

    temperature: float = 1.0
    """Divides the logits, in sampling and in scoring alike; 0 is greedy (scored at temperature 1)."""
    max_tokens: int = 64
    """Completions are cut after this many tokens."""

    def __post_init__(self) -> None:
        if self.temperature < 0:
            raise ValueError(f"temperature is {self.temperature}; it must be 0 (greedy) or more")
        if self.max_tokens < 1:
            raise ValueError(f"max_tokens is {self.max_tokens}; it must be 1 or more")


def completion_limits(
    prompts: Sequence[Prompt], n: int, sampling: Sampling, seeds: Sequence[int], limits: Sequence[int] | None
) -> Sequence[int]:
    """Return the most tokens of each completion that `Sampler.generate` is asked for.

    Raises:
        ValueError: seeds or limits are not one per completion, or a limit is out of range.

    """
    rows = len(prompts) * n
    if len(seeds) != rows:
        raise ValueError(f"{len(seeds)} seeds for {len(prompts)} prompts x {n}; give one per completion")
    limits = [sampling.max_tokens] * rows if limits is None else limits
    if len(limits) != rows or not all(1 <= limit <= sampling.max_tokens for limit in limits):
        raise ValueError(f"limits {list(limits)}: one per completion, each 1 to {sampling.max_tokens} tokens")
    return limits


def make_completion(
    tokenizer: Any, stop_ids: Collection[int], ids: Sequence[int], logprobs: Sequence[float]
) -> Completion:
    """Make a completion of sampled ids; its text leaves out the stop token."""
    stopped = ids[-1] in stop_ids
    text = tokenizer.decode(ids[:-1] if stopped else ids, skip_special_tokens=False)
    reason = StopReason.STOP if stopped else StopReason.LENGTH
    return Completion(tuple(ids), tuple(logprobs), text, reason)


OnCompletion = Callable[[int, Completion], None]
"""Is told of each completion as soon as it has ended, with its number: prompt by prompt, `n` of each."""


class Sampler(Protocol):
    """What samples completions with weights of its own, which follow the trained ones."""

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
        """Sample `n` completions of each prompt.

        Args:
            prompts: the prompts.
            n: completions of each.
            sampling: how.
            seeds: one per completion, prompt by prompt; a completion depends on its own seed and prompt
                only, not on what else is in the call.
            limits: the most tokens of each completion, 1 to `sampling.max_tokens`; None: that many for all.
            on_completion: is told of each completion when it ends, so that grading need not wait for the last.

        """
        ...

    def load_weights(self, weights: Iterable[tuple[str, Tensor]]) -> None:
        """Take over weights: (name as in a checkpoint of the model, value) pairs, adapters merged."""
        ...

    def close(self) -> None:
        """Give back what the sampler holds: memory, processes, connections."""
        ...


class Policy(Protocol):
    """A model that samples completions and scores given ones."""

    @property
    def model(self) -> nn.Module:
        """The weights that are trained."""
        ...

    @property
    def encoder(self) -> PromptEncoder:
        """What turns prompts into token ids and the model's inputs."""
        ...

    @property
    def tokenizer(self) -> Any:
        """What turns token ids into text."""
        ...

    @property
    def precision(self) -> str:
        """float32 or bfloat16."""
        ...

    @property
    def vocabulary_size(self) -> int:
        """The number of token ids."""
        ...

    @property
    def packs(self) -> bool:
        """Whether responses are scored without padding, each prompt once."""
        ...

    def count_tokens(self, prompt: Prompt) -> int:
        """Count the tokens that a prompt is run as, those of its pictures included."""
        ...

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
        """Sample `n` completions of each prompt; see `Sampler.generate`."""
        ...

    def weights(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the weights as a checkpoint of the model has them, adapters merged: (name, value)."""
        ...

    def save(self, folder: Path) -> None:
        """Write the trained model so that it can be loaded."""
        ...

    def weights_changed(self) -> None:
        """Be told that the weights have changed: what was computed from them is forgotten, samplers follow."""
        ...

    def score(
        self,
        prompts: Sequence[Prompt],
        owners: Sequence[int],
        responses: Sequence[Sequence[int]],
        *,
        temperature: float = 1.0,
    ) -> TokenScores:
        """Score responses against prompts that several of them may share.

        Args:
            prompts: P distinct prompts, each run once.
            owners: for each of the N responses the number of its prompt.
            responses: token ids, not empty.
            temperature: divides the logits.

        """
        ...
