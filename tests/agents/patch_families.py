"""Tiny models of families that read patches of pictures in their own shape; see `tests/agents/other_families.py`."""

from __future__ import annotations

from typing import Any

import transformers

from tests.agents.families import (
    AXES,
    HALVES,
    PATCHES,
    QWEN_TEMPLATE,
    VISION,
    glm,
    qwen_processor,
    qwen_words,
    template,
    text,
    tokenizer,
)


def glm4v() -> tuple[Any, Any]:
    """GLM-4.1V-Thinking: as GLM-4.6V."""
    return glm("Glm4v", "Glm4v")


def glm4v_moe() -> tuple[Any, Any]:
    """GLM-4.5V: a mixture of experts."""
    experts = {"n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24, "first_k_dense_replace": 1}
    return glm("Glm4vMoe", "Glm4v", **experts)


def qwen2_processor(made: Any, words: Any) -> Any:
    """Return a processor of a class that is as Qwen2-VL's."""
    return qwen_processor(made, words, transformers.Qwen2VLVideoProcessor(**PATCHES))


def qwen2_vl() -> tuple[Any, Any]:
    """Qwen2-VL: as Qwen2.5-VL without windows in its tower."""
    words = qwen_words()
    ids = words.get_vocab()
    processor = qwen2_processor(transformers.Qwen2VLProcessor, words)
    config = transformers.Qwen2VLConfig(
        text_config=text(words, rope_parameters=AXES),
        vision_config={
            "depth": 2, "embed_dim": 16, "hidden_size": 128, "num_heads": 2, "mlp_ratio": 2, "patch_size": 4,
            "initializer_range": 0.3,
        },
        image_token_id=words.image_token_id, video_token_id=words.video_token_id,
        vision_start_token_id=ids["<|vision_start|>"], vision_end_token_id=ids["<|vision_end|>"],
    )  # fmt: skip
    return transformers.Qwen2VLForConditionalGeneration(config), processor


WINDOWED_TOWER = {
    "model_type": "qwen2_5_vl_vision", "depth": 2, "hidden_size": 16, "intermediate_size": 24, "num_heads": 2,
    "patch_size": 4, "out_hidden_size": 128, "window_size": 16, "fullatt_block_indexes": [1],
    "initializer_range": 0.3,
}  # fmt: skip


def hyperclovax_vision_v2() -> tuple[Any, Any]:
    """HyperCLOVA X SEED Think: Qwen2.5-VL's tower, and logits that are multiplied."""
    words = qwen_words()
    processor = qwen2_processor(transformers.HyperCLOVAXVisionV2Processor, words)
    config = transformers.HyperCLOVAXVisionV2Config(
        text_config=text(words, model_type="hyperclovax", logits_scaling=0.4), vision_config=WINDOWED_TOWER,
        image_token_id=words.image_token_id, video_token_id=words.video_token_id,
    )  # fmt: skip
    return transformers.HyperCLOVAXVisionV2ForConditionalGeneration(config), processor


def exaone4_5() -> tuple[Any, Any]:
    """EXAONE 4.5: windows in the tower and in the language model, positions of one axis."""
    words = qwen_words()
    processor = qwen2_processor(transformers.Exaone4_5_Processor, words)
    layers = ["sliding_attention", "full_attention"]
    tower = {name: value for name, value in WINDOWED_TOWER.items() if name != "model_type"}
    config = transformers.Exaone4_5_Config(
        text_config=text(words, model_type="exaone4", sliding_window=9, layer_types=layers),
        vision_config=tower | {"model_type": "exaone4_5_vision", "num_key_value_heads": 1},
        image_token_id=words.image_token_id, video_token_id=words.video_token_id,
    )  # fmt: skip
    return transformers.Exaone4_5_ForConditionalGeneration(config), processor


def video_llama_3() -> tuple[Any, Any]:
    """VideoLLaMA 3: how many patches become a token is told of each picture."""
    words = qwen_words()
    patches = PATCHES | {"temporal_patch_size": 1}
    processor = transformers.VideoLlama3Processor(
        transformers.VideoLlama3ImageProcessor(**patches), words, transformers.VideoLlama3VideoProcessor(),
        chat_template=QWEN_TEMPLATE,
    )  # fmt: skip
    config = transformers.VideoLlama3Config(
        text_config=text(words, model_type="qwen2"), vision_config={**VISION, "model_type": "video_llama_3_vision"},
        image_token_id=words.image_token_id, video_token_id=words.video_token_id,
    )  # fmt: skip
    return transformers.VideoLlama3ForConditionalGeneration(config), processor


def kimi_k25() -> tuple[Any, Any]:
    """Kimi K2.5: latent attention and a mixture of experts."""
    words = tokenizer(
        "<|media_begin|>", "<|media_content|>", "<|media_end|>", image_token="<|media_pad|>",
        video_token="<|kimi_k25_video_placeholder|>",
    )  # fmt: skip
    ids = words.get_vocab()
    size = {"patch_size": 4, "size": {"max_height": 8, "max_width": 8}, **HALVES}
    processor = transformers.Kimi_K25Processor(
        transformers.Kimi_K25ImageProcessor(**size, max_patches=64), words, transformers.Kimi_K25VideoProcessor(),
        chat_template=template("<|media_begin|>image<|media_content|><|media_pad|><|media_end|>"),
    )  # fmt: skip
    latent = {
        "moe_intermediate_size": 24, "n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1,
        "first_k_dense_replace": 1, "kv_lora_rank": 16, "q_lora_rank": 16, "qk_rope_head_dim": 8, "v_head_dim": 16,
        "qk_nope_head_dim": 16, "num_key_value_heads": 4,
    }  # fmt: skip
    config = transformers.Kimi_K25Config(
        text_config=text(words, model_type="deepseek_v3", **latent),
        vision_config={
            "patch_size": 4, "pos_emb_height": 8, "pos_emb_width": 8, "num_attention_heads": 2, "num_hidden_layers": 2,
            "hidden_size": 16, "intermediate_size": 24,
        },
        projection_hidden_size=16, image_token_id=words.image_token_id, video_token_id=words.video_token_id,
        vision_start_token_id=ids["<|media_begin|>"], vision_end_token_id=ids["<|media_end|>"],
        tie_word_embeddings=False,
    )  # fmt: skip
    return transformers.Kimi_K25ForConditionalGeneration(config), processor


def lighton_ocr() -> tuple[Any, Any]:
    """LightOnOCR: Pixtral's tower without a token at the end of a row."""
    words = tokenizer(image_token="<|image_pad|>", image_break_token="<|vision_pad|>", image_end_token="<|vision_end|>")
    processor = transformers.LightOnOcrProcessor(
        transformers.PixtralImageProcessor(size={"longest_edge": 32}, patch_size={"height": 8, "width": 8}, **HALVES),
        words, patch_size=4, spatial_merge_size=2, chat_template=template("<|image_pad|>"),
    )  # fmt: skip
    config = transformers.LightOnOcrConfig(
        text_config=text(words, model_type="qwen3", head_dim=32),
        vision_config={**VISION, "model_type": "pixtral", "image_size": 32}, image_token_id=words.image_token_id,
    )  # fmt: skip
    return transformers.LightOnOcrForConditionalGeneration(config), processor


FAMILIES = {one.__name__: one for one in (
    glm4v, glm4v_moe, qwen2_vl, hyperclovax_vision_v2, exaone4_5, video_llama_3, kimi_k25, lighton_ocr
)}  # fmt: skip
