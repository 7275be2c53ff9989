"""Make the bundled checkpoint: `python -m agents.tiny.make --out FOLDER`.

A real Qwen3-VL of 1.5M parameters learns by supervision, from scratch and on procedural data alone:

1. to see: it lists what a grid of shapes holds, cell by cell (dense supervision, first part of the training);
2. to answer ShapeCount with a chain of thought, first without a mistake, then imitating an expert that miscounts on
   purpose, so that sampling is often wrong and reinforcement learning has something to sharpen;
3. to be a teacher: with privileged text in the prompt (`agents.algorithms.contexts`), right, wrong or blank, the
   expert's response is drawn given what the text says.

The same seed and thread count give the same weights on the same machine.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from tqdm import tqdm
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2VLImageProcessor,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)

from agents.tiny.card import MeasureTiny, write_card
from agents.tiny.data import EXPERT, Row, corpus, draw_row

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


@dataclasses.dataclass(frozen=True)
class MakeTiny:
    """How the bundled checkpoint is made."""

    out: Path
    """Folder to write the checkpoint to."""
    steps: int = 1800
    """Optimiser steps."""
    batch_size: int = 64
    """Rows per step."""
    lr: float = 2e-3
    """Peak learning rate, cosine to a tenth after 100 steps of warm-up."""
    seed: int = 0
    """Seed of the weights and of the data."""
    threads: int = 2
    """Torch threads."""
    minutes: float = 30.0
    """Stop with an error beyond this; the cosine needs all its steps."""
    mathvision_dir: str | None = None
    """Folder of MathVision testmini, for a row of the model card."""


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


def build_processor(tokenizer: PreTrainedTokenizerFast) -> Qwen3VLProcessor:
    """Build Qwen3-VL's processor with 8-pixel patches: one visual token per 16 x 16 pixels, at most 64."""
    pixels = {"shortest_edge": 64 * 64, "longest_edge": 128 * 128}
    sizes: dict[str, Any] = {"patch_size": 8, "merge_size": 2, "temporal_patch_size": 2, "size": pixels}
    return Qwen3VLProcessor(
        image_processor=Qwen2VLImageProcessor(**sizes, image_mean=[0.5] * 3, image_std=[0.5] * 3),
        tokenizer=tokenizer,
        video_processor=Qwen3VLVideoProcessor(**sizes, image_mean=[0.5] * 3, image_std=[0.5] * 3),
        chat_template=CHAT_TEMPLATE,
    )


def build_model(tokenizer: PreTrainedTokenizerFast) -> Qwen3VLForConditionalGeneration:
    """Build the untrained model; its shape is Qwen3-VL's, deepstack and interleaved M-RoPE included."""

    def token(text: str) -> int:
        return tokenizer.get_vocab()[text]

    config = Qwen3VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 128,
            "intermediate_size": 384,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 32,
            "max_position_embeddings": 4096,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [8, 4, 4],
                "mrope_interleaved": True,
            },
            "tie_word_embeddings": True,
            "pad_token_id": token("<|endoftext|>"),
            "eos_token_id": token("<|im_end|>"),
        },
        vision_config={
            "depth": 2,
            "hidden_size": 96,
            "intermediate_size": 256,
            "num_heads": 4,
            "patch_size": 8,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "out_hidden_size": 128,
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


def collate(processor: Qwen3VLProcessor, rows: list[Row]) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Tokenise rows, right-padded; the labels are -100 outside the response."""
    prompts = [processor.apply_chat_template(r.messages, add_generation_prompt=True, tokenize=False) for r in rows]
    texts = [prompt + row.response + "<|im_end|>" for prompt, row in zip(prompts, rows)]
    images = [[row.image] for row in rows]
    batch = processor(text=texts, images=images, return_tensors="pt", padding=True, padding_side="right")
    labels = batch["input_ids"].clone()
    labels[batch["attention_mask"] == 0] = -100
    lengths = [len(ids) for ids in processor.tokenizer([r.response + "<|im_end|>" for r in rows])["input_ids"]]
    for i, length in enumerate(lengths):
        end = int(batch["attention_mask"][i].sum())
        labels[i, : end - length] = -100
    return dict(batch), labels


def train(options: MakeTiny) -> tuple[Qwen3VLForConditionalGeneration, Qwen3VLProcessor]:
    """Train the checkpoint.

    Raises:
        TimeoutError: `options.minutes` passed before the last step.

    """
    torch.set_num_threads(options.threads)
    tokenizer = build_tokenizer(corpus(np.random.default_rng([options.seed, 1])))
    processor = build_processor(tokenizer)
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(options.seed)
        model = build_model(tokenizer)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(tokenizer)} tokens")
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.lr, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda s: min(1.0, (s + 1) / 100) * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * s / options.steps))),
    )
    start = time.monotonic()
    progress = tqdm(range(options.steps), desc="make_tiny", mininterval=10)
    rng = np.random.default_rng([options.seed, 2])
    for step in progress:
        if time.monotonic() - start > options.minutes * 60:
            raise TimeoutError(f"step {step} of {options.steps} after {options.minutes} minutes")
        rows = [draw_row(rng, step / options.steps) for _ in range(options.batch_size)]
        rows.sort(key=lambda row: len(row.messages[0]["content"][-1]["text"]))  # less padding in each part
        optimizer.zero_grad(set_to_none=True)
        losses, tokens = 0.0, 0
        cuts = [0, len(rows) // 2, len(rows) - len(rows) // 16, len(rows)]
        for part in (rows[first:last] for first, last in itertools.pairwise(cuts)):
            inputs, labels = collate(processor, part)
            hidden = model.model(**inputs).last_hidden_state
            targets = labels[:, 1:]
            chosen = targets != -100
            logits = model.lm_head(hidden[:, :-1][chosen])
            loss = torch.nn.functional.cross_entropy(logits, targets[chosen], reduction="sum")
            loss.backward()
            losses += loss.item()
            tokens += int(chosen.sum())
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.grad /= tokens
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            progress.set_postfix(loss=f"{losses / tokens:.3f}")
    model.eval()
    return model, processor


def main() -> None:
    """Train and save the checkpoint, then measure it for its model card."""
    options = tyro.cli(MakeTiny, description=__doc__)
    start = time.monotonic()
    model, processor = train(options)
    model.save_pretrained(options.out)
    processor.save_pretrained(options.out)
    record = {
        "options": {name: getattr(options, name) for name in ("steps", "batch_size", "lr", "seed", "threads")},
        "expert": dataclasses.asdict(EXPERT),
        "minutes": round((time.monotonic() - start) / 60, 1),
        "torch": torch.__version__,
    }
    (options.out / "making.json").write_text(json.dumps(record, indent=2) + "\n")
    print(write_card(MeasureTiny(options.out, options.mathvision_dir)))


if __name__ == "__main__":
    main()
