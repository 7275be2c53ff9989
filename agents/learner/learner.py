"""The learner: scores, back-propagates, steps. It knows no algorithm's name.

One update of one batch:

1. rewards become advantages (`Algorithm.group_advantages`), invalid episodes leave their group's baseline;
2. episodes that cannot have a gradient are not run (`Algorithm.active`), and a teacher is asked only for those
   that can, and only while the algorithm consults it;
3. rows (turns) with and without a teacher are scored in micro-batches under a token budget; the result does
   not depend on how they are split;
4. one optimiser step, then the teacher's weights follow.

With several processes each has its own groups; denominators, gradients and metrics are over all of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from agents.algorithms import Algorithm, Signals
from agents.distributed import World
from agents.episodes import EpisodeBatch, Prompt
from agents.learner.meter import Meter
from agents.learner.micro_batches import Part, Row, identity, in_step, split
from agents.learner.optimizers import clip_gradients, load_sharded_moments, make_optimizer, sharded_moments
from agents.losses import clipped_surrogate, k3_kl, row_coefficients, sampler_weight
from agents.options.model import CORRECTIONS
from agents.policy.base import Policy
from agents.policy.scores import TokenScores
from agents.policy.tensors import is_sharded
from agents.teacher import TeacherWeights
from rlsd_env.errors import ConfigurationError, one_of

AGGREGATIONS = ("sequence_mean", "token_mean")


@dataclass(frozen=True)
class LearnerConfig:
    """How the weights move; the same for every algorithm."""

    lr: float = 1e-6
    """AdamW's learning rate (paper: 1e-6 for an 8B model; the bundled one wants 5e-5)."""
    weight_decay: float = 0.0
    """AdamW's decoupled weight decay."""
    max_grad_norm: float = 1.0
    """The gradient is scaled down to this norm."""
    updates_per_batch: int = 1
    """Optimiser steps on each batch of rollouts; the ratio's clipping matters from the second on."""
    clip_low: float = 0.2
    """How far the ratio may fall below 1 (paper)."""
    clip_high: float = 0.28
    """How far it may rise above 1 (paper)."""
    aggregation: str = "sequence_mean"
    """sequence_mean (paper) or token_mean (verl, the RLSD release, TRL's dapo)."""
    micro_batch_tokens: int = 16384
    """Prompt and response tokens, padding included, that are run at once."""
    optimizer: str = "adamw"
    """adamw or adamw8bit (moments in 8 bits, bitsandbytes)."""
    sampler_correction: str = "none"
    """What tokens are weighed by where the sampler's probabilities differ: none, truncate or mask; see
    `agents.losses.sampler_weight`."""
    sampler_cap: float = 2.0
    """Bound of that weight."""

    def __post_init__(self) -> None:
        if self.sampler_correction not in CORRECTIONS:
            raise ConfigurationError(one_of("sampler_correction", self.sampler_correction, CORRECTIONS))
        if self.aggregation not in AGGREGATIONS:
            raise ConfigurationError(one_of("aggregation", self.aggregation, AGGREGATIONS))
        for name in ("lr", "max_grad_norm", "updates_per_batch", "micro_batch_tokens"):
            if getattr(self, name) <= 0:
                raise ConfigurationError(f"{name} is {getattr(self, name)}; it must be above 0")


def _check_shape(hook: str, value: Tensor, allowed: Sequence[torch.Size]) -> None:
    """Refuse what an algorithm's hook returned in another shape, which would broadcast into nonsense."""
    if value.shape not in allowed:
        shapes = " or ".join(str(list(shape)) for shape in allowed)
        raise ValueError(f"the algorithm's {hook} has shape {list(value.shape)}; it must be {shapes}")


