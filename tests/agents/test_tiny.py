"""The bundled checkpoint: a real Qwen3-VL, small, and as good and as bad as its model card says."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from transformers import AutoProcessor, Qwen3VLForConditionalGeneration, Qwen3VLProcessor

from agents.policy.actor import Actor
from agents.policy.base import Sampling
from agents.policy.loading import TINY, find_policy
from agents.rollouts.environments import make_group_env
from agents.rollouts.evaluation import evaluate
from agents.tiny.card import accuracy, teacher_accuracies
from rlsd_env import ConfigurationError

HELDOUT = {"fold": "heldout"}


def test_transformers_loads_it_as_what_it_is():
    model = Qwen3VLForConditionalGeneration.from_pretrained(TINY)
    processor = AutoProcessor.from_pretrained(TINY)
    assert isinstance(processor, Qwen3VLProcessor)
    assert sum(p.numel() for p in model.parameters()) <= 3_000_000
    assert sum(path.stat().st_size for path in TINY.iterdir()) <= 8_000_000
    assert model.config.vision_config.deepstack_visual_indexes


@pytest.mark.parametrize(
    "text", ["∠ABC = 60°, 面积\n\t<think> 12 </think>", "\U0001f600", "red circles: 3.", "x_{1}^2 \\frac{3}{4}"]
)
def test_every_text_survives_its_tokenizer(text):
    tokenizer = AutoProcessor.from_pretrained(TINY).tokenizer
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_student_accuracies_on_heldout_tasks(policy):
    """1,024 samples: the standard error is at most .016 for their mean (more between tasks)."""
    tasks = range(2**30 + 5000, 2**30 + 5128)
    found = evaluate(Actor(policy), "rlsd/ShapeCount-v0", HELDOUT, tasks, 8, Sampling(1.0, 48), seed=11)
    assert 0.25 <= np.mean(found.sampled_K) <= 0.50
    assert np.mean(found.greedy_K) >= 0.60


def test_teacher_accuracies(policy):
    found = teacher_accuracies(policy, 96)
    assert found["final answer"] >= 0.90
    assert found["worked solution"] >= 0.95
    assert found["successful sibling"] >= 0.85
    assert found["feedback on a wrong attempt"] >= 0.85


def test_it_reasons_in_steps_and_in_the_format(policy):
    env = make_group_env("rlsd/ShapeCount-v0", {}, 1, 1)
    found = evaluate(Actor(policy), "rlsd/ShapeCount-v0", HELDOUT, [2**30], 4, Sampling(1.0, 48), seed=0)
    responses = [episode.response for batch in (*found.sampled, *found.greedy) for _, _, episode in batch]
    assert len(responses) == 4 + 1
    for response in responses:
        assert re.fullmatch(r"<think> .*=.*</answer>", response, re.DOTALL)
    env.close()


@pytest.mark.parametrize("env", ["rlsd/BarChart-v0", "rlsd/DotSum-v0"])
def test_it_runs_on_tasks_that_it_does_not_know(policy, env):
    sampled, greedy = accuracy(Actor(policy), env, HELDOUT, 8, 2)
    assert sampled * 16 in range(17)  # shares of 8 tasks' 16 samples and 8 answers
    assert greedy * 8 in range(9)


def test_the_card_tells_how_it_was_made():
    card = (TINY / "README.md").read_text("utf-8")
    making = json.loads((TINY / "making.json").read_text("utf-8"))
    assert making["minutes"] <= 30
    assert f"{making['options']['steps']} steps" in card
    assert "chance" in card


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere", "~/model", "qwen"])
def test_policies_that_are_not_there_are_named(name):
    with pytest.raises(ConfigurationError, match="must be tiny, an existing checkpoint folder, or a hub id"):
        find_policy(name)


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be loaded"):
        find_policy(str(tmp_path))
