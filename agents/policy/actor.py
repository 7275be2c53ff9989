"""A policy together with what samples for it: itself, vLLM, or a copy of the model."""

from __future__ import annotations

from types import TracebackType
from typing import Self, cast

from agents.episodes import Completion
from agents.policy.base import Engine, OnCompletion, Policy, Request, Sampler


class Actor:
    """Samples with the weights that a policy has now.

    An engine gets the weights before it samples for the first time after they have changed, so updates that are not
    followed by a rollout cost nothing. At the end of a `with` block it is closed.

    Args:
        policy: what is trained.
        engine: what samples; None: the policy itself.
        current: whether the engine has the policy's weights of now already.

    Raises:
        TypeError: there is no engine, and the policy does not sample.

    """

    def __init__(self, policy: Policy, engine: Engine | None = None, *, current: bool = False) -> None:
        if engine is None and not hasattr(policy, "generate"):
            raise TypeError(f"the policy, a {type(policy).__name__}, has no method generate; give an engine")
        self.policy = policy
        self.engine = engine
        self._sampler = cast(Sampler, policy) if engine is None else engine
        self._version = policy.weights_version if current else None

    def synchronise(self) -> None:
        """Hand the weights to the engine, where they have changed."""
        if self.engine is not None and self._version != self.policy.weights_version:
            self.engine.load_weights(self.policy.weights())
            self._version = self.policy.weights_version

    def generate(self, request: Request, on_completion: OnCompletion | None = None) -> list[list[Completion]]:
        """Sample with the latest weights; see `Sampler.generate`."""
        self.synchronise()
        return self._sampler.generate(request, on_completion)

    def close(self) -> None:
        """Close the engine."""
        if self.engine is not None:
            self.engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
