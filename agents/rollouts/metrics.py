"""Metrics of a batch of rollouts; `docs/metrics.md` has the formula of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from agents.diagnostics.leakage import phrase_rate
from agents.distributed import World
from agents.episodes import Episode, EpisodeBatch, Prompt, StopReason, Turn
from verifiers import Status


def mean(values: Iterable[float]) -> float | None:
    """Return the mean, or None of nothing."""
    numbers = [float(value) for value in values]
    return sum(numbers) / len(numbers) if numbers else None


def episode_metrics(episodes: Sequence[Episode], questions: Sequence[str]) -> dict[str, float]:
    """Summarise episodes; a mean over none of them is left out."""
    valid = [episode for episode in episodes if episode.valid]
    found: dict[str, float | None] = {
        "reward": mean(episode.reward for episode in valid),
        "accuracy": mean(episode.verdict.correct for episode in valid),
        "response_length": mean(episode.length for episode in episodes),
        "response_length_correct": mean(e.length for e in valid if e.verdict.correct),
        "response_length_wrong": mean(e.length for e in valid if not e.verdict.correct),
        "turns": mean(len(episode.turns) for episode in episodes),
        "truncated_share": mean(_is_truncated(episode) for episode in episodes),
        "leakage_per_1000": phrase_rate([[turn.action.text for turn in e.turns] for e in episodes], questions),
    }
    for status in Status:
        if status is not Status.OK:
            found[f"status_{status}_share"] = mean(e.verdict.status is status for e in episodes)
    return {name: value for name, value in found.items() if value is not None}


def _is_truncated(episode: Episode) -> bool:
    return episode.truncated or any(turn.action.stop_reason is StopReason.LENGTH for turn in episode.turns)


def batch_metrics(batch: EpisodeBatch, world: World | None = None) -> dict[str, float]:
    """Summarise the rollouts of a training step, those of all processes."""
    return episode_metrics(*of_all([batch], world or World()))


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
