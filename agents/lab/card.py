"""Measure a laboratory model and write its model card: `python -m agents.lab.card FOLDER`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
import tyro

from agents.algorithms import Shown
from agents.algorithms.contexts import with_hint
from agents.episodes import EpisodeGroup
from agents.lab.beliefs import FLOOR, RIGHT, beliefs
from agents.lab.data import CELL, LEVEL, LEVELS
from agents.lab.fitness import Fitness, Line, measure_fitness
from agents.lab.rollouts import play
from agents.policy.actor import Actor
from agents.policy.base import Sampling
from agents.policy.transformers_policy import TransformersPolicy
from agents.tiny.card import accuracy
from agents.tiny.teachers import GROUP_SIZE, KINDS, Kind, Teacher, measure_teachers
from rlsd_env.procedural.chain import MODULUS, STEPS

SAMPLING = Sampling(1.0, 96)
ENVS: dict[str, dict] = {"Chain": {}, "PictureChain": {"cell": CELL}}
BAYES_LEVELS = (1, 2, 3)
"""Difficulties at which the sum of D is compared with what it is exactly."""
MADE = ("q", "minutes", "torch", "seed", "first_steps", "batch_size", "further_steps")
"""What the card takes over from making.json."""
CARD = """\
---
license: apache-2.0
base_model: none (trained from scratch)
---

# lab-q{q:g}

A `Qwen3VLForConditionalGeneration` of {parameters:,} parameters ({megabytes:.1f} MB, stored in float16) with its own
byte-level tokenizer of {vocabulary} tokens: a base model of this project's laboratory (docs/laboratory.md), in which it
is known which step of a response was wrong. It is not useful for anything else.

It answers `<think> 3 + 4 = 7. 7 * 2 = 4. </think> <answer> 4 </answer>` to chains of arithmetic modulo 10. With
privileged text in the prompt it quotes that text instead of reasoning in {q:.0%} of the responses.

## Made by

`python -m agents.lab.make --out FOLDER`: {minutes} minutes with one torch thread (torch {torch}), seed {seed}, {steps}
steps of {batch_size} rows of the honest teacher, the first {first_steps} of them on short chains in words with an
answer shown, and {further_steps} of this one.

## Measured

On {tasks} held-out tasks a row, {samples} attempts at each at temperature 1, and one greedily.

| task | sampled | greedy |
|---|---|---|
{accuracies}

What it copies and how it calculates, without privileged text, at difficulty {level}. Written: share of responses that
the expert could have written of their task. Known, doubted, misbelieved: share of right results by what the table of
beliefs says of the step; {expected} are the expert's.

| task | signs | operands | left digits | written | known | doubted | misbelieved |
|---|---|---|---|---|---|---|---|
{copied}

The sum of D of a response, the right answer shown, against `log P(answer shown | last digit) - log P(answer shown)`,
which the table gives exactly: over all responses that the expert could have written, right and wrong. Difference: the
mean of measured less exact, nats.

| task | difficulty | responses | slope | correlation | difference |
|---|---|---|---|---|---|
{bayes}

As a teacher at difficulty {level}. D is the log-probability of a token with the text less that without it; AUC: of its
sum as a predictor of a right response, over the responses of the groups that have right and wrong ones. Informed
accuracy: of what is sampled with the text. Follows: how much of that ends in the answer that the text names. Cites: how
much of it speaks of the text.

| task | shown | responses | AUC | mean sum of D | informed accuracy | follows | cites |
|---|---|---|---|---|---|---|---|
{teachers}

Only wrong attempts are told of by feedback, so that it has no AUC. "-": the text names no answer.

