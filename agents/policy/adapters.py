"""LoRA adapters (PEFT): put beside linear layers, merged, and told apart from what PEFT takes for experts."""

from __future__ import annotations

import copy
import importlib
import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from agents.options.model import ALL_LINEAR, TrainedModelOptions
from agents.policy.tensors import whole
from rlsd_env.errors import ConfigurationError
from rlsd_env.extras import require

_LOG = logging.getLogger(__name__)

ADAPTER = "default"
JOINED = {"gate_up_proj": ("gate_proj", "up_proj"), "qkv_proj": ("q_proj", "k_proj", "v_proj")}
"""Matrices that some families have in one; to adapt a part there is to adapt the whole."""
EXPERTS = ("gate_proj", "up_proj", "down_proj", "w1", "w2", "w3")
"""What linear layers of a single expert are called."""
ROUTERS = frozenset({"gate", "router", "shared_expert_gate"})
"""Modules that choose experts, or say how much one counts."""
SINGLE = "which PEFT takes for layers of single experts"
PAST = "whose matrix Mamba's kernels read themselves, past adapters,"


def add_adapters(model: Any, options: TrainedModelOptions, layers: Sequence[nn.Module]) -> None:
    """Put LoRA adapters (arXiv 2106.09685) beside linear layers and freeze everything else.

    The model stays an instance of its class. Adapters start as exactly nothing: B is 0.

    Args:
        model: a transformers model.
        options: rank, alpha and which linear layers.
        layers: those of the language model, in which these are.

    Raises:
        ConfigurationError: a target is no linear layer of the language model's layers, or PEFT takes it for another.

    """
    require("lora_rank", "lora", "peft")
    import_quietly("peft")
    from peft import LoraConfig

    inside = {id(module) for layer in layers for module in layer.modules()}
    linear = [name for name, one in model.named_modules() if id(one) in inside and isinstance(one, nn.Linear)]
    config = LoraConfig(
        r=options.lora_rank,
        lora_alpha=options.lora_alpha or 2 * options.lora_rank,  # type: ignore[arg-type]  # only divided by the rank
        lora_dropout=0.0,
    )
    config.target_modules = _places(model, linear, options.lora_targets, config)
    model.requires_grad_(False)
    with torch.random.fork_rng(devices=[] if model.device.type == "cpu" else [model.device]):
        model.add_adapter(config, adapter_name=ADAPTER)  # draws from the global generator, which is put back
    generator = torch.Generator(model.device).manual_seed(0)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(".lora_" in name)
        if ".lora_A." in name:  # every run starts from the same A
            nn.init.kaiming_uniform_(parameter, a=math.sqrt(5), generator=generator)
    model.eval()


def _kind(name: str) -> str:
    return name.rpartition(".")[2]


def _places(model: Any, linear: Sequence[str], asked: Sequence[str], config: Any) -> list[str]:
    """Return the names of the linear layers that get adapters."""
    kinds, every = {_kind(name) for name in linear}, tuple(asked) == (ALL_LINEAR,)
    if every:
        places = [name for name in linear if ROUTERS.isdisjoint(name.split("."))]
    else:
        joined = {part: whole for whole, parts in JOINED.items() if whole in kinds for part in parts}
        targets = {target if target in kinds else joined.get(target, target) for target in asked}
        for target in sorted(targets - kinds):
            raise ConfigurationError(
                f"lora_targets has {target!r}; this model's layers have {', '.join(sorted(kinds))}, and {ALL_LINEAR} "
                "is all of them"
            )
        places = [name for name in linear if _kind(name) in targets]
    unfit = _unfit(model, places, config)
    fit = [name for name in places if _kind(name) not in unfit]
    if unfit:
        told = ", and ".join(
            f"{', '.join(sorted(kind for kind in unfit if unfit[kind] == reason))}, {reason} in {type(model).__name__}"
            for reason in sorted(set(unfit.values()))
        )
        others = sorted(set(map(_kind, fit)))
        if not every:
            raise ConfigurationError(
                f"lora_targets has {told}; give --lora-targets {','.join(others) or 'others'}, or {ALL_LINEAR}"
            )
        _LOG.warning(f"LoRA leaves out {told}; adapted are {', '.join(others)}")
    if not fit:
        raise ConfigurationError(f"{type(model).__name__} has no linear layers that LoRA adapts; take lora_rank 0")
    return fit


def _unfit(model: Any, places: Sequence[str], config: Any) -> dict[str, str]:
    """Return the kinds of layers that adapters would not be put on as they are named, each with the reason.

    PEFT takes names that end like those of experts for experts of an older transformers, whose matrices are now one
    parameter, and adapts that: so it does with an expert that all tokens share, here and when adapters are read.
    """
    from peft.utils.transformers_weight_conversion import convert_peft_config_for_transformers

    kinds = set(map(_kind, places))
    asked = copy.deepcopy(config)
    asked.target_modules = {*kinds, *EXPERTS}  # one of them alone is refused
    convert_peft_config_for_transformers(asked, model, None)
    unfit = dict.fromkeys(kinds - set(asked.target_modules), SINGLE)
    for name in places:
        owner = model.get_submodule(name.rpartition(".")[0])
        if _kind(name) == "out_proj" and hasattr(owner, "A_log") and hasattr(owner, "D"):
            unfit["out_proj"] = PAST
    return unfit


def merge_adapters(model: Any, folder: str) -> Any:
    """Return a model with the adapters of a folder merged into its weights.

    Raises:
        ConfigurationError: they cannot be merged, or they do not fit the model.

    """
    require(f"{folder}, a model with adapters,", "lora", "peft")
    import_quietly("peft")
    from peft import PeftModel, PeftType

    with warnings.catch_warnings():  # weights that find no place leave adapters as they begin: the model below, unsaid
        warnings.filterwarnings("error", message="Found missing adapter keys")
        adapted = PeftModel.from_pretrained(model, folder)
    if not hasattr(adapted, "merge_and_unload"):
        kind = PeftType(adapted.peft_config[ADAPTER].peft_type).value
        raise ConfigurationError(f"the adapters in {folder!r} are {kind}, which is not merged into weights; take LoRA")
    return adapted.merge_and_unload().requires_grad_(True)  # PEFT has frozen it


def import_quietly(name: str) -> None:
    """Import what imports bitsandbytes, which would warn of kernels for weights of 4 bits; none has any here."""
    told = logging.getLogger("bitsandbytes")
    level = told.level
    told.setLevel(logging.ERROR)
    try:
        importlib.import_module(name)
    finally:
        told.setLevel(level)


def merged_weights(model: Any) -> Iterator[tuple[str, Tensor]]:
    """Yield a model's weights as a checkpoint of it has them: adapters merged, tied matrices once, shards gathered."""
    adapted = {name: module for name, module in model.named_modules() if hasattr(module, "get_delta_weight")}
    persistent = model.state_dict().keys()
    buffers = ((name, buffer) for name, buffer in model.named_buffers() if name in persistent)
    for name, tensor in (*model.named_parameters(), *buffers):
        if ".lora_" in name:
            continue
        value = whole(tensor.detach())
        owner = name.removesuffix(".base_layer.weight")
        if owner in adapted:
            module = adapted[owner]
            up, down = (whole(side[ADAPTER].weight.detach()) for side in (module.lora_B, module.lora_A))
            value = value + (module.scaling[ADAPTER] * (up @ down)).to(value.dtype)
        yield name.replace(".base_layer.", "."), value
