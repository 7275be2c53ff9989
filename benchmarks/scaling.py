"""What an update costs as prompts, group size, response length and processes grow: `python -m benchmarks.scaling`.

About 6 minutes. One quantity is varied at a time around 8 prompts of 64 image and 26 text tokens with 8 responses of
about 60 tokens, on a Qwen3-VL of 1.5M random weights. Each setting is scored packed (a prompt once for its group, no
padding) and plain (one padded row per response), in turns. --processes trains one batch in several processes
(torchrun, a copy of the model each), as many as are given, one thread each; more of them than cores say nothing.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from rich.console import Console
from rich.table import Table

from agents.agent import Agent, make
from agents.algorithms import make as make_algorithm
from agents.episodes import EpisodeBatch
from agents.options.learner import LearnerOptions
from agents.options.model import TrainedModelOptions
from agents.policy.actor import Actor
from agents.policy.base import Sampling
from agents.policy.loading import load_policy
from agents.terminal import terminal
from benchmarks.workloads import Workload, facts, make_batch, random_checkpoint, response_token_count, write_json


@dataclass(frozen=True)
class Options:
    """What to measure."""

    prompts: tuple[int, ...] = (2, 8, 32)
    """Prompts of a batch."""
    group_sizes: tuple[int, ...] = (2, 8, 32)
    """Responses to each."""
    response_tokens: tuple[int, ...] = (15, 60, 240)
    """Mean length of a response."""
    processes: tuple[int, ...] = (1, 2)
    """Processes that train together."""
    repetitions: int = 3
    """Updates that are timed, after one that is not; the median counts."""
    json: Path | None = None
    """File for the figures."""
    worker: Annotated[str, tyro.conf.arg(help_behavior_hint="")] = ""
    """For the processes that this command starts: the checkpoint's folder."""

    def axes(self) -> dict[str, list[Workload]]:
        """Return the workloads of each axis."""
        return {
            "prompts": [Workload(groups=number) for number in self.prompts],
            "group size": [Workload(group_size=number) for number in self.group_sizes],
            "response tokens": [Workload(response_tokens=number) for number in self.response_tokens],
        }


def seconds(agents: list[Agent], batch: EpisodeBatch, repetitions: int) -> list[float]:
    """Return the median seconds of each agent's update; they take turns."""
    taken: list[list[float]] = [[] for _ in agents]
    for _ in range(repetitions + 1):
        for agent, times in zip(agents, taken):
            began = time.perf_counter()
            agent.update(batch)
            times.append(time.perf_counter() - began)
    return [statistics.median(times[1:]) for times in taken]


def measure(checkpoint: str, workload: Workload, repetitions: int) -> dict[str, Any]:
    """Measure one workload, packed and plain."""
    agents = [
        make("grpo", policy=load_policy(checkpoint, "cpu", TrainedModelOptions(scoring=scoring)))
        for scoring in ("packed", "plain")
    ]
    batch = make_batch(load_policy(checkpoint, "cpu"), workload)
    packed, plain = seconds(agents, batch, repetitions)
    return {
        "workload": dataclasses.asdict(workload),
        "response_tokens": response_token_count(batch),
        "packed_seconds": packed,
        "plain_seconds": plain,
    }


def work(checkpoint: str, repetitions: int) -> None:
    """Update in one of the processes that torchrun started; the first one prints the seconds."""
    from agents import distributed

    torch.set_num_threads(1)
    world = distributed.join("cpu")
    policy = load_policy(checkpoint, "cpu")
    batch = make_batch(policy, Workload())
    batch = EpisodeBatch(tuple(world.share(batch.groups)), batch.step)
    agent = Agent(Actor(policy), make_algorithm("grpo", {}), LearnerOptions(), Sampling(), world)
    (taken,) = seconds([agent], batch, repetitions)
    if world.first:
        print(json.dumps({"seconds": taken}))
    distributed.end()


def measure_processes(checkpoint: str, count: int, options: Options) -> dict[str, Any]:
    """Measure the middle workload in several processes."""
    argv = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}", "-m", "benchmarks.scaling"]
    argv += [f"--worker={checkpoint}", f"--repetitions={options.repetitions}"]
    done = subprocess.run([sys.executable, *argv], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{count} processes failed:\n{done.stderr[-2000:]}")
    return {"processes": count, **json.loads(done.stdout.splitlines()[-1])}


def show(found: dict[str, Any], console: Console) -> None:
    """Print a table for each axis."""
    for axis, rows in found["axes"].items():
        table = Table(title=f"Update, by {axis}", title_justify="left")
        for column in (axis, "response tokens in all", "packed, s", "tokens/s", "plain, s", "plain / packed"):
            table.add_column(column, justify="right")
        field = {"prompts": "groups"}.get(axis, axis.replace(" ", "_"))
        for row in rows:
            packed, plain = row["packed_seconds"], row["plain_seconds"]
            table.add_row(
                str(row["workload"][field]), f"{row['response_tokens']:,}", f"{packed:.3f}",
                f"{row['response_tokens'] / packed:,.0f}", f"{plain:.3f}", f"{plain / packed:.2f}",
            )  # fmt: skip
        console.print(table)
    if not found["processes"]:
        console.print(
            "Several processes are not measured: there are none to measure, or agents.distributed is missing."
        )
        return
    table = Table(title="Update of one batch by several processes", title_justify="left")
    for column in ("processes", "s", "speed-up"):
        table.add_column(column, justify="right")
    for row in found["processes"]:
        speed_up = found["processes"][0]["seconds"] / row["seconds"]
        table.add_row(str(row["processes"]), f"{row['seconds']:.3f}", f"{speed_up:.2f}")
    console.print(table)


def main() -> None:
    """Measure, print and, where asked, store."""
    options = tyro.cli(Options, description=__doc__)
    torch.set_num_threads(1)
    if options.worker:
        work(options.worker, options.repetitions)
        return
    found: dict[str, Any] = {"facts": facts(), "axes": {}, "processes": []}
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = str(random_checkpoint(Path(folder)))
        for axis, workloads in options.axes().items():
            found["axes"][axis] = [measure(checkpoint, workload, options.repetitions) for workload in workloads]
        if importlib.util.find_spec("agents.distributed") is not None:
            found["processes"] = [measure_processes(checkpoint, count, options) for count in options.processes]
    show(found, terminal(120))
    write_json(options.json, found)


if __name__ == "__main__":
    main()
