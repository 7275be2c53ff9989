"""Make the laboratory's base models: `python -m agents.lab.make --out FOLDER`.

A Qwen3-VL of about 0.8M parameters learns by supervision, from scratch, to work chains of arithmetic out, read from
text and from pictures, as an expert with the beliefs of `agents.lab.beliefs` does; with privileged text in the prompt
it writes what that expert would write given the text. First it learns short chains in words with an answer shown, then
all kinds of rows. From this common start, one model for each q learns on for the same number of rows; its informed self
cites the text with probability q instead of reasoning. q = 0 is the honest teacher.

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

from agents.lab.beliefs import SEED, Beliefs, beliefs
from agents.lab.card import MeasureLab, write_card
from agents.lab.data import ALL, CELL, FIRST, STEPS, LabRow, Mixture, corpus, draw_row
from agents.lab.imitation import Imitation, optimizers_of
from agents.tiny.building import Shape, build_model, build_processor, build_tokenizer
from agents.tiny.fitting import by_length, fit, split

SHAPE = Shape(width=96, layers=5, vision_width=48, vision_inner=96, vision_layers=1, deviation=0.08)
PIXELS = (CELL * CELL, CELL * CELL * max(STEPS))


@dataclasses.dataclass(frozen=True)
class MakeLab:
    """How the laboratory's base models are made."""

    out: Path
    """Folder to write a folder for each model to: q0, q0.03 and so on."""
    q: tuple[float, ...] = (0.0, 0.03, 0.1, 0.3)
    """How often an informed response cites what it was shown instead of reasoning."""
    first_steps: int = 1400
    """Optimiser steps on short chains with an answer shown."""
    steps: int = 2800
    """Optimiser steps on all kinds of rows, the rest of the common start."""
    further_steps: int = 400
    """Optimiser steps of each model after it."""
    batch_size: int = 64
    """Rows per step."""
    lr: float = 3e-3
    """Peak learning rate of AdamW in every phase, cosine to a tenth after 100 steps of warm-up."""
    matrix_lr: float = 8e-3
    """The same of Muon, which has the matrices of the text's layers."""
    further_share: float = 0.5
    """The share of both that the steps after the common start have."""
    seed: int = 0
    """Seed of the weights and of the rows."""
    beliefs_seed: int = SEED
    """Seed of the table of beliefs."""


@dataclasses.dataclass(frozen=True)
class Phase:
    """A part of the training.

    Attributes:
        name: what the progress bar says.
        mixture: what rows are drawn from.
        q: how often an informed response cites.
        steps: optimiser steps.
        share: of the learning rates.
        stream: of the rows' random numbers.

    """

    name: str
    mixture: Mixture
    q: float
    steps: int
    share: float
    stream: int


def learn(imitation: Imitation, table: Beliefs, phase: Phase, options: MakeLab) -> None:
    """Train a model on the rows of a phase, in place."""
    rng = np.random.default_rng([options.seed, phase.stream])

    def draw(step: int) -> Sequence[Sequence[LabRow]]:
        rows = [draw_row(table, phase.q, phase.mixture, rng) for _ in range(options.batch_size)]
        kinds = ([row for row in rows if (row.image is None) is text] for text in (True, False))
        return [part for kind in kinds for part in split(by_length(kind), len(kind) * 3 // 4) if part]

    optimizers = optimizers_of(imitation, options.lr * phase.share, options.matrix_lr * phase.share)
    fit(imitation.model, imitation, draw, optimizers, phase.steps, phase.name)


def make_base(options: MakeLab, table: Beliefs) -> Imitation:
    """Make the common start."""
    tokenizer = build_tokenizer(corpus(table, np.random.default_rng([options.seed, 1])), vocabulary=384)
    processor = build_processor(tokenizer, PIXELS)
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(options.seed)
        base = build_model(tokenizer, SHAPE)
        imitation = Imitation(base, processor)
    print(f"{sum(p.numel() for p in base.parameters()):,} parameters, {len(tokenizer)} tokens")
    for phase in (
        Phase("short chains", FIRST, 0.0, options.first_steps, 1.0, 2),
        Phase("common start", ALL, 0.0, options.steps, 1.0, 3),
    ):
        learn(imitation, table, phase, options)
    return imitation


def make_one(base: Imitation, q: float, table: Beliefs, options: MakeLab) -> Imitation:
    """Make the model of one q from the common start, which stays as it is."""
    model = copy.deepcopy(base.model)
    made = Imitation(model, base.processor, copy.deepcopy(base.probes))
    phase = Phase(f"q {q:g}", ALL, q, options.further_steps, options.further_share, 4 + round(1000 * q))
    learn(made, table, phase, options)
    return made


def main() -> None:
    """Train and save the models."""
    options = tyro.cli(MakeLab, description=__doc__)
    torch.set_num_threads(1)
    table = beliefs(options.beliefs_seed)
    start = time.monotonic()
    base = make_base(options, table)
    common = time.monotonic() - start
    for q in options.q:
        start = time.monotonic()
        made = make_one(base, q, table, options)
        folder = options.out / f"q{q:g}"
        made.model.half().save_pretrained(folder)
        made.processor.save_pretrained(folder)
        record = dataclasses.asdict(options) | {"out": None, "q": q, "torch": torch.__version__}
        record["minutes"] = round((common + time.monotonic() - start) / 60, 1)
        (folder / "making.json").write_text(json.dumps(record, indent=2) + "\n")
        write_card(MeasureLab(folder))


if __name__ == "__main__":
    main()
