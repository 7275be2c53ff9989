"""Measure the bundled checkpoint and write its model card: `python -m agents.tiny.card FOLDER`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import torch
import tyro

from agents.algorithms import Show, Shown
from agents.algorithms.contexts import show_answer, show_sibling_or_feedback, show_solution
from agents.episodes import EpisodeBatch, EpisodeGroup, Prompt
from agents.policy.actor import Actor
from agents.policy.base import Request, Sampler, Sampling
from agents.policy.transformers_policy import TransformersPolicy
from agents.rollouts.collect import collect, completion_seeds
from agents.rollouts.environments import make_group_env
from agents.rollouts.evaluation import evaluate

SAMPLING = Sampling(1.0, 48)
HELDOUT = 2**30
TAUGHT = "rlsd/ShapeCount-v0"
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
then imitates an expert that miscounts each kind with probability {miscount} and gets the sum wrong with probability
{misadd}; in {teacher_share:.0%} of the later rows privileged text stands in the prompt and the expert makes no mistake.

## Measured

On held-out tasks, temperature 1 where it says sampled.

| task | sampled | greedy |
|---|---|---|
{rows}

As a teacher on ShapeCount (difficulty 2), sampled: {teachers}.

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
    """Held-out tasks per row of the table."""


def accuracy(actor: Actor, env: str, env_kwargs: dict, tasks: int, samples: int) -> tuple[float, float]:
    """Return sampled and greedy accuracy."""
    indices = make_group_env(env, env_kwargs, 1, 1).task_indices
    chosen = [int(indices[k]) for k in range(min(tasks, len(indices)))]
    found = evaluate(actor, env, env_kwargs, chosen, samples, SAMPLING, seed=0)
    return float(np.nanmean(found.sampled_K)), float(np.nanmean(found.greedy_K))


def teacher_accuracies(sampler: Sampler, tasks: int) -> dict[str, float]:
    """Return the sampled accuracy of the model shown each kind of privileged text, on real rollouts."""
    contexts: dict[str, Show] = {
        "final answer": show_answer,
        "worked solution": show_solution,
        "successful sibling": lambda group, i: show_sibling_or_feedback(group, i, "never"),
        "feedback on a wrong attempt": feedback_only,
    }
    right: dict[str, list[bool]] = {name: [] for name in contexts}
    for start in range(0, tasks, 32):
        env = make_group_env(TAUGHT, {}, 32, 8)
        seeds = completion_seeds(1, (5, start), 256)
        batch = collect(env, sampler, range(HELDOUT + start, HELDOUT + start + 32), SAMPLING, seeds, 0)
        for name, show in contexts.items():
            right[name] += _judge(sampler, batch, show)
    return {name: float(np.mean(results)) for name, results in right.items()}


def feedback_only(group: EpisodeGroup, i: int) -> Shown | None:
    """Show the feedback on a wrong attempt, as where no sibling succeeded."""
    alone = dataclasses.replace(group, episodes=(group.episodes[i],))
    return show_sibling_or_feedback(alone, 0, "always")


def _judge(sampler: Sampler, batch: EpisodeBatch, show: Show) -> list[bool]:
    prompts: list[Prompt] = []
    tasks = []
    for group in batch.groups:
        for i in (0, 1):
            if (found := show(group, i)) is not None:
                prompts.append(found.prompts[0])
                tasks.append(group.item.task.id)
    if not prompts:
        return []
    seeds = completion_seeds(2, (6,), len(prompts))
    completions = sampler.generate(Request(prompts, 1, SAMPLING, seeds))
    env = make_group_env(TAUGHT, {}, len(tasks), 1)
    env.reset(options={"task_id": tasks})
    *_, infos = env.step([completion.text for (completion,) in completions])
    return [verdict.correct for verdict in infos["verdict"]]


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
    teachers = teacher_accuracies(policy, options.tasks)
    text = CARD.format(
        parameters=sum(p.numel() for p in policy.model.parameters()),
        megabytes=sum(f.stat().st_size for f in options.folder.iterdir()) / 1e6,
        vocabulary=len(policy.encoder.tokenizer),
        minutes=making["minutes"],
        torch=f"torch {making['torch']}",
        **{name: making["options"][name] for name in ("threads", "seed", "steps", "batch_size")},
        **{name: making["expert"][name] for name in ("miscount", "misadd", "teacher_share")},
        rows="\n".join(rows),
        teachers=", ".join(f"shown the {name} {value:.3f}" for name, value in teachers.items()),
    )
    (options.folder / "README.md").write_text(text, "utf-8")
    return text


if __name__ == "__main__":
    print(write_card(tyro.cli(MeasureTiny, description=__doc__)))
