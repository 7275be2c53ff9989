"""One update here and in TRL, on the same rollouts: `python -m benchmarks.update_vs_trl` (30 minutes; --quick: 5).

The same model of a family (`--family`) with random weights, the same pictures, token ids and rewards, float32. First
loss and gradient are compared: they must be equal to 1e-3, of the gradient every number. Then our side with shared
prompts, our side with a padded row per response (plain) and TRL update in turns in one process, so that a slow moment
of the machine hits all; medians count. TRL splits its batch in whichever of the given ways is fastest. What TRL does to
make rollouts ready (tokens, pictures, advantages) is not in its time. A second table has the methods with a teacher,
ours beside TRL's SDPO, which reads no pictures. Without TRL, our side alone is measured; `make bench-peers` sets up an
environment that has it.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor

from agents.agent import Agent, make
from agents.bundled import TINY
from agents.episodes import EpisodeBatch
from agents.options.learner import LearnerOptions
from agents.options.model import TrainedModelOptions
from agents.policy.loading import load_policy
from agents.terminal import terminal
from benchmarks import trl_peer
from benchmarks.families import FAMILIES
from benchmarks.workloads import (
    SIDE,
    Workload,
    facts,
    make_batch,
    random_checkpoint,
    response_token_count,
    write_json,
)
from rlsd_env.errors import ConfigurationError, one_of

TOLERANCE = 1e-3
WITHOUT_TEACHER = 10**6
"""A training step at which RLSD's share of the teacher has long fallen to 0."""


