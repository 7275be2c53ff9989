"""Metrics of a batch of rollouts; `docs/metrics.md` has the formula of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agents.diagnostics.leakage import mentions, per_1000
from agents.distributed import World
from agents.episodes import Episode, EpisodeBatch, Fit, Prompt, StopReason, Turn
from verifiers import Status


def mean(values: Iterable[float]) -> float | None:
    """Return the mean, or None of nothing."""
    numbers = [float(value) for value in values]
    return sum(numbers) / len(numbers) if numbers else None


@dataclass(frozen=True)
class Facts:
    """What the means over responses are made from, of one attempt.

    Attributes:
        reward: of the attempt.
        correct: the verifier's word.
        status: how the verification ended.
        tokens: of all actions.
        turns: how many actions.
        truncated: whether tokens or turns ran out.
        leaks: whether an action speaks of what only a teacher is shown.
        pictures: what became of its pictures, see `agents.episodes.Episode`.

    """

    reward: float
    correct: bool
    status: Status
    tokens: int
    turns: int
    truncated: bool
    leaks: bool
    pictures: Fit | None = None


def facts(episode: Episode, question: str) -> Facts:
    """Return the facts of an attempt at a question."""
    return Facts(
        reward=float(episode.reward),
        correct=bool(episode.verdict.correct),
        status=episode.verdict.status,
        tokens=episode.length,
        turns=len(episode.turns),
        truncated=_is_truncated(episode),
        leaks=any(mentions(turn.action.text, question) for turn in episode.turns),
        pictures=episode.pictures,
    )


def episode_metrics(episodes: Sequence[Episode], questions: Sequence[str]) -> dict[str, float]:
    """Summarise episodes; a mean over none of them is left out."""
    return summary([facts(episode, question) for episode, question in zip(episodes, questions)])


def summary(attempts: Sequence[Facts]) -> dict[str, float]:
    """Summarise attempts; a mean over none of them is left out, and so is an attempt without its picture from any."""
    fits = picture_shares(attempts)
    attempts = [one for one in attempts if one.pictures is not Fit.LEFT_OUT]
    valid = [one for one in attempts if not one.status.failed]
    found: dict[str, float | None] = {
        "reward": mean(one.reward for one in valid),
        "accuracy": mean(one.correct for one in valid),
        "response_length": mean(one.tokens for one in attempts),
        "response_length_correct": mean(one.tokens for one in valid if one.correct),
        "response_length_wrong": mean(one.tokens for one in valid if not one.correct),
        "turns": mean(one.turns for one in attempts),
        "truncated_share": mean(one.truncated for one in attempts),
        "leakage_per_1000": per_1000([one.leaks for one in attempts]),
    }
    for status in Status:
        if status is not Status.OK:
            found[f"status_{status}_share"] = mean(one.status is status for one in attempts)
    return {name: value for name, value in found.items() if value is not None} | fits


def picture_shares(attempts: Sequence[Facts]) -> dict[str, float]:
    """Return the shares of attempts with a padded picture and of those left out, where it was noted."""
    fits = [one.pictures for one in attempts if one.pictures is not None]
    changed = (Fit.PADDED, Fit.LEFT_OUT) if fits else ()
    return {f"pictures_{fit}_share": fits.count(fit) / len(attempts) for fit in changed}


def _is_truncated(episode: Episode) -> bool:
    return episode.truncated or any(turn.action.stop_reason is StopReason.LENGTH for turn in episode.turns)


def batch_metrics(batch: EpisodeBatch, world: World | None = None) -> dict[str, float]:
    """Summarise the rollouts of a training step, those of all processes."""
    world = world or World()
    found = episode_metrics(*of_all([batch], world))
    if batch.replaced is not None:
        replaced, tasks = map(sum, zip(*world.gather((batch.replaced, len(batch.groups)))))
        found["tasks_replaced_share"] = replaced / tasks
    return found


def difficulty(batch: EpisodeBatch) -> float:
    """Return the difficulty of a batch of a curriculum, all of whose tasks have the same."""
    return float(str(batch.groups[0].item.task.metadata["difficulty"]))


def of_all(batches: Sequence[EpisodeBatch], world: World) -> tuple[list[Episode], list[str]]:
    """Return the policy's own attempts of all processes, with their questions; others' without their prompts."""
    episodes = [episode.own for batch in batches for _, _, episode in batch]
    questions = [group.item.task.question for batch in batches for group, _, _ in batch]
    if world.size > 1:
        parts = world.gather([(_without_prompts(episode), text) for episode, text in zip(episodes, questions)])
        episodes = [episode for part in parts for episode, _ in part]
        questions = [text for part in parts for _, text in part]
    return episodes, questions


def _without_prompts(episode: Episode) -> Episode:
    turns = tuple(Turn(Prompt(()), turn.action) for turn in episode.turns)
    return dataclasses.replace(episode, turns=turns)
