"""Optimisers and the gradient's norm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from agents.options.learner import OPTIMIZERS
from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.extras import require


def make_optimizer(
    name: str, parameters: Sequence[nn.Parameter], lr: float, weight_decay: float
) -> torch.optim.Optimizer:
    """Make an optimiser.

    Args:
        name: adamw, or adamw8bit: bitsandbytes' AdamW, whose moments take 2 bytes per weight instead of 8.
        parameters: what it moves.
        lr: learning rate.
        weight_decay: decoupled weight decay.

    Raises:
        ConfigurationError: the name is unknown, or bitsandbytes is not there.

    """
    if name == "adamw":
        return torch.optim.AdamW(parameters, lr=lr, weight_decay=weight_decay, fused=True)
    if name == "adamw8bit":
        require("optimizer adamw8bit", "adamw8bit", "bitsandbytes")
        from bitsandbytes.optim import AdamW8bit

        return AdamW8bit(parameters, lr=lr, weight_decay=weight_decay)
    raise ConfigurationError(one_of("optimizer", name, OPTIMIZERS))


def clip_gradients(parameters: Sequence[nn.Parameter], limit: float) -> float:
    """Scale gradients down to a norm and return the norm before."""
    norm = torch.nn.utils.clip_grad_norm_(parameters, limit)
    full: Tensor = norm.full_tensor() if hasattr(norm, "full_tensor") else norm
    return float(full)


def sharded_moments(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return the state of a sharded model's optimiser by the weights' names, which any number of processes has."""
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_optimizer_state_dict

    return get_optimizer_state_dict(model, optimizer, options=StateDictOptions(flatten_optimizer_state_dict=True))


def load_sharded_moments(model: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Restore what `sharded_moments` returned."""
    from torch.distributed.checkpoint.state_dict import StateDictOptions, set_optimizer_state_dict

    options = StateDictOptions(flatten_optimizer_state_dict=True)
    set_optimizer_state_dict(model, optimizer, state, options=options)
