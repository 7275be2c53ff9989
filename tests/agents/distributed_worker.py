"""Run under torchrun by test_distributed.py: commands, and updates of a sharded model with its checkpoints."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import torch
from torch.distributed.tensor import DTensor

from agents import distributed
from agents.agent import Agent
from agents.algorithms import make
from agents.distributed import end, join
from agents.options.learner import LearnerOptions
from agents.options.model import TrainedModelOptions
from agents.policy.actor import Actor
from agents.policy.base import Sampling
from agents.policy.loading import load_policy
from agents.policy.tensors import local
from agents.rollouts.collect import collect, completion_seeds
from agents.rollouts.environments import make_group_env
from agents.runs import checkpoint
from tests.agents.commands import call

TASKS = [3, 1, 4, 15, 9, 2]
distributed.BUCKET_NUMBERS = 200_000  # so that the gradients of the bundled model take several


def batches(world, steps):
    """Rollouts of the bundled model, which do not follow the updates: what counts here is the learner."""
    policy = load_policy("tiny", "cpu")
    env = make_group_env("rlsd/ShapeCount-v0", {}, len(TASKS) // world.size, 4)
    for step in range(steps):
        seeds = completion_seeds(9, (1, step), len(TASKS) * 4)
        yield collect(env, policy, world.share(TASKS), Sampling(1.0, 40), world.share(seeds), step)


def command(name: str, argv: list[str]) -> None:
    """Run agents.train with this process's rank; its exit code and output go to NAME-RANK.json."""
    done = call("agents.train", *argv, cwd=Path.cwd(), check=False)
    seen = {"code": done.returncode, "stdout": done.stdout, "stderr": done.stderr}
    Path(f"{name}-{os.environ['RANK']}.json").write_text(json.dumps(seen))


def update(folder: str, first: int, last: int, precision: str = "float32", shard: bool = True) -> None:
    """Update a sharded model from its checkpoint on; what came of it goes to FOLDER/resultLAST.json."""
    torch.set_num_threads(1)
    world = join("cpu")
    policy = load_policy("tiny", "cpu", TrainedModelOptions(precision=precision))
    if shard:
        policy.shard(world)
    config = LearnerOptions(lr=1e-3, micro_batch_tokens=700)
    agent = Agent(Actor(policy), make("cepo", {"teacher": "ema(0.5)"}), config, Sampling(1.0, 40), world)
    assert all(isinstance(p, DTensor) == shard for p in agent.learner.parameters)
    held = sum(local(p).numel() for p in agent.learner.parameters)
    total = sum(p.numel() for p in agent.learner.parameters)
    progress = checkpoint.restore(Path(folder), agent, world)
    assert progress.step == first
    for batch in list(batches(world, last))[first:]:
        metrics = agent.update(batch)
        progress.rows.append({"step": batch.step, **metrics})
        progress.step = batch.step + 1
    checkpoint.save(Path(folder), agent, progress, world)
    weights = {name: float(value.double().sum()) for name, value in policy.weights()}
    if world.first:
        result = {"rows": progress.rows, "weights": weights, "share": held / total}
        (Path(folder) / f"result{last}.json").write_text(json.dumps(result))


if __name__ == "__main__":
    for job, *arguments in json.loads(sys.argv[1]):
        {"command": command, "update": update}[job](*arguments)
    end()
