"""Observations as chat messages, the form that every processor's chat template reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.episodes import Completion, Episode, Message, Prompt, StopReason
from rlsd_env.messages import user_message
from rlsd_env.task import IMAGE_PLACEHOLDER, VIDEO_PLACEHOLDER, escaped


def first_prompt(observation: Mapping[str, Any]) -> Prompt:
    """Turn the first observation of an episode into a policy's prompt."""
    message = user_message(observation["question"])
    return Prompt((message,), tuple(observation["images"]), tuple(observation["videos"]))


def next_prompt(prompt: Prompt, action: Completion, observation: Mapping[str, Any]) -> Prompt:
    """Turn a later observation into a prompt: the conversation so far, the action, and what was said of it.

    Args:
        prompt: what the action was taken on.
        action: the action.
        observation: what followed it.

    """
    ids = action.token_ids[:-1] if action.stop_reason is StopReason.STOP else action.token_ids
    said = {"role": "assistant", "content": action.text, "token_ids": ids}
    return Prompt(
        (*prompt.messages, said, user_message(observation["feedback"])),
        (*prompt.images, *observation["images"]),
        prompt.videos,
    )


def transcript(episode: Episode) -> list[dict[str, str]]:
    """Write an episode as {"role": .., "text": ..} in order, with placeholders where pictures and videos were.

    What the policy read is written as `user_message` takes it, what it said is left as it was.
    """
    last = {"role": "assistant", "content": episode.response}
    return [{"role": said["role"], "text": _text(said)} for said in (*episode.turns[-1].prompt.messages, last)]


def written(prompt: Prompt) -> str:
    """Write what is read before an action as text, with placeholders where pictures and videos are.

    One message alone is its text; of several each stands behind its role.
    """
    said = [(str(message["role"]), _text(message)) for message in prompt.messages]
    return said[0][1] if len(said) == 1 else "\n".join(f"[{role}] {text}" for role, text in said)


def middle_out(text: str, characters: int) -> str:
    """Leave the middle of a long text out.

    >>> middle_out("abcdefgh", 4)
    'ab [..] gh'
    """
    if len(text) <= characters:
        return text
    return f"{text[: characters - characters // 2]} [..] {text[len(text) - characters // 2 :]}"


def _text(message: Message) -> str:
    content: Any = message["content"]
    if message["role"] == "assistant":
        return str(content)
    placeholders = {"image": IMAGE_PLACEHOLDER, "video": VIDEO_PLACEHOLDER}
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return "".join(placeholders.get(part["type"]) or escaped(part["text"]) for part in parts)
