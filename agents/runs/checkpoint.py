"""Checkpoints of a run: one file of one process, or the shards of several (torch.distributed.checkpoint).

Shards can be read by another number of processes than wrote them.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from agents.agent import Agent
from agents.distributed import World
from agents.policy.base import Policy
from agents.runs.kept import CHECKPOINT, POINTER
from agents.runs.storage import load_checkpoint, read_json, save_checkpoint, write_json
from rlsd_env.errors import ConfigurationError


@dataclass
class RunState:
    """How far a run has come, and what it has logged and sampled until then.

    Attributes:
        rows: metrics of each step.
        timing: seconds of each step.
        step: steps done.
        ahead: what has been sampled for the next step already, see `agents.rollouts.ahead`; by all processes.
        evaluations: rows of evaluations.csv.
        environment: where the training environment stood after the last step's batch, see `rlsd_env.GroupEnv`.

    """

    rows: list[dict[str, float]] = field(default_factory=list)
    timing: list[dict[str, float]] = field(default_factory=list)
    step: int = 0
    ahead: list[Any] = field(default_factory=list)
    evaluations: list[dict[str, float]] = field(default_factory=list)
    environment: dict[str, Any] = field(default_factory=dict)


def save(out: Path, agent: Agent, run: RunState, world: World) -> None:
    """Write a checkpoint in place of the last one; all processes must call it."""
    if not agent.learner.sharded:
        if world.first:
            save_checkpoint(out / CHECKPOINT, {"agent": agent.state_dict(), **vars(run)})
        world.barrier()
        return
    from torch.distributed import checkpoint as shards

    folder = out / f"checkpoint-{run.step}"
    if world.first and folder.exists():  # a kill left it half-written
        shutil.rmtree(folder)
    world.barrier()
    state = {"agent": agent.state_dict(), "progress": json.dumps(vars(run))}
    shards.save(state, checkpoint_id=folder)
    world.barrier()
    if world.first:
        write_json(out / POINTER, {"folder": folder.name})  # from here on it is the checkpoint
        for old in out.glob("checkpoint-*"):
            if old != folder:
                shutil.rmtree(old)
    world.barrier()


def remove(out: Path) -> None:
    """Remove the checkpoint of a run that has ended, which nothing reads any more."""
    for path in (out / CHECKPOINT, out / POINTER):
        path.unlink(missing_ok=True)
    for folder in out.glob("checkpoint-*"):
        shutil.rmtree(folder)


def restore(out: Path, agent: Agent, world: World) -> RunState:
    """Read the checkpoint into the agent, where there is one.

    Raises:
        ConfigurationError: it cannot be read, or was written sharded and is wanted whole, or the other way round.

    """
    sharded = agent.learner.sharded
    other = out / (CHECKPOINT if sharded else POINTER)
    if other.exists():
        raise ConfigurationError(
            f"out {str(out)!r} has a checkpoint of a run {'without' if sharded else 'with'} shards; resume under "
            f"{'one process, or several without --shard' if sharded else 'torchrun with --shard'}"
        )
    if sharded and (out / POINTER).exists():
        from torch.distributed import checkpoint as shards

        state: dict[str, Any] = {"agent": agent.state_dict(), "progress": ""}
        shards.load(state, checkpoint_id=out / read_json(out / POINTER)["folder"])
        agent.load_state_dict(state["agent"])
        return RunState(**json.loads(state["progress"]))
    if not sharded and (out / CHECKPOINT).exists():
        state = load_checkpoint(out / CHECKPOINT)
        agent.load_state_dict(state.pop("agent"))
        return RunState(**state)
    return RunState()


def restore_weights(out: Path, policy: Policy) -> int:
    """Read the trained weights of a checkpoint, shards too, into a policy that is whole, and return the steps done.

    Raises:
        ConfigurationError: it cannot be read, or is of another model.

    """
    trained = {name: parameter for name, parameter in policy.model.named_parameters() if parameter.requires_grad}
    if (out / CHECKPOINT).exists():
        state = load_checkpoint(out / CHECKPOINT)
        stored, step = state["agent"]["model"], state["step"]
    else:
        from torch.distributed import checkpoint as shards

        stored = {name: torch.empty_like(parameter) for name, parameter in trained.items()}
        state = {"agent": {"model": stored}, "progress": ""}
        shards.load(state, checkpoint_id=out / read_json(out / POINTER)["folder"])
        step = json.loads(state["progress"])["step"]
    if {name: value.shape for name, value in stored.items()} != {name: p.shape for name, p in trained.items()}:
        raise ConfigurationError(f"the checkpoint in {str(out)!r} is of another model than its config.toml names")
    with torch.no_grad():
        for name, value in stored.items():
            trained[name].copy_(value)
    policy.weights_changed()
    return step
