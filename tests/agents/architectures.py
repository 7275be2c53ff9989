"""Small models of real architectures with random weights, which share the bundled model's tokenizer and pictures."""

from __future__ import annotations

import torch
from transformers import (
    AutoConfig,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3VLForConditionalGeneration,
)

from agents.bundled import TINY

VOCABULARY = AutoConfig.from_pretrained(TINY).text_config.vocab_size
"""That of the bundled model, whose tokenizer they all share."""
TEXT = {
    "vocab_size": VOCABULARY, "hidden_size": 128, "intermediate_size": 96, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 2048,
    "pad_token_id": 0, "eos_token_id": 2,
}  # fmt: skip


def qwen3_vl(processor):
    return Qwen3VLForConditionalGeneration(AutoConfig.from_pretrained(TINY)), processor


def qwen2_5_vl(processor):
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [8, 4, 4]}
    config = Qwen2_5_VLConfig(
        text_config={**TEXT, "rope_parameters": rope, "tie_word_embeddings": False},
        vision_config={
            "depth": 2, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2, "out_hidden_size": 128,
            "patch_size": 8, "spatial_merge_size": 2, "temporal_patch_size": 2, "window_size": 32,
            "fullatt_block_indexes": [1],
        },
        image_token_id=5, video_token_id=6, vision_start_token_id=3, vision_end_token_id=4, tie_word_embeddings=False,
    )  # fmt: skip
    own = Qwen2_5_VLProcessor(
        image_processor=processor.image_processor, tokenizer=processor.tokenizer,
        video_processor=processor.video_processor, chat_template=processor.chat_template,
    )  # fmt: skip
    return Qwen2_5_VLForConditionalGeneration(config), own


def qwen3(processor):
    return Qwen3ForCausalLM(Qwen3Config(**TEXT, head_dim=32, tie_word_embeddings=False)), processor.tokenizer


ARCHITECTURES = {"qwen3_vl": qwen3_vl, "qwen2_5_vl": qwen2_5_vl, "qwen3": qwen3}


def build(name, processor):
    """Make (model, processor) of an architecture; the weights are the same every time."""
    with torch.random.fork_rng():
        torch.random.default_generator.manual_seed(0)
        model, own = ARCHITECTURES[name](processor)
    model.generation_config.eos_token_id = 2
    model.generation_config.pad_token_id = 0
    return model.eval(), own
