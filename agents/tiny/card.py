"""Measure the bundled checkpoint and write its model card: `python -m agents.tiny.card FOLDER`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import tyro

from agents.policy.actor import Actor
from agents.policy.base import Sampling
from agents.policy.transformers_policy import TransformersPolicy
from agents.rollouts.environments import make_group_env
from agents.rollouts.evaluation import evaluate
from agents.tiny.teachers import SAMPLING, Teacher, measure_teachers

CARD = """\
---
license: apache-2.0
base_model: none (trained from scratch)
---

# tiny-qwen3-vl

A `Qwen3VLForConditionalGeneration` of {parameters:,} parameters (float32, {megabytes:.1f} MB) with its own byte-level
tokenizer of {vocabulary} tokens. It is here so that everything in this project runs in minutes on a CPU, through the
same classes and code paths as a real Qwen3-VL. It is not useful for anything else.

It answers `<think> red circles: 3. blue squares: 2. 3 + 2 = 5. </think> <answer> 5 </answer>`.

## Made by

`python -m agents.tiny.make --out FOLDER`: {minutes} minutes with {threads} torch thread(s) ({torch}), seed
{seed}, {steps} steps of {batch_size} rows. Supervised on procedural pictures alone: it first lists the cells of grids,
answers without mistakes for {careful_until:.0%} of the training, then imitates an expert that miscounts each kind with
probability {miscount} and gets the sum wrong with probability {misadd}. In {teacher_share:.0%} of these later rows
privileged text stands in the prompt, right, wrong or blank, and the expert's response is drawn given what it says,
mistakes included: hints inform, they do not switch the mistakes off.

## Measured

On held-out tasks, temperature 1 where it says sampled.

| task | sampled | greedy |
|---|---|---|
{rows}

As a teacher on ShapeCount (difficulty 2), with {teacher_tasks} held-out tasks and 8 of its own responses to each. D is
the log-probability of a token with the text less that without it; its sum over a response is large where the response
makes the text likely. AUC: of that sum as a predictor of a right response, over the responses of the groups that have
right and wrong ones. Informed accuracy: of what is sampled with the text. Follows: how much of that ends in the answer
that the hint names.

| shown | responses | AUC | mean sum of D | informed accuracy | follows |
|---|---|---|---|---|---|
{teachers}

Only wrong attempts are told of by feedback, so that it has no AUC. "-": the text names no answer.

Where it was not trained (everything but ShapeCount at difficulty 2, MathVision above all) its answers are guesses in
the right format: take those accuracies as chance.
"""


@dataclasses.dataclass(frozen=True)
class MeasureTiny:
    """What to measure."""

    folder: tyro.conf.Positional[Path]
    """Checkpoint folder; the card is written into it as README.md."""
    mathvision_dir: str | None = None
    """Folder of MathVision testmini, to measure on real pictures too."""
    tasks: int = 256
    """Held-out tasks per row of the tables, a multiple of 32."""


def accuracy(
    actor: Actor, env: str, env_kwargs: dict, tasks: int, samples: int, sampling: Sampling = SAMPLING
) -> tuple[float, float]:
    """Return sampled and greedy accuracy."""
    indices = make_group_env(env, env_kwargs, 1, 1).task_indices
    chosen = [int(indices[k]) for k in range(min(tasks, len(indices)))]
    found = evaluate(actor, env, env_kwargs, chosen, samples, sampling, seed=0)
    return float(np.nanmean(found.sampled_K)), float(np.nanmean(found.greedy_K))


def teacher_rows(teachers: Mapping[str, Teacher]) -> str:
    """Write the table's rows, one for each kind of privileged text."""
    rows = []
    for name, found in teachers.items():
        numbers = (f"{found.auc:.3f}", f"{found.gain:.1f}", f"{found.accuracy:.3f}", f"{found.follows:.3f}")
        rows.append(f"| {name} | {found.responses:,} | {' | '.join(numbers)} |".replace("nan", "-"))
    return "\n".join(rows)


def write_card(options: MeasureTiny) -> str:
    """Measure, write the card and return its text."""
    torch.set_num_threads(1)
    policy = TransformersPolicy.from_pretrained(str(options.folder))
    making = json.loads((options.folder / "making.json").read_text("utf-8"))
    envs: list[tuple[str, str, dict]] = [
        (f"{name}, difficulty {level}", f"rlsd/{name}-v0", {"fold": "heldout", "difficulty": level})
        for name, level in (("ShapeCount", 2), ("ShapeCount", 1), ("ShapeCount", 3), ("BarChart", 2), ("DotSum", 2))
    ]
    if options.mathvision_dir is not None:
        env_kwargs = {"path": options.mathvision_dir, "answer_format": "tags"}
        envs.append(("MathVision testmini, 304 real problems", "rlsd/MathVision-testmini-v0", env_kwargs))
    rows = []
    for label, env, env_kwargs in envs:
        sampled, greedy = accuracy(Actor(policy), env, env_kwargs, 304 if "304" in label else options.tasks, 8)
        rows.append(f"| {label} | {sampled:.3f} | {greedy:.3f} |")
    teachers = measure_teachers(policy, options.tasks)
    text = CARD.format(
        parameters=sum(p.numel() for p in policy.model.parameters()),
        megabytes=sum(f.stat().st_size for f in options.folder.iterdir()) / 1e6,
        vocabulary=len(policy.encoder.tokenizer),
        minutes=making["minutes"],
        torch=f"torch {making['torch']}",
        **{name: making["options"][name] for name in ("threads", "seed", "steps", "batch_size")},
        **{name: making["expert"][name] for name in ("miscount", "misadd", "teacher_share", "careful_until")},
        rows="\n".join(rows),
        teacher_tasks=options.tasks,
        teachers=teacher_rows(teachers),
    )
    (options.folder / "README.md").write_text(text, "utf-8")
    return text


if __name__ == "__main__":
    print(write_card(tyro.cli(MeasureTiny, description=__doc__)))
