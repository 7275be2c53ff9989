"""What is done to a model before it is trained: frozen parts, precision, checkpointing, compilation."""

from __future__ import annotations

import types
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from transformers.modeling_layers import GradientCheckpointingLayer

from agents.options.model import ModelOptions, TrainedModelOptions
from agents.policy.adapters import add_adapters
from agents.policy.linear_attention import use_packed_recurrence
from agents.policy.scoring import supports_packing, use_packed_attention
from rlsd_env.errors import ConfigurationError


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
            add_adapters(model, options, decoder_layers(model))
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
