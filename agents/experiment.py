"""One run: train one agent with one seed, evaluate it, and keep everything that makes it repeatable.

A run's folder holds config.toml (the resolved options), metrics.csv (one row per training step), timing.csv
(seconds, kept apart because they differ from run to run), checkpoint.pt and, when it is done, result.json and
the trained model in model/.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from agents.agent import Agent
from agents.algorithms import Algorithm, hyperparameters
from agents.algorithms import make as make_algorithm
from agents.config import EnvironmentOptions, TrainingOptions, TrainOptions
from agents.environments import folds, make_group_env, require_trainable
from agents.evaluation import Evaluation, evaluate
from agents.learner import LearnerConfig
from agents.metrics import batch_metrics
from agents.policy.base import Policy, Sampling
from agents.policy.loading import find_policy, load_policy
from agents.policy.transformers_policy import TransformersPolicy
from agents.progress import Progress
from agents.rollout import TaskStream, collect, completion_seeds
from agents.storage import claimed, load_checkpoint, read_json, save_checkpoint, write_csv, write_json

STREAM_TRAINING = 1
HELDOUT_SEED = 3


Report = Callable[[Progress], None]


def prepare(options: EnvironmentOptions) -> TransformersPolicy:
    """Set torch up and load the policy."""
    torch.set_num_threads(options.threads)
    return load_policy(options.policy, options.device)


def check(options: TrainingOptions, agents: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Find out what a user got wrong before anything is written or loaded.

    Raises:
        ConfigurationError: an agent, an option of it, the environment or the learner's options are unusable.

    """
    for agent, kwargs in agents:
        make_algorithm(agent, kwargs)
    learner_config(options)
    find_policy(options.policy, options.device)
    training, heldout = folds(options.env_kwargs)
    env = make_group_env(options.env, training, options.prompts_per_step, options.group_size)
    env.reset(options={"task_index": [env.desk.indices[0]] * env.num_groups})  # a broken picture shows here
    require_trainable(env.items)
    make_group_env(options.env, heldout, 1, 1)


def learner_config(options: TrainingOptions) -> LearnerConfig:
    """Return the learner's part of the options."""
    return LearnerConfig(
        lr=options.lr,
        max_grad_norm=options.max_grad_norm,
        updates_per_batch=options.updates_per_batch,
        clip_low=options.clip_low,
        clip_high=options.clip_high,
        aggregation=options.aggregation,
        micro_batch_tokens=options.micro_batch_tokens,
    )


def train(options: TrainOptions, report: Report) -> dict[str, Any]:
    """Train and evaluate one agent, continuing from its checkpoint where there is one.

    Returns:
        The contents of result.json.

    """
    algorithm = make_algorithm(options.agent, options.agent_kwargs)
    options = dataclasses.replace(
        options,
        label=options.label or algorithm.name,
        agent_kwargs=hyperparameters(algorithm),
        device=find_policy(options.policy, options.device)[1],
    )
    with claimed(options.out, options, options.resume):
        if (options.out / "result.json").exists():
            return read_json(options.out / "result.json")
        return _train(options, algorithm, report)


