"""Tiny models of families that are refused when they are loaded; see `tests/agents/other_families.py`."""

from __future__ import annotations

from typing import Any

import transformers

from tests.agents.families import (
    AXES,
    HALVES,
    PATCHES,
    SIDE,
    VISION,
    qwen3_vl_processor,
    qwen_words,
    template,
    text,
    tokenizer,
)
from tests.agents.tile_families import SIGLIP, SQUARE


def qwen4_exp() -> tuple[Any, Any]:
    """Qwen4-Exp: linear attention, several residual streams, and embeddings of what tokens follow each other."""
    words = qwen_words()
    ids = words.get_vocab()
    processor = qwen3_vl_processor(words)
    sizes = {
        "layer_types": ["linear_attention", "full_attention"], "head_dim": 32, "linear_key_head_dim": 8,
        "linear_value_head_dim": 8, "linear_num_key_heads": 2, "linear_num_value_heads": 4, "num_experts": 4,
        "num_experts_per_tok": 2, "moe_intermediate_size": 24, "shared_expert_intermediate_size": 24, "hc_count": 2,
        "hc_lowrank": 16, "indexer_n_heads": 2, "indexer_kv_heads": 1, "indexer_head_dim": 32, "indexer_budget": 8,
        "indexer_compress_ratio": 4,
    }  # fmt: skip
    config = transformers.Qwen4ExpConfig(
        text_config=text(words, rope_parameters=AXES, **sizes),
        vision_config={
            "depth": 2, "hidden_size": 16, "intermediate_size": 24, "num_heads": 2, "patch_size": 4,
            "out_hidden_size": 128, "num_position_embeddings": 16, "initializer_range": 0.3,
        },
        image_token_id=words.image_token_id, video_token_id=words.video_token_id,
        vision_start_token_id=ids["<|vision_start|>"], vision_end_token_id=ids["<|vision_end|>"],
    )  # fmt: skip
    return transformers.Qwen4ExpForConditionalGeneration(config), processor


def minimax_m3_vl() -> tuple[Any, Any]:
    """MiniMax M3: a layer of blocks that an indexer chooses."""
    words = tokenizer("]<]image[>[", "]<]video[>[", "]<]start of image[>[", "]<]end of image[>[")
    ids = words.get_vocab()
    patches = PATCHES | {"temporal_patch_size": 2}
    processor = transformers.MiniMaxM3VLProcessor(
        transformers.MiniMaxM3VLImageProcessor(**patches), words, transformers.MiniMaxM3VLVideoProcessor(),
        chat_template=template("]<]image[>["),
    )  # fmt: skip
    sizes = {
        "layer_types": ["full_attention", "minimax_m3_sparse"], "mlp_layer_types": ["dense", "sparse"],
        "head_dim": 32, "rotary_dim": 16, "num_local_experts": 4, "num_experts_per_tok": 2,
        "dense_intermediate_size": 24, "shared_intermediate_size": 24, "index_n_heads": 2, "index_head_dim": 16,
        "index_block_size": 4, "index_topk_blocks": 2,
    }  # fmt: skip
    config = transformers.MiniMaxM3VLConfig(
        text_config=text(words, model_type="minimax_m3_vl_text", **sizes),
        vision_config={**VISION, "model_type": "minimax_m3_vl_vision", "image_size": 64},
        image_token_index=ids["]<]image[>["], video_token_index=ids["]<]video[>["], projector_hidden_size=24,
    )  # fmt: skip
    return transformers.MiniMaxM3SparseForConditionalGeneration(config), processor


def got_ocr2() -> tuple[Any, Any]:
    """GOT-OCR 2: a processor that writes the whole prompt itself."""
    words = tokenizer("<|im_start|>", "<|im_end|>", "<img>", "</img>", "<imgpad>")
    processor = transformers.GotOcr2Processor(
        transformers.GotOcr2ImageProcessor(size={"height": 64, "width": 64}, **HALVES), words,
        chat_template=template("<img><imgpad></img>"),
    )  # fmt: skip
    config = transformers.GotOcr2Config(
        text_config=text(words, model_type="qwen2"),
        vision_config={
            "hidden_size": 16, "output_channels": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 64,
            "patch_size": 4, "mlp_dim": 24, "window_size": 4, "global_attn_indexes": [1],
        },
        image_token_index=words.get_vocab()["<imgpad>"],
    )  # fmt: skip
    return transformers.GotOcr2ForConditionalGeneration(config), processor


def paligemma() -> tuple[Any, Any]:
    """PaliGemma 2: pictures first, and a prompt whose tokens see each other both ways."""
    words = tokenizer(image_token="<image>")
    image = transformers.SiglipImageProcessor(**SQUARE)
    image.image_seq_length = 16
    processor = transformers.PaliGemmaProcessor(image, words, chat_template=template("<image>"))
    config = transformers.PaliGemmaConfig(
        text_config=text(words, model_type="gemma2", head_dim=32), vision_config=SIGLIP | {"projection_dim": 128},
        projection_dim=128, hidden_size=128, image_token_index=words.image_token_id, vocab_size=len(words),
    )  # fmt: skip
    return transformers.PaliGemmaForConditionalGeneration(config), processor


