"""Tiny models of families that people have, with random weights, each with a processor of its own from nothing.

Configurations, models and processors are transformers' own; the tokenizer is trained on the spot, and the chat
templates write messages and pictures as the family's own do. A new family is an entry of `FAMILIES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

BASICS = ("<pad>", "<s>", "</s>", "<turn>")
TEXTS = (
    "How many red circles and blue squares are in the picture ? Answer in <answer> tags, think first.",
    "0 1 2 3 4",
)
SIDE = 16
"""Pixels of the side of what a vision tower sees at once."""
# Heads are of 32 numbers, which is the least that vLLM runs on a CPU.
TEXT = {
    "hidden_size": 128, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 2048, "initializer_range": 0.15, "pad_token_id": 0,
    "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
VISION = {
    "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": SIDE,
    "patch_size": 4, "initializer_range": 0.3,
}  # fmt: skip
HALVES = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
PATCHES = {
    "patch_size": 4, "merge_size": 2, "temporal_patch_size": 2, **HALVES,
    "size": {"shortest_edge": 8 * 8, "longest_edge": 32 * 32},
}  # fmt: skip
"""Of the families that read patches of pictures in their own shape."""
AXES = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 4, 8], "partial_rotary_factor": 1.0}
"""Positions of three axes."""
GLM_PATCHES = PATCHES | {"size": {"shortest_edge": 2 * 8 * 8, "longest_edge": 2 * 32 * 32}}
GLM_TOWER = {
    "depth": 2, "hidden_size": 16, "intermediate_size": 24, "num_heads": 2, "image_size": 32, "patch_size": 4,
    "spatial_merge_size": 2, "temporal_patch_size": 2, "out_hidden_size": 128, "initializer_range": 0.3,
}  # fmt: skip
PARTS = (
    "{% for part in message.content %}{% if part.type == 'image' %}IMAGE{% else %}{{ part.text }}{% endif %}"
    "{% endfor %}"
)
EITHER = "{% if message.content is string %}{{ message.content }}{% else %}" + PARTS + "{% endif %}"


def template(image: str, content: str = EITHER, start: str = "", end: str = "</s>\n") -> str:
    """Return a chat template: how a picture is written, and whether contents may be strings."""
    return (
        start + "{% for message in messages %}<turn>{{ message.role }}\n" + content.replace("IMAGE", image) + end
        + "{% endfor %}{% if add_generation_prompt %}<turn>assistant\n{% endif %}"
    )  # fmt: skip


def tokenizer(*more: str, **named: str) -> Any:
    """Train a byte-level BPE with the basic tokens and others, some of which the processor asks for by name."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    special = [*BASICS, *more, *named.values()]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=340, special_tokens=special, initial_alphabet=alphabet, show_progress=False, min_frequency=1
    )
    made.train_from_iterator(TEXTS * 3, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", bos_token="<s>", eos_token="</s>", padding_side="left",
        extra_special_tokens=named | {f"own_{number}": token for number, token in enumerate(("<turn>", *more))},
    )  # fmt: skip


def text(words: Any, **changes: Any) -> dict[str, Any]:
    """Return the sizes of a language model with the vocabulary of a tokenizer."""
    return {**TEXT, "vocab_size": len(words), **changes}


def smolvlm() -> tuple[Any, Any]:
    """SmolVLM: pictures in tiles of one size, marked by row and column, after which the whole comes."""
    words = tokenizer(image_token="<image>", fake_image_token="<fake>", global_image_token="<global-img>")
    edges = {"size": {"longest_edge": 2 * SIDE}, "max_image_size": {"longest_edge": SIDE}}
    processor = transformers.SmolVLMProcessor(
        transformers.SmolVLMImageProcessor(**edges, **HALVES), words,
        transformers.SmolVLMVideoProcessor(**edges), image_seq_len=4, chat_template=template("<image>", PARTS),
    )  # fmt: skip
    config = transformers.SmolVLMConfig(
        text_config=text(words, model_type="llama"), vision_config=VISION, image_token_id=words.image_token_id,
        scale_factor=2, pad_token_id=0,
    )  # fmt: skip
    return transformers.SmolVLMForConditionalGeneration(config), processor


def internvl() -> tuple[Any, Any]:
    """InternVL: pictures in tiles of one size, which a bidirectional tower with a class token reads."""
    words = tokenizer(
        start_image_token="<img>", end_image_token="</img>", context_image_token="<IMG_CONTEXT>", video_token="<video>"
    )
    size = {"size": {"height": SIDE, "width": SIDE}, **HALVES}
    processor = transformers.InternVLProcessor(
        transformers.GotOcr2ImageProcessor(**size, crop_to_patches=True, min_patches=1, max_patches=4), words,
        transformers.InternVLVideoProcessor(**size), image_seq_length=4, chat_template=template("<IMG_CONTEXT>\n"),
    )  # fmt: skip
    config = transformers.InternVLConfig(
        text_config=text(words, model_type="qwen2"), vision_config=VISION, image_seq_length=4,
        image_token_id=words.context_image_token_id, tie_word_embeddings=False,
    )  # fmt: skip
    return transformers.InternVLForConditionalGeneration(config), processor


