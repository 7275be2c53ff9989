"""What an agent learns from: turns, episodes, groups of episodes of one task, and batches of groups.

Token ids are those that were sampled; nothing here is ever re-tokenised from text.
"""

from __future__ import annotations

import enum
import functools
import math
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from rlsd_env.task import Image, Item, Video
from verifiers import Verdict

Message = dict[str, Any]
"""{"role": ..., "content": text | [{"type": "image"} | {"type": "video"} | {"type": "text", "text": ...}, ...]}.

A policy's own message also has `token_ids`, those that it sampled without the stop token: they are what later turns
are run with, never the tokens of its text.
"""


@dataclass(frozen=True, eq=False)
class Prompt:
    """What a policy reads before it acts: chat messages, and their pictures and videos in order."""

    messages: tuple[Message, ...]
    images: tuple[Image, ...] = ()
    videos: tuple[Video, ...] = ()

    def __post_init__(self) -> None:
        parts = [p for m in self.messages if not isinstance(m["content"], str) for p in m["content"]]
        for kind, found in (("image", len(self.images)), ("video", len(self.videos))):
            marks = sum(part["type"] == kind for part in parts)
            if marks != found:
                raise ValueError(f"the messages have {marks} {kind} parts and there are {found} {kind}s")

    @functools.cached_property
    def key(self) -> Hashable:
        """What equal prompts have in common; contexts pass on the student's own pictures and videos."""
        return repr(self.messages), id(self.images), id(self.videos)


class StopReason(enum.StrEnum):
    """Why a completion ended."""

    STOP = "stop"
    """A stop token was sampled."""
    LENGTH = "length"
    """The token limit was reached."""


class Fit(enum.StrEnum):
    """What became of the pictures of an attempt, as the policy's processor takes them; the worst of them counts."""

    TAKEN = "taken"
    """They were taken as they are."""
    PADDED = "padded"
    """One was taken with a border around it."""
    LEFT_OUT = "left_out"
    """One was not taken, and the attempt says nothing: a blank stood in the picture's place."""


@dataclass(frozen=True)
class Completion:
    """What a policy sampled.

    Attributes:
        token_ids: the sampled ids, the stop token included where one was sampled.
        logprobs: their log-probabilities under the sampling distribution, nats.
        text: the decoded ids without the stop token.
        stop_reason: why it ended.

    """

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    text: str
    stop_reason: StopReason


@dataclass(frozen=True, eq=False)
class Turn:
    """One observation with the chat before it, and the action taken on it; the loss covers the action only.

    Attributes:
        prompt: what was read.
        action: what was answered.
        feedback: what the environment then said, in the observation that followed; "" where it said nothing.

    """

    prompt: Prompt
    action: Completion
    feedback: str = ""


@dataclass(frozen=True, eq=False)
class Episode:
    """One attempt at a task: its turns, in order, and what the verifier said at the end.

    Attributes:
        turns: at least one; those of an attempt that was made with help have the prompts that the policy would have
            read without, and the log-probabilities that were sampled with.
        reward: of the attempt.
        verdict: on its last answer.
        truncated: whether the environment broke it off: tokens or turns were used up.
        replaces: the policy's own attempt in whose place this one is, which was made with help; None: it is its own.
        pictures: what became of its pictures; None: they are as they are, or the policy refuses to go on.

    """

    turns: tuple[Turn, ...]
    reward: float
    verdict: Verdict
    truncated: bool = False
    replaces: Episode | None = None
    pictures: Fit | None = None

    @property
    def valid(self) -> bool:
        """False where the verifier itself failed or a picture was not shown, so that the reward says nothing."""
        return not (self.verdict.status.failed or self.pictures is Fit.LEFT_OUT)

    @property
    def guided(self) -> bool:
        """Whether it was made with help, see `agents.algorithms.Guidance`."""
        return self.replaces is not None

    @property
    def own(self) -> Episode:
        """The policy's own attempt: this one, or the one that it is in the place of."""
        return self.replaces or self

    @property
    def response(self) -> str:
        """The text of the last action."""
        return self.turns[-1].action.text

    @property
    def length(self) -> int:
        """Action tokens over all turns."""
        return sum(len(turn.action.token_ids) for turn in self.turns)


@dataclass(frozen=True, eq=False)
class EpisodeGroup:
    """All attempts at one task, with what a teacher may be shown of it.

    Attributes:
        item: the task with its privileged part.
        episodes: the attempts.
        hints: what a teacher may be shown, by level: "answer" and, where there are such, "solution" and "trace"; under
            a control "feedback" too, in place of what the environment said. Privileged: not part of the group's text.
        guided: all attempts that were made with help, whether they are in the place of one of `episodes` or not.

    """

    item: Item
    episodes: tuple[Episode, ...]
    hints: Mapping[str, str] = field(repr=False)
    guided: tuple[Episode, ...] = ()

    @property
    def success(self) -> float:
        """Share of right answers among the policy's own attempts that the verifier judged; NaN of none."""
        judged = [episode.own.verdict.correct for episode in self.episodes if episode.own.valid]
        return sum(judged) / len(judged) if judged else math.nan


@dataclass(frozen=True, eq=False)
class EpisodeBatch:
    """The groups of one training step; all groups have the same number of episodes.

    Attributes:
        groups: one per task.
        step: the training step.
        replaced: how many of the tasks stand in for one whose picture the policy's processor refuses; None: such tasks
            are not replaced.

    """

    groups: tuple[EpisodeGroup, ...]
    step: int
    replaced: int | None = None

    def __post_init__(self) -> None:
        sizes = {len(group.episodes) for group in self.groups}
        if len(sizes) != 1 or 0 in sizes:
            raise ValueError(f"groups of {sorted(sizes)} episodes in one batch; they must be equal and not empty")

    @property
    def own(self) -> EpisodeBatch:
        """The batch with the policy's own attempts alone, those that others are in the place of included."""
        groups = tuple(replace(group, episodes=tuple(e.own for e in group.episodes)) for group in self.groups)
        return replace(self, groups=groups)

    def __iter__(self) -> Iterator[tuple[EpisodeGroup, int, Episode]]:
        """Yield (group, number within the group, episode)."""
        for group in self.groups:
            for number, episode in enumerate(group.episodes):
                yield group, number, episode
