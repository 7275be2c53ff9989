"""What a scorer is shown of an episode: pure functions of the group's episodes and the task's privileged part.

Privileged text is added to the first user message; pictures and the conversation so far stay, so the scorer always
sees the image. `show_degraded` changes pictures and adds nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PIL import Image as Pillow

from agents.algorithms.base import Show, ShowAcross, Shown
from agents.episodes import Episode, EpisodeBatch, EpisodeGroup, Message, Prompt
from rlsd_env.errors import ConfigurationError
from rlsd_env.task import Image

PHRASES: dict[str, str] = {
    "answer": "The reference answer is {}.",
    "solution": "The reference solution is: {}",
    "trace": "The reference solution is: {}",
    "sibling": "An earlier correct response was: {}",
    "feedback": "Feedback on an earlier attempt: {}",
}
"""What introduces each kind of privileged text: those of `rlsd_env.hints`, and what comes of the group itself."""

REQUEST = "Now answer the question yourself."


def hint(**texts: str) -> str:
    """Write the privileged paragraph of a prompt from texts by kind, in the order given.

    >>> print(hint(answer="7"))
    The reference answer is 7.
    Now answer the question yourself.

    Raises:
        KeyError: a kind is not one of `PHRASES`.
        ConfigurationError: a text is empty.

    """
    for kind, text in texts.items():
        if not text.strip():
            raise ConfigurationError(
                f"the {kind} that a teacher is to be shown is empty; give tasks one, or make the environment with "
                "hints=blank as the control"
            )
    return "\n".join([*(PHRASES[kind].format(text) for kind, text in texts.items()), REQUEST])


def with_hint(episode: Episode, **texts: str) -> Shown:
    """Show the episode with privileged texts at the end of the first user message."""
    paragraph = hint(**texts)
    return Shown(tuple(_with_paragraph(turn.prompt, paragraph) for turn in episode.turns))


def _with_paragraph(prompt: Prompt, paragraph: str) -> Prompt:
    messages: list[Message] = list(prompt.messages)
    first = next(i for i, message in enumerate(messages) if message["role"] == "user")
    content = messages[first]["content"]
    if isinstance(content, str):
        content = f"{content}\n{paragraph}"
    elif content and content[-1]["type"] == "text":
        content = [*content[:-1], {"type": "text", "text": f"{content[-1]['text']}\n{paragraph}"}]
    else:
        content = [*content, {"type": "text", "text": paragraph}]
    messages[first] = {**messages[first], "content": content}
    return Prompt(tuple(messages), prompt.images, prompt.videos)


def show_question(group: EpisodeGroup, i: int) -> Shown:
    """Show what the student saw and nothing else."""
    return Shown(tuple(turn.prompt for turn in group.episodes[i].turns))


def show_answer(group: EpisodeGroup, i: int) -> Shown:
    """Show the final answer only (RLSD)."""
    return with_hint(group.episodes[i], answer=group.hints["answer"])


def show_solution(group: EpisodeGroup, i: int) -> Shown:
    """Show the reasoning trace, else the worked solution, else, where a task has neither, the answer (OPSD)."""
    for kind in ("trace", "solution"):
        if group.hints.get(kind):
            return with_hint(group.episodes[i], **{kind: group.hints[kind]})
    return show_answer(group, i)


def _siblings(group: EpisodeGroup, i: int, *, correct: bool) -> list[Episode]:
    """Return the right or wrong OTHER responses: those that say nothing, or what the episode itself says, are none."""
    own = group.episodes[i].response.strip()
    alike = (one for n, one in enumerate(group.episodes) if n != i and one.valid and one.verdict.correct is correct)
    return [one for one in alike if one.response.strip() not in ("", own)]


def successful_sibling(group: EpisodeGroup, i: int) -> Episode | None:
    """Return the first correct OTHER response of the group, by accuracy and not by a shaped reward; else None."""
    return next(iter(_siblings(group, i, correct=True)), None)


def show_sibling_or_feedback(group: EpisodeGroup, i: int, feedback: str) -> Shown | None:
    """Show a successful sibling and/or what the environment said at the end of this very attempt (SDPO).

    What the verifier says to itself is not shown: it may quote the reference. An environment made without feedback says
    nothing. Under a control of hints its text stands in place of what was said.

    Args:
        group: the group.
        i: the episode that is scored.
        feedback: "never", "without_sibling" (only where no sibling succeeded) or "always". A correct attempt
            is never given feedback.

    Returns:
        None where there is nothing to show.

    """
    episode, sibling = group.episodes[i], successful_sibling(group, i)
    texts: dict[str, str] = {}
    if sibling is not None:
        texts["sibling"] = group.hints.get("sibling", sibling.response)
    wanted = feedback == "always" or (feedback == "without_sibling" and sibling is None)
    said = episode.turns[-1].feedback
    if wanted and said and not episode.verdict.correct:
        texts["feedback"] = group.hints.get("feedback", said)
    return with_hint(episode, **texts) if texts else None


def wrong_answers(group: EpisodeGroup) -> list[str]:
    """Return the distinct wrong answers of a group, the one of the lowest reward first, then in order."""
    wrong = [e for e in group.episodes if e.valid and not e.verdict.correct and e.verdict.extracted]
    answers = (str(episode.verdict.extracted) for episode in sorted(wrong, key=lambda episode: episode.reward))
    return list(dict.fromkeys(answers))


def show_wrong_answer(number: int) -> Show:
    """Show a wrong answer of the group as if it were the reference (CEPO); None where there is no such answer.

    Under a control of hints its text stands in place of the answer, here and in `show_sibling`.
    """

    def show(group: EpisodeGroup, i: int) -> Shown | None:
        answers = wrong_answers(group)
        if number >= len(answers):
            return None
        return with_hint(group.episodes[i], answer=group.hints.get("wrong_answer", answers[number]))

    return show


def show_sibling(number: int, *, correct: bool) -> Show:
    """Show a right or wrong OTHER response of the group as if it were right (RLCSD); None where there is none."""

    def show(group: EpisodeGroup, i: int) -> Shown | None:
        distinct = list(dict.fromkeys(episode.response for episode in _siblings(group, i, correct=correct)))
        if number >= len(distinct):
            return None
        return with_hint(group.episodes[i], sibling=group.hints.get("sibling", distinct[number]))

    return show


def only_guided(show: Show) -> Show:
    """Show something of the attempts that were made with help, and nothing of the others."""
    return functools.partial(_only_guided, show=show)


def _only_guided(group: EpisodeGroup, i: int, show: Show) -> Shown | None:
    return show(group, i) if group.episodes[i].guided else None


HINTS: dict[str, Show] = {
    "answer": show_answer,
    "solution": show_solution,
    "sibling": show_sibling(0, correct=True),
}
"""What a teacher may be shown, by the name of the option; an episode without a successful sibling is shown none."""


def of_sign(show: Show, sign: int) -> Show:
    """Show only to episodes whose reward is above (1) or below (-1) the mean of their group's valid ones."""

    def signed(group: EpisodeGroup, i: int) -> Shown | None:
        rewards = [float(episode.reward) for episode in group.episodes if episode.valid]
        difference = float(group.episodes[i].reward) - sum(rewards) / max(1, len(rewards))
        return show(group, i) if sign * difference > 0 else None

    return signed


