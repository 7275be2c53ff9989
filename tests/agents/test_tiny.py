"""The bundled checkpoint: a real Qwen3-VL, small, and as good and as bad as its model card says."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
from transformers import AutoProcessor, Qwen3VLForConditionalGeneration, Qwen3VLProcessor

from agents.bundled import TINY
from agents.policy.actor import Actor
from agents.policy.base import Sampling
from agents.policy.loading import find_policy
from agents.rollouts.environments import make_group_env
from agents.rollouts.evaluation import evaluate
from agents.tiny.card import accuracy
from agents.tiny.teachers import measure_teachers
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


def test_hints_inform_and_do_not_merely_switch_mistakes_off(policy):
    """256 responses of mixed groups or nearly so, less for siblings and feedback; the card has four times as many."""
    found = measure_teachers(policy, 32)
    right, close, other, blank = (
        found[name]
        for name in ("the right answer", "an answer that is off by one", "another task's answer", "a blank answer")
    )
    assert min(teacher.responses for teacher in (right, close, other, blank)) > 200
    assert right.auc >= 0.95
    assert right.accuracy >= 0.9
    assert close.auc <= 0.65
    assert close.follows >= 0.8
    assert other.auc <= 0.6
    assert abs(blank.auc - 0.5) <= 0.15
    assert abs(blank.gain) <= 0.5
    assert 0.25 <= blank.accuracy <= 0.6
    assert 0.25 <= found["feedback on a wrong attempt"].accuracy <= 0.65
    assert found["the right solution"].auc >= 0.9
    assert found["the right solution"].accuracy >= 0.95
    assert abs(found["a blank solution"].auc - 0.5) <= 0.15
    assert found["a successful sibling"].accuracy >= 0.85
    assert math.isnan(found["feedback on a wrong attempt"].auc)  # none is given to right ones


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
    assert f"{making['minutes']} minutes with {making['options']['threads']} torch thread" in card
    assert f"{making['options']['steps']} steps" in card
    assert "chance" in card


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere", "~/model", "qwen"])
def test_policies_that_are_not_there_are_named(name):
    with pytest.raises(ConfigurationError, match=r"must be a bundled model \(tiny, .*\), an existing"):
        find_policy(name)


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be loaded"):
        find_policy(str(tmp_path))
