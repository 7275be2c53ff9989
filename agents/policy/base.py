"""The interfaces of policies and samplers: token ids in, token ids out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from torch import Tensor, nn

from agents.episodes import Completion, Prompt, StopReason
from agents.policy.scores import TokenScores

if TYPE_CHECKING:  # transformers, which takes seconds
    from agents.policy.inputs import PromptEncoder


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


@dataclass(frozen=True, eq=False)
class Request:
    """What a sampler is asked for: `n` completions of each prompt, numbered prompt by prompt.

    Attributes:
        prompts: the prompts.
        n: completions of each.
        sampling: how.
        seeds: one per completion, which depends on its own seed and prompt only, not on what else is asked for.
        limits: the most tokens of each completion, 1 to `sampling.max_tokens`; None: that many for all.

    Raises:
        ValueError: n is below 1, seeds or limits are not one per completion, or a limit is out of range.

    """

    prompts: Sequence[Prompt]
    n: int
    sampling: Sampling
    seeds: Sequence[int]
    limits: Sequence[int] | None = None

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ValueError(f"n is {self.n}; it must be 1 completion of each prompt or more")
        if len(self.seeds) != self.count:
            raise ValueError(
                f"{len(self.seeds)} seeds for {len(self.prompts)} prompts x {self.n}; give one per completion"
            )
        if self.limits is None:
            return
        most = self.sampling.max_tokens
        if len(self.limits) != self.count or not all(1 <= limit <= most for limit in self.limits):
            raise ValueError(f"limits {list(self.limits)}: one per completion, each 1 to {most} tokens")

    @property
    def count(self) -> int:
        """How many completions are asked for."""
        return len(self.prompts) * self.n

    def limit(self, number: int) -> int:
        """Return the most tokens of a completion."""
        return self.sampling.max_tokens if self.limits is None else self.limits[number]

    def numbers(self, place: int) -> range:
        """Return the numbers of the completions of the prompt at a place."""
        return range(place * self.n, (place + 1) * self.n)

    def prompt(self, number: int) -> Prompt:
        """Return the prompt of a completion."""
        return self.prompts[number // self.n]

    def groups(self, completions: Mapping[int, Completion]) -> list[list[Completion]]:
        """Return completions, given by number, in lists of those of one prompt."""
        return [[completions[number] for number in self.numbers(i)] for i in range(len(self.prompts))]


def make_completion(
    tokenizer: Any, stop_ids: Collection[int], ids: Sequence[int], logprobs: Sequence[float]
) -> Completion:
    """Make a completion of sampled ids; its text leaves out the stop token."""
    stopped = ids[-1] in stop_ids
    text = tokenizer.decode(ids[:-1] if stopped else ids, skip_special_tokens=False)
    reason = StopReason.STOP if stopped else StopReason.LENGTH
    return Completion(tuple(ids), tuple(logprobs), text, reason)


OnCompletion = Callable[[int, Completion], None]
"""Is told of each completion as soon as it has ended, with its number in the request."""
OnToken = Callable[[int, int], None]
"""Is told of each token id as soon as it has been sampled, with the number of its completion in the request."""


class Sampler(Protocol):
    """What samples completions."""

    def generate(self, request: Request, on_completion: OnCompletion | None = None) -> list[list[Completion]]:
        """Sample what is asked for, and return the completions of each prompt.

        Args:
            request: what.
            on_completion: is told of each completion when it ends, so that grading need not wait for the last.

        """
        ...


class Engine(Sampler, Protocol):
    """A sampler with weights of its own, which follow the trained ones; see `agents.policy.actor.Actor`."""

    def load_weights(self, weights: Iterable[tuple[str, Tensor]]) -> None:
        """Take over weights: (name as in a checkpoint of the model, value) pairs, adapters merged."""
        ...

    def close(self) -> None:
        """Give back what the engine holds: memory, processes, connections."""
        ...


class Policy(Protocol):
    """A model that is trained and scores completions; where it is a `Sampler` too, it needs no engine."""

    @property
    def model(self) -> nn.Module:
        """The weights that are trained."""
        ...

    @property
    def weights_version(self) -> int:
        """How often the weights have changed: engines that have those of another number are behind."""
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
    def head_dtype(self) -> str:
        """What logits are computed in: float32, or model, the precision."""
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

    def weights(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the weights as a checkpoint of the model has them, adapters merged: (name, value)."""
        ...

    def save(self, folder: Path) -> None:
        """Write the trained model so that it can be loaded."""
        ...

    def weights_changed(self) -> None:
        """Be told that the weights have changed, and count it in `weights_version`."""
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
