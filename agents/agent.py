"""An agent: an actor, an algorithm and a learner behind `act` and `update`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from agents.algorithms import Algorithm, Guidance
from agents.algorithms import make as make_algorithm
from agents.distributed import World
from agents.episodes import Completion, EpisodeBatch, Prompt
from agents.evidence import EvidenceSink
from agents.learner.learner import Learner
from agents.messages import first_prompt
from agents.methods import learner_options
from agents.options.learner import LearnerOptions
from agents.policy.actor import Actor
from agents.policy.base import Engine, Policy, Request, Sampler, Sampling


class Agent:
    """Acts in environments and learns from episodes; the one interface that all methods share.

    Args:
        actor: what acts; its policy is trained.
        algorithm: the method.
        options: the learner's side.
        sampling: how it acts.
        world: the processes that train together; None: this one alone.

    """

    def __init__(
        self,
        actor: Actor,
        algorithm: Algorithm,
        options: LearnerOptions,
        sampling: Sampling,
        world: World | None = None,
    ) -> None:
        self.actor = actor
        self.algorithm = algorithm
        self.sampling = sampling
        self.learner = Learner(
            actor.policy,
            algorithm,
            options,
            temperature=sampling.temperature,
            world=world,
            samples_itself=actor.engine is None,
        )
        if (guidance := self.guidance(0)) is not None:
            self.guide(guidance)

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

    def guidance(self, step: int) -> Guidance | None:
        """Return which attempts of a step's batch are made again with help, for `agents.collect_guided`."""
        return self.algorithm.guidance(step, self.learner.state)

    def guide(self, guidance: Guidance) -> Sampler:
        """Return what acts with help.

        Raises:
            ConfigurationError: the scorer that `guidance` names is not there, or does not sample.

        """
        guide = None if guidance.scorer is None else self.learner.scorers.sampler(guidance.scorer)
        return guide or self.actor

    def update(self, batch: EpisodeBatch, keep: EvidenceSink | None = None) -> dict[str, float]:
        """Learn from a batch of episodes and return metrics; see `Learner.update`."""
        return self.learner.update(batch, keep)

    def state_dict(self) -> dict[str, Any]:
        """Return all that a resumed run needs, scorers' weights and the algorithm's state included."""
        return self.learner.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.learner.load_state_dict(state)


def make(
    name: str,
    policy: Policy,
    *,
    engine: Engine | None = None,
    learner: LearnerOptions | None = None,
    sampling: Sampling | None = None,
    **options: Any,
) -> Agent:
    """Make an agent by its algorithm's name or "module:Class".

    Args:
        name: which algorithm, or a preset of one.
        policy: what is trained.
        engine: what samples, and follows the policy's weights; None: the policy itself.
        learner: the learner's side; None: its defaults, with those of a preset.
        sampling: how the agent acts.
        options: the algorithm's hyperparameters.

    >>> from agents.policy.loading import load_policy
    >>> make("grpo", load_policy("tiny")).algorithm.name
    'grpo'

    Raises:
        ConfigurationError: the algorithm or an option is unknown.

    """
    learner = learner or LearnerOptions(**learner_options(name))
    if engine is not None and learner.sampler_correction == "auto":
        learner = dataclasses.replace(learner, sampler_correction="truncate")
    return Agent(Actor(policy, engine), make_algorithm(name, options), learner, sampling or Sampling())