def llama4() -> tuple[Any, Any]:
    """Llama 4: chunks, experts, and tiles; the model keeps tower and language model otherwise than all others."""
    marks = ("<|image_start|>", "<|image_end|>", "<|tile_x_separator|>", "<|tile_y_separator|>", "<|image|>")
    words = tokenizer(*marks, "<|patch|>")
    ids = words.get_vocab()
    processor = transformers.Llama4Processor(
        transformers.Llama4ImageProcessor(**SQUARE, max_patches=4), words, patch_size=4,
        chat_template=template("<|image|>"),
    )  # fmt: skip
    config = transformers.Llama4Config(
        text_config=text(
            words, num_hidden_layers=4, attention_chunk_size=16, intermediate_size_mlp=48, num_local_experts=4,
            head_dim=32,
        ),
        vision_config={
            **VISION, "vision_output_dim": 32, "projector_input_dim": 32, "projector_output_dim": 32,
        } | {"intermediate_size": 64},
        boi_token_index=ids["<|image_start|>"], eoi_token_index=ids["<|image_end|>"],
        image_token_index=ids["<|patch|>"],
    )  # fmt: skip
    return transformers.Llama4ForConditionalGeneration(config), processor


def mllama() -> tuple[Any, Any]:
    """Llama 3.2 Vision: cross attention from text to pictures."""
    words = tokenizer("<|python_tag|>", image_token="<|image|>")
    processor = transformers.MllamaProcessor(
        transformers.MllamaImageProcessor(**SQUARE, max_image_tiles=4), words, chat_template=template("<|image|>"),
    )  # fmt: skip
    config = transformers.MllamaConfig(
        text_config=text(words, num_hidden_layers=3, cross_attention_layers=[1]),
        vision_config={
            "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_global_layers": 1,
            "attention_heads": 2, "vision_output_dim": 32, "image_size": SIDE, "patch_size": 4, "max_num_tiles": 4,
            "intermediate_layers_indices": [0],
            "supported_aspect_ratios": [[1, 1], [1, 2], [1, 3], [1, 4], [2, 1], [2, 2], [3, 1], [4, 1]],
        },
        image_token_index=words.image_token_id,
    )  # fmt: skip
    return transformers.MllamaForConditionalGeneration(config), processor


def ernie4_5_vl_moe() -> tuple[Any, Any]:
    """ERNIE 4.5 VL: experts of their own for what is of pictures, which the model is told of token by token."""
    words = tokenizer(
        image_token="<|IMAGE_PLACEHOLDER|>", image_start_token="<|IMAGE_START|>", image_end_token="<|IMAGE_END|>",
        video_token="<|VIDEO_PLACEHOLDER|>", video_start_token="<|VIDEO_START|>", video_end_token="<|VIDEO_END|>",
    )  # fmt: skip
    patches = {name: PATCHES[name] for name in ("patch_size", "merge_size", "size")} | HALVES
    processor = transformers.Ernie4_5_VLMoeProcessor(
        transformers.Ernie4_5_VLMoeImageProcessor(**patches), words,
        transformers.Ernie4_5_VLMoeVideoProcessor(**patches, draw_on_frames=False),
        chat_template=template("<|IMAGE_START|><|IMAGE_PLACEHOLDER|><|IMAGE_END|>"),
    )  # fmt: skip
    experts = {"moe_k": 2, "moe_num_experts": 4, "moe_num_shared_experts": 1, "moe_intermediate_size": [24, 24]}
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [6, 6, 4]}
    names = [f"{kind}{part}_token_id" for kind in ("image", "video") for part in ("", "_start", "_end")]
    config = transformers.Ernie4_5_VLMoeConfig(
        text_config=text(words, rope_parameters=rope, mlp_layer_types=["sparse", "sparse"], **experts),
        vision_config={
            "depth": 2, "hidden_size": 16, "intermediate_size": 24, "num_heads": 2, "patch_size": 4,
            "initializer_range": 0.3,
        },
        **{name: getattr(words, name) for name in names},
    )  # fmt: skip
    return transformers.Ernie4_5_VLMoeForConditionalGeneration(config), processor


def qwen3_omni_moe_thinker() -> tuple[Any, Any]:
    """Qwen3-Omni's thinker alone: its towers are beside the output head and not below it."""
    ends = {f"{kind}_{end}_token": f"<|{kind}_{end}|>" for kind in ("vision", "audio") for end in ("bos", "eos")}
    words = tokenizer(
        image_token="<|image_pad|>", video_token="<|video_pad|>", audio_token="<|audio_pad|>", **ends
    )  # fmt: skip
    processor = transformers.Qwen3OmniMoeProcessor(
        transformers.Qwen2VLImageProcessor(**PATCHES), transformers.Qwen2VLVideoProcessor(**PATCHES),
        transformers.WhisperFeatureExtractor(), words, chat_template=template("<|image_pad|>"),
    )  # fmt: skip
    config = transformers.Qwen3OmniMoeThinkerConfig(
        text_config=text(
            words, rope_parameters=AXES, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=24, head_dim=32
        ),
        vision_config={
            "depth": 2, "hidden_size": 16, "intermediate_size": 24, "num_heads": 2, "patch_size": 4,
            "out_hidden_size": 128, "num_position_embeddings": 16, "deepstack_visual_indexes": [0],
        },
        audio_config={
            "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 16, "d_model": 16, "output_dim": 128,
            "downsample_hidden_size": 8,
        },
        image_token_id=words.image_token_id, video_token_id=words.video_token_id, audio_token_id=words.audio_token_id,
    )  # fmt: skip
    return transformers.Qwen3OmniMoeThinkerForConditionalGeneration(config), processor


FAMILIES = {one.__name__: one for one in (
    qwen4_exp, minimax_m3_vl, got_ocr2, paligemma, llama4, mllama, ernie4_5_vl_moe, qwen3_omni_moe_thinker
)}  # fmt: skip
