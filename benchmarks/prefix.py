"""What running each prompt once is worth: `python -m benchmarks.prefix`.

Scores the same responses with gradients twice: against shared prompts, as the learner does, and as separate rows,
as trainers usually do. Prints seconds, their ratio and the largest difference of a log-probability.
"""

from __future__ import annotations

import dataclasses
import statistics
import time

import torch
import tyro
from rich.console import Console
from rich.table import Table

from agents.environments import make_group_env
from agents.episodes import Prompt
from agents.policy.base import Policy, Sampling
from agents.policy.loading import load_policy
from agents.rollout import collect, completion_seeds


@dataclasses.dataclass(frozen=True)
class Options:
    """What to measure."""

    policy: str = "tiny"
    """As in agents.train."""
    device: str = "auto"
    """auto, cpu or cuda."""
    prompts: int = 16
    """Tasks."""
    group_sizes: tuple[int, ...] = (4, 8, 16)
    """Responses of each."""
    repetitions: int = 5
    """Measurements; the median counts."""


def seconds(policy: Policy, prompts: list[Prompt], owners: list[int], responses: list[tuple[int, ...]]) -> float:
    """Time one forward and backward pass."""
    began = time.perf_counter()
    policy.score(prompts, owners, responses).logp_NT.sum().backward()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    options = tyro.cli(Options, description=__doc__)
    torch.set_num_threads(1)
    policy = load_policy(options.policy, options.device)
    table = Table(title=f"Forward and backward of {options.prompts} prompts, {options.policy}", title_justify="left")
    for column in ("group size", "shared, s", "separate, s", "ratio", "largest log-prob difference"):
        table.add_column(column, justify="right")
    for size in options.group_sizes:
        env = make_group_env("rlsd/ShapeCount-v0", {}, options.prompts, size)
        seeds = completion_seeds(0, (9,), env.num_envs)
        batch = collect(env, policy, range(options.prompts), Sampling(1.0, 48), seeds, 0)
        prompts = [group.episodes[0].turns[0].prompt for group in batch.groups]
        responses = [episode.turns[0].action.token_ids for _, _, episode in batch]
        owners = [number // size for number in range(env.num_envs)]
        rows = [prompts[owner] for owner in owners]
        every = list(range(len(rows)))
        with torch.no_grad():
            a, b = (policy.score(p, o, responses).logp_NT for p, o in ((prompts, owners), (rows, every)))
        shared, separate = [], []
        for _ in range(options.repetitions):  # alternating, so that a slow moment hits both
            shared.append(seconds(policy, prompts, owners, responses))
            separate.append(seconds(policy, rows, every, responses))
        fast, slow = statistics.median(shared), statistics.median(separate)
        table.add_row(
            str(size), f"{fast:.3f}", f"{slow:.3f}", f"{slow / fast:.2f}", f"{float((a - b).abs().max()):.1e}"
        )
    Console().print(table)


if __name__ == "__main__":
    main()
