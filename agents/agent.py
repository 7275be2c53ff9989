"""An agent: an actor, an algorithm and a learner behind `act` and `update`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agents.algorithms import Algorithm
from agents.algorithms import make as make_algorithm
from agents.distributed import World
from agents.episodes import Completion, EpisodeBatch, Prompt
from agents.learner.learner import Learner, LearnerConfig
from agents.messages import first_prompt
from agents.policy.actor import Actor
from agents.policy.base import Engine, Policy, Request, Sampling


class Agent:
    """Acts in environments and learns from episodes; the one interface that all methods share.

    Args:
        actor: what acts; its policy is trained.
        algorithm: the method.
        config: the learner's side.
        sampling: how it acts.
        world: the processes that train together; None: this one alone.

    """

    def __init__(
        self,
        actor: Actor,
        algorithm: Algorithm,
        config: LearnerConfig,
        sampling: Sampling,
        world: World | None = None,
    ) -> None:
        self.actor = actor
        self.algorithm = algorithm
        self.sampling = sampling
        self.learner = Learner(actor.policy, algorithm, config, temperature=sampling.temperature, world=world)

    def act(self, observations: Sequence[Mapping[str, Any] | Prompt], seeds: Sequence[int]) -> list[Completion]:
        """Sample one completion for each observation, each from its own seed.

        Args:
            observations: first observations of a `ReasoningEnv`; in later turns prompts, which hold the
                conversation: `agents.next_prompt(prompt, completion, observation)`, the first one from
                `agents.first_prompt(observation)`.
            seeds: one per observation.

        """
        prompts = [seen if isinstance(seen, Prompt) else first_prompt(seen) for seen in observations]
        return [completion for (completion,) in self.actor.generate(Request(prompts, 1, self.sampling, seeds))]

    def update(self, batch: EpisodeBatch) -> dict[str, float]:
        """Learn from a batch of episodes and return metrics."""
        return self.learner.update(batch)

    def state_dict(self) -> dict[str, Any]:
        """Return all that a resumed run needs, the teacher's weights included."""
        return self.learner.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.learner.load_state_dict(state)


def make(
    name: str,
    policy: Policy,
    *,
    engine: Engine | None = None,
    learner: LearnerConfig | None = None,
    sampling: Sampling | None = None,
    **options: Any,
) -> Agent:
    """Make an agent by its algorithm's name or "module:Class".

    Args:
        name: which algorithm.
        policy: what is trained.
        engine: what samples, and follows the policy's weights; None: the policy itself.
        learner: the learner's side.
        sampling: how the agent acts.
        options: the algorithm's hyperparameters.

    >>> agent = make("rlsd", policy, epsilon=0.1)  # doctest: +SKIP

    Raises:
        ConfigurationError: the algorithm or an option is unknown.

    """
    actor = Actor(policy, engine)
    return Agent(actor, make_algorithm(name, options), learner or LearnerConfig(), sampling or Sampling())
