"""Leakage by poison: a fixed share of training tasks gets wrong hints; how often does the student answer what they say?

Needs no words to look for: a student that follows a wrong value which only its teacher was shown has been told it.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

import verifiers
from agents.distributed import World
from agents.episodes import EpisodeBatch, EpisodeGroup
from agents.rollouts.environments import make_group_env
from rlsd_env.errors import ConfigurationError
from rlsd_env.task import Item
from verifiers import BadReference, Reference


def is_poisoned(task_id: str, share: float) -> bool:
    """Tell whether a task is among the poisoned ones: always the same, whatever the seed.

    >>> sum(is_poisoned(f"task-{number}", 0.05) for number in range(1000))
    50
    """
    digest = hashlib.blake2b(f"poison {task_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) < share * 2**64


def says(answer: object, value: str, reference: Reference) -> bool:
    """Tell whether an answer is a value, compared as answers to the task are.

    Args:
        answer: what the verifier took for the answer; None: there was none.
        value: the value.
        reference: the task's own.

    """
    if answer is None:
        return False
    if str(answer).strip() == value.strip():
        return True
    try:
        other = dataclasses.replace(reference, answer=value, solution=None, steps=())
        return verifiers.make("answer").verify(f"<answer>{answer}</answer>", other).correct
    except BadReference:  # the value is no answer of this kind: no answer equals it
        return False


class Poison:
    """Wrong hints in the place of right ones.

    Args:
        share: of the training tasks, above 0 and below 1.
        env: environment id.
        env_kwargs: its arguments, those of the training fold.

    """

    def __init__(self, share: float, env: str, env_kwargs: Mapping[str, Any]) -> None:
        self.share = share
        self._env = make_group_env(env, {**env_kwargs, "hints": "wrong"}, 1, 1)
        self._known: dict[str, Mapping[str, str] | None] = {}

    def wrong(self, item: Item) -> Mapping[str, str] | None:
        """Return the wrong hints of a task, the same each time; None of a task that is not poisoned and has none.

        Raises:
            ConfigurationError: a poisoned task has none.

        """
        id = item.task.id
        if id not in self._known:
            try:
                self._known[id] = self._env.hints(item)
            except ConfigurationError:
                if is_poisoned(id, self.share):
                    raise
                self._known[id] = None
        return self._known[id]

    def applied(self, batch: EpisodeBatch) -> EpisodeBatch:
        """Return the batch with wrong hints for the poisoned tasks."""
        return dataclasses.replace(batch, groups=tuple(self._applied(group) for group in batch.groups))

    def _applied(self, group: EpisodeGroup) -> EpisodeGroup:
        if not is_poisoned(group.item.task.id, self.share):
            return group
        wrong = self.wrong(group.item)
        assert wrong is not None
        return dataclasses.replace(group, hints=wrong)

    def metrics(self, batch: EpisodeBatch, world: World) -> dict[str, float]:
        """Measure how often answers are the wrong value, on poisoned tasks and, for comparison, on the others."""
        counts = {"poison_follow_share": [0, 0], "poison_base_share": [0, 0]}
        for group in batch.own.groups:
            if (wrong := self.wrong(group.item)) is None:
                continue
            poisoned = is_poisoned(group.item.task.id, self.share)
            count = counts["poison_follow_share" if poisoned else "poison_base_share"]
            for episode in group.episodes:
                if episode.valid:
                    reference = group.item.privileged.reference
                    count[0] += says(episode.verdict.extracted, wrong["answer"], reference)
                    count[1] += 1
        found = {}
        everyone = world.gather(counts)
        for name in counts:
            followed, asked = (sum(one[name][k] for one in everyone) for k in (0, 1))
            if asked:
                found[name] = followed / asked
        return found
