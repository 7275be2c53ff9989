"""What of a batch is run: advantages, the contexts that episodes are shown, and the rows in their parts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from agents.algorithms import Algorithm, Context, Shown
from agents.algorithms.base import State
from agents.distributed import World
from agents.episodes import Episode, EpisodeBatch, Fit, Prompt
from agents.learner.checks import check_shown, without_unscorable
from agents.learner.micro_batches import Part, Row, in_step, split
from agents.losses import row_coefficients
from agents.options.learner import LearnerOptions
from agents.policy.base import Policy
from agents.policy.scoring import distinct_by
from rlsd_env.errors import ConfigurationError
from rlsd_env.groups import ENVIRONMENT_FAILED


@dataclass(frozen=True, eq=False)
class Plan:
    """What of a batch of N episodes is run.

    Attributes:
        batch: the batch.
        episodes: its episodes.
        contexts: those that are asked for at this step.
        A_N: advantages.
        success_N: share of correct answers among the policy's own valid attempts of each one's group.
        runs_N: episodes that are run: those that can have a gradient and have a weight.
        coefficients_N: what each episode's summed token loss is multiplied by.
        lengths_N: response tokens.
        zero: valid episodes of this process whose advantage is 0.
        valid: valid episodes of all processes.
        parts: rows that are run at once, one part after the other.
        off_policy: whether the ratio of guided episodes is against what they were sampled with.
        unscorable: episodes of this process that hold a token which the policy never says; they are not run.

    """

    batch: EpisodeBatch
    episodes: Sequence[Episode]
    contexts: Mapping[str, Context]
    A_N: Tensor
    success_N: Tensor
    runs_N: Tensor
    coefficients_N: Tensor
    lengths_N: Tensor
    zero: Tensor
    valid: int
    parts: Sequence[Part]
    off_policy: bool
    unscorable: int

    def groups(self, episodes: Tensor) -> Tensor:
        """Return the numbers of the groups that episodes belong to, by theirs."""
        return episodes // (len(self.episodes) // len(self.batch.groups))

    def counts(self) -> Tensor:
        """Return episodes without advantage, those that are run, response tokens, and unscorable episodes here."""
        unscorable = torch.full_like(self.zero, self.unscorable)
        return torch.stack([self.zero, self.runs_N.sum(), self.lengths_N.sum(), unscorable])


def make_plan(
    batch: EpisodeBatch,
    algorithm: Algorithm,
    state: State,
    options: LearnerOptions,
    policy: Policy,
    world: World,
    *,
    sharded: bool,
) -> Plan:
    """Decide what of a batch is run.

    Args:
        batch: this process's episodes.
        algorithm: the method.
        state: its state.
        options: the learner's.
        policy: what is trained.
        world: the processes.
        sharded: whether all processes must run as many parts of each kind.

    Raises:
        RuntimeError: the verifier or environment failed on every episode, or gave a reward that is no number.

    """
    batch, unscorable = without_unscorable(batch, policy)
    episodes = [episode for _, _, episode in batch]
    device = next(policy.model.parameters()).device
    valid_N = torch.tensor([episode.valid for episode in episodes], device=device)
    valid = int(world.sum(valid_N.sum()))
    guidance = algorithm.guidance(batch.step, state)
    apart = guidance is not None and guidance.apart
    own = [episode.own for episode in episodes]
    compared = own if apart else episodes  # whose rewards and lengths the group's advantages and the mean are of
    _check_rewards(batch, compared, valid)
    rewards_N = torch.tensor([float(episode.reward) for episode in compared], device=device)
    compared_N = torch.tensor([episode.valid for episode in compared], device=device)
    correct_N = torch.tensor([episode.valid and episode.verdict.correct for episode in own], device=device)
    own_N = torch.tensor([episode.valid for episode in own], device=device)
    guided_N = torch.tensor([episode.guided for episode in episodes], device=device)
    shape = (len(batch.groups), -1)
    A_N = _advantages(algorithm, rewards_N.view(shape), compared_N.view(shape), world)
    if apart:
        A_N = torch.where(guided_N, 0.0, A_N)
    contexts = algorithm.contexts(batch.step, state)
    # Shown are only episodes that could have a gradient if they were.
    all_N = torch.ones_like(valid_N)
    could = (algorithm.active(A_N, dict.fromkeys(contexts, all_N)) & valid_N).tolist()
    seen = {name: _show(name, context, batch, could) for name, context in contexts.items()}
    shown = {name: torch.tensor([one is not None for one in found], device=device) for name, found in seen.items()}
    active_N = algorithm.active(A_N, shown) & valid_N
    weights_N = algorithm.episode_weights(A_N, shown)
    lengths_N = torch.tensor([episode.length for episode in episodes], device=device)
    compared_lengths_N = torch.tensor([episode.length for episode in compared], device=device)
    coefficients_N = row_coefficients(
        weights_N * compared_N,
        compared_lengths_N,
        options.aggregation,
        world.sum,
        constant_length=options.divisor,
    )
    if apart:
        apart_N = row_coefficients(weights_N * guided_N, lengths_N, "token_mean", world.sum)
        coefficients_N = torch.where(guided_N, apart_N, coefficients_N)
    runs_N = active_N & (coefficients_N != 0)
    rows = _rows(episodes, seen, runs_N.tolist())
    parts = list(split(rows, policy, options.micro_batch_tokens))
    if sharded:
        parts = in_step(parts, Row(0, 0, episodes[0].turns[0], {}), world)
    return Plan(
        batch,
        episodes,
        contexts,
        A_N,
        _success(correct_N.view(shape), own_N.view(shape)),
        runs_N,
        coefficients_N,
        lengths_N,
        ((A_N == 0) & valid_N).sum(),
        valid,
        parts,
        guidance is not None and guidance.off_policy,
        unscorable,
    )


def _check_rewards(batch: EpisodeBatch, episodes: Sequence[Episode], valid: int) -> None:
    if not valid and not all(episode.pictures is Fit.LEFT_OUT for episode in episodes):
        verdict = episodes[0].verdict
        blamed = "environment" if verdict.feedback.startswith(ENVIRONMENT_FAILED) else "verifier"
        raise ConfigurationError(
            f"the {blamed} failed on all {len(episodes)} episodes of step {batch.step}; "
            f"the first said: {verdict.status} {verdict.feedback.removeprefix(ENVIRONMENT_FAILED)}"
        )
    for episode in episodes:
        if episode.valid and not math.isfinite(episode.reward):
            raise ConfigurationError(
                f"the verifier's reward is {episode.reward} in step {batch.step}; it must be finite"
            )


def _advantages(algorithm: Algorithm, rewards_BG: Tensor, valid_BG: Tensor, world: World) -> Tensor:
    """Return this process's advantages, [N], from the rewards of the groups of all processes."""
    if world.size == 1:
        return algorithm.group_advantages(rewards_BG, valid_BG).flatten()
    everyone = world.gather((rewards_BG.cpu(), valid_BG.cpu()))
    rewards, valid = (torch.cat([one[k] for one in everyone]).to(rewards_BG.device) for k in (0, 1))
    first = sum(len(one[0]) for one in everyone[: world.rank])
    return algorithm.group_advantages(rewards, valid)[first : first + len(rewards_BG)].flatten()


