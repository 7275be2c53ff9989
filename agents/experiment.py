"""One run: train one agent with one seed, evaluate it, and keep everything that makes it repeatable.

A run's folder holds config.toml (the resolved options), metrics.csv (one row per training step), timing.csv
(seconds, kept apart because they differ from run to run), checkpoint.pt and, when it is done, result.json and
the trained model in model/. A baseline has no checkpoint.pt: interrupted, it starts again.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from agents import algorithms, baselines
from agents.agent import Agent
from agents.algorithms import Algorithm
from agents.baselines import Baseline
from agents.config import EvaluateOptions, TrainingOptions, TrainOptions
from agents.environments import folds, make_group_env, require_trainable
from agents.evaluation import Evaluation, evaluate
from agents.learner import LearnerConfig
from agents.logging import RunLog
from agents.metrics import batch_metrics
from agents.policy.base import Policy, Sampling
from agents.policy.loading import find_policy, load_policy
from agents.policy.transformers_policy import TransformersPolicy
from agents.progress import Progress
from agents.rollout import TaskStream, collect, completion_seeds
from agents.storage import claimed, load_checkpoint, read_json, save_checkpoint, write_csv, write_json
from rlsd_env.errors import ConfigurationError, one_of

STREAM_TRAINING = 1
HELDOUT_SEED = 3


Report = Callable[[Progress], None]
Method = Algorithm | Baseline


def make_method(spec: str, options: Mapping[str, Any] | None = None) -> Method:
    """Make what an agent's name stands for: a language model's algorithm, or a baseline that trains by itself.

    Raises:
        ConfigurationError: there is none of that name, or an option does not fit it.

    """
    if ":" not in spec and spec not in (known := (*algorithms.names(), *baselines.names())):
        raise ConfigurationError(one_of("agent", spec, known) + ", or module:Class of your own")
    return baselines.make(spec, options) if baselines.is_baseline(spec) else algorithms.make(spec, options)


def hyperparameters(method: Method) -> dict[str, Any]:
    """Return all hyperparameters of a method with their values; `make_method` takes them back."""
    if isinstance(method, Baseline):
        return baselines.hyperparameters(method)
    return algorithms.hyperparameters(method)


def prepare(options: TrainingOptions | EvaluateOptions) -> TransformersPolicy:
    """Set torch up and load the policy."""
    torch.set_num_threads(options.threads)
    return load_policy(options.policy, options.device, options)


def check(options: TrainingOptions, agents: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Find out what a user got wrong before anything is written or loaded.

    Raises:
        ConfigurationError: an agent, an option of it, the environment or the learner's options are unusable.

    """
    methods = [make_method(agent, kwargs) for agent, kwargs in agents]
    learner_config(options)
    find_policy(options.policy, options.device)
    training, heldout = folds(options.env_kwargs)
    env = make_group_env(options.env, training, options.prompts_per_step, options.group_size)
    env.reset(options={"task_index": [env.desk.indices[0]] * env.num_groups})  # a broken picture shows here
    require_trainable(env.items)
    make_group_env(options.env, heldout, 1, 1)
    for method in methods:
        if isinstance(method, Baseline):
            method.check(options)


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
        optimizer=options.optimizer,
        sampler_correction=options.correction,
        sampler_cap=options.sampler_cap,
    )


def train(options: TrainOptions, report: Report) -> dict[str, Any]:
    """Train and evaluate one agent, continuing from its checkpoint where there is one.

    Returns:
        The contents of result.json.

    """
    method = make_method(options.agent, options.agent_kwargs)
    options = dataclasses.replace(
        options,
        label=options.label or method.name,
        agent_kwargs=hyperparameters(method),
        device=find_policy(options.policy, options.device)[1],
    )
    with claimed(options.out, options, options.resume):
        if (options.out / "result.json").exists():
            return read_json(options.out / "result.json")
        if isinstance(method, Baseline):
            outcome = dataclasses.asdict(method.train(options, report))
        else:
            outcome = _train(options, method, report)
        result = {
            "agent": options.label,
            "algorithm": method.name,
            "hyperparameters": options.agent_kwargs,
            "seed": options.seed,
            **outcome,
        }
        write_json(options.out / "result.json", result)
        return result


def _train(options: TrainOptions, algorithm: Algorithm, report: Report) -> dict[str, Any]:
    out = options.out
    policy = prepare(options)
    sampling = Sampling(options.temperature, options.max_tokens)
    agent = Agent(policy, algorithm, learner_config(options), sampling)
    env_kwargs, _ = folds(options.env_kwargs)
    env = make_group_env(options.env, env_kwargs, options.prompts_per_step, options.group_size)
    stream = TaskStream(env.desk.indices, options.prompts_per_step, options.seed)
    rows, timing, start = _restore(agent, out / "checkpoint.pt")
    with RunLog(out, options.log, f"{options.label}, seed {options.seed}", rows) as log:
        for step in range(start, options.steps):
            began = time.perf_counter()
            seeds = completion_seeds(options.seed, (STREAM_TRAINING, step), env.num_envs)
            batch = collect(env, policy, stream(step), sampling, seeds, step)
            require_trainable(env.items)
            if step + 1 < options.steps:
                env.desk.source.prefetch(stream(step + 1))  # the next pictures are decoded while the weights move
            rolled = time.perf_counter()
            row = {"step": step, **batch_metrics(batch), **agent.update(batch)}
            log.append(row)
            updated = time.perf_counter()
            timing.append({"step": step, "seconds_rollout": rolled - began, "seconds_update": updated - rolled})
            if (step + 1) % options.checkpoint_every == 0 or step + 1 == options.steps:
                state = {"agent": agent.state_dict(), "rows": log.rows, "timing": timing, "step": step + 1}
                save_checkpoint(out / "checkpoint.pt", state)
                log.save()
                write_csv(out / "timing.csv", timing)
            report(Progress(options.label, options.seed, step + 1, options.steps, row.get("reward", float("nan"))))
    log.save()  # a kill may have come between the last checkpoint and its tables
    write_csv(out / "timing.csv", timing)
    outcome = {
        "evaluation": evaluation_record(evaluate_heldout(policy, options, options.seed)),
        "training": training_record(log.rows),
        "seconds": {name: sum(row[f"seconds_{name}"] for row in timing) for name in ("rollout", "update")},
    }
    policy.save(out / "model")
    return outcome


def _restore(agent: Agent, checkpoint: Path) -> tuple[list[dict[str, float]], list[dict[str, float]], int]:
    if not checkpoint.exists():
        return [], [], 0
    state = load_checkpoint(checkpoint)
    agent.load_state_dict(state["agent"])
    return state["rows"], state["timing"], state["step"]


def training_record(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of each metric over the steps that have it, and totals of counts."""
    record = {}
    for name in sorted({name for row in rows for name in row} - {"step", "environment_steps"}):
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
