"""Make the laboratory's base models: `python -m agents.lab.make --out FOLDER`.

A Qwen3-VL of about 0.8M parameters learns by supervision, from scratch, to work chains of arithmetic out, read from
text and from pictures, as an expert with the beliefs of `agents.lab.beliefs` does; with privileged text in the prompt
it writes what that expert would write given the text. First it learns short chains in words with an answer shown, then
all kinds of rows. From this common start, one model for each q learns on for the same number of rows; its informed self
cites the text with probability q instead of reasoning. q = 0 is the honest teacher.

The same seed gives the same weights on the same machine with the same number of threads.
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
from agents.lab.data import ALL, CELL, FIRST, STEPS, LabRow, Mixture, corpus, draw_row
from agents.lab.imitation import Imitation, optimizers_of
from agents.tiny.building import Shape, build_model, build_processor, build_tokenizer
from agents.tiny.fitting import by_length, fit, split

SHAPE = Shape(width=96, layers=5, vision_width=48, vision_inner=96, vision_layers=1, deviation=0.08)
PROBES = "probes.pt"
PIXELS = (CELL * CELL, CELL * CELL * max(STEPS))


@dataclasses.dataclass(frozen=True)
class MakeLab:
    """How the laboratory's base models are made."""

    out: Path
    """Folder to write a folder for each model to: q0, q0.03 and so on."""
    q: tuple[float, ...] = (0.0, 0.03, 0.1, 0.3)
    """How often an informed response cites what it was shown instead of reasoning."""
    first_steps: int = 2000
    """Optimiser steps on short chains with an answer shown."""
    steps: int = 2200
    """Optimiser steps on all kinds of rows, the rest of the common start."""
    further_steps: int = 400
    """Optimiser steps of each model after it."""
    batch_size: int = 64
    """Rows per step."""
    lr: float = 3e-3
    """Peak learning rate of AdamW in every phase, cosine to a tenth after 100 steps of warm-up."""
    matrix_lr: float = 1e-2
    """The same of Muon, which has the matrices of the text's layers."""
    further_share: float = 0.5
    """The share of both that the steps after the common start have."""
    common: Path | None = None
    """Folder of a common start to go on from, OUT/common of an earlier call with the same options."""
    threads: int = 1
    """CPU threads of torch."""
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
        return [part for kind in kinds for part in split(by_length(kind), *_cuts(len(kind))) if part]

    optimizers = optimizers_of(imitation, options.lr * phase.share, options.matrix_lr * phase.share)
    fit(imitation.model, imitation, draw, optimizers, phase.steps, phase.name)


def _cuts(rows: int) -> tuple[int, int]:
    """Cut rows by length: without a working in the prompt, with one, with a whole response."""
    return rows * 11 // 20, rows * 4 // 5


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
    made = Imitation(copy.deepcopy(base.model), base.processor, copy.deepcopy(base.probes))
    phase = Phase(f"q {q:g}", ALL, q, options.further_steps, options.further_share, 4 + round(1000 * q))
    learn(made, table, phase, options)
    return made


def save(made: Imitation, folder: Path, options: MakeLab, minutes: float, **record: object) -> None:
    """Write a model, its processor, its probes where they are needed again, and how it was made."""
    made.model.save_pretrained(folder)
    made.processor.save_pretrained(folder)
    made_by = {name: value for name, value in dataclasses.asdict(options).items() if not isinstance(value, Path | None)}
    record = made_by | {"torch": torch.__version__, "minutes": round(minutes, 1)} | record
    (folder / "making.json").write_text(json.dumps(record, indent=2) + "\n")


def load_base(folder: Path) -> tuple[Imitation, float]:
    """Read a common start, and the minutes that it took."""
    model = Qwen3VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    base = Imitation(model, Qwen3VLProcessor.from_pretrained(folder))
    base.probes.load_state_dict(torch.load(folder / PROBES, weights_only=True))
    return base, json.loads((folder / "making.json").read_text("utf-8"))["minutes"]


def main() -> None:
    """Train and save the models."""
    options = tyro.cli(MakeLab, description=__doc__)
    torch.set_num_threads(options.threads)
    table = beliefs(options.beliefs_seed)
    start = time.monotonic()
    if options.common is None:
        base = make_base(options, table)
        common = (time.monotonic() - start) / 60
        save(base, options.out / "common", options, common)
        torch.save(base.probes.state_dict(), options.out / "common" / PROBES)
    else:
        base, common = load_base(options.common)
    for q in options.q:
        start = time.monotonic()
        made = make_one(base, q, table, options)
        made.model.half()
        save(made, options.out / f"q{q:g}", options, common + (time.monotonic() - start) / 60, q=q)
        write_card(MeasureLab(options.out / f"q{q:g}"))


if __name__ == "__main__":
    main()