def _success(correct_BG: Tensor, valid_BG: Tensor) -> Tensor:
    """Return each episode's group's share of correct answers, [N]; 0 where no episode is valid."""
    share_B1 = correct_BG.sum(1, keepdim=True) / valid_BG.sum(1, keepdim=True).clamp(min=1)
    return share_B1.expand_as(correct_BG).flatten()


def _show(name: str, context: Context, batch: EpisodeBatch, could: Sequence[bool]) -> list[Shown | None]:
    show: Any = context.show
    seen: list[Shown | None] = []
    for number, (group, i, _) in enumerate(batch):
        if not could[number]:
            seen.append(None)
        elif context.across:
            seen.append(show(batch, number // len(group.episodes), i))
        else:
            seen.append(show(group, i))
    for shown, (group, _, episode) in zip(seen, batch):
        if shown is not None:
            check_shown(name, shown, episode, group.item.task.id)
    return seen


def _rows(episodes: Sequence[Episode], seen: Mapping[str, Sequence[Shown | None]], runs: Sequence[bool]) -> list[Row]:
    """Make a row of each turn of the episodes that run; equal prompts become one, which is tokenised once."""
    rows = []
    prompts: list[Prompt] = []
    for number, episode in enumerate(episodes):
        found = {name: shown for name, of_all in seen.items() if (shown := of_all[number]) is not None}
        for t, turn in enumerate(episode.turns if runs[number] else ()):
            rows.append(Row(number, t, turn, contexts := {name: shown.prompts[t] for name, shown in found.items()}))
            prompts += contexts.values()
    kept, places = distinct_by(prompt.key for prompt in prompts)
    same = (prompts[kept[place]] for place in places)
    return [Row(row.episode, row.number, row.turn, {name: next(same) for name in row.contexts}) for row in rows]
