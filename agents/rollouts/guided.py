"""Attempts that are made again with help, after a batch has been graded: at the same tasks in the same environment.

What helps is a prompt that says more, or other weights. Right ones take the place of members of their groups, as an
algorithm's `Guidance` says, and keep the attempt in whose place they are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from gymnasium.vector import VectorEnv

from agents.algorithms import Guidance
from agents.diagnostics.leakage import mentions
from agents.distributed import World
from agents.episodes import Episode, EpisodeBatch, EpisodeGroup, Prompt, Turn
from agents.policy.base import Sampler, Sampling
from agents.rollouts.collect import NOTHING, collect, completion_seeds
from rlsd_env import GroupEnv, group_env

STREAM_GUIDED = 2**31
"""What seeds of guided attempts are derived with; those of further turns are derived with the turn's number."""


def collect_guided(
    env: GroupEnv | VectorEnv[Any, Any, Any],
    batch: EpisodeBatch,
    guidance: Guidance,
    sampler: Sampler,
    task_indices: Sequence[int],
    sampling: Sampling,
    seeds: Sequence[int],
    before: Mapping[str, Any] | None = None,
) -> EpisodeBatch:
    """Play the groups of a batch that are helped again, and put right attempts in the place of members.

    Attempts of groups that are not helped say nothing meanwhile. An environment that keeps a state is played from where
    it stood before the batch, and then stands where it stood after it.

    Args:
        env: the environment that the batch was played in.
        batch: the batch, with the policy's own attempts.
        guidance: who is helped, and how.
        sampler: what acts with help.
        task_indices: those of the batch.
        sampling: how it samples.
        seeds: those of the batch; an attempt with help has one derived from that of the attempt of its number.
        before: the environment's state before the batch; None: it keeps none.

    Raises:
        ConfigurationError: it has more attempts or slots than there are members.
        ValueError: `guidance` names members that there are not, or the environment does not show the same tasks again.

    """
    env = group_env(env)
    guidance.check_size(env.group_size)
    members = [_members(guidance, group) for group in batch.groups]
    if not any(members):
        return batch
    size, own = env.group_size, batch.groups
    most = guidance.attempts or size

    def reads(number: int, turns: Sequence[Turn], prompt: Prompt) -> Prompt | None:
        g, i = divmod(number, size)
        if not members[g] or i >= most:
            return None
        if guidance.show is None:
            return prompt
        episodes = list(own[g].episodes)
        episodes[i] = dataclasses.replace(episodes[i], turns=(*turns, Turn(prompt, NOTHING)))
        shown = guidance.show(dataclasses.replace(own[g], episodes=tuple(episodes)), i)
        return None if shown is None else shown.prompts[-1]

    after = env.state_dict()
    if before is not None:
        env.load_state_dict(before)
    derived = [completion_seeds(seed, (STREAM_GUIDED,), 1)[0] for seed in seeds]
    again = collect(env, sampler, task_indices, sampling, derived, batch.step, reads)
    env.load_state_dict(after)
    groups = map(_with_guided, own, again.groups, members, [guidance] * len(own))
    return dataclasses.replace(batch, groups=tuple(groups))


def guided_metrics(batch: EpisodeBatch, world: World | None = None) -> dict[str, float]:
    """Summarise the attempts with help of a training step, those of all processes; see `docs/metrics.md`."""
    made = [(group.item.task.question, episode) for group in batch.groups for episode in group.guided]
    mine = (
        sum(episode.guided for _, _, episode in batch),
        sum(len(group.episodes) for group in batch.groups),
        len(made),
        sum(episode.valid for _, episode in made),
        sum(_right(episode) for _, episode in made),
        sum(_speaks(episode, question) for question, episode in made),
        sum(episode.length for _, episode in made),
    )
    replaced, episodes, count, judged, right, speak, tokens = map(sum, zip(*(world or World()).gather(mine)))
    found = {"guided_share": replaced / episodes, "teacher_tokens_sampled": float(tokens)}
    if count:
        found["guided_leakage_per_1000"] = 1000 * speak / count
    if judged:
        found["guided_success_share"] = right / judged
    return found


def _members(guidance: Guidance, group: EpisodeGroup) -> tuple[int, ...]:
    members, size = tuple(guidance.members(group)), len(group.episodes)
    if len(set(members)) != len(members) or not set(members) <= set(range(size)):
        raise ValueError(f"guidance replaces members {list(members)} of a group of {size}; each once, 0 to {size - 1}")
    return members


def _right(episode: Episode) -> bool:
    return episode.valid and episode.verdict.correct


def _speaks(episode: Episode, question: str) -> bool:
    return any(mentions(turn.action.text, question) for turn in episode.turns)


def _with_guided(group: EpisodeGroup, again: EpisodeGroup, members: Sequence[int], guidance: Guidance) -> EpisodeGroup:
    """Put right attempts of a group that was played again in the place of members."""
    made = tuple(episode for episode in again.episodes if all(turn.action.token_ids for turn in episode.turns))
    if not made:
        return group
    question, prompt = group.item.task.question, group.episodes[0].turns[0].prompt
    if any(episode.turns[0].prompt.messages != prompt.messages for episode in made):
        raise ValueError(
            f"the environment shows task {group.item.task.id!r} otherwise when it is asked for it again; attempts with "
            "help are made at the very same one"
        )
    # The very prompt of the group, with its pictures, so that it is run once for all its members.
    made = tuple(_begins_with(prompt, episode) for episode in made)
    right = [e for e in made if _right(e) and (guidance.mentions or not _speaks(e, question))]
    episodes = list(group.episodes)
    for number, episode in zip(members, right):
        episodes[number] = dataclasses.replace(episode, replaces=group.episodes[number])
    return dataclasses.replace(group, episodes=tuple(episodes), guided=made)


def _begins_with(prompt: Prompt, episode: Episode) -> Episode:
    first, *later = episode.turns
    return dataclasses.replace(episode, turns=(dataclasses.replace(first, prompt=prompt), *later))
