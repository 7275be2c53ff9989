"""What a chat template takes for a message's content: a string, or a list of parts."""

from __future__ import annotations

import itertools
from typing import Any

from jinja2 import TemplateError

from agents.episodes import Message
from rlsd_env.errors import ConfigurationError

SAID = (("user", "\ue000A\ue001"), ("assistant", "\ue000B\ue001"), ("user", "\ue000C\ue001"))
"""A conversation that no template writes by itself."""


def content_forms(processor: Any) -> dict[str, bool]:
    """Find out by rendering a conversation which roles' texts must be lists of parts; strings are preferred.

    Args:
        processor: what has the template; one that writes pictures.

    Raises:
        ConfigurationError: it has no template, or one that leaves out texts in either form.

    """
    failure = ""
    # Where nothing writes several turns, one turn will do until there is a second.
    for conversation, lists in itertools.product((SAID, SAID[:1]), itertools.product((False, True), repeat=2)):
        forms = dict(zip(("user", "assistant"), lists))
        messages = [in_form({"role": role, "content": said}, forms) for role, said in conversation]
        try:
            text = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        except (TemplateError, TypeError, ValueError, KeyError) as error:
            failure = " ".join(str(error).split())[:200]
            continue
        places = [text.find(said) for _, said in conversation]
        if places == sorted(places) and all(text.count(said) == 1 for _, said in conversation):
            return forms
    raise ConfigurationError(
        f"the chat template of {type(processor).__name__} does not write what is said "
        f"({failure or 'it is left out'}); use a processor whose template keeps all messages in their order"
    )


def in_form(message: Message, lists: dict[str, bool]) -> dict[str, Any]:
    """Return a message with its text as a list of parts, where its role is to have those."""
    if isinstance(message["content"], str) and lists.get(message["role"], False):
        return {**message, "content": [{"type": "text", "text": message["content"]}]}
    return message