def show_degraded(degrade: Callable[[Image], Image]) -> Show:
    """Show the student's own prompt with pictures made worse; None where there is no picture.

    Args:
        degrade: from a picture, [H, W, 3] uint8, to one of the same size.

    """

    @functools.lru_cache(maxsize=1024)  # members of a group have the very same prompt, and get the very same one
    def degraded(prompt: Prompt) -> Prompt:
        images = tuple(degrade(image) for image in prompt.images)
        for image in images:
            image.setflags(write=False)  # what is made of a picture that cannot change is kept
        return Prompt(prompt.messages, images, prompt.videos)

    def show(group: EpisodeGroup, i: int) -> Shown | None:
        prompts = [turn.prompt for turn in group.episodes[i].turns]
        if not any(prompt.images for prompt in prompts):
            return None
        return Shown(tuple(degraded(prompt) for prompt in prompts))

    return show


def show_with_other_input(number: int) -> ShowAcross:
    """Show the question and the pictures of another task of the batch, with this task's solution (CREDIT).

    The later turns of a conversation stay as they are. Of groups with the same task as this one there is none, nor of
    those that have pictures or videos where this one has none, or the other way round.

    Args:
        number: which of the others, counted from this group on; those of the first come again at the end.

    """

    def show(batch: EpisodeBatch, g: int, i: int) -> Shown | None:
        group, count = batch.groups[g], len(batch.groups)
        places = (batch.groups[(g + k) % count] for k in range(1, count))
        others = [other for other in places if other.item.task.id != group.item.task.id and _kin(other, group)]
        if number >= len(others):
            return None
        (first, *_), own = others[number].episodes[0].turns, group.episodes[i]
        begins = own.turns[0].prompt
        turns = tuple(replace(turn, prompt=_after(first.prompt, begins, turn.prompt)) for turn in own.turns)
        episodes = (*group.episodes[:i], replace(own, turns=turns), *group.episodes[i + 1 :])
        return show_solution(replace(group, episodes=episodes), i)

    return show


def _kin(one: EpisodeGroup, other: EpisodeGroup) -> bool:
    """Tell whether two groups' questions have the same kinds of media."""
    first, second = (group.episodes[0].turns[0].prompt for group in (one, other))
    return bool(first.images) == bool(second.images) and bool(first.videos) == bool(second.videos)


def _after(first: Prompt, begins: Prompt, prompt: Prompt) -> Prompt:
    """Put another beginning in the place of a conversation's own; pictures stay the very same where none are added."""
    later = prompt.images[len(begins.images) :], prompt.videos[len(begins.videos) :]
    return Prompt(
        (*first.messages, *prompt.messages[len(begins.messages) :]),
        (*first.images, *later[0]) if later[0] else first.images,
        (*first.videos, *later[1]) if later[1] else first.videos,
    )


def blank(image: Image) -> Image:
    """Return a picture of the same size in its mean colour."""
    return np.broadcast_to(image.mean(axis=(0, 1)).round().astype(np.uint8), image.shape).copy()


def blurred(image: Image, factor: int = 8) -> Image:
    """Return a picture that was reduced by a factor and enlarged again."""
    height, width = image.shape[:2]
    small = Pillow.fromarray(image).resize((max(1, width // factor), max(1, height // factor)), Pillow.Resampling.BOX)
    return np.array(small.resize((width, height), Pillow.Resampling.BILINEAR))


def shuffled(image: Image, patch: int = 16) -> Image:
    """Return a picture whose square patches have changed places, none at its own; what is left at the edges stays."""
    rows, columns = image.shape[0] // patch, image.shape[1] // patch
    order = np.random.default_rng(0).permutation(rows * columns)
    moved = image.copy()
    for to, source in zip(order, np.roll(order, 1)):
        (y, x), (v, u) = divmod(int(to), columns), divmod(int(source), columns)
        moved[y * patch : (y + 1) * patch, x * patch : (x + 1) * patch] = image[
            v * patch : (v + 1) * patch, u * patch : (u + 1) * patch
        ]
    return moved


DEGRADED: dict[str, Callable[[Image], Image]] = {"blank": blank, "blurred": blurred, "shuffled": shuffled}
"""Ways of making a picture worse, by the name of the option."""
