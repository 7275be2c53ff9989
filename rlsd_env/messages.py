"""Prompts as chat messages, the form that every processor's chat template reads."""

from __future__ import annotations

import re
from typing import Any

from rlsd_env.task import IMAGE_PLACEHOLDER, VIDEO_PLACEHOLDER, unescaped

_PLACEHOLDERS = re.compile(f"({re.escape(IMAGE_PLACEHOLDER)}|{re.escape(VIDEO_PLACEHOLDER)})")


def user_message(text: str) -> dict[str, Any]:
    """Make a user message of a text, split at its placeholders where it has any; `<!image>` becomes the word.

    >>> user_message("How many are <!image>?")
    {'role': 'user', 'content': 'How many are <image>?'}
    >>> user_message("<image>How many?")["content"]
    [{'type': 'image'}, {'type': 'text', 'text': 'How many?'}]
    """
    pieces = _PLACEHOLDERS.split(text)
    if len(pieces) == 1:
        return {"role": "user", "content": unescaped(text)}  # text-only models' templates read nothing else
    kinds = {IMAGE_PLACEHOLDER: "image", VIDEO_PLACEHOLDER: "video"}
    content = [
        {"type": kinds[piece]} if piece in kinds else {"type": "text", "text": unescaped(piece)}
        for piece in pieces
        if piece
    ]
    return {"role": "user", "content": content}


def said(completion: Any) -> str:
    """Return the text of what a model said last: of a text itself, or of chat messages.

    >>> said("5"), said([{"role": "assistant", "content": "5"}]), said([{"role": "assistant", "content": None}])
    ('5', '5', '')
    """
    if isinstance(completion, str):
        return completion
    content = completion[-1]["content"] if completion else ""
    if isinstance(content, str) or content is None:
        return content or ""
    return "".join(part.get("text") or "" for part in content)