def gemma3() -> tuple[Any, Any]:
    """Gemma 3: windows in every other layer, and attention both ways within a picture."""
    words = tokenizer(image_token="<image_soft_token>", boi_token="<start_of_image>", eoi_token="<end_of_image>")
    words.add_tokens(["\n" * count for count in (1, 2, 3, 4)])  # as Gemma's vocabulary has
    processor = transformers.Gemma3Processor(
        transformers.Gemma3ImageProcessor(size={"height": SIDE, "width": SIDE}, **HALVES), words,
        chat_template=template("<start_of_image>", start="<s>"), image_seq_length=4,
    )  # fmt: skip
    layers = ["sliding_attention", "full_attention", "sliding_attention"]
    config = transformers.Gemma3Config(
        text_config=text(
            words, num_hidden_layers=3, layer_types=layers, sliding_window=9, head_dim=32, initializer_range=0.03
        ),
        vision_config=VISION, mm_tokens_per_image=4, image_token_index=words.image_token_id,
        boi_token_index=words.boi_token_id, eoi_token_index=words.eoi_token_id,
    )  # fmt: skip
    return transformers.Gemma3ForConditionalGeneration(config), processor


def gemma4() -> tuple[Any, Any]:
    """Gemma 4: as Gemma 3 in its windows alone, with layers that take others' keys, and logits that are capped."""
    words = tokenizer(
        image_token="<|image|>", boi_token="<|image>", eoi_token="<image|>", audio_token="<|audio|>",
        boa_token="<|audio>", eoa_token="<audio|>", video_token="<|video|>",
    )  # fmt: skip
    patches = {"patch_size": 2, "pooling_kernel_size": 2, "max_soft_tokens": 70}
    processor = transformers.Gemma4Processor(
        transformers.Gemma4AudioFeatureExtractor(), transformers.Gemma4ImageProcessor(**patches), words,
        transformers.Gemma4VideoProcessor(**patches), chat_template=template("<|image|>", start="<s>"),
        image_seq_length=70,
    )  # fmt: skip
    layers = ["sliding_attention", "full_attention"] * 2
    config = transformers.Gemma4Config(
        text_config=text(
            words, num_hidden_layers=4, layer_types=layers, sliding_window=9, head_dim=32, global_head_dim=64,
            num_kv_shared_layers=2, hidden_size_per_layer_input=8, vocab_size_per_layer_input=len(words),
            final_logit_softcapping=4.0, use_bidirectional_attention="vision",
        ),
        vision_config={
            "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2,
            "num_key_value_heads": 2, "head_dim": 8, "patch_size": 2, "pooling_kernel_size": 2,
            "position_embedding_size": 512, "initializer_range": 0.3, "default_output_length": 70,
        },
        image_token_id=words.image_token_id, boi_token_id=words.boi_token_id, eoi_token_id=words.eoi_token_id,
        video_token_id=words.video_token_id, audio_token_id=words.audio_token_id, boa_token_id=words.boa_token_id,
        eoa_token_index=words.eoa_token_id,
    )  # fmt: skip
    return transformers.Gemma4ForConditionalGeneration(config), processor


def glm(prefix: str, processors: str, **experts: int) -> tuple[Any, Any]:
    """Make (model, processor) of one of GLM's families, of transformers' classes whose names begin so."""
    words = tokenizer(
        "<|begin_of_image|>", "<|end_of_image|>", "<|begin_of_video|>", "<|end_of_video|>",
        image_token="<|image|>", video_token="<|video|>",
    )  # fmt: skip
    ids = words.get_vocab()
    whole, image, video = (getattr(transformers, f"{processors}{part}Processor") for part in ("", "Image", "Video"))
    processor = whole(
        image(**GLM_PATCHES), words, video(**GLM_PATCHES),
        chat_template=template("<|begin_of_image|><|image|><|end_of_image|>"),
    )  # fmt: skip
    config = getattr(transformers, f"{prefix}Config")(
        text_config=text(words, rope_parameters=AXES, attention_bias=True, **experts), vision_config=GLM_TOWER,
        image_token_id=words.image_token_id, video_token_id=words.video_token_id,
        image_start_token_id=ids["<|begin_of_image|>"], image_end_token_id=ids["<|end_of_image|>"],
        video_start_token_id=ids["<|begin_of_video|>"], video_end_token_id=ids["<|end_of_video|>"],
    )  # fmt: skip
    return getattr(transformers, f"{prefix}ForConditionalGeneration")(config), processor


def glm46v() -> tuple[Any, Any]:
    """GLM-4.6V: patches of any number, and positions of three axes."""
    return glm("Glm46V", "Glm46V")


