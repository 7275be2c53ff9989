"""Families of models that the benchmarks of training make with random weights, in the bundled model's shape."""

from __future__ import annotations

from transformers import AutoConfig, PreTrainedConfig, Qwen3_5Config

from agents.bundled import TINY

TEXT = (
    "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
    "head_dim", "eos_token_id", "pad_token_id", "max_position_embeddings", "tie_word_embeddings",
)  # fmt: skip
VISION = ("depth", "hidden_size", "intermediate_size", "num_heads", "out_hidden_size", "num_position_embeddings")
IDS = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id", "tie_word_embeddings")


def qwen3_vl() -> PreTrainedConfig:
    """Return the bundled model's configuration: 4 layers of full attention."""
    return AutoConfig.from_pretrained(TINY)


def qwen3_5() -> PreTrainedConfig:
    """Return Qwen3.5's: 3 layers of gated linear attention, whose heads are as many and as wide, and one of full."""
    tiny = qwen3_vl()
    text, vision = tiny.text_config, tiny.vision_config
    linear = {
        "linear_num_key_heads": text.num_key_value_heads, "linear_key_head_dim": text.head_dim,
        "linear_num_value_heads": text.num_attention_heads, "linear_value_head_dim": text.head_dim,
    }  # fmt: skip
    rope = {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5, "mrope_section": [4, 2, 2]}
    return Qwen3_5Config(
        text_config={name: getattr(text, name) for name in TEXT} | linear | {"rope_parameters": rope},
        vision_config={name: getattr(vision, name) for name in VISION},
        **{name: getattr(tiny, name) for name in IDS},
    )


FAMILIES = {"qwen3-vl": qwen3_vl, "qwen3.5": qwen3_5}
"""Configurations by the name of a family."""
