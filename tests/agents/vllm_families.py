"""What vLLM does with each family of models: the columns of docs/models.md, held by test_vllm_families.py."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from agents.policy.loading import load_policy
from agents.policy.transformers_policy import TransformersPolicy
from tests.agents import architectures, families, hybrids, other_families


@dataclass(frozen=True)
class Served:
    """How a family is run by vLLM on a CPU.

    Attributes:
        architecture: vLLM's class.
        limit: what the page says beside it.
        refused: kinds of prompts of the tests that are refused, and a part of the reason.
        precision: that in which it runs.
        arguments: of the engine.
        fixed: whether it is refused new weights.
        sizes: of the model, where others are needed than those of other tests.

    """

    architecture: str
    limit: str = ""
    refused: tuple[tuple[str, str], ...] = ()
    precision: str = "float32"
    arguments: tuple[tuple[str, object], ...] = ()
    fixed: bool = False
    sizes: tuple[tuple[str, int], ...] = ()

    @property
    def cell(self) -> str:
        """The page's."""
        return f"`{self.architecture}`" + (f", {self.limit}" if self.limit else "")


BOTH_WAYS = "see each other both ways"
SIGLIP = ("gemma3", "llava_onevision", "llava_next", "cohere2_vision")
"""Families whose published towers have a level more than transformers' modules of today."""
LINEAR = {
    "precision": "bfloat16", "sizes": (("linear_key_head_dim", 128), ("linear_value_head_dim", 128)),
}  # fmt: skip
"""vLLM's kernels of gated linear attention on a CPU are for these alone, which published models have."""
BF16, FIXED = "on a CPU in bfloat16", "on a CPU in bfloat16 and not in training"
PICTURES = ("one", "narrow", "flat", "another size", "several", "several sizes", "turns")
SERVED = {
    "qwen3": Served("Qwen3ForCausalLM"),
    "qwen3_vl": Served("Qwen3VLForConditionalGeneration"),
    "qwen3_vl_moe": Served("Qwen3VLMoeForConditionalGeneration", "on a CPU not in training", fixed=True),
    "qwen2_5_vl": Served("Qwen2_5_VLForConditionalGeneration"),
    "gemma3": Served(
        "Gemma3ForConditionalGeneration", "on a CPU text only", tuple((kind, BOTH_WAYS) for kind in PICTURES)
    ),
    "gemma4": Served(
        "Gemma4ForConditionalGeneration", "on a CPU text only", tuple((kind, BOTH_WAYS) for kind in PICTURES)
    ),
    "internvl": Served("InternVLForConditionalGeneration"),
    "smolvlm": Served("SmolVLMForConditionalGeneration"),
    "llava_onevision": Served(
        "LlavaOnevisionForConditionalGeneration",
        "one picture in a prompt",
        tuple((kind, "tokens of the prompt where the learner has") for kind in ("several", "several sizes", "turns")),
    ),
    "mistral3": Served("Mistral3ForConditionalGeneration"),
    "glm46v": Served(
        "Glm4vForConditionalGeneration",
        "with `hf_overrides`",
        arguments=(("hf_overrides", {"architectures": ["Glm4vForConditionalGeneration"], "model_type": "glm4v"}),),
    ),
    "qwen3_5": Served("Qwen3_5ForConditionalGeneration", BF16, **LINEAR),
    "qwen3_5_moe": Served("Qwen3_5MoeForConditionalGeneration", FIXED, fixed=True, **LINEAR),
    "qwen3_5_text": Served("Qwen3_5ForCausalLM", BF16, **LINEAR),
    "qwen3_5_moe_text": Served("Qwen3_5MoeForCausalLM", FIXED, fixed=True, **LINEAR),
    "qwen3_next": Served("Qwen3NextForCausalLM", FIXED, fixed=True, **LINEAR),
}
OTHERS = {
    "glm4v": Served("Glm4vForConditionalGeneration"),
    "glm4v_moe": Served("Glm4vMoeForConditionalGeneration", "on a CPU not in training", fixed=True),
    "qwen2_vl": Served("Qwen2VLForConditionalGeneration"),
    "exaone4_5": Served("Exaone4_5_ForConditionalGeneration"),
    "idefics3": Served("Idefics3ForConditionalGeneration"),
    "llava_next": Served("LlavaNextForConditionalGeneration"),
}
"""Families that are tried when they are loaded."""
UNLIKE = {"cohere2_vision": Served("Cohere2VisionForConditionalGeneration")}
"""Those that vLLM runs otherwise than transformers: it multiplies the logits, and its windows are a token longer."""
PUBLISHED = {
    "glm4v_moe": {"head_dim": 32, "use_qk_norm": False},
    "qwen3_vl_moe": {"norm_topk_prob": True},
}
"""What vLLM reads of a configuration that has it as it is published, and transformers does not."""


def checkpoint(name: str, processor: object, folder: Path) -> Path:
    """Write a family's tiny model as a published one is written: under the names that vLLM reads."""
    if name in families.FAMILIES or name in other_families.FAMILIES:
        model, own = families.build(name, families.FAMILIES | other_families.FAMILIES)
        for key, value in PUBLISHED.get(name, {}).items():
            setattr(model.config.get_text_config(), key, value)
    elif name in hybrids.HYBRIDS:
        model, own = hybrids.hybrid(name, **dict(SERVED[name].sizes))
    else:
        model, own = architectures.build(name, processor)
        generator = torch.Generator().manual_seed(2)
        for parameter in model.parameters():  # as the other families': what a token sees changes what is said
            parameter.data.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    TransformersPolicy(model, own).save(folder)
    if name in PUBLISHED:
        load_policy(str(folder), "cpu").save(folder)  # as what is loaded is saved: with experts as they are published
    if name in SIGLIP:
        file = folder / "model.safetensors"
        weights = load_file(file)
        save_file(
            {key.replace("vision_tower.", "vision_tower.vision_model."): weights[key] for key in weights},
            file,
            metadata={"format": "pt"},
        )
    return folder
