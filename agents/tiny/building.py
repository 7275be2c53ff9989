"""Build small Qwen3-VL models from nothing: a tokenizer, a processor, and a model with random weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2VLImageProcessor,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)

SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
# Qwen's rule, but for tags and numbers that take their leading space along.
PRETOKENIZE = (
    r" ?</?(?:think|answer)>| ?\p{N}|[^\r\n\p{L}\p{N}]?\p{L}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.content is string %}{{ message.content }}{% else %}"
    "{% for part in message.content %}"
    "{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif part.type == 'video' %}<|vision_start|><|video_pad|><|vision_end|>"
    "{% else %}{{ part.text }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@dataclass(frozen=True)
class Shape:
    """The size of a model.

    Attributes:
        width: of the text's part, a multiple of 32.
        layers: of the text's part.
        vision_width: of the picture's part.
        vision_inner: of its feed-forward layers.
        vision_layers: of the picture's part.
        deviation: standard deviation of the random weights. Small models learn several times faster with more than
            transformers' .02.

    """

    width: int
    layers: int
    vision_width: int
    vision_inner: int
    vision_layers: int
    deviation: float = 0.02


def build_tokenizer(texts: list[str], vocabulary: int = 1024) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE, so that every text has an encoding and decodes to itself."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PRETOKENIZE), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
        min_frequency=2,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=[t for t in SPECIAL if t not in ("<|im_end|>", "<|endoftext|>")],
        model_max_length=4096,
        clean_up_tokenization_spaces=False,
    )


def build_processor(tokenizer: PreTrainedTokenizerFast, pixels: tuple[int, int]) -> Qwen3VLProcessor:
    """Build Qwen3-VL's processor with 8-pixel patches: one visual token per 16 x 16 pixels.

    Args:
        tokenizer: the tokenizer.
        pixels: the fewest and the most of a picture; others are scaled.

    """
    shortest, longest = pixels
    size = {"shortest_edge": shortest, "longest_edge": longest}
    sizes: dict[str, Any] = {"patch_size": 8, "merge_size": 2, "temporal_patch_size": 2, "size": size}
    return Qwen3VLProcessor(
        image_processor=Qwen2VLImageProcessor(**sizes, image_mean=[0.5] * 3, image_std=[0.5] * 3),
        tokenizer=tokenizer,
        video_processor=Qwen3VLVideoProcessor(**sizes, image_mean=[0.5] * 3, image_std=[0.5] * 3),
        chat_template=CHAT_TEMPLATE,
    )


def build_model(tokenizer: PreTrainedTokenizerFast, shape: Shape) -> Qwen3VLForConditionalGeneration:
    """Build the untrained model, of Qwen3-VL's architecture, deepstack and interleaved M-RoPE included."""

    def token(text: str) -> int:
        return tokenizer.get_vocab()[text]

    config = Qwen3VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "initializer_range": shape.deviation,
            "hidden_size": shape.width,
            "intermediate_size": 3 * shape.width,
            "num_hidden_layers": shape.layers,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": shape.width // 4,
            "max_position_embeddings": 4096,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [shape.width // 16, shape.width // 32, shape.width // 32],
                "mrope_interleaved": True,
            },
            "tie_word_embeddings": True,
            "pad_token_id": token("<|endoftext|>"),
            "eos_token_id": token("<|im_end|>"),
        },
        vision_config={
            "depth": shape.vision_layers,
            "initializer_range": shape.deviation,
            "hidden_size": shape.vision_width,
            "intermediate_size": shape.vision_inner,
            "num_heads": 4,
            "patch_size": 8,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "out_hidden_size": shape.width,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0],
        },
        image_token_id=token("<|image_pad|>"),
        video_token_id=token("<|video_pad|>"),
        vision_start_token_id=token("<|vision_start|>"),
        vision_end_token_id=token("<|vision_end|>"),
        tie_word_embeddings=True,
    )
    model = Qwen3VLForConditionalGeneration(config)
    model.generation_config.eos_token_id = token("<|im_end|>")
    model.generation_config.pad_token_id = token("<|endoftext|>")
    return model
