"""The learner: scores, back-propagates, steps. It knows no algorithm's name.

One update of one batch:

1. rewards become advantages (`Algorithm.group_advantages`), invalid episodes leave their group's baseline;
2. episodes that cannot have a gradient are not run (`Algorithm.active`), and a teacher is asked only for those
   that can, and only while the algorithm consults it;
3. rows (turns) with and without a teacher are scored in micro-batches under a token budget; the result does
   not depend on how they are split;
4. one optimiser step, then the teacher's weights follow.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from agents.algorithms import Algorithm, Signals
from agents.episodes import EpisodeBatch, Prompt, Turn
from agents.losses import clipped_surrogate, entropy, k3_kl, row_coefficients
from agents.policy.base import Policy, TokenScores
from agents.teacher import TeacherWeights
from rlsd_env.errors import ConfigurationError, one_of

AGGREGATIONS = ("sequence_mean", "token_mean")


@dataclass(frozen=True)
class LearnerConfig:
    """How the weights move; the same for every algorithm."""

    lr: float = 1e-6
    """AdamW's learning rate (paper: 1e-6 for an 8B model; the bundled one wants 1e-4)."""
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

    def __post_init__(self) -> None:
        if self.aggregation not in AGGREGATIONS:
            raise ConfigurationError(one_of("aggregation", self.aggregation, AGGREGATIONS))
        for name in ("lr", "max_grad_norm", "updates_per_batch", "micro_batch_tokens"):
            if getattr(self, name) <= 0:
                raise ConfigurationError(f"{name} is {getattr(self, name)}; it must be above 0")


@dataclass(frozen=True, eq=False)
class _Row:
    """One turn of one episode, as the model runs it."""

    episode: int
    turn: Turn
    teacher_prompt: Prompt | None


