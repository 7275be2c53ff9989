"""What became of the pictures of episodes that the policy's processor does not take."""

from __future__ import annotations

import dataclasses

from agents.episodes import Episode, EpisodeBatch
from agents.policy.base import Policy


def with_fits(batch: EpisodeBatch, policy: Policy) -> EpisodeBatch:
    """Note of each episode what became of its pictures, so that one with a picture left out counts for nothing.

    Args:
        batch: the episodes, attempts with help among them.
        policy: whose processor takes pictures; one that stops at those that it refuses has none to tell of.

    """
    media = policy.encoder.media
    if media.pictures == "stop" or not media.sees:
        return batch
    known: dict[int, Episode] = {}  # an attempt with help stands in two places

    def noted(episode: Episode) -> Episode:
        if id(episode) not in known:
            fit = media.fit(episode.turns[-1].prompt.images)
            own = episode.replaces and noted(episode.replaces)
            known[id(episode)] = dataclasses.replace(episode, pictures=fit, replaces=own)
        return known[id(episode)]

    groups = tuple(
        dataclasses.replace(group, episodes=tuple(map(noted, group.episodes)), guided=tuple(map(noted, group.guided)))
        for group in batch.groups
    )
    return dataclasses.replace(batch, groups=groups)
