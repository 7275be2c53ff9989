"""A run whose model is LoRA adapters that do something, and prompts to ask it."""

from __future__ import annotations

import torch

from agents.options.model import TrainedModelOptions
from agents.policy.loading import load_policy
from agents.rollouts.collect import prompts_of
from agents.rollouts.environments import make_group_env


def moved_adapters(folder):
    """Write a run's folder with adapters that are not what they begin as."""
    policy = load_policy("tiny", "cpu", TrainedModelOptions(lora_rank=4))
    generator = torch.Generator().manual_seed(1)
    for name, parameter in policy.model.named_parameters():
        if ".lora_B." in name:
            parameter.data.normal_(0.0, 0.1, generator=generator)
    policy.save(folder / "model")
    (folder / "config.toml").write_text("")
    return folder


def prompts_of_shapes():
    env = make_group_env("rlsd/ShapeCount-v0", {}, 3, 1)
    return prompts_of(env, env.reset(options={"task_index": [0, 1, 2]})[0])