class Learner:
    """Updates a policy's weights from batches of episodes.

    Args:
        policy: what is trained.
        algorithm: the method.
        config: the optimiser's side.
        temperature: what the episodes were sampled with; scoring uses the same.

    """

    def __init__(self, policy: Policy, algorithm: Algorithm, config: LearnerConfig, temperature: float = 1.0) -> None:
        self.policy = policy
        self.algorithm = algorithm
        self.config = config
        self.temperature = temperature
        self.parameters = [p for p in policy.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=config.lr, weight_decay=config.weight_decay)
        self.teacher = TeacherWeights(algorithm.teacher, policy.model)

    def update(self, batch: EpisodeBatch) -> dict[str, float]:
        """Take `updates_per_batch` optimiser steps on a batch and return the metrics of `docs/metrics.md`.

        Raises:
            RuntimeError: the verifier failed on every episode, or the loss or gradient is not finite.

        """
        start = time.perf_counter()
        meter = _Meter()
        episodes = [episode for _, _, episode in batch]
        device = self.parameters[0].device
        valid_N = torch.tensor([episode.valid for episode in episodes], device=device)
        if not valid_N.any():
            raise RuntimeError(
                f"the verifier failed on all {len(episodes)} episodes of step {batch.step}; "
                f"the first said: {episodes[0].verdict.status} {episodes[0].verdict.feedback}"
            )
        rewards_N = torch.tensor([float(episode.reward) for episode in episodes], device=device)
        shape = (len(batch.groups), -1)
        A_N = self.algorithm.group_advantages(rewards_N.view(shape), valid_N.view(shape)).flatten()

        views = self._teacher_views(batch, A_N, valid_N)
        has_teacher_N = torch.tensor([view is not None for view in views], device=device)
        active_N = self.algorithm.active(A_N, has_teacher_N) & valid_N
        weights_N = self.algorithm.weights(A_N, has_teacher_N) * valid_N
        lengths_N = torch.tensor([episode.length for episode in episodes], device=device)
        coefficients_N = row_coefficients(weights_N, lengths_N, self.config.aggregation)
        rows = [
            _Row(number, turn, view.prompts[t] if view is not None else None)
            for number, (episode, view) in enumerate(zip(episodes, views))
            if active_N[number] and coefficients_N[number] != 0
            for t, turn in enumerate(episode.turns)
        ]
        grad_norm = 0.0
        for update in range(self.config.updates_per_batch if rows else 0):
            meter = _Meter()
            self.optimizer.zero_grad(set_to_none=True)
            for part in self._micro_batches(rows):
                self._backward(part, A_N, coefficients_N, batch.step, update, meter)
            norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.config.max_grad_norm)
            grad_norm = float(norm)
            if not torch.isfinite(norm):
                raise RuntimeError(f"the gradient of step {batch.step} is not finite ({grad_norm}); lower the lr")
            self.optimizer.step()
            self.teacher.after_update()
        scored = meter.tokens["teacher"]
        return meter.means() | {
            "loss": meter.sums["loss"],
            "grad_norm": grad_norm,
            "zero_advantage_share": float(((A_N == 0) & valid_N).sum() / valid_N.sum()),
            "active_share": float(active_N.float().mean()),
            "teacher_tokens_scored": float(scored),
            "teacher_tokens_skipped": float(lengths_N.sum() - scored),
            "teacher_age": float(self.teacher.age),
            "seconds_update": time.perf_counter() - start,
        }

    def _teacher_views(self, batch: EpisodeBatch, A_N: Tensor, valid_N: Tensor) -> list[Any]:
        """Ask for the views of the episodes that could have a gradient if they had a teacher."""
        if not self.algorithm.uses_teacher(batch.step):
            return [None] * len(A_N)
        could_N = self.algorithm.active(A_N, torch.ones_like(valid_N)) & valid_N
        return [
            self.algorithm.teacher_view(group, i) if could_N[number] else None
            for number, (group, i, _) in enumerate(batch)
        ]

    def _micro_batches(self, rows: Sequence[_Row]) -> Iterator[list[_Row]]:
        """Split rows into parts under the token budget, those with a teacher apart from those without."""
        for with_teacher in (True, False):
            part: list[_Row] = []
            longest = 0
            prompts: set[int] = set()
            for row in rows:
                if (row.teacher_prompt is not None) != with_teacher:
                    continue
                length = max(longest, len(row.turn.action.token_ids))
                seen = prompts | {id(row.turn.prompt)}
                # A prompt's length is not known before it is encoded; 128 tokens stand for it in the budget.
                if part and length * (len(part) + 1) + 128 * len(seen) > self.config.micro_batch_tokens:
                    yield part
                    part, length, seen = [], len(row.turn.action.token_ids), {id(row.turn.prompt)}
                part.append(row)
                longest, prompts = length, seen
            if part:
                yield part

    def _backward(
        self, rows: Sequence[_Row], A_N: Tensor, coefficients_N: Tensor, step: int, update: int, meter: _Meter
    ) -> None:
        algorithm, config = self.algorithm, self.config
        teacher: TokenScores | None = None
        if rows[0].teacher_prompt is not None:
            with torch.no_grad():
                teacher = self._score([row.teacher_prompt for row in rows], rows, self.teacher.model)
        student = self._score([row.turn.prompt for row in rows], rows, None)
        mask_NT = student.mask_NT
        S_NT = student.logp_NT.detach()
        S_old_NT = S_NT
        if update > 0:  # before the first step the weights are still those that sampled
            sampled = [torch.tensor(row.turn.action.logprobs) for row in rows]
            S_old_NT = torch.nn.utils.rnn.pad_sequence(sampled, batch_first=True).to(S_NT)
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
            advantages = advantages.expand_as(S_NT)
            loss_NT = clipped_surrogate(student.logp_NT, S_old_NT, advantages, config.clip_low, config.clip_high)
            ratio_NT = torch.exp(S_NT - S_old_NT)
            meter.add("clip_low", (ratio_NT < 1 - config.clip_low)[mask_NT])
            meter.add("clip_high", (ratio_NT > 1 + config.clip_high)[mask_NT])
        if teacher is not None:
            auxiliary_M = algorithm.auxiliary(student.logp_MV, teacher.logp_MV, signals)
            if auxiliary_M is not None:
                loss_NT = loss_NT + torch.zeros_like(S_NT).masked_scatter(mask_NT, auxiliary_M)
                meter.add("distillation_loss", auxiliary_M.detach())
            meter.tokens["teacher"] += int(mask_NT.sum())
            meter.add("kl_student_teacher", k3_kl(S_NT, teacher.logp_NT)[mask_NT])
            gain_NT = teacher.logp_NT - S_NT
            meter.add("information_gain", gain_NT[mask_NT])
            positive_NT = mask_NT & (signals.A_N1 > 0)
            meter.add("wrong_direction_share", (gain_NT < 0)[positive_NT])
        loss = (coefficients_N[number_N][:, None] * torch.where(mask_NT, loss_NT, 0.0)).sum()
        if not torch.isfinite(loss):
            raise RuntimeError(f"the loss of step {step} is {loss.item()}; lower the lr or look at the rewards")
        loss.backward()
        meter.sums["loss"] += loss.item()
        with torch.no_grad():
            meter.add("entropy", entropy(student.logp_MV))
            for name, value_NT in algorithm.diagnostics(signals).items():
                meter.add(name, value_NT[mask_NT])

    def _score(self, prompts: Sequence[Prompt | None], rows: Sequence[_Row], model: Any) -> TokenScores:
        """Score the rows' actions, each distinct prompt once."""
        numbers: dict[Any, int] = {}
        distinct: list[Prompt] = []
        owners = []
        for prompt in prompts:
            assert prompt is not None
            key = (repr(prompt.messages), id(prompt.images))  # a view passes on the student's own images
            if key not in numbers:
                numbers[key] = len(distinct)
                distinct.append(prompt)
            owners.append(numbers[key])
        responses = [row.turn.action.token_ids for row in rows]
        return self.policy.score(distinct, owners, responses, temperature=self.temperature, model=model)

    def state_dict(self) -> dict[str, Any]:
        """Return weights, optimiser and teacher; schedules depend on the step alone."""
        return {
            "model": self.policy.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "teacher": self.teacher.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.policy.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.teacher.load_state_dict(state["teacher"])


class _Meter:
    """Token means over the micro-batches of one update."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = defaultdict(float)
        self.counts: dict[str, int] = defaultdict(int)
        self.tokens: dict[str, int] = defaultdict(int)

    def add(self, name: str, values: Tensor) -> None:
        self.sums[name] += float(values.double().sum())
        self.counts[name] += values.numel()

    def means(self) -> dict[str, float]:
        return {name: self.sums[name] / count for name, count in self.counts.items() if count}