@dataclass(frozen=True)
class Options:
    """What to measure."""

    group_sizes: tuple[int, ...] = (4, 8, 16)
    """Responses to each prompt."""
    response_tokens: tuple[int, ...] = (60, 150, 300)
    """Mean lengths of responses."""
    prompt_tokens: tuple[int, ...] = (26,)
    """Tokens of a prompt's text, beside its picture."""
    image_tokens: tuple[int, ...] = (64,)
    """Tokens of a picture: 0, 16 or 64."""
    responses: int = 64
    """Responses of a batch, whatever the group size."""
    policy: str = "random"
    """random (a new model) or tiny (the bundled one)."""
    family: str = "qwen3-vl"
    """Of the random model: qwen3-vl or qwen3.5."""
    splits: tuple[int, ...] = (1, 2, 4)
    """Micro-batches that TRL may split its batch into; the fastest counts."""
    repetitions: int = 3
    """Updates of each side that are timed, after one that is not."""
    threads: int = 1
    """Threads of torch."""
    methods: bool = True
    """Measure the methods with a teacher as well."""
    quick: bool = False
    """Group size 8 and responses of about 60 tokens only."""
    json: Path | None = None
    """File for the figures."""

    def workloads(self) -> list[Workload]:
        """Return what is swept."""
        sizes, lengths = ((8,), (60,)) if self.quick else (self.group_sizes, self.response_tokens)
        return [
            Workload(max(1, self.responses // size), size, image, prompt, length, side=self._side(image))
            for image in self.image_tokens
            for prompt in self.prompt_tokens
            for length in lengths
            for size in sizes
        ]

    def _side(self, image_tokens: int) -> int:
        """Pixels of a picture's side: the bundled model makes a token of 16 x 16, a random one is made to fit."""
        return 16 * math.isqrt(image_tokens) if self.policy == "tiny" else SIDE


@dataclass
class Ours:
    """Our side: an agent that updates on one batch again and again."""

    agent: Agent
    batch: EpisodeBatch
    measured: trl_peer.Measured = field(default_factory=trl_peer.Measured)

    def update(self, number: int = 0) -> None:
        """Take one update and look at the clock."""
        began = time.perf_counter()
        metrics = self.agent.update(self.batch)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.measured.seconds.append(time.perf_counter() - began)
        self.measured.losses.append(metrics["loss"])
        self.measured.grad_norms.append(metrics["grad_norm"])

    def gradient(self) -> list[Tensor | None]:
        """Return the gradient of the last update, in the order of the parameters."""
        return [p.grad for p in self.agent.actor.policy.model.parameters()]


def ours(
    checkpoint: str, workload: Workload, method: str = "grpo", step: int = 0, scoring: str = "auto", **learner: Any
) -> Ours:
    """Set our side up with a model and an optimiser of its own."""
    policy = load_policy(checkpoint, options=TrainedModelOptions(scoring=scoring))
    config = LearnerOptions(**{"lr": trl_peer.LR} | learner)
    return Ours(make(method, policy=policy, learner=config), make_batch(policy, workload, step))


def agreement(checkpoint: str, workload: Workload) -> dict[str, float]:
    """Compare one update of both sides, placeholder ids masked in both.

    Returns:
        For both aggregations: both losses, their difference as a share of the mean absolute advantage (on the first
        update on a batch the loss is a mean of advantages alone, in the case of sequence_mean 0), both gradient
        norms and their relative difference, and the relative difference of the gradients, |a - b| / |b|.

    Raises:
        RuntimeError: a difference is above TOLERANCE.

    """
    found: dict[str, float] = {}
    for aggregation, loss_type in (("sequence_mean", "grpo"), ("token_mean", "dapo")):
        here = ours(checkpoint, workload, aggregation=aggregation)
        policy = load_policy(checkpoint)
        there = trl_peer.grpo(
            checkpoint, policy, here.batch, updates=1, never=policy.encoder.vision_ids, loss_type=loss_type
        )
        here.update()
        rewards_BG = torch.tensor([[e.reward for e in group.episodes] for group in here.batch.groups])
        scale = float(((rewards_BG - rewards_BG.mean(1, keepdim=True)) / rewards_BG.std(1, keepdim=True)).abs().mean())
        (loss,), (norm,) = here.measured.losses, here.measured.grad_norms
        (trl_loss,), (trl_norm,) = there.measured.losses, there.measured.grad_norms
        one = {
            "loss": loss,
            "trl_loss": trl_loss,
            "loss_difference": abs(loss - trl_loss) / scale,
            "grad_norm": norm,
            "trl_grad_norm": trl_norm,
            "grad_norm_difference": abs(norm - trl_norm) / trl_norm,
            "gradient_difference": apart(here.gradient(), there.first_gradient),
        }
        for name, value in one.items():
            if name.endswith("difference") and not value <= TOLERANCE:
                raise RuntimeError(f"{name} of {aggregation} is {value:.1e}, above {TOLERANCE:.0e}: {one}")
        found |= {f"{aggregation}_{name}": value for name, value in one.items()}
    return found


def apart(gradient: Sequence[Tensor | None], other: Sequence[Tensor | None]) -> float:
    """Return |a - b| / |b| of two gradients, over the parameters that have both."""
    pairs = [(a, b) for a, b in zip(gradient, other) if a is not None and b is not None]
    difference = sum(float((a - b).double().square().sum()) for a, b in pairs)
    return (difference / sum(float(b.double().square().sum()) for _, b in pairs)) ** 0.5


def agreement_of_ways(checkpoint: str, workload: Workload) -> dict[str, float]:
    """Compare the first update of our side with shared prompts and with plain rows, in loss and gradient.

    Raises:
        RuntimeError: a difference is above TOLERANCE.

    """
    shared, plain = (ours(checkpoint, workload, scoring=scoring) for scoring in ("auto", "plain"))
    for side in (shared, plain):
        side.update()
    found = {
        "plain_loss_difference": abs(shared.measured.losses[0] - plain.measured.losses[0]),
        "plain_gradient_difference": apart(shared.gradient(), plain.gradient()),
    }
    for name, value in found.items():
        if not value <= TOLERANCE:
            raise RuntimeError(f"{name} is {value:.1e}, above {TOLERANCE:.0e}")
    return found


def rate(measured: trl_peer.Measured, tokens: int) -> float:
    """Return response tokens per second: the median of all updates but the first, or of the one there is."""
    return tokens / statistics.median(measured.seconds[1:] or measured.seconds)


def measure(checkpoint: str, workload: Workload, options: Options) -> dict[str, Any]:
    """Measure GRPO's update on one workload, here in both ways and, where it is installed, in TRL."""
    here, plain = (ours(checkpoint, workload, scoring=scoring) for scoring in ("auto", "plain"))

    def turn(number: int) -> None:
        here.update(number)
        plain.update(number)

    tokens = response_token_count(here.batch)
    lengths = [episode.length for _, _, episode in here.batch]
    found: dict[str, Any] = {"workload": dataclasses.asdict(workload), "response_tokens": tokens}
    found["longest_response"] = max(lengths)
    if not trl_peer.available():
        for number in range(options.repetitions + 1):
            turn(number)
        return found | _ways(here, plain, tokens)
    policy = load_policy(checkpoint)
    tried = {}
    for splits in options.splits if len(options.splits) > 1 else ():
        if workload.groups * workload.group_size % splits == 0:
            tried[splits] = rate(trl_peer.grpo(checkpoint, policy, here.batch, updates=2, splits=splits).measured, 1)
    best = max(tried, key=lambda splits: tried[splits]) if tried else options.splits[0]
    there = trl_peer.grpo(
        checkpoint, policy, here.batch, updates=options.repetitions + 1, splits=best, after=turn
    ).measured
    fast, slow = rate(here.measured, tokens), rate(there, tokens)
    return found | {
        **_ways(here, plain, tokens),
        "trl_tokens_per_second": slow,
        "ratio": fast / slow,
        "trl_splits": best,
        "ours_seconds": here.measured.seconds,
        "trl_seconds": there.seconds,
        "ours_grad_norm": here.measured.grad_norms[0],
        "trl_grad_norm": there.grad_norms[0],
    }


def _ways(here: Ours, plain: Ours, tokens: int) -> dict[str, float]:
    fast, slow = rate(here.measured, tokens), rate(plain.measured, tokens)
    return {"ours_tokens_per_second": fast, "plain_tokens_per_second": slow, "plain_ratio": fast / slow}


def measure_methods(checkpoint: str, workload: Workload, options: Options) -> dict[str, Any]:
    """Measure methods with a teacher beside GRPO, in turns: with pictures ours alone, without them TRL's SDPO too."""
    found: dict[str, Any] = {}
    blind = dataclasses.replace(workload, image_tokens=0)
    for name, given in (("with pictures", workload), ("without pictures", blind)):
        sides = {
            "GRPO": ours(checkpoint, given),
            "RLSD": ours(checkpoint, given, "rlsd"),
            "RLSD, lam 0": ours(checkpoint, given, "rlsd", WITHOUT_TEACHER),
            "SDPO": ours(checkpoint, given, "sdpo"),
        }
        tokens = response_token_count(sides["GRPO"].batch)

        def turn(number: int, sides: dict[str, Ours] = sides) -> None:
            for side in sides.values():
                side.update(number)

        if given.image_tokens or not trl_peer.available():
            for number in range(options.repetitions + 1):
                turn(number)
        else:
            policy = load_policy(checkpoint)
            updates = options.repetitions + 1
            there = trl_peer.sdpo(checkpoint, policy, sides["SDPO"].batch, updates=updates, after=turn)
        found[name] = {label: rate(side.measured, tokens) for label, side in sides.items()}
        if not given.image_tokens and trl_peer.available():
            found[name]["TRL's SDPO"] = rate(there.measured, tokens)
            found["sdpo_losses"] = {"ours": sides["SDPO"].measured.losses[0], "trl": there.measured.losses[0]}
    return found


def show(found: dict[str, Any], console: Console) -> None:
    """Print the tables."""
    table = Table(title="GRPO's update, response tokens per second", title_justify="left")
    for column in (
        "prompt",
        "G",
        "responses",
        "longest",
        "ours",
        "plain",
        "ours / plain",
        "TRL",
        "TRL's splits",
        "ours / TRL",
    ):
        table.add_column(column, justify="right")
    for row in found["sweep"]:
        workload, both = row["workload"], "ratio" in row
        table.add_row(
            f"{workload['image_tokens']} + {workload['prompt_tokens']}", str(workload["group_size"]),
            f"{workload['response_tokens']}", str(row["longest_response"]), f"{row['ours_tokens_per_second']:,.0f}",
            f"{row['plain_tokens_per_second']:,.0f}", f"{row['plain_ratio']:.2f}",
            *((f"{row['trl_tokens_per_second']:,.0f}", str(row["trl_splits"]), f"{row['ratio']:.2f}") if both
              else ("not installed", "", "")),
        )  # fmt: skip
    console.print(table)
    for label, rates in found.get("methods", {}).items():
        if label == "sdpo_losses":
            console.print(f"SDPO's loss: ours {rates['ours']:.6f}, TRL's {rates['trl']:.6f}")
            continue
        table = Table(title=f"Methods, {label}", title_justify="left")
        for column in ("method", "tokens / s", "time of its update / GRPO's"):
            table.add_column(column, justify="left" if column == "method" else "right")
        for name, value in rates.items():
            table.add_row(name, f"{value:,.0f}", f"{rates['GRPO'] / value:.2f}")
        console.print(table)
    for name, value in found.get("agreement", {}).items():
        console.print(f"{name}: {value:.3g}")


def main() -> None:
    """Measure, print and, where asked, store."""
    options = tyro.cli(Options, description=__doc__)
    if options.policy not in ("random", "tiny"):
        raise ConfigurationError(one_of("policy", options.policy, ("random", "tiny")))
    if options.family not in FAMILIES:
        raise ConfigurationError(one_of("family", options.family, tuple(FAMILIES)))
    torch.set_num_threads(options.threads)
    found: dict[str, Any] = {"facts": facts(policy=options.policy, family=options.family), "sweep": []}
    with tempfile.TemporaryDirectory() as folder:
        for workload in options.workloads():
            checkpoint = _checkpoint(options, workload, Path(folder))
            if not found["sweep"]:
                found["agreement"] = agreement_of_ways(checkpoint, workload)
                found["agreement"] |= agreement(checkpoint, workload) if trl_peer.available() else {}
            found["sweep"].append(measure(checkpoint, workload, options))
        if options.methods:
            workload = dataclasses.replace(options.workloads()[0], groups=max(1, options.responses // 8), group_size=8)
            found["methods"] = measure_methods(_checkpoint(options, workload, Path(folder)), workload, options)
    show(found, terminal(120))
    write_json(options.json, found)


def _checkpoint(options: Options, workload: Workload, folder: Path) -> str:
    if options.policy == "tiny":
        return str(TINY)
    here = folder / str(workload.image_tokens)
    if not here.exists():
        random_checkpoint(here, image_tokens=workload.image_tokens or 64, family=options.family)
    return str(here)


if __name__ == "__main__":
    main()