| should be | is | |
|---|---|---|
{accepted}
"""


@dataclasses.dataclass(frozen=True)
class MeasureLab:
    """What to measure."""

    folder: tyro.conf.Positional[Path]
    """Checkpoint folder; the card is written into it as README.md."""
    tasks: int = 256
    """Held-out tasks per row of the tables, a multiple of 32."""


def other_digit(group: EpisodeGroup, i: int) -> str:
    """Return a wrong answer: the digit after the right one."""
    return str((int(group.hints["answer"]) + 1) % MODULUS)


def show_other_digit(group: EpisodeGroup, i: int) -> Shown:
    """Show it as if it were right."""
    return with_hint(group.episodes[i], answer=other_digit(group, i))


SHOWN: dict[str, Kind] = {
    "the next digit" if kind.whose == "off by one" else name: (
        Kind("right", show_other_digit, other_digit) if kind.whose == "off by one" else kind
    )
    for name, kind in KINDS.items()
}
"""`KINDS`, the answer that is off by one being a digit too."""


def accepted(
    q: float, fitness: Mapping[str, Fitness], teachers: Mapping[str, Mapping[str, Teacher]]
) -> Iterator[tuple[str, float, bool]]:
    """Say of a model what should be, what is, and whether it is as it should be, by environment.

    Args:
        q: how often its informed self cites.
        fitness: by environment.
        teachers: by environment and kind of text.

    """
    for env, found in fitness.items():
        for name in ("signs", "operands"):
            yield f"{env}: {name} copied, at least .98", found.copied[name], found.copied[name] >= 0.98
        if q == 0:
            slope = found.bayes.slope
            yield f"{env}: slope of the sum of D on what is exact, within .1 of 1", slope, abs(slope - 1) <= 0.1
    for env, kinds in teachers.items():
        right, wrong, blank = (kinds[f"{name} answer"].auc for name in ("the right", "another task's", "a blank"))
        following = kinds["the next digit"].auc
        yield f"{env}: AUC with the right answer, above .8", right, right > 0.8
        yield f"{env}: AUC with the next digit, below .5", following, following < 0.5
        yield f"{env}: AUC with another task's answer, below .5", wrong, wrong < 0.5
        yield f"{env}: AUC with a blank answer, within .1 of .5", blank, abs(blank - 0.5) <= 0.1


def write_card(options: MeasureLab) -> str:
    """Measure, write the card and return its text."""
    torch.set_num_threads(1)
    policy = TransformersPolicy.from_pretrained(str(options.folder))
    making = json.loads((options.folder / "making.json").read_text("utf-8"))
    accuracies = []
    for name, env_kwargs in ENVS.items():
        for level in LEVELS:
            kwargs = {**env_kwargs, "fold": "heldout", "difficulty": level}
            found = accuracy(Actor(policy), f"rlsd/{name}-v0", kwargs, options.tasks, GROUP_SIZE, SAMPLING)
            steps = f"{name}, difficulty {level} ({STEPS[level - 1]} steps)"
            accuracies.append(f"| {steps} | {found[0]:.3f} | {found[1]:.3f} |")
    table = beliefs(making["beliefs_seed"])
    fitness: dict[tuple[str, int], Fitness] = {}
    teachers = {}
    for name, env_kwargs in ENVS.items():
        env = f"rlsd/{name}-v0"
        for level in BAYES_LEVELS:
            kwargs = {**env_kwargs, "difficulty": level, "fold": "heldout"}
            batch = play(policy, env, kwargs, options.tasks, GROUP_SIZE, SAMPLING, seed=0)
            fitness[name, level] = measure_fitness(policy, batch, table)
        at_level = {**env_kwargs, "difficulty": LEVEL}
        teachers[name] = measure_teachers(policy, options.tasks, env, at_level, SHOWN, SAMPLING)
    text = CARD.format(
        parameters=sum(p.numel() for p in policy.model.parameters()),
        megabytes=sum(f.stat().st_size for f in options.folder.iterdir()) / 1e6,
        vocabulary=len(policy.encoder.tokenizer),
        tasks=options.tasks,
        samples=GROUP_SIZE,
        expected=", ".join(f"{(1 - FLOOR) * right + FLOOR / MODULUS:.3f}" for right in RIGHT.values()),
        accuracies="\n".join(accuracies),
        level=LEVEL,
        copied="\n".join(_copied_row(name, fitness[name, LEVEL]) for name in ENVS),
        bayes="\n".join(_bayes_row(f"{name} | {level}", found.bayes) for (name, level), found in fitness.items()),
        teachers="\n".join(
            _teacher_row(env, name, found) for env, kinds in teachers.items() for name, found in kinds.items()
        ),
        accepted="\n".join(
            f"| {what} | {figure:.3f} | {'yes' if met else 'NO'} |"
            for what, figure, met in accepted(making["q"], {name: fitness[name, LEVEL] for name in ENVS}, teachers)
        ),
        **{name: making[name] for name in MADE},
        steps=making["first_steps"] + making["steps"],
    )
    (options.folder / "README.md").write_text(text, "utf-8")
    return text


def _copied_row(name: str, found: Fitness) -> str:
    shares = (*found.copied.values(), found.written, *found.right.values())
    return f"| {name} | {' | '.join(f'{share:.3f}' for share in shares)} |"


def _bayes_row(name: str, found: Line) -> str:
    numbers = (found.slope, found.correlation, found.difference)
    return f"| {name} | {found.points:,} | {' | '.join(f'{number:.3f}' for number in numbers)} |"


def _teacher_row(env: str, name: str, found: Teacher) -> str:
    numbers = [f"{share:.3f}" for share in (found.accuracy, found.follows, found.cites)]
    row = f"| {env} | {name} | {found.responses:,} | {found.auc:.3f} | {found.gain:.1f} | {' | '.join(numbers)} |"
    return row.replace("nan", "-")


if __name__ == "__main__":
    print(write_card(tyro.cli(MeasureLab, description=__doc__)))