class Learner:
    """Updates a policy's weights from batches of episodes.

    Args:
        policy: what is trained.
        algorithm: the method.
        config: the optimiser's side.
        temperature: what the episodes were sampled with; scoring uses the same.
        world: the processes that train together; None: this one alone.

    """

    def __init__(
        self,
        policy: Policy,
        algorithm: Algorithm,
        config: LearnerConfig,
        temperature: float = 1.0,
        world: World | None = None,
    ) -> None:
        self.policy = policy
        self.algorithm = algorithm
        self.config = config
        self.temperature = temperature
        self.world = world or World()
        self.parameters = [p for p in policy.model.parameters() if p.requires_grad]
        if not self.parameters:
            raise ValueError("the policy has no weight that is trained; load it with TrainedModelOptions")
        self.sharded = any(is_sharded(p) for p in self.parameters)
        self.optimizer = make_optimizer(config.optimizer, self.parameters, config.lr, config.weight_decay)
        self.teacher = TeacherWeights(algorithm.teacher, policy.model)

    def update(self, batch: EpisodeBatch) -> dict[str, float]:
        """Take `updates_per_batch` optimiser steps on a batch and return the metrics of `docs/metrics.md`.

        Raises:
            RuntimeError: the verifier failed on every episode, or the loss or gradient is not finite.

        """
        episodes = [episode for _, _, episode in batch]
        device = self.parameters[0].device
        valid_N = torch.tensor([episode.valid for episode in episodes], device=device)
        valid_count = self.world.sum(valid_N.sum())
        if not valid_count:
            raise RuntimeError(
                f"the verifier failed on all {len(episodes)} episodes of step {batch.step}; "
                f"the first said: {episodes[0].verdict.status} {episodes[0].verdict.feedback}"
            )
        for _, _, episode in batch:
            if episode.valid and not math.isfinite(episode.reward):
                raise RuntimeError(f"the verifier's reward is {episode.reward} at step {batch.step}; it must be finite")
        rewards_N = torch.tensor([float(episode.reward) for episode in episodes], device=device)
        shape = (len(batch.groups), -1)
        A_N = self.algorithm.group_advantages(rewards_N.view(shape), valid_N.view(shape)).flatten()

        views = self._teacher_views(batch, A_N, valid_N)
        has_teacher_N = torch.tensor([view is not None for view in views], device=device)
        active_N = self.algorithm.active(A_N, has_teacher_N) & valid_N
        weights_N = self.algorithm.weights(A_N, has_teacher_N) * valid_N
        lengths_N = torch.tensor([episode.length for episode in episodes], device=device)
        coefficients_N = row_coefficients(weights_N, lengths_N, self.config.aggregation, self.world.sum)
        runs = (active_N & (coefficients_N != 0)).tolist()
        seen: dict[Any, Prompt] = {}  # views of a group are often the same: each is tokenised once
        rows = [
            Row(number, turn, None if view is None else seen.setdefault(identity(view.prompts[t]), view.prompts[t]))
            for number, (episode, view) in enumerate(zip(episodes, views))
            if runs[number]
            for t, turn in enumerate(episode.turns)
        ]
        parts = [Part(tuple(part)) for part in split(rows, self.policy, self.config.micro_batch_tokens)]
        if self.sharded:
            parts = in_step(parts, Row(0, episodes[0].turns[0], None), self.world)
        meter = Meter()
        grad_norm = 0.0
        teacher_age = self.teacher.age
        anything = self.world.sum(torch.tensor(len(parts), device=device))
        for _ in range(self.config.updates_per_batch if anything else 0):
            meter.start_update()
            self.optimizer.zero_grad(set_to_none=True)
            for part in parts:
                self._backward(part, A_N, coefficients_N, batch.step, meter)
            if not self.sharded:
                self.world.add_gradients(self.parameters)
            grad_norm = clip_gradients(self.parameters, self.config.max_grad_norm)
            if not math.isfinite(grad_norm):
                raise RuntimeError(f"the gradient of step {batch.step} is not finite ({grad_norm}); lower the lr")
            self.optimizer.step()
            self.policy.weights_changed()
            self.teacher.after_update()
        self.teacher.after_step()
        meter = meter.over(self.world)
        scored = meter.teacher_tokens
        counts = torch.stack([((A_N == 0) & valid_N).sum(), active_N.sum(), lengths_N.sum()])
        zero, active, tokens = self.world.sum(counts).tolist()
        return meter.means() | {
            "loss": meter.sums["loss"],
            "grad_norm": grad_norm,
            "zero_advantage_share": zero / int(valid_count),
            "active_share": active / (len(episodes) * self.world.size),
            "teacher_tokens_scored": float(scored),
            "teacher_tokens_skipped": float(max(0, tokens - scored)),
            "teacher_age": float(teacher_age),
        }

    def _teacher_views(self, batch: EpisodeBatch, A_N: Tensor, valid_N: Tensor) -> list[Any]:
        """Ask for the views of the episodes that could have a gradient if they had a teacher."""
        if not self.algorithm.uses_teacher(batch.step):
            return [None] * len(A_N)
        could = (self.algorithm.active(A_N, torch.ones_like(valid_N)) & valid_N).tolist()
        return [
            self.algorithm.teacher_view(group, i) if could[number] else None
            for number, (group, i, _) in enumerate(batch)
        ]

    def _backward(self, part: Part, A_N: Tensor, coefficients_N: Tensor, step: int, meter: Meter) -> None:
        """Add the gradient of some rows to the parameters'."""
        algorithm, config, rows = self.algorithm, self.config, part.rows
        teacher = self._score_teacher(part, meter)
        student = self._score([row.turn.prompt for row in rows], rows)
        if not rows[0].counts:
            (student.logp_NT.sum() * 0.0).backward()
            return
        mask_NT = student.mask_NT
        S_NT = student.logp_NT.detach()
        sampled_NT = self._sampled(part, S_NT)
        if part.S_old_NT is None:  # the weights are those that will have their first update
            part.S_old_NT = S_NT
            meter.add("sampler_difference", (S_NT - sampled_NT).abs()[mask_NT])
        S_old_NT = part.S_old_NT
        number_N = torch.tensor([row.episode for row in rows], device=S_NT.device)
        signals = Signals(
            A_N1=A_N[number_N][:, None],
            S_NT=S_NT,
            S_old_NT=S_old_NT,
            Q_NT=None if teacher is None else teacher.logp_NT,
            mask_NT=mask_NT,
            step=step,
        )
        loss_NT = torch.zeros_like(S_NT)
        advantages = algorithm.advantages(signals)
        if advantages is not None:
            _check_shape("advantages", advantages, (S_NT.shape, signals.A_N1.shape))
            advantages = advantages.expand_as(S_NT)
            loss_NT = clipped_surrogate(student.logp_NT, S_old_NT, advantages, config.clip_low, config.clip_high)
            loss_NT = loss_NT * self._correction(S_old_NT - sampled_NT, mask_NT, meter)
            ratio_NT = torch.exp(S_NT - S_old_NT)
            meter.add("clip_low", (ratio_NT < 1 - config.clip_low)[mask_NT])
            meter.add("clip_high", (ratio_NT > 1 + config.clip_high)[mask_NT])
        if teacher is not None:
            auxiliary_M = self._auxiliary(student, teacher, signals)
            if auxiliary_M is not None:
                loss_NT = loss_NT + torch.zeros_like(S_NT).masked_scatter(mask_NT, auxiliary_M)
                meter.add("distillation_loss", auxiliary_M.detach())
            gain_NT = teacher.logp_NT - S_NT
            meter.add("kl_student_teacher", k3_kl(S_NT, teacher.logp_NT)[mask_NT])
            meter.add("information_gain", gain_NT[mask_NT])
            meter.add("wrong_direction_share", (gain_NT < 0)[mask_NT & (signals.A_N1 > 0)])
        loss = (coefficients_N[number_N][:, None] * torch.where(mask_NT, loss_NT, 0.0)).sum()
        if not torch.isfinite(loss):
            raise RuntimeError(f"the loss of step {step} is {loss.item()}; lower the lr or look at the rewards")
        # Sharded gradients come as the mean over the processes; what is wanted is their sum.
        (loss * self.world.size if self.sharded else loss).backward()
        meter.sums["loss"] += loss.item()
        with torch.no_grad():
            meter.add("entropy", student.entropy_M)
            tokens = int(mask_NT.sum())
            meter.add_share("repeated_share", tokens - len(student.hidden_KH), tokens)
            for name, value_NT in algorithm.diagnostics(signals).items():
                _check_shape(f"diagnostics[{name!r}]", value_NT, (S_NT.shape,))
                meter.add(name, value_NT[mask_NT])

    @staticmethod
    def _sampled(part: Part, S_NT: Tensor) -> Tensor:
        """Return the log-probabilities that were recorded while sampling, [N, T]."""
        sampled = [torch.tensor(row.turn.action.logprobs) for row in part.rows]
        return torch.nn.utils.rnn.pad_sequence(sampled, batch_first=True).to(S_NT)

    def _correction(self, difference_NT: Tensor, mask_NT: Tensor, meter: Meter) -> Tensor | float:
        """Weigh tokens by how much likelier the learner finds them than the sampler did."""
        if self.config.sampler_correction == "none":
            return 1.0
        ratio_NT = difference_NT.exp()
        weight_NT = sampler_weight(ratio_NT, self.config.sampler_correction, self.config.sampler_cap)
        meter.add("sampler_ratio", ratio_NT[mask_NT])
        meter.add_largest("sampler_ratio_largest", ratio_NT[mask_NT])
        meter.add("sampler_corrected_share", (weight_NT != ratio_NT)[mask_NT])
        return weight_NT

    def _auxiliary(self, student: TokenScores, teacher: TokenScores, signals: Signals) -> Tensor | None:
        """Ask for the further loss of some tokens at a time, each of them a row of its own."""

        def loss(student_CV: Tensor, teacher_CV: Tensor, *values: Tensor) -> Any:
            A_C1, S_C1, S_old_C1, Q_C1 = (value_C[:, None] for value_C in values)
            rows = Signals(A_C1, S_C1, S_old_C1, Q_C1, torch.ones_like(S_C1, dtype=torch.bool), signals.step)
            loss_C = self.algorithm.auxiliary(student_CV, teacher_CV, rows)
            if loss_C is not None:
                _check_shape("auxiliary", loss_C, (student_CV.shape[:1],))
            return loss_C

        mask_NT = signals.mask_NT
        assert signals.Q_NT is not None
        per_token = tuple(
            value_NT.expand_as(mask_NT)[mask_NT]
            for value_NT in (signals.A_N1, signals.S_NT, signals.S_old_NT, signals.Q_NT)
        )
        with torch.no_grad():
            first = (scores.head(scores.hidden_MH[:1]) for scores in (student, teacher))
            if loss(*first, *(value_M[:1] for value_M in per_token)) is None:
                return None
        return student.reduce(loss, teacher, per_token=per_token)

    def _score_teacher(self, part: Part, meter: Meter) -> TokenScores | None:
        """Score with the teacher, once per training step where its weights stay as they are."""
        if part.rows[0].teacher_prompt is None:
            return None
        if part.teacher is not None:
            return part.teacher
        with torch.no_grad(), self.teacher.applied():
            teacher = self._score([row.teacher_prompt for row in part.rows], part.rows)
        if part.rows[0].counts:
            meter.teacher_tokens += int(teacher.mask_NT.sum())
        if self.config.updates_per_batch > 1 and self.teacher.fixed_within_step:
            part.teacher = teacher
        return teacher

    def _score(self, prompts: Sequence[Prompt | None], rows: Sequence[Row]) -> TokenScores:
        """Score the rows' actions, each distinct prompt once."""
        numbers: dict[Any, int] = {}
        distinct: list[Prompt] = []
        owners = []
        for prompt in prompts:
            assert prompt is not None
            if (key := identity(prompt)) not in numbers:
                numbers[key] = len(distinct)
                distinct.append(prompt)
            owners.append(numbers[key])
        responses = [row.turn.action.token_ids for row in rows]
        return self.policy.score(distinct, owners, responses, temperature=self.temperature)

    def state_dict(self) -> dict[str, Any]:
        """Return the trained weights, optimiser and teacher; schedules depend on the step alone."""
        return {
            "model": {name: p.detach() for name, p in self._trained()},
            "optimizer": self._optimizer_state(),
            "teacher": self.teacher.state_dict(),
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
        self.teacher.load_state_dict(state["teacher"])
        self.policy.weights_changed()

    def _optimizer_state(self) -> dict[str, Any]:
        """Return the moments; of a sharded model by the weights' names, which another number of processes has too."""
        if self.sharded:
            return sharded_moments(self.policy.model, self.optimizer)
        return self.optimizer.state_dict()

    def _trained(self) -> list[tuple[str, torch.nn.Parameter]]:
        return [(name, p) for name, p in self.policy.model.named_parameters() if p.requires_grad]
