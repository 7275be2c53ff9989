"""Checkpoints of a run: one file of one process, or the shards of several (torch.distributed.checkpoint).

Shards can be read by another number of processes than wrote them.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents.agent import Agent
from agents.distributed import World
from agents.runs.storage import load_checkpoint, read_json, save_checkpoint, write_json
from rlsd_env.errors import ConfigurationError

FILE, POINTER = "checkpoint.pt", "checkpoint.json"


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
            save_checkpoint(out / FILE, {"agent": agent.state_dict(), **vars(run)})
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
    for path in (out / FILE, out / POINTER):
        path.unlink(missing_ok=True)
    for folder in out.glob("checkpoint-*"):
        shutil.rmtree(folder)


def restore(out: Path, agent: Agent, world: World) -> RunState:
    """Read the checkpoint into the agent, where there is one.

    Raises:
        ConfigurationError: it cannot be read, or was written sharded and is wanted whole, or the other way round.

    """
    sharded = agent.learner.sharded
    other = out / (FILE if sharded else POINTER)
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
    if not sharded and (out / FILE).exists():
        state = load_checkpoint(out / FILE)
        agent.load_state_dict(state.pop("agent"))
        return RunState(**state)
    return RunState()
