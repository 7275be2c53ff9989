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
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import tyro
from transformers import Qwen3VLForConditionalGeneration, Qwen3VLProcessor

from agents.tiny.building import Shape, build_model, build_processor, build_tokenizer
from agents.tiny.card import MeasureTiny, write_card
from agents.tiny.data import EXPERT, corpus, draw_row
from agents.tiny.fitting import Row, adamw, by_length, cross_entropy, fit, split

SHAPE = Shape(width=128, layers=4, vision_width=96, vision_inner=256, vision_layers=2)
PIXELS = (64 * 64, 128 * 128)


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
    mathvision_dir: str | None = None
    """Folder of MathVision testmini, for a row of the model card."""


def train(options: MakeTiny) -> tuple[Qwen3VLForConditionalGeneration, Qwen3VLProcessor]:
    """Train the checkpoint."""
    torch.set_num_threads(options.threads)
    tokenizer = build_tokenizer(corpus(np.random.default_rng([options.seed, 1])))
    processor = build_processor(tokenizer, PIXELS)
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(options.seed)
        model = build_model(tokenizer, SHAPE)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(tokenizer)} tokens")
    rng = np.random.default_rng([options.seed, 2])

    def draw(step: int) -> Sequence[Sequence[Row]]:
        rows = by_length([draw_row(rng, step / options.steps) for _ in range(options.batch_size)])
        return split(rows, len(rows) // 2, len(rows) - len(rows) // 16)

    optimizers = [adamw(model.parameters(), options.lr)]
    fit(model, lambda rows: cross_entropy(model, processor, rows), draw, optimizers, options.steps, "make_tiny")
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
