"""One run: train one agent with one seed, evaluate it, and keep everything that makes it repeatable.

A run's folder holds config.toml (the resolved options), metrics.csv (one row per training step), timing.csv
(seconds, kept apart because they differ from run to run), checkpoint.pt and, when it is done, result.json and
the trained model in model/. A baseline has no checkpoint.pt: interrupted, it starts again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from agents import algorithms, baselines, checkpoint
from agents.agent import Agent
from agents.ahead import Rollouts, RolloutsAhead
from agents.algorithms import Algorithm
from agents.baselines import Baseline
from agents.config import EvaluateOptions, TrainingOptions, TrainOptions
from agents.distributed import World, join, launched
from agents.environments import folds, make_group_env, require_trainable
from agents.episodes import EpisodeBatch
from agents.evaluation import Evaluation, evaluate
from agents.heap import keep_freed_memory
from agents.learner import LearnerConfig
from agents.logging import RunLog
from agents.metrics import batch_metrics
from agents.model_options import check_packages
from agents.policy.base import Policy, Sampling
from agents.policy.loading import find_policy, load_policy
from agents.policy.replica import with_replica
from agents.policy.sampled import SampledPolicy
from agents.policy.samplers import released, with_sampler
from agents.policy.transformers_policy import TransformersPolicy
from agents.progress import Progress
from agents.rollout import TaskStream, collect, completion_seeds
from agents.storage import claimed, read_json, write_csv, write_json
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


def prepare(
    options: TrainingOptions | EvaluateOptions, world: World | None = None
) -> TransformersPolicy | SampledPolicy:
    """Set torch up, load the policy and what samples for it; close it with `released`.

    Under `shard` the policy is spread over the processes; then, and where a training samples ahead, samples come from
    vLLM or from a replica.
    """
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    policy = load_policy(options.policy, options.device, options)
    if isinstance(options, TrainingOptions) and options.shard:
        policy.shard(world or World())
    if isinstance(options, TrainingOptions) and options.sampler == "transformers":
        ahead = options.rollouts_ahead and world is not None
        if options.shard or ahead:
            return with_replica(policy, options)
    return with_sampler(policy, options)


def check(options: TrainingOptions, agents: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Find out what a user got wrong before anything is written or loaded.

    Raises:
        ConfigurationError: an agent, an option of it, the environment or the learner's options are unusable.

    """
    check_packages(options)
    if options.shard and not launched():
        raise ConfigurationError("shard is for several processes: torchrun --nproc-per-node N -m agents.train ..")
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
    world = join(options.device)
    check_world(options, method, world)
    with claimed(options.out, options, options.resume) if world.first else contextlib.nullcontext():
        world.barrier()
        if (options.out / "result.json").exists():
            return read_json(options.out / "result.json")
        if isinstance(method, Baseline):
            outcome = dataclasses.asdict(method.train(options, report))
        else:
            outcome = _train(options, method, report, world)
        result = {
            "agent": options.label,
            "algorithm": method.name,
            "hyperparameters": options.agent_kwargs,
            "seed": options.seed,
            **outcome,
        }
        if world.first:
            write_json(options.out / "result.json", result)
        world.barrier()
        return result


def check_world(options: TrainOptions, method: Method, world: World) -> None:
    """Refuse what several processes cannot do.

    Raises:
        ConfigurationError: tasks cannot be divided among them, or the method trains in one process only.

    """
    if isinstance(method, Baseline) and world.size > 1:
        raise ConfigurationError(f"{method.name} trains in one process; start it without torchrun")
    if options.prompts_per_step % world.size:
        raise ConfigurationError(
            f"prompts_per_step is {options.prompts_per_step}; it must be a multiple of the {world.size} processes"
        )
    if options.eval_tasks < world.size:
        raise ConfigurationError(
            f"eval_tasks is {options.eval_tasks}; give each of {world.size} processes one at least"
        )


def _train(options: TrainOptions, algorithm: Algorithm, report: Report, world: World) -> dict[str, Any]:
    with released(prepare(options, world)) as policy:
        return _train_policy(policy, options, algorithm, report, world)


