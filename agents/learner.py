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

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from agents.algorithms import Algorithm, Signals
from agents.episodes import EpisodeBatch, Prompt, Turn
from agents.losses import clipped_surrogate, entropy, k3_kl, row_coefficients
from agents.policy.base import Policy
from agents.policy.scores import TokenScores
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

    def __post_init__(self) -> None:
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


@dataclass(frozen=True, eq=False)
class _Row:
    """One turn of one episode, as the model runs it."""

    episode: int
    turn: Turn
    teacher_prompt: Prompt | None


@dataclass(eq=False)
class _Part:
    """Rows that are run at once, and what stays the same over the updates of a training step."""

    rows: tuple[_Row, ...]
    S_old_NT: Tensor | None = None
    teacher: TokenScores | None = None


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
        episodes = [episode for _, _, episode in batch]
        device = self.parameters[0].device
        valid_N = torch.tensor([episode.valid for episode in episodes], device=device)
        if not valid_N.any():
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
        coefficients_N = row_coefficients(weights_N, lengths_N, self.config.aggregation)
        runs = (active_N & (coefficients_N != 0)).tolist()
        rows = [
            _Row(number, turn, view.prompts[t] if view is not None else None)
            for number, (episode, view) in enumerate(zip(episodes, views))
            if runs[number]
            for t, turn in enumerate(episode.turns)
        ]
        parts = [_Part(tuple(part)) for part in self._micro_batches(rows)]
        meter = _Meter()
        grad_norm = 0.0
        teacher_age = self.teacher.age
        for _ in range(self.config.updates_per_batch if parts else 0):
            meter.start_update()
            self.optimizer.zero_grad(set_to_none=True)
            for part in parts:
                self._backward(part, A_N, coefficients_N, batch.step, meter)
            norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.config.max_grad_norm)
            grad_norm = float(norm)
            if not math.isfinite(grad_norm):
                raise RuntimeError(f"the gradient of step {batch.step} is not finite ({grad_norm}); lower the lr")
            self.optimizer.step()
            self.teacher.after_update()
        self.teacher.after_step()
        scored = meter.teacher_tokens
        return meter.means() | {
            "loss": meter.sums["loss"],
            "grad_norm": grad_norm,
            "zero_advantage_share": float(((A_N == 0) & valid_N).sum() / valid_N.sum()),
            "active_share": float(active_N.float().mean()),
            "teacher_tokens_scored": float(scored),
            "teacher_tokens_skipped": float(max(0, int(lengths_N.sum()) - scored)),
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

    def _micro_batches(self, rows: Sequence[_Row]) -> Iterator[list[_Row]]:
        """Split rows into parts under the token budget, those with a teacher apart from those without."""
        count = self.policy.count_tokens
        for with_teacher in (True, False):
            part: list[_Row] = []
            longest, prompts, prompt_tokens = 0, set[int](), 0
            for row in rows:
                prompt = row.teacher_prompt or row.turn.prompt
                if (row.teacher_prompt is not None) != with_teacher:
                    continue
                length = max(longest, len(row.turn.action.token_ids))
                new = 0 if id(prompt) in prompts else count(prompt)
                if part and length * (len(part) + 1) + prompt_tokens + new > self.config.micro_batch_tokens:
                    yield part
                    part, length, prompts, prompt_tokens = [], len(row.turn.action.token_ids), set(), 0
                    new = count(prompt)
                part.append(row)
                prompts.add(id(prompt))
                longest, prompt_tokens = length, prompt_tokens + new
            if part:
                yield part

    def _backward(self, part: _Part, A_N: Tensor, coefficients_N: Tensor, step: int, meter: _Meter) -> None:
        """Add the gradient of some rows to the parameters'."""
        algorithm, config, rows = self.algorithm, self.config, part.rows
        teacher = self._score_teacher(part, meter)
        student = self._score([row.turn.prompt for row in rows], rows, None)
        mask_NT = student.mask_NT
        S_NT = student.logp_NT.detach()
        if part.S_old_NT is None:  # before the first update the weights are those that sampled
            part.S_old_NT = S_NT
            sampled = [torch.tensor(row.turn.action.logprobs) for row in rows]
            sampled_NT = torch.nn.utils.rnn.pad_sequence(sampled, batch_first=True).to(S_NT)
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
        loss.backward()
        meter.sums["loss"] += loss.item()
        with torch.no_grad():
            meter.add("entropy", student.reduce(entropy))
            for name, value_NT in algorithm.diagnostics(signals).items():
                _check_shape(f"diagnostics[{name!r}]", value_NT, (S_NT.shape,))
                meter.add(name, value_NT[mask_NT])

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

    def _score_teacher(self, part: _Part, meter: _Meter) -> TokenScores | None:
        """Score with the teacher, once per training step where its weights stay as they are."""
        if part.rows[0].teacher_prompt is None:
            return None
        if part.teacher is not None:
            return part.teacher
        with torch.no_grad():
            teacher = self._score([row.teacher_prompt for row in part.rows], part.rows, self.teacher.model)
        meter.teacher_tokens += int(teacher.mask_NT.sum())
        if self.config.updates_per_batch > 1 and self.teacher.fixed_within_step:
            part.teacher = teacher
        return teacher

    def _score(self, prompts: Sequence[Prompt | None], rows: Sequence[_Row], model: Any) -> TokenScores:
        """Score the rows' actions, each distinct prompt once."""
        numbers: dict[Any, int] = {}
        distinct: list[Prompt] = []
        owners = []
        for prompt in prompts:
            assert prompt is not None
            # A view passes on the student's own pictures and videos.
            key = (repr(prompt.messages), id(prompt.images), id(prompt.videos))
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
    """Token means over the parts of one update; the teacher's tokens over all updates of a step."""

    def __init__(self) -> None:
        self.teacher_tokens = 0
        self.start_update()

    def start_update(self) -> None:
        self.sums: dict[str, float] = defaultdict(float)
        self.counts: dict[str, int] = defaultdict(int)

    def add(self, name: str, values: Tensor) -> None:
        self.sums[name] += float(values.double().sum())
        self.counts[name] += values.numel()

    def means(self) -> dict[str, float]:
        return {name: self.sums[name] / count for name, count in self.counts.items() if count}
