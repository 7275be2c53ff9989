"""Observations as chat messages, the form that every processor's chat template reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rlsd_env.task import IMAGE_PLACEHOLDER

if TYPE_CHECKING:
    from agents.episodes import Prompt

Message = dict[str, Any]
"""{"role": ..., "content": text | [{"type": "image"} | {"type": "text", "text": ...}, ...]}."""


def user_message(text: str) -> Message:
    """Make a user message of a prompt, split at its `<image>` placeholders where it has any."""
    if IMAGE_PLACEHOLDER not in text:
        return {"role": "user", "content": text}  # text-only models' templates read nothing else
    content: list[dict[str, str]] = []
    for position, piece in enumerate(text.split(IMAGE_PLACEHOLDER)):
        if position:
            content.append({"type": "image"})
        if piece:
            content.append({"type": "text", "text": piece})
    return {"role": "user", "content": content}


def observation_prompt(observation: Mapping[str, Any]) -> Prompt:
    """Turn the first observation of an episode into a policy's prompt."""
    from agents.episodes import Prompt

    return Prompt((user_message(observation["question"]),), tuple(observation["images"]))
