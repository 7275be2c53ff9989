"""Vision-language families that are tried when they are loaded: trained with adapters and without, saved, loaded."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close
from transformers import AutoModelForImageTextToText

import agents
from agents.export import ExportOptions, run
from agents.options.learner import LearnerOptions
from agents.options.model import TrainedModelOptions
from agents.policy.base import Sampling
from agents.policy.loading import load_policy
from agents.rollouts.collect import collect, completion_seeds
from agents.rollouts.environments import make_group_env
from tests.agents.other_families import TAKEN
from tests.agents.test_families import prompts_of, responses_of, row_scores
from tests.agents.test_learner import alternating
from tests.agents.test_other_families import folder


@pytest.mark.parametrize("lora_rank", [0, 2], ids=["", "lora"])
@pytest.mark.parametrize("name", TAKEN)
def test_what_was_trained_is_saved_and_loaded_here_and_by_transformers(name, lora_rank, tmp_path):
    base, options = folder(tmp_path / "base", name), TrainedModelOptions(lora_rank=lora_rank)
    policy = load_policy(base, "cpu", options)
    prompts, responses = list(prompts_of(policy.processor).values()), responses_of(policy.processor, 6)
    before = policy.score(prompts, range(6), responses).logp_NT.detach()

    env = make_group_env("rlsd/ShapeCount-v0", {}, 2, 2)
    batch = alternating(collect(env, policy, [3, 1], Sampling(1.0, 6), completion_seeds(9, (1, 0), 4), step=0))
    metrics = agents.make("opsd", policy=policy, learner=LearnerOptions(lr=1e-2)).update(batch)
    assert metrics["grad_norm"] > 0
    policy.save(tmp_path / "trained")
    with torch.no_grad():
        trained = policy.score(prompts, range(6), responses).logp_NT
        read = load_policy(str(tmp_path / "trained"), "cpu").score(prompts, range(6), responses).logp_NT
    assert not torch.allclose(before, trained, atol=1e-4)
    assert_close(trained, read, atol=1e-5, rtol=1e-5)

    place = tmp_path / "trained"
    if lora_rank:
        place = run(ExportOptions(policy=str(place), out=tmp_path / "whole"))
    model, never = AutoModelForImageTextToText.from_pretrained(place).eval(), policy.encoder.vision_ids
    for row, (one, response) in enumerate(zip(prompts, responses)):
        expected = row_scores(policy.processor, model, never, one, response).detach()
        assert_close(trained[row, : len(response)], expected, atol=1e-5, rtol=1e-5)
