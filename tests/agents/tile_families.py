"""Tiny models of families that read pictures of one size, or cut into tiles; see `tests/agents/other_families.py`."""

from __future__ import annotations

from typing import Any

import transformers

from tests.agents.families import HALVES, PARTS, SIDE, VISION, template, text, tokenizer

CLIP = {**VISION, "model_type": "clip_vision_model"}
SIGLIP = {**VISION, "model_type": "siglip_vision_model", "vision_use_head": False}
SQUARE = {"size": {"height": SIDE, "width": SIDE}, **HALVES}
GRIDS = [[SIDE, SIDE], [SIDE, 2 * SIDE], [2 * SIDE, SIDE], [2 * SIDE, 2 * SIDE]]
TILES = {
    "size": {"shortest_edge": SIDE}, "crop_size": {"height": SIDE, "width": SIDE}, "image_grid_pinpoints": GRIDS,
    **HALVES,
}  # fmt: skip


def llava_next() -> tuple[Any, Any]:
    """LLaVA-NeXT: tiles of the nearest grid, and a token at the end of each row."""
    words = tokenizer(image_token="<image>")
    processor = transformers.LlavaNextProcessor(
        transformers.LlavaNextImageProcessor(**TILES),
        words, patch_size=4, vision_feature_select_strategy="default", num_additional_image_tokens=1,
        chat_template=template("<image>\n"),
    )  # fmt: skip
    config = transformers.LlavaNextConfig(
        text_config=text(words, model_type="mistral", sliding_window=None), vision_config=CLIP,
        image_grid_pinpoints=GRIDS, image_token_index=words.image_token_id,
    )  # fmt: skip
    return transformers.LlavaNextForConditionalGeneration(config), processor


def idefics3() -> tuple[Any, Any]:
    """Idefics3: as SmolVLM."""
    words = tokenizer("<fake_token_around_image>", "<image>", "<end_of_utterance>", "<global-img>")
    edges = {"size": {"longest_edge": 2 * SIDE}, "max_image_size": {"longest_edge": SIDE}}
    processor = transformers.Idefics3Processor(
        transformers.Idefics3ImageProcessor(**edges, **HALVES), words, image_seq_len=4,
        chat_template=template("<image>", PARTS),
    )  # fmt: skip
    config = transformers.Idefics3Config(
        text_config=text(words, model_type="llama"), vision_config=VISION, scale_factor=2, pad_token_id=0,
        image_token_id=processor.image_token_id,
    )  # fmt: skip
    return transformers.Idefics3ForConditionalGeneration(config), processor


COHERE = {"model_type": "cohere2", "sliding_window": 11, "logit_scale": 0.5, "tie_word_embeddings": True}


def aya_vision() -> tuple[Any, Any]:
    """Aya Vision: the token that stands in the prompt is another one than a picture is written in."""
    words = tokenizer(
        "<image>", "<|START_OF_IMG|>", "<|END_OF_IMG|>", "<|IMG_PATCH|>", "<|IMG_LINE_BREAK|>", "TILE", "TILE_GLOBAL"
    )
    processor = transformers.AyaVisionProcessor(
        transformers.GotOcr2ImageProcessor(**SQUARE, crop_to_patches=True, min_patches=1, max_patches=4), words,
        patch_size=4, img_size=SIDE, downsample_factor=2, chat_template=template("<image>"),
    )  # fmt: skip
    config = transformers.AyaVisionConfig(
        text_config=text(words, **COHERE), vision_config=SIGLIP, downsample_factor=2,
        image_token_index=words.get_vocab()["<|IMG_PATCH|>"],
    )  # fmt: skip
    return transformers.AyaVisionForConditionalGeneration(config), processor


def cohere2_vision() -> tuple[Any, Any]:
    """Command A Vision: tiles, and logits that are multiplied."""
    words = tokenizer(
        image_token="<|IMG_PATCH|>", boi_token="<|START_OF_IMG|>", eoi_token="<|END_OF_IMG|>",
        img_line_break_token="<|IMG_LINE_BREAK|>",
    )  # fmt: skip
    processor = transformers.Cohere2VisionProcessor(
        transformers.Cohere2VisionImageProcessor(**SQUARE, patch_size=2, max_patches=4), words,
        chat_template=template("<|IMG_PATCH|>"),
    )  # fmt: skip
    config = transformers.Cohere2VisionConfig(
        text_config=text(words, **COHERE), vision_config=SIGLIP, downsample_factor=2,
        alignment_intermediate_size=32, image_token_id=words.image_token_id,
    )  # fmt: skip
    return transformers.Cohere2VisionForConditionalGeneration(config), processor


def granite4_vision() -> tuple[Any, Any]:
    """Granite 4 Vision: features for several layers, and none for the first embedding."""
    words = tokenizer(image_token="<image>")
    processor = transformers.Granite4VisionProcessor(
        transformers.LlavaNextImageProcessor(**TILES),
        words, patch_size=4, vision_feature_select_strategy="full", downsample_rate="1/2",
        chat_template=template("<image>\n"),
    )  # fmt: skip
    former = {
        "model_type": "blip_2_qformer", "num_hidden_layers": 1, "intermediate_size": 24, "cross_attention_frequency": 1,
        "hidden_size": 16, "num_attention_heads": 2, "encoder_hidden_size": 16, "use_qformer_text_input": False,
    }  # fmt: skip
    config = transformers.Granite4VisionConfig(
        text_config=text(words, model_type="granite4_vision_text", logits_scaling=2.0, num_hidden_layers=3),
        vision_config=SIGLIP, qformer_config=former, image_grid_pinpoints=GRIDS, downsample_rate="1/2",
        vision_feature_select_strategy="full", deepstack_layer_map=[[-1, 0]], spatial_target_layers=[0, 1, 1, 2],
        projector_dropout=0.0, image_token_index=words.image_token_id,
    )  # fmt: skip
    return transformers.Granite4VisionForConditionalGeneration(config), processor


