"""What is done to a model before it is trained: adapters, frozen parts, precision, checkpointing, compilation."""

from __future__ import annotations

import importlib
import logging
import math
import types
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from transformers.modeling_layers import GradientCheckpointingLayer

from agents.options.model import ModelOptions, TrainedModelOptions
from agents.policy.linear_attention import use_packed_recurrence
from agents.policy.scoring import supports_packing, use_packed_attention
from agents.policy.tensors import whole
from rlsd_env.errors import ConfigurationError
from rlsd_env.extras import require

ADAPTER = "default"
JOINED = {"gate_up_proj": ("gate_proj", "up_proj"), "qkv_proj": ("q_proj", "k_proj", "v_proj")}
"""Matrices that some families have in one; to adapt a part there is to adapt the whole."""


def prepare_model(model: Any, options: ModelOptions) -> bool:
    """Change a model in place as options say.

    Args:
        model: a transformers model, float32.
        options: with `TrainedModelOptions`, weights that are trained stay float32; else the model is for sampling and
            scoring only.

    Returns:
        Whether responses are scored packed.

    Raises:
        ConfigurationError: an option does not fit the architecture.

    """
    embed_patches_as_product(model)
    use_packed_recurrence(model)
    trained = isinstance(options, TrainedModelOptions)
    if isinstance(options, TrainedModelOptions):
        if options.lora_rank:
            add_adapters(model, options)
        elif options.freeze_vision:
            freeze_vision(model)
        if options.gradient_checkpointing:
            checkpoint_layers(model)
    else:
        model.requires_grad_(False)
    if options.precision == "bfloat16":
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.is_floating_point() and not (trained and tensor.requires_grad):
                _narrow(tensor)
    packs = options.scoring != "plain" and supports_packing(model)
    if options.scoring == "packed" and not packs:
        raise ConfigurationError(
            f"scoring is packed, which {type(model).__name__} does not support (its attention is more than full or in "
            "windows, or not transformers' own); use auto or plain"
        )
    if packs:
        use_packed_attention(model)
    if options.compile:
        for layer in decoder_layers(model):
            layer.compile(dynamic=True)
    return packs


def _narrow(tensor: Tensor) -> None:
    if not isinstance(tensor, nn.Parameter) and tensor.ndim <= 1:
        return  # inverse frequencies of the positions: rotary angles need their digits
    tensor.data = tensor.data.to(torch.bfloat16)


def decoder_layers(model: Any) -> list[nn.Module]:
    """Return the layers of the language model."""
    return list(model.get_decoder().layers)


def vision_parameters(model: Any) -> list[nn.Parameter]:
    """Return the weights that make features of pictures: all but those of the language model and the output head."""
    of_text = {id(p) for p in model.get_decoder().parameters()}
    return [p for p in model.model.parameters() if id(p) not in of_text]


def vision_blocks(model: Any) -> list[nn.Module]:
    """Return the layers of the vision tower."""
    of_text = {id(module) for module in model.get_decoder().modules()}
    layers = (one for one in model.model.modules() if isinstance(one, GradientCheckpointingLayer))
    return [one for one in layers if id(one) not in of_text]


def vision_is_frozen(model: Any) -> bool:
    """Tell whether what the vision tower makes of a picture cannot change."""
    parameters = vision_parameters(model)
    return bool(parameters) and not any(p.requires_grad for p in parameters)


def embed_patches_as_product(model: Any) -> None:
    """Embed patches by a matrix product: a convolution whose kernel is the whole patch is one, and far slower."""
    tower = getattr(model.model, "visual", None)
    projection = getattr(getattr(tower, "patch_embed", None), "proj", None)
    if isinstance(projection, nn.Conv3d) and projection.kernel_size == projection.stride and projection.groups == 1:
        projection.forward = types.MethodType(_product, projection)  # type: ignore[method-assign]


def _product(self: nn.Conv3d, patches: Tensor) -> Tensor:
    return functional.linear(patches.flatten(1), self.weight.flatten(1), self.bias)


def freeze_vision(model: Any) -> None:
    """Leave the vision tower untrained, with what brings its features to the language model.

    Raises:
        ConfigurationError: there is none.

    """
    parameters = vision_parameters(model)
    if not parameters:
        raise ConfigurationError(f"freeze_vision: {type(model).__name__} has no vision tower; leave the option out")
    for parameter in parameters:
        parameter.requires_grad_(False)


def add_adapters(model: Any, options: TrainedModelOptions) -> None:
    """Put LoRA adapters beside linear layers of the language model and freeze everything else.

    The model stays an instance of its class. Adapters start as exactly nothing: B is 0.

    Raises:
        ConfigurationError: a target is no linear layer of the language model's layers, or PEFT takes it for another.

    """
    require("lora_rank", "lora", "peft")
    import_quietly("peft")
    from peft import LoraConfig

    inside = {id(module) for layer in decoder_layers(model) for module in layer.modules()}
    linear = {
        name: module for name, module in model.named_modules() if id(module) in inside and isinstance(module, nn.Linear)
    }
    kinds = sorted({name.rpartition(".")[2] for name in linear})
    joined = {part: whole for whole, parts in JOINED.items() if whole in kinds for part in parts}
    targets = {target if target in kinds else joined.get(target, target) for target in options.lora_targets}
    for target in sorted(targets):
        if target not in kinds:
            raise ConfigurationError(f"lora_targets has {target!r}; this model's layers have {', '.join(kinds)}")
    places = [name for name in linear if name.rpartition(".")[2] in targets]
    config = LoraConfig(
        r=options.lora_rank,
        lora_alpha=options.lora_alpha or 2 * options.lora_rank,  # type: ignore[arg-type]  # only divided by the rank
        target_modules=places,
        lora_dropout=0.0,
    )
    model.requires_grad_(False)
    with torch.random.fork_rng(devices=[] if model.device.type == "cpu" else [model.device]):
        model.add_adapter(config, adapter_name=ADAPTER)  # draws from the global generator, which is put back
    # PEFT takes names that end like those of experts for experts of an older transformers, whose matrices are now one
    # parameter, and adapts that: so it does with an expert that all tokens share, here and when adapters are read.
    if config.target_parameters:
        kept = {name.rpartition(".")[2] for name in config.target_modules or ()}
        moved = {name.rpartition(".")[2] for name in places} - kept
        raise ConfigurationError(
            f"lora_targets has {', '.join(sorted(moved))}, which PEFT takes for layers of single experts in "
            f"{type(model).__name__}; give --lora-targets {','.join(sorted(targets - moved)) or 'others'}"
        )
    generator = torch.Generator(model.device).manual_seed(0)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(".lora_" in name)
        if ".lora_A." in name:  # every run starts from the same A
            nn.init.kaiming_uniform_(parameter, a=math.sqrt(5), generator=generator)
    model.eval()


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


def checkpoint_layers(model: Any) -> None:
    """Keep the input of each layer only, and run the layer again in the backward pass.

    transformers' own switch needs training mode and takes the cache away; this one needs neither.
    """
    for layer in [*decoder_layers(model), *vision_blocks(model)]:
        layer.forward = types.MethodType(_run_again, layer)


def _run_again(self: nn.Module, *arguments: Any, **options: Any) -> Any:
    forward = types.MethodType(type(self).forward, self)
    if not torch.is_grad_enabled():
        return forward(*arguments, **options)
    return checkpoint(forward, *arguments, use_reentrant=False, preserve_rng_state=False, **options)
