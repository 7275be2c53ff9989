"""Pictures whose tokens see each other both ways: in which layers of a model, found out by asking it."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from agents.policy.inputs import kinds_argument

NOWHERE, IN_WINDOWS, EVERYWHERE = "", "windows", "everywhere"
"""Layers in which pictures are seen both ways."""
TRIAL = (0, 1, 1, 0, 1, 1, 1, 0)
"""Kinds of a trial's tokens: text (0), and two pictures (1)."""

_rules: WeakKeyDictionary[Any, str | None] = WeakKeyDictionary()


def picture_rule(model: Any) -> str | None:
    """Return in which layers of a model the tokens of a picture see each other both ways.

    Returns:
        `NOWHERE`, `IN_WINDOWS`, `EVERYWHERE`; None: its masks follow another rule.

    """
    if model not in _rules:
        _rules[model] = _ask(model)
    return _rules[model]


def _ask(model: Any) -> str | None:
    name = kinds_argument(model)
    config = model.config.get_text_config()
    makes_masks = hasattr(model, "create_masks_for_generate")  # transformers' usual ones are not told of pictures
    if name is None or not makes_masks or hasattr(model.model, "get_rope_index"):
        return NOWHERE
    kinds = torch.tensor([TRIAL], device=model.device)
    length = len(TRIAL)
    options = {
        "config": model.config,
        "inputs_embeds": torch.zeros(1, length, config.hidden_size, device=model.device),
        "attention_mask": torch.ones_like(kinds),
        "past_key_values": None,
        "position_ids": None,
        name: kinds,
    }
    try:
        masks = model.create_masks_for_generate(**options)
    except (TypeError, AttributeError, ValueError):
        return None
    number = numbered(kinds)[0]
    behind = torch.arange(length, device=kinds.device)[:, None] - torch.arange(length, device=kinds.device)
    together = (number[:, None] == number) & (number >= 0)[:, None]
    found = {}
    for layers, mask in masks.items() if isinstance(masks, dict) else [("full_attention", masks)]:
        near = behind < config.sliding_window if layers == "sliding_attention" else torch.ones_like(together)
        sees = behind >= 0 if mask is None else _seen(mask[0, 0])
        if torch.equal(sees, (behind >= 0) & near):
            found[layers] = False
        elif torch.equal(sees, ((behind >= 0) | together) & near):
            found[layers] = True
        else:
            return None
    everywhere, windows = found.get("full_attention", False), found.get("sliding_attention")
    if everywhere:
        return None if windows is False else EVERYWHERE
    return IN_WINDOWS if windows else NOWHERE


def _seen(mask: Tensor) -> Tensor:
    return mask if mask.dtype == torch.bool else mask == 0


def numbered(kinds_PL: Tensor) -> Tensor:
    """Number pictures through all prompts: [P, L], -1 where the kind is text; tokens side by side are of one picture.

    >>> numbered(torch.tensor([[0, 1, 1, 0, 1], [1, 1, 0, 0, 0]])).tolist()
    [[-1, 0, 0, -1, 1], [2, 2, -1, -1, -1]]
    """
    inside_PL = kinds_PL > 0
    first_PL = inside_PL & ~torch.nn.functional.pad(inside_PL, (1, 0))[:, :-1]
    return torch.where(inside_PL, first_PL.flatten().cumsum(0).view_as(kinds_PL) - 1, -1)
