"""A larger teacher for the bundled model, made on the spot: two layers more, and surer of itself."""

from __future__ import annotations

import copy

import torch

from agents.policy.transformers_policy import TransformersPolicy

SURER = 2.5
"""Factor of the logits: the likeliest answer of the bundled model is right, its samples often are not."""


def make_larger(policy, folder):
    """Write a checkpoint of the bundled model with two further layers that change nothing, and sharper logits."""
    config = copy.deepcopy(policy.model.config)
    text = config.get_text_config()
    own = text.num_hidden_layers
    text.num_hidden_layers = own + 2
    if getattr(text, "layer_types", None):
        text.layer_types = [*text.layer_types, *text.layer_types[-1:] * 2]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = type(policy.model)(config).eval()
    missing, unexpected = model.load_state_dict(policy.model.state_dict(), strict=False)
    assert not unexpected
    assert all(f"layers.{own}." in name or f"layers.{own + 1}." in name for name in missing)
    with torch.no_grad():
        for layer in model.get_decoder().layers[own:]:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        model.get_decoder().norm.weight.mul_(SURER)
    model.generation_config = copy.deepcopy(policy.model.generation_config)
    TransformersPolicy(model, policy.processor).save(folder)
    return folder
