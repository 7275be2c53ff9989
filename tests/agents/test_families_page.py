"""The table of docs/models.md is what the families get; its lines are made here."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
from transformers import DynamicCache

from agents.episodes import Prompt
from agents.messages import user_message
from agents.options.model import TrainedModelOptions
from agents.policy.decoding import SharedDecoder, decoder
from agents.policy.media import VIDEO_MODELS
from agents.policy.transformers_policy import TransformersPolicy
from agents.policy.trial import HELD
from tests.agents import architectures, families, hybrids
from tests.agents.vllm_families import SERVED

PAGE = Path(__file__).parents[2] / "docs" / "models.md"
NAMES = {
    "qwen3_vl": "Qwen3-VL", "qwen3_vl_moe": "Qwen3-VL MoE", "qwen2_5_vl": "Qwen2.5-VL",
    "gemma3": "Gemma 3", "gemma4": "Gemma 4",
    "internvl": "InternVL", "glm46v": "GLM-4.6V", "smolvlm": "SmolVLM", "llava_onevision": "LLaVA-OneVision",
    "mistral3": "Mistral 3", "qwen3_5": "Qwen3.5", "qwen3_5_moe": "Qwen3.5 MoE", "qwen3_5_text": "Qwen3.5, text",
    "qwen3_5_moe_text": "Qwen3.5 MoE, text", "qwen3_next": "Qwen3-Next, text", "qwen3": "Qwen3 and its like, text",
}  # fmt: skip
HEAD = (
    "| family | `model_type` | scored | sampled | pictures | videos | LoRA | vLLM |",
    "|---|---|---|---|---|---|---|---|",
)


def line(name, model, processor):
    policy = TransformersPolicy(model, processor, TrainedModelOptions(lora_rank=1, lora_targets=("q_proj", "v_proj")))
    encoded = policy.encoder.encode([Prompt((user_message("red ?"),))], model)
    cache = DynamicCache(config=model.config.get_text_config())
    with torch.no_grad():
        model.model(**encoded.model_inputs, past_key_values=cache, use_cache=True)
        going_on = decoder(model, cache, encoded.model_inputs["attention_mask"], 2, 3, policy.encoder.three_axes)
    shared = isinstance(going_on, SharedDecoder)
    cells = (
        NAMES[name],
        f"`{model.config.model_type}`",
        "packed" if policy.packs else "plain",
        "prompt held once" if shared else "prompt repeated",
        "yes" if policy.encoder.media.sees else "no",
        "yes" if model.config.model_type in VIDEO_MODELS else "no",
        "yes" if any(".lora_" in weight for weight, _ in model.named_parameters()) else "no",
        SERVED[name].cell,
    )
    return f"| {' | '.join(cells)} |"


@pytest.mark.parametrize("name", NAMES)
def test_the_page_says_what_a_family_gets(name, processor):
    if name in families.FAMILIES:
        pytest.importorskip(families.PACKAGES.get(name, "transformers"))
        made = families.build(name)
    elif name in hybrids.HYBRIDS:
        made = hybrids.hybrid(name)
    else:
        made = architectures.build(name, processor)
    assert made[0].config.model_type in HELD
    assert line(name, *made) in PAGE.read_text("utf-8").splitlines()


def test_the_page_has_a_line_for_every_family_and_no_other():
    lines = PAGE.read_text("utf-8").splitlines()
    first = lines.index(HEAD[0])
    assert lines[first + 1] == HEAD[1]
    rows = list(itertools.takewhile(lambda one: one.startswith("| "), lines[first + 2 :]))
    assert [one.split(" | ")[0].removeprefix("| ") for one in rows] == list(NAMES.values())
    assert set(NAMES) == {*families.FAMILIES, *hybrids.HYBRIDS, *architectures.ARCHITECTURES} == set(SERVED)