def _train_policy(
    policy: TransformersPolicy | SampledPolicy,
    options: TrainOptions,
    algorithm: Algorithm,
    report: Report,
    world: World,
) -> dict[str, Any]:
    out = options.out
    sampling = Sampling(options.temperature, options.max_tokens)
    agent = Agent(policy, algorithm, learner_config(options), sampling, world)
    env_kwargs, _ = folds(options.env_kwargs)
    env = make_group_env(options.env, env_kwargs, options.prompts_per_step // world.size, options.group_size)
    stream = TaskStream(env.desk.indices, options.prompts_per_step, options.seed)
    progress = checkpoint.restore(out, agent, world)
    title = f"{options.label}, seed {options.seed}"

    def roll(sampler: Policy, step: int) -> EpisodeBatch:
        seeds = completion_seeds(options.seed, (STREAM_TRAINING, step), env.num_envs * world.size)
        batch = collect(env, sampler, world.share(stream(step)), sampling, world.share(seeds), step)
        require_trainable(env.items)
        if step + 1 < options.steps:  # the next pictures are decoded while the weights move
            env.desk.source.prefetch(world.share(stream(step + 1)))
        return batch

    rollouts = Rollouts(roll, policy)
    if options.rollouts_ahead and isinstance(policy, SampledPolicy):
        rollouts = RolloutsAhead(roll, policy, options.steps, list(world.share(progress.ahead)))
    with rollouts, RunLog(out, options.log if world.first else (), title, progress.rows) as log:
        for step in range(progress.step, options.steps):
            began = time.perf_counter()
            batch = rollouts.batch(step)
            rolled = time.perf_counter()
            row = {"step": step, **batch_metrics(batch, world), **agent.update(batch)}
            log.append(row)
            updated = time.perf_counter()
            seconds = {"seconds_rollout": rolled - began, "seconds_update": updated - rolled}
            progress.timing.append({"step": step, **seconds, **_pictures(policy)})
            progress.rows, progress.step = log.rows, step + 1
            if progress.step % options.checkpoint_every == 0 or progress.step == options.steps:
                progress.ahead = [row for part in world.gather(rollouts.sampled_ahead()) for row in part]
                checkpoint.save(out, agent, progress, world)
                _write_tables(out, log, progress, world)
            report(Progress(options.label, options.seed, step + 1, options.steps, row.get("reward", float("nan"))))
    _write_tables(out, log, progress, world)  # a kill may have come between the last checkpoint and its tables
    evaluation = evaluate_heldout(policy, options, options.seed, world)
    outcome = {
        "evaluation": evaluation_record(evaluation),
        "training": training_record(log.rows),
        "seconds": {name: sum(row[f"seconds_{name}"] for row in progress.timing) for name in ("rollout", "update")},
    }
    if world.first or options.shard:
        policy.save(out / "model")
    return outcome


def _trained(policy: TransformersPolicy | SampledPolicy) -> TransformersPolicy:
    trained = policy.policy if isinstance(policy, SampledPolicy) else policy
    assert isinstance(trained, TransformersPolicy)
    return trained


def _pictures(policy: TransformersPolicy | SampledPolicy) -> dict[str, int]:
    """Count the pictures that the vision tower has been run on so far, and those that it need not be run on."""
    kept = _trained(policy).encoder.kept
    return {"pictures_run": kept.runs, "pictures_kept": kept.reused}


def _write_tables(out: Path, log: RunLog, progress: checkpoint.Progress, world: World) -> None:
    if world.first:
        log.save()
        write_csv(out / "timing.csv", progress.timing)


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


def evaluate_heldout(policy: Policy, options: TrainingOptions, seed: int, world: World | None = None) -> Evaluation:
    """Evaluate on the held-out tasks; several processes divide them."""
    _, env_kwargs = folds(options.env_kwargs)
    sampling = Sampling(options.temperature, options.max_tokens)
    tasks = heldout_tasks(options)
    return evaluate(policy, options.env, env_kwargs, tasks, options.eval_samples, sampling, seed, world)


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
    with released(prepare(options)) as policy:
        record = evaluation_record(evaluate_heldout(policy, options, seed))
    result = {"agent": "untrained", "seed": seed, "evaluation": record}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, result)
    return result