def llava_onevision() -> tuple[Any, Any]:
    """LLaVA-OneVision: a picture alone is read in tiles of the nearest grid, one in company as a whole."""
    words = tokenizer(image_token="<image>", video_token="<video>")
    grids = [[SIDE, SIDE], [SIDE, 2 * SIDE], [2 * SIDE, SIDE], [2 * SIDE, 2 * SIDE]]
    size = {"size": {"height": SIDE, "width": SIDE}, **HALVES}
    processor = transformers.LlavaOnevisionProcessor(
        transformers.LlavaOnevisionImageProcessor(**size, image_grid_pinpoints=grids), words,
        transformers.LlavaOnevisionVideoProcessor(**size), num_image_tokens=16, vision_feature_select_strategy="full",
        chat_template=template("<image>", PARTS),
    )  # fmt: skip
    config = transformers.LlavaOnevisionConfig(
        text_config=text(words, model_type="qwen2"), vision_config={**VISION, "vision_use_head": False},
        image_grid_pinpoints=grids, image_token_index=words.image_token_id, video_token_index=words.video_token_id,
    )  # fmt: skip
    return transformers.LlavaOnevisionForConditionalGeneration(config), processor


def mistral3() -> tuple[Any, Any]:
    """Mistral 3: pictures in their own shape, with a token at the end of each row; windows in the language model."""
    words = tokenizer(image_token="[IMG]", image_break_token="[IMG_BREAK]", image_end_token="[IMG_END]")
    processor = transformers.PixtralProcessor(
        transformers.PixtralImageProcessor(size={"longest_edge": 32}, patch_size={"height": 4, "width": 4}, **HALVES),
        words, patch_size=4, spatial_merge_size=2, chat_template=template("[IMG]", start="<s>"),
    )  # fmt: skip
    config = transformers.Mistral3Config(
        text_config=text(words, model_type="mistral", sliding_window=11, head_dim=32),
        vision_config={**VISION, "model_type": "pixtral", "image_size": 32}, spatial_merge_size=2,
        image_token_index=words.image_token_id, tie_word_embeddings=False,
    )  # fmt: skip
    return transformers.Mistral3ForConditionalGeneration(config), processor


def qwen_words() -> Any:
    """Train a tokenizer with the tokens that Qwen's models and their like have for pictures."""
    return tokenizer("<|vision_start|>", "<|vision_end|>", image_token="<|image_pad|>", video_token="<|video_pad|>")


QWEN_TEMPLATE = template("<|vision_start|><|image_pad|><|vision_end|>")


def qwen_processor(made: Any, words: Any, video: Any) -> Any:
    """Return a processor of Qwen's kind: of a class, with a tokenizer and a processor of videos."""
    return made(transformers.Qwen2VLImageProcessor(**PATCHES), words, video, chat_template=QWEN_TEMPLATE)


def qwen3_vl_processor(words: Any) -> Any:
    """Return Qwen3-VL's processor, which Qwen4-Exp has too."""
    return qwen_processor(transformers.Qwen3VLProcessor, words, transformers.Qwen3VLVideoProcessor())


def qwen3_vl_moe() -> tuple[Any, Any]:
    """Qwen3-VL with a mixture of experts."""
    words = qwen_words()
    ids = words.get_vocab()
    processor = qwen3_vl_processor(words)
    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24, "head_dim": 32}
    config = transformers.Qwen3VLMoeConfig(
        text_config=text(words, rope_parameters=AXES | {"mrope_interleaved": True}, **experts),
        vision_config={
            "depth": 2, "hidden_size": 16, "intermediate_size": 24, "num_heads": 2, "patch_size": 4,
            "out_hidden_size": 128, "num_position_embeddings": 16, "deepstack_visual_indexes": [0],
            "initializer_range": 0.3,
        },
        image_token_id=words.image_token_id, video_token_id=words.video_token_id,
        vision_start_token_id=ids["<|vision_start|>"], vision_end_token_id=ids["<|vision_end|>"],
    )  # fmt: skip
    return transformers.Qwen3VLMoeForConditionalGeneration(config), processor


FAMILIES = {one.__name__: one for one in (
    qwen3_vl_moe, smolvlm, internvl, gemma3, gemma4, glm46v, llava_onevision, mistral3
)}  # fmt: skip
PACKAGES = {"smolvlm": "num2words"}
"""What a family's processor needs beyond transformers."""


def build(name: str, families: Mapping[str, Callable[[], tuple[Any, Any]]] = FAMILIES) -> tuple[Any, Any]:
    """Make (model, processor) of a family; the weights are the same every time."""
    with torch.random.fork_rng():
        torch.random.default_generator.manual_seed(0)
        model, processor = families[name]()
        for parameter in model.parameters():  # transformers starts some at 0 or at 1, where half of the paths are dead
            parameter.data.add_(0.05 * torch.randn(parameter.shape))
    model.generation_config.eos_token_id = 2
    model.generation_config.pad_token_id = 0
    return model.float().eval(), processor
