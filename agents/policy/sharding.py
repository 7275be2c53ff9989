"""One model over several processes: torch's FSDP2.

Weights, gradients, moments and a teacher's copy lie in shards; each layer's weights are gathered when it runs. All
processes must run the same number of forwards, and in each the vision tower once:
`agents.learner.micro_batches.in_step` and `PromptEncoder.keeps_step` see to it.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method

from agents.distributed import World
from agents.policy.preparation import decoder_layers, vision_blocks, vision_is_frozen, vision_parameters


def shard(model: Any, world: World, precision: str) -> None:
    """Shard a prepared model in place over all processes.

    Args:
        model: the model; the same weights in every process.
        world: the processes.
        precision: what layers are computed in; gradients are added up in float32.

    """
    mesh = init_device_mesh(model.device.type, (world.size,))
    # Inputs are narrowed by autocast, as without shards.
    narrow = MixedPrecisionPolicy(torch.bfloat16, torch.float32, cast_forward_inputs=False)
    options: dict[str, Any] = {"mesh": mesh, "mp_policy": narrow if precision == "bfloat16" else MixedPrecisionPolicy()}
    # What a frozen tower makes of pictures is kept, so each process runs it when it needs to: it has it whole.
    frozen = set(vision_parameters(model)) if vision_is_frozen(model) else set()
    blocks = [] if frozen else vision_blocks(model)
    for layer in [*decoder_layers(model), *blocks]:
        fully_shard(layer, **options)
    fully_shard(model, ignored_params=frozen, **options)
    model.run_whole = types.MethodType(_run, model)
    register_fsdp_forward_method(model, "run_whole")


def _run(self: Any, function: Callable[..., Tensor], *arguments: Any) -> Tensor:
    return function(self, *arguments)


def run_whole(model: Any, function: Callable[..., Tensor], *arguments: Any) -> Tensor:
    """Call `function(model, *arguments)`; of a sharded model as one forward, so that its weights are there."""
    if isinstance(model, FSDPModule):
        return model.run_whole(function, *arguments)  # type: ignore[attr-defined]
    return function(model, *arguments)


def reshard(model: Any) -> None:
    """Let go of gathered weights: what they were gathered from is about to change."""
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.reshard()
