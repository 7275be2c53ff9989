"""What a float32 head costs and is good for, at bfloat16: `python -m benchmarks.head` (10 minutes).

Each row has a process of its own: time and memory of GRPO's update at a large vocabulary, once with a trained head
(a float32 matrix) and once with adapters (a bfloat16 one, which is widened block by block); the distance of D = Q - S
from that of the bundled model in float32, over rollouts of its own.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import tyro

from agents.agent import make
from agents.algorithms.contexts import show_answer
from agents.options.learner import LearnerOptions
from agents.options.model import ModelOptions, TrainedModelOptions
from agents.policy.base import Sampling
from agents.policy.loading import load_policy
from agents.policy.transformers_policy import TransformersPolicy
from agents.rollouts.collect import collect, completion_seeds
from agents.rollouts.environments import make_group_env
from benchmarks.memory import Gauge
from benchmarks.workloads import Workload, make_batch, random_checkpoint


@dataclass(frozen=True)
class Options:
    """What to measure."""

    vocabulary: int = 151_936
    """Token ids; Qwen3-VL's number."""
    groups: int = 4
    """Prompts of an update, with 8 responses each."""
    updates: int = 3
    """Updates that are timed, after one that is not."""
    row: Annotated[str, tyro.conf.arg(help_behavior_hint="")] = ""
    """For the processes that this command starts: head_dtype and lora_rank, as JSON."""


def cost(head_dtype: str, lora_rank: int, options: Options) -> dict[str, float]:
    """Measure updates at a large vocabulary in this process."""
    torch.set_num_threads(1)
    gauge, seconds = Gauge(), []
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = str(random_checkpoint(Path(folder), vocabulary=options.vocabulary))
        held = TrainedModelOptions(precision="bfloat16", head_dtype=head_dtype, lora_rank=lora_rank)
        policy = load_policy(checkpoint, options=held)
        batch = make_batch(policy, Workload(options.groups, 8, response_tokens=60))
        agent = make("grpo", policy=policy, learner=LearnerOptions(lr=1e-6))
        gauge.start()
        for _ in range(options.updates + 1):
            began = time.process_time()  # of one thread: what else the machine does counts little
            agent.update(batch)
            seconds.append(time.process_time() - began)
    return {"seconds": statistics.median(seconds[1:]), **gauge.stop()}


def gains(policy: TransformersPolicy, groups: int = 16, size: int = 8) -> torch.Tensor:
    """Return D of every token of rollouts of the bundled model, in the context of the answer."""
    env = make_group_env("rlsd/ShapeCount-v0", {}, groups, size)
    seeds = completion_seeds(9, (1, 0), groups * size)
    batch = collect(env, load_policy("tiny", "cpu"), list(range(groups)), Sampling(1.0, 48), seeds, step=0)
    found = []
    with torch.no_grad():
        for group in batch.groups:
            ids = [episode.turns[0].action.token_ids for episode in group.episodes]
            prompts = group.episodes[0].turns[0].prompt, show_answer(group, 0).prompts[0]
            student, teacher = (policy.score([prompt], [0] * size, ids) for prompt in prompts)
            found.append((teacher.logp_NT - student.logp_NT)[student.mask_NT])
    return torch.cat(found)


def main() -> None:
    """Measure and print."""
    options = tyro.cli(Options, description=__doc__)
    if options.row:
        head_dtype, rank = json.loads(options.row)
        print(json.dumps(cost(head_dtype, rank, options)))
        return
    for rank in (0, 8):
        for head_dtype in ("model", "float32"):
            row = [f"--row={json.dumps([head_dtype, rank])}", f"--vocabulary={options.vocabulary}"]
            row += [f"--groups={options.groups}", f"--updates={options.updates}"]
            command = [sys.executable, "-m", "benchmarks.head", *row]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found = json.loads(done.stdout.splitlines()[-1])
            kind = "adapters, bfloat16 matrix" if rank else "all trained, float32 matrix"
            print(
                f"{kind}, head_dtype {head_dtype}: {found['seconds']:.2f} CPU-s an update, "
                f"{found['peak_mib']:,.0f} MiB at its peak, {found['added_mib']:,.0f} of them added"
            )
    exact = gains(load_policy("tiny", "cpu"))
    for held in (TrainedModelOptions, ModelOptions):
        for head_dtype in ("model", "float32"):
            policy = load_policy("tiny", "cpu", held(precision="bfloat16", head_dtype=head_dtype))
            error = (gains(policy) - exact).abs()
            print(f"{held.__name__}, head_dtype {head_dtype}: p95 of the error of D {float(error.quantile(0.95)):.5f}")


if __name__ == "__main__":
    main()
