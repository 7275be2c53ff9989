"""Hybrid models trained, adapted, saved and resumed."""

from __future__ import annotations

import functools
import warnings

import pytest
import torch
from torch.testing import assert_close

import agents
from agents.options.learner import LearnerOptions
from agents.options.model import TrainedModelOptions
from agents.policy.base import Request, Sampling
from agents.policy.loading import load_policy
from agents.policy.transformers_policy import TransformersPolicy
from agents.rollouts.collect import collect, completion_seeds
from agents.rollouts.environments import make_group_env
from rlsd_env.errors import ConfigurationError
from tests.agents.commands import call, leave_at, outcome
from tests.agents.hybrids import hybrid
from tests.agents.test_hybrid import BATCHES, answers, distance, gradients
from tests.agents.test_learner import alternating, at_step

ADAPTERS = {"lora_rank": 4, "lora_targets": ("in_proj_qkv", "in_proj_a", "out_proj", "q_proj", "v_proj", "up_proj")}


def policy_of(name, **options):
    return TransformersPolicy(*hybrid(name), TrainedModelOptions(**options))


@functools.cache
def rollouts():
    """Two tasks with a picture each, four attempts of up to 24 tokens at either."""
    env = make_group_env("rlsd/ShapeCount-v0", {}, 2, 4)
    return alternating(
        collect(env, policy_of("qwen3_5"), [3, 1], Sampling(1.0, 24), completion_seeds(9, (1, 0), 8), step=0)
    )


@pytest.mark.parametrize("options", [{}, ADAPTERS], ids=["all weights", "adapters"])
@pytest.mark.parametrize("method", ["rlsd", "opsd", "sdpo"])
def test_updates_are_the_same_packed_and_plain(method, options):
    found = []
    for scoring, more in (("packed", {}), ("plain", {}), ("packed", {"gradient_checkpointing": True})):
        policy = policy_of("qwen3_5", scoring=scoring, **options, **more)
        before = {name: p.detach().clone() for name, p in policy.model.named_parameters()}
        agent = agents.make(method, policy=policy, learner=LearnerOptions(lr=1e-4, max_grad_norm=1e9))
        for step in range(2):
            metrics = agent.update(at_step(rollouts(), step))
        moved = {name for name, p in policy.model.named_parameters() if not torch.equal(p, before[name])}
        assert any(".linear_attn." in name for name in moved)
        assert any(".self_attn." in name for name in moved)
        assert not options or all(".lora_" in name for name in moved)
        found.append((metrics, gradients(policy.model)))
    metrics, gradient = found.pop()
    assert metrics["grad_norm"] > 0
    for others, other in found:
        assert others == pytest.approx(metrics, rel=1e-4, abs=1e-5)
        assert distance(other, gradient) < 2e-4


@pytest.mark.parametrize("options", [{}, ADAPTERS], ids=["all weights", "adapters"])
@pytest.mark.parametrize("name", ["qwen3_5", "qwen3_5_moe", "qwen3_5_text"])
def test_what_is_saved_is_loaded(name, options, tmp_path):
    if options:
        hybrid(name)[0].save_pretrained(tmp_path / "base")
        loaded = type(hybrid(name)[0]).from_pretrained(tmp_path / "base")
        policy = TransformersPolicy(loaded.eval(), hybrid(name)[1], TrainedModelOptions(**options))
    else:
        policy = policy_of(name)
    with torch.no_grad():
        for parameter in policy.model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.01)
    policy.save(tmp_path / "model")
    again = load_policy(str(tmp_path / "model"), "cpu")
    assert type(again.model) is type(policy.model)
    prompts = BATCHES["mixed" if policy.encoder.three_axes else "none"](policy)
    case = (prompts, *answers(policy, prompts))
    with torch.no_grad():
        assert_close(again.score(*case).logp_NT, policy.score(*case).logp_NT, atol=1e-5, rtol=1e-5)
    request = Request(prompts, 1, Sampling(0.0, 12), list(range(len(prompts))))
    said = [[one.token_ids for one in group] for group in policy.generate(request)]
    assert [[one.token_ids for one in group] for group in again.generate(request)] == said


def test_layers_that_peft_takes_for_experts_are_refused_and_others_adapted(tmp_path, caplog):
    """PEFT puts adapters of Qwen3-Next's shared expert onto the experts beside it, here and on loading."""
    single = "down_proj, gate_proj, up_proj, which PEFT takes for layers of single experts in Qwen3NextForCausalLM; "
    for asked in (("q_proj", "down_proj", "gate_proj", "up_proj", "k_proj"), ("q_proj", "gate_proj", "k_proj")):
        taken = single if "up_proj" in asked else single.removeprefix("down_proj, ").replace(", up_proj", "")
        with pytest.raises(
            ConfigurationError, match=f"lora_targets has {taken}give --lora-targets k_proj,q_proj, or all"
        ):
            policy_of("qwen3_next", lora_rank=4, lora_targets=asked)
    targets = ("in_proj_qkvz", "in_proj_ba", "out_proj", "k_proj", "o_proj", "q_proj", "v_proj")
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        test_what_is_saved_is_loaded("qwen3_next", {"lora_rank": 4}, tmp_path)
    assert f"LoRA leaves out {single}adapted are {', '.join(sorted(targets))}" in caplog.text


def test_a_training_that_was_stopped_is_resumed_as_if_it_never_had(tmp_path, monkeypatch):
    policy_of("qwen3_5").save(tmp_path / "start")
    few = "--prompts-per-step 2 --group-size 4 --eval-tasks 2 --eval-samples 1 --checkpoint-every 1 --max-tokens 12"
    argv = ["--policy", tmp_path / "start", "--agent", "rlsd", "--steps", "3", *few.split()]
    call("agents.train", *argv, "--out", tmp_path / "straight")
    with monkeypatch.context() as patch:
        leave_at(1, patch)
        assert call("agents.train", *argv, "--out", tmp_path / "stopped", check=False).returncode == 9
    assert (tmp_path / "stopped" / "checkpoint.pt").exists()
    call("agents.train", *argv, "--out", tmp_path / "stopped", "--resume")
    assert outcome(tmp_path / "stopped") == outcome(tmp_path / "straight")
