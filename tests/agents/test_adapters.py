"""Which linear layers get LoRA adapters, in models whose layers are more than attention and a plain network."""

from __future__ import annotations

import pytest
import torch
import transformers

from agents.options.model import TrainedModelOptions
from agents.policy.adapters import add_adapters
from agents.policy.loading import load_policy
from agents.policy.preparation import decoder_layers
from rlsd_env.errors import ConfigurationError
from tests.agents.families import text
from tests.agents.test_families_unknown import folder, words

ATTENTION, NETWORK = {"q_proj", "k_proj", "v_proj", "o_proj"}, {"gate_proj", "up_proj", "down_proj"}


def gemma4_experts(made):
    """Beside experts a network that all tokens go through; the router's layer is `router.proj`."""
    sizes = {"num_experts": 4, "top_k_experts": 2, "moe_intermediate_size": 24, "head_dim": 32, "sliding_window": 8}
    config = transformers.Gemma4TextConfig(**text(made), enable_moe_block=True, **sizes)
    return transformers.Gemma4ForCausalLM(config)


def falcon_h1(made):
    """Attention beside Mamba in each layer."""
    sizes = {"mamba_d_ssm": 32, "mamba_n_heads": 4, "mamba_d_head": 8, "mamba_d_state": 8, "mamba_n_groups": 1}
    return transformers.FalconH1ForCausalLM(transformers.FalconH1Config(**text(made), head_dim=32, **sizes))


def adapted(model):
    return {name.split(".layers.")[1] for name, one in model.named_modules() if hasattr(one, "get_delta_weight")}


def kinds(model):
    return {name.rpartition(".")[2] for name in adapted(model)}


def test_what_chooses_experts_is_left_out():
    model = gemma4_experts(words())
    add_adapters(model, TrainedModelOptions(lora_rank=2), decoder_layers(model))
    assert not any("router" in name for name in adapted(model))
    assert kinds(model) >= ATTENTION | NETWORK
    named = gemma4_experts(words())
    add_adapters(named, TrainedModelOptions(lora_rank=2, lora_targets=("proj",)), decoder_layers(named))
    assert adapted(named) == {"0.router.proj", "1.router.proj"}


def test_what_kernels_read_past_adapters_is_left_out(tmp_path, caplog):
    made = words()
    torch.manual_seed(0)
    path = folder(tmp_path, falcon_h1(made), made)
    policy = load_policy(path, "cpu", TrainedModelOptions(lora_rank=2))
    assert kinds(policy.model) == {"in_proj", *ATTENTION, *NETWORK}
    past = "out_proj, whose matrix Mamba's kernels read themselves, past adapters, in FalconH1ForCausalLM"
    assert f"LoRA leaves out {past}; adapted are down_proj, gate_proj, in_proj, k_proj" in caplog.text
    with pytest.raises(ConfigurationError, match=f"lora_targets has {past}; give --lora-targets q_proj, or all-linear"):
        load_policy(path, "cpu", TrainedModelOptions(lora_rank=2, lora_targets=("q_proj", "out_proj")))
    with pytest.raises(ConfigurationError, match="give --lora-targets others, or all-linear"):
        load_policy(path, "cpu", TrainedModelOptions(lora_rank=2, lora_targets=("out_proj",)))