def _train(options: TrainOptions, algorithm: Algorithm, report: Report) -> dict[str, Any]:
    out = options.out
    policy = prepare(options)
    sampling = Sampling(options.temperature, options.max_tokens)
    agent = Agent(policy, algorithm, learner_config(options), sampling)
    env_kwargs, _ = folds(options.env_kwargs)
    env = make_group_env(options.env, env_kwargs, options.prompts_per_step, options.group_size)
    stream = TaskStream(env.desk.indices, options.prompts_per_step, options.seed)
    rows, timing, start = _restore(agent, out / "checkpoint.pt")
    for step in range(start, options.steps):
        began = time.perf_counter()
        seeds = completion_seeds(options.seed, (STREAM_TRAINING, step), env.num_envs)
        batch = collect(env, policy, stream(step), sampling, seeds, step)
        require_trainable(env.items)
        rolled = time.perf_counter()
        rows.append({"step": step, **batch_metrics(batch), **agent.update(batch)})
        timing.append({"step": step, "seconds_rollout": rolled - began, "seconds_update": time.perf_counter() - rolled})
        if (step + 1) % options.checkpoint_every == 0 or step + 1 == options.steps:
            state = {"agent": agent.state_dict(), "rows": rows, "timing": timing, "step": step + 1}
            save_checkpoint(out / "checkpoint.pt", state)
            _write_tables(out, rows, timing)
        report(Progress(options.label, options.seed, step + 1, options.steps, rows[-1].get("reward", float("nan"))))
    _write_tables(out, rows, timing)  # a kill may have come between the last checkpoint and its tables
    result = {
        "agent": options.label,
        "algorithm": algorithm.name,
        "hyperparameters": options.agent_kwargs,
        "seed": options.seed,
        "evaluation": evaluation_record(evaluate_heldout(policy, options, options.seed)),
        "training": _training_record(rows),
        "seconds": {name: sum(row[f"seconds_{name}"] for row in timing) for name in ("rollout", "update")},
    }
    policy.save(out / "model")
    write_json(out / "result.json", result)
    return result


def _restore(agent: Agent, checkpoint: Path) -> tuple[list[dict[str, float]], list[dict[str, float]], int]:
    if not checkpoint.exists():
        return [], [], 0
    state = load_checkpoint(checkpoint)
    agent.load_state_dict(state["agent"])
    return state["rows"], state["timing"], state["step"]


def _write_tables(out: Path, rows: Sequence[dict[str, float]], timing: Sequence[dict[str, float]]) -> None:
    write_csv(out / "metrics.csv", rows)
    write_csv(out / "timing.csv", timing)


def _training_record(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """Mean of each metric over the steps that have it, and totals of counts."""
    record = {}
    for name in sorted({name for row in rows for name in row} - {"step"}):
        values = [row[name] for row in rows if name in row]
        record[name] = sum(values) if name.startswith("teacher_tokens") else sum(values) / len(values)
    return record


def heldout_tasks(options: TrainingOptions) -> list[int]:
    """Choose the held-out tasks: the same for every agent and every seed."""
    _, env_kwargs = folds(options.env_kwargs)
    indices = make_group_env(options.env, env_kwargs, 1, 1).desk.indices
    if len(indices) <= options.eval_tasks:
        return [int(index) for index in indices]
    if len(indices) > TaskStream.SMALL:
        return [int(indices[k]) for k in range(options.eval_tasks)]
    chosen = np.random.default_rng(HELDOUT_SEED).choice(len(indices), options.eval_tasks, replace=False)
    return [int(indices[int(k)]) for k in chosen]


def evaluate_heldout(policy: Policy, options: TrainingOptions, seed: int) -> Evaluation:
    """Evaluate on the held-out tasks."""
    _, env_kwargs = folds(options.env_kwargs)
    sampling = Sampling(options.temperature, options.max_tokens)
    return evaluate(policy, options.env, env_kwargs, heldout_tasks(options), options.eval_samples, sampling, seed)


def evaluation_record(evaluation: Evaluation) -> dict[str, Any]:
    """Write an evaluation as JSON values; a task whose verifier failed is null."""
    return {
        "sampled": [None if np.isnan(x) else float(x) for x in evaluation.sampled_K],
        "greedy": [None if np.isnan(x) else float(x) for x in evaluation.greedy_K],
        "metrics": dict(sorted(evaluation.metrics.items())),
    }


def untrained(options: TrainingOptions, seed: int, path: Path) -> dict[str, Any]:
    """Evaluate the policy as it is; the record is kept in `path`.

    Raises:
        ConfigurationError: the stored record is broken.

    """
    if path.exists():
        return read_json(path)
    result = {
        "agent": "untrained",
        "seed": seed,
        "evaluation": evaluation_record(evaluate_heldout(prepare(options), options, seed)),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, result)
    return result
