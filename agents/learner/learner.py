"""The learner: scores, back-propagates, steps. It knows no algorithm's name.

One update of one batch:

1. a plan says what is run (`agents.learner.plan`): rewards become advantages, invalid episodes leave their group's
   baseline, and episodes that cannot have a gradient are not run, nor shown to any scorer;
2. rows (turns) are scored in parts under a token budget, by the algorithm's scorers in its contexts and by the student;
   the result does not depend on how they are split. With `scope = "batch"` scorers have their say about the whole
   batch first;
3. one optimiser step, then the scorers' weights follow;
4. what the algorithm counted over all processes becomes its next state.

With several processes each has its own groups; denominators, gradients and metrics are over all of them.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from agents.algorithms import Algorithm, Context, Signals
from agents.algorithms.base import State
from agents.distributed import World
from agents.episodes import EpisodeBatch
from agents.evidence import EvidenceSink
from agents.learner.optimizers import clip_gradients, load_sharded_moments, make_optimizer, sharded_moments
from agents.learner.plan import make_plan
from agents.learner.scorers import Scorers
from agents.learner.step import Step
from agents.options.learner import LearnerOptions
from agents.policy.base import Policy
from agents.policy.tensors import is_sharded
from agents.policy.token_kinds import token_kinds, token_texts


class Learner:
    """Updates a policy's weights from batches of episodes.

    Args:
        policy: what is trained.
        algorithm: the method.
        options: the optimiser's side.
        temperature: what the episodes were sampled with; scoring uses the same.
        world: the processes that train together; None: this one alone.
        samples_itself: whether the log-probabilities that were recorded while sampling are the policy's own.

    """

    def __init__(
        self,
        policy: Policy,
        algorithm: Algorithm,
        options: LearnerOptions,
        temperature: float = 1.0,
        world: World | None = None,
        *,
        samples_itself: bool = True,
    ) -> None:
        self.samples_itself = samples_itself
        self.policy = policy
        self.algorithm = algorithm
        self.options = options
        self.temperature = temperature
        self.world = world or World()
        self.parameters = [p for p in policy.model.parameters() if p.requires_grad]
        if not self.parameters:
            raise ValueError("the policy has no weight that is trained; load it with TrainedModelOptions")
        self.sharded = any(is_sharded(p) for p in self.parameters)
        self.optimizer = make_optimizer(options.optimizer, self.parameters, options.lr, options.weight_decay)
        self.scorers = Scorers(algorithm.scorers(), policy)
        self.state = {name: float(value) for name, value in algorithm.initial().items()}
        self.scorers.check(algorithm.contexts(0, self.state), temperature)
        self._checked: set[str] = set()

    @functools.cached_property
    def kinds_V(self) -> Tensor:
        """Kind of each token of the vocabulary, see `agents.policy.token_kinds`."""
        kinds_V = token_kinds(self.policy.tokenizer, self.policy.vocabulary_size)
        return kinds_V.to(self.parameters[0].device)

    @functools.cached_property
    def _texts_V(self) -> tuple[str, ...]:
        return token_texts(self.policy.tokenizer, self.policy.vocabulary_size)

    def update(self, batch: EpisodeBatch, keep: EvidenceSink | None = None) -> dict[str, float]:
        """Take `updates_per_batch` optimiser steps on a batch and return the metrics of `docs/metrics.md`.

        Args:
            batch: the episodes.
            keep: is given what each token of each response that was run earned in the first update.

        Raises:
            RuntimeError: the verifier failed on every episode, or the loss or gradient is not finite.

        """
        step = self._start(batch, self.algorithm, self.state, keep)
        plan = step.plan
        grad_norm = 0.0
        ages = self.scorers.ages()
        for number in range(self.options.updates_per_batch if self._runs(step) else 0):
            grad_norm = self._update_once(step, first=number == 0)
        self.scorers.after_step()
        statistics = self._of_all(step.statistics)
        if statistics or not step.counts:
            observed = self.algorithm.observe(self.state, statistics)
            self.state = {name: float(value) for name, value in observed.items()}
        readings = step.meter.over(self.world)
        zero, active, tokens, unscorable = self.world.sum(plan.counts()).tolist()
        return readings.means() | {
            "loss": readings.sums.get("loss", 0.0),
            "grad_norm": grad_norm,
            "zero_advantage_share": zero / max(1, plan.valid),
            "active_share": active / (len(plan.episodes) * self.world.size),
            "unscorable_share": unscorable / (len(plan.episodes) * self.world.size),
            "teacher_tokens_scored": float(readings.tokens_scored),
            "teacher_tokens_skipped": float(tokens * self._asked(plan.contexts) - readings.tokens_scored),
            **ages,
            **{f"state_{name}": value for name, value in self.state.items()},
        }

    def gradient(
        self, batch: EpisodeBatch, algorithm: Algorithm | None = None, keep: EvidenceSink | None = None
    ) -> None:
        """Leave the gradient of a batch's loss before any update in the parameters, and change nothing else.

        It is that of all processes, and not scaled down; None where nothing is run.

        Args:
            batch: the episodes.
            algorithm: another one in the place of the learner's own, without contexts.
            keep: as in `update`.

        """
        own = algorithm is None
        algorithm = algorithm or self.algorithm
        step = self._start(batch, algorithm, self.state if own else algorithm.initial(), keep)
        self.optimizer.zero_grad(set_to_none=True)
        if self._runs(step):
            self._add_gradient(step, first=True)

    def _start(self, batch: EpisodeBatch, algorithm: Algorithm, state: State, keep: EvidenceSink | None) -> Step:
        """Plan what is run of a batch."""
        plan = make_plan(batch, algorithm, state, self.options, self.policy, self.world, sharded=self.sharded)
        self.scorers.check(plan.contexts, self.temperature)
        none = torch.zeros(0, 0, device=plan.A_N.device)
        base = Signals(
            none,
            none,
            none,
            none.bool(),
            batch.step,
            kinds_V=lambda: self.kinds_V,
            texts_V=lambda: self._texts_V,
            state=state,
        )
        return Step(
            self.policy,
            algorithm,
            self.scorers,
            self.options,
            plan,
            base,
            temperature=self.temperature,
            recorded_is_own=self.samples_itself and self.options.correction == "none",
            # Sharded gradients come as the mean over the processes; what is wanted is their sum.
            gradient_scale=self.world.size if self.sharded else 1,
            keep=keep,
            checked=self._checked,
        )

    def _runs(self, step: Step) -> bool:
        """Tell whether any process runs anything."""
        return bool(self.world.sum(torch.tensor(len(step.plan.parts), device=step.plan.A_N.device)))

    def _add_gradient(self, step: Step, *, first: bool) -> None:
        """Run the parts, and add up what they give over all processes."""
        if first and step.algorithm.scope == "batch":
            step.credit_batch()
        for part in step.plan.parts:
            step.backward(part)
        if not self.sharded:
            self.world.add_gradients(self.parameters)

    def _asked(self, contexts: Mapping[str, Context]) -> int:
        """Return how often scorers are asked for all tokens of a step, once at least."""
        each = (
            1 if self.scorers[one.scorer].rule.steady else self.options.updates_per_batch for one in contexts.values()
        )
        return max(1, sum(each))

    def _update_once(self, step: Step, *, first: bool) -> float:
        """Take one optimiser step and return the gradient's norm before it was scaled down."""
        step.meter.start_update()
        self.optimizer.zero_grad(set_to_none=True)
        self._add_gradient(step, first=first)
        if first:
            step.count()
            step.forget()
        grad_norm = clip_gradients(self.parameters, self.options.max_grad_norm)
        if not math.isfinite(grad_norm):
            raise RuntimeError(
                f"the loss or gradient of step {step.plan.batch.step} is not finite (norm {grad_norm}); lower the lr "
                "or look at the rewards"
            )
        self.optimizer.step()
        self.policy.weights_changed()
        self.scorers.after_update()
        return grad_norm

    def _of_all(self, statistics: Mapping[str, Tensor]) -> dict[str, float]:
        """Add up sums over all processes."""
        total: dict[str, float] = {}
        for part in self.world.gather({name: float(value) for name, value in statistics.items()}):
            for name, value in part.items():
                total[name] = total.get(name, 0.0) + value
        return total

    def state_dict(self) -> dict[str, Any]:
        """Return the trained weights, optimiser, scorers and the algorithm's state."""
        if self.sharded:  # an evaluation leaves the last weights that it gathered where the shards belong
            from agents.policy.sharding import reshard

            reshard(self.policy.model)
        return {
            "model": {name: p.detach() for name, p in self._trained()},
            "optimizer": self._optimizer_state(),
            "scorers": self.scorers.state_dict(),
            "algorithm": json.dumps(self.state),  # one string, which shards restore whole
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        trained = dict(self._trained())
        if trained.keys() != state["model"].keys():
            raise ValueError("the stored weights are not those that are trained; resume with the stored options")
        with torch.no_grad():
            for name, value in state["model"].items():
                trained[name].copy_(value)
        if self.sharded:
            load_sharded_moments(self.policy.model, self.optimizer, state["optimizer"])
        else:
            self.optimizer.load_state_dict(state["optimizer"])
        self.scorers.load_state_dict(state["scorers"])
        stored = json.loads(state["algorithm"])
        if missing := self.algorithm.initial().keys() - stored.keys():
            raise ValueError(
                f"the stored state of {self.algorithm.name} has {', '.join(sorted(stored)) or 'nothing'} and lacks "
                f"{', '.join(sorted(missing))}; the algorithm has changed, start the run over"
            )
        self.state = stored
        self.policy.weights_changed()

    def _optimizer_state(self) -> dict[str, Any]:
        """Return the moments; of a sharded model by the weights' names, which another number of processes has too."""
        if self.sharded:
            return sharded_moments(self.policy.model, self.optimizer)
        return self.optimizer.state_dict()

    def _trained(self) -> list[tuple[str, torch.nn.Parameter]]:
        return [(name, p) for name, p in self.policy.model.named_parameters() if p.requires_grad]
