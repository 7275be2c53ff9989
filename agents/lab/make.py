"""Make the laboratory's base models: `python -m agents.lab.make --out FOLDER`.

A Qwen3-VL of about 0.4M parameters learns by supervision, from scratch, to work chains of arithmetic out, read from
text and from pictures, as an expert with the beliefs of `agents.lab.beliefs` does; with privileged text in the prompt
it writes what that expert would write given the text. From this common start, one model for each q learns on for the
same number of rows; its informed self cites the text with probability q instead of reasoning. q = 0 is the honest
teacher.

The same seed gives the same weights on the same machine, with one torch thread.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import tyro
from transformers import Qwen3VLForConditionalGeneration, Qwen3VLProcessor

from agents.lab.beliefs import SEED, Beliefs, beliefs
from agents.lab.card import MeasureLab, write_card
from agents.lab.data import CELL, STEPS, corpus, draw_row
from agents.tiny.building import Shape, build_model, build_processor, build_tokenizer
from agents.tiny.fitting import Row, by_length, fit, split

SHAPE = Shape(width=96, layers=2, vision_width=48, vision_inner=96, vision_layers=1, deviation=0.08)
PIXELS = (CELL * CELL, CELL * CELL * max(STEPS))


@dataclasses.dataclass(frozen=True)
class MakeLab:
    """How the laboratory's base models are made."""

    out: Path
    """Folder to write a folder for each model to: q0, q0.03 and so on."""
    q: tuple[float, ...] = (0.0, 0.03, 0.1, 0.3)
    """How often an informed response cites what it was shown instead of reasoning."""
    steps: int = 1600
    """Optimiser steps of the common start."""
    further_steps: int = 400
    """Optimiser steps of each model after it."""
    batch_size: int = 64
    """Rows per step."""
    lr: float = 4e-3
    """Peak learning rate of the common start, cosine to a tenth after 100 steps of warm-up."""
    further_lr: float = 2e-3
    """The same of the steps after it."""
    seed: int = 0
    """Seed of the weights and of the rows."""
    beliefs_seed: int = SEED
    """Seed of the table of beliefs."""


def learn(
    model: Qwen3VLForConditionalGeneration,
    processor: Qwen3VLProcessor,
    table: Beliefs,
    q: float,
    options: MakeLab,
    stream: int,
    *,
    further: bool,
) -> None:
    """Train a model on rows of one q, in place."""
    rng = np.random.default_rng([options.seed, stream])

    def draw(step: int) -> Sequence[Sequence[Row]]:
        rows = [draw_row(table, q, rng) for _ in range(options.batch_size)]
        kinds = ([row for row in rows if (row.image is None) is text] for text in (True, False))
        return [part for kind in kinds for part in split(by_length(kind), len(kind) * 3 // 4) if part]

    steps, lr = (options.further_steps, options.further_lr) if further else (options.steps, options.lr)
    fit(model, processor, draw, steps, lr, f"q {q:g}" if further else "common start")


def main() -> None:
    """Train and save the models."""
    options = tyro.cli(MakeLab, description=__doc__)
    torch.set_num_threads(1)
    table = beliefs(options.beliefs_seed)
    start = time.monotonic()
    tokenizer = build_tokenizer(corpus(table, np.random.default_rng([options.seed, 1])), vocabulary=384)
    processor = build_processor(tokenizer, PIXELS)
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(options.seed)
        base = build_model(tokenizer, SHAPE)
    print(f"{sum(p.numel() for p in base.parameters()):,} parameters, {len(tokenizer)} tokens")
    learn(base, processor, table, 0.0, options, 2, further=False)
    common = time.monotonic() - start
    for number, q in enumerate(options.q):
        start = time.monotonic()
        model = copy.deepcopy(base)
        learn(model, processor, table, q, options, 3 + number, further=True)
        folder = options.out / f"q{q:g}"
        model.half().save_pretrained(folder)
        processor.save_pretrained(folder)
        made = dataclasses.asdict(options) | {"out": None, "q": q, "torch": torch.__version__}
        made["minutes"] = round((common + time.monotonic() - start) / 60, 1)
        (folder / "making.json").write_text(json.dumps(made, indent=2) + "\n")
        write_card(MeasureLab(folder))


if __name__ == "__main__":
    main()