def lfm2_vl() -> tuple[Any, Any]:
    """LFM2-VL: convolutions in the language model, pictures in their own shape or in tiles."""
    words = tokenizer(
        *(f"<|img_row_{row}_col_{column}|>" for row in (1, 2) for column in (1, 2)), image_token="<image>",
        image_start_token="<|image_start|>", image_end_token="<|image_end|>", image_thumbnail_token="<|img_thumbnail|>",
    )  # fmt: skip
    processor = transformers.Lfm2VlProcessor(
        transformers.Lfm2VlImageProcessor(
            encoder_patch_size=4, tile_size=SIDE, min_image_tokens=1, max_image_tokens=8, max_tiles=4, **HALVES
        ),
        words, chat_template=template("<image>"),
    )  # fmt: skip
    config = transformers.Lfm2VlConfig(
        text_config=text(
            words, model_type="lfm2", layer_types=["conv", "full_attention"], block_auto_adjust_ff_dim=False
        ),
        vision_config={
            "model_type": "siglip2_vision_model", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
            "num_attention_heads": 2, "patch_size": 4, "num_patches": 16, "vision_use_head": False,
        },
        image_token_id=words.image_token_id, projector_hidden_size=24,
    )  # fmt: skip
    return transformers.Lfm2VlForConditionalGeneration(config), processor


def ovis2() -> tuple[Any, Any]:
    """Ovis2: tokens around and between tiles have embeddings of the vision tower's."""
    marks = [f"<IMG_{name}>" for name in ("START", "GRID", "COL", "ROW", "END")]
    words = tokenizer("<image>", "<IMG_ATOM>", *marks)
    ids = words.get_vocab()
    processor = transformers.Ovis2Processor(
        transformers.Ovis2ImageProcessor(**SQUARE, crop_to_patches=True, max_patches=4), words, image_seq_length=4,
        chat_template=template("<image>"),
    )  # fmt: skip
    config = transformers.Ovis2Config(
        text_config=text(words, model_type="qwen2"), hidden_size=128, vocab_size=len(words),
        vision_config={
            "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
            "image_size": SIDE, "patch_size": 4, "vocab_size": 32, "hidden_stride": 2, "initializer_range": 0.3,
        },
        image_token_id=ids["<IMG_ATOM>"], visual_indicator_token_ids=[ids[mark] for mark in marks],
    )  # fmt: skip
    return transformers.Ovis2ForConditionalGeneration(config), processor


def minicpmv4_6() -> tuple[Any, Any]:
    """MiniCPM-V 4.6: slices, a number before each picture, and linear attention in the language model."""
    words = tokenizer(
        image_token="<unk>", video_token="<|video|>", image_start_token="<image>", image_end_token="</image>",
        slice_start_token="<slice>", slice_end_token="</slice>", image_id_start_token="<image_id>",
        image_id_end_token="</image_id>",
    )  # fmt: skip
    slices = {"scale_resolution": SIDE, "patch_size": 2, "max_slice_nums": 4, **HALVES}
    processor = transformers.MiniCPMV4_6Processor(
        transformers.MiniCPMV4_6ImageProcessor(**slices), transformers.MiniCPMV4_6VideoProcessor(**slices), words,
        chat_template=template("<unk>"),
    )  # fmt: skip
    linear = {
        "layer_types": ["linear_attention", "full_attention"], "head_dim": 32, "linear_key_head_dim": 8,
        "linear_value_head_dim": 8, "linear_num_key_heads": 2, "linear_num_value_heads": 4,
    }  # fmt: skip
    config = transformers.MiniCPMV4_6Config(
        text_config=text(words, model_type="qwen3_5_text", **linear),
        vision_config={
            "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
            "image_size": SIDE, "patch_size": 2,
        },
        insert_layer_id=0, image_size=SIDE, image_token_id=words.image_token_id, video_token_id=words.video_token_id,
    )  # fmt: skip
    return transformers.MiniCPMV4_6ForConditionalGeneration(config), processor


def deepseek_vl() -> tuple[Any, Any]:
    """DeepSeek-VL: pictures of one size."""
    words = tokenizer(image_token="<image_placeholder>")
    processor = transformers.DeepseekVLProcessor(
        transformers.DeepseekVLImageProcessor(**SQUARE, min_size=4), words, num_image_tokens=16,
        chat_template=template("<image_placeholder>"),
    )  # fmt: skip
    config = transformers.DeepseekVLConfig(
        text_config=text(words, model_type="llama"), vision_config=SIGLIP, image_token_id=words.image_token_id,
    )  # fmt: skip
    return transformers.DeepseekVLForConditionalGeneration(config), processor


FAMILIES = {one.__name__: one for one in (
    llava_next, idefics3, aya_vision, cohere2_vision, granite4_vision, lfm2_vl, ovis2, minicpmv4_6, deepseek_vl
)}  # fmt: skip
