"""Hybrid models of transformers' own classes with random weights: gated linear attention and, at times, full attention.

Tokenizer and processor are the family's own, the tokenizer trained here.
"""

from __future__ import annotations

import functools

import torch
from transformers import (
    Qwen2VLImageProcessor,
    Qwen3_5Config,
    Qwen3_5ForCausalLM,
    Qwen3_5ForConditionalGeneration,
    Qwen3_5MoeConfig,
    Qwen3_5MoeForCausalLM,
    Qwen3_5MoeForConditionalGeneration,
    Qwen3_5MoeTextConfig,
    Qwen3_5TextConfig,
    Qwen3NextConfig,
    Qwen3NextForCausalLM,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)
from transformers.models.qwen3_5 import Qwen3_5Tokenizer

from agents.bundled import TINY

SPECIAL = ["<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
TEXTS = ["How many red circles plus blue squares are there ?", "user\nassistant\n", "<think> 1 plus 2 is 3 </think>"]
SIZES = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 5, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 32, "linear_key_head_dim": 8, "linear_value_head_dim": 12,
    "linear_num_key_heads": 2, "linear_num_value_heads": 4, "max_position_embeddings": 2048,
    "rope_parameters": {
        "rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5, "mrope_section": [4, 2, 2],
    },
    # Wide enough for random weights to say something: what a token sees changes what is said.
    "initializer_range": 0.05,
}  # fmt: skip
EXPERTS = {
    "moe_intermediate_size": 32, "shared_expert_intermediate_size": 32, "num_experts": 4, "num_experts_per_tok": 2,
}  # fmt: skip
VISION = {
    "depth": 2, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2, "out_hidden_size": 64, "patch_size": 8,
    "num_position_embeddings": 64, "initializer_range": 0.05,
}  # fmt: skip
SEE = ("qwen3_5", "qwen3_5_moe")
BLIND = ("qwen3_5_text", "qwen3_5_moe_text", "qwen3_next")
"""Text only: their policies have a tokenizer in place of a processor."""
HYBRIDS = (*SEE, *BLIND)


@functools.cache
def tokenizer():
    """Return Qwen3.5's tokenizer, trained on few words: others are spelled in bytes."""
    with torch.random.fork_rng():
        made = Qwen3_5Tokenizer().train_new_from_iterator(TEXTS, 400, new_special_tokens=SPECIAL)
    made.eos_token = "<|im_end|>"
    made.chat_template = (TINY / "chat_template.jinja").read_text()
    return made


@functools.cache
def processor():
    """Return Qwen3.5's processor, for pictures of 32 x 32 to 64 x 64."""
    sizes = {
        "patch_size": 8, "merge_size": 2, "temporal_patch_size": 2, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
        "size": {"shortest_edge": 32 * 32, "longest_edge": 64 * 64},
    }  # fmt: skip
    return Qwen3VLProcessor(
        image_processor=Qwen2VLImageProcessor(**sizes), tokenizer=tokenizer(),
        video_processor=Qwen3VLVideoProcessor(**sizes), chat_template=tokenizer().chat_template,
    )  # fmt: skip


def _make(name, sizes):
    ids = tokenizer().convert_tokens_to_ids
    ends = {"vocab_size": len(tokenizer()), "eos_token_id": ids("<|im_end|>"), "pad_token_id": ids("<|endoftext|>")}
    vision = {
        "vision_config": VISION, "tie_word_embeddings": False,
        "image_token_id": ids("<|image_pad|>"), "video_token_id": ids("<|video_pad|>"),
        "vision_start_token_id": ids("<|vision_start|>"), "vision_end_token_id": ids("<|vision_end|>"),
    }  # fmt: skip
    if name == "qwen3_5":
        return Qwen3_5ForConditionalGeneration(Qwen3_5Config(text_config=sizes | ends, **vision))
    if name == "qwen3_5_moe":
        return Qwen3_5MoeForConditionalGeneration(Qwen3_5MoeConfig(text_config=sizes | ends | EXPERTS, **vision))
    if name == "qwen3_5_text":
        return Qwen3_5ForCausalLM(Qwen3_5TextConfig(**sizes, **ends))
    if name == "qwen3_5_moe_text":
        return Qwen3_5MoeForCausalLM(Qwen3_5MoeTextConfig(**sizes, **ends, **EXPERTS))
    rope = {key: value for key, value in sizes["rope_parameters"].items() if key != "mrope_section"}
    return Qwen3NextForCausalLM(Qwen3NextConfig(**sizes | {"rope_parameters": rope}, **ends, **EXPERTS))


def hybrid(name, **changes):
    """Make (model, processor) of a family, with other sizes than `SIZES`; the weights are the same every time."""
    with torch.random.fork_rng():
        torch.random.default_generator.manual_seed(0)
        model = _make(name, SIZES | changes)
    model.generation_config.eos_token_id = model.config.get_text_config().eos_token_id
    model.generation_config.pad_token_id = model.config.get_text_config().pad_token_id
    return model.eval(), processor() if name in SEE else tokenizer()
