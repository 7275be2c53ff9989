"""One run: train one agent with one seed, evaluate it, and keep everything that makes it repeatable.

A run's folder holds config.toml (the resolved options), metrics.csv (one row per training step), timing.csv
(seconds, kept apart because they differ from run to run), samples/, while it goes on checkpoint.pt and, when it is
done, result.json and the trained model in model/; with evaluations on the way also evaluations.csv and the best of the
models in best/. A baseline has no checkpoint.pt: interrupted, it starts again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agents.agent import Agent
from agents.algorithms import Algorithm
from agents.baselines import Baseline
from agents.diagnostics import canary
from agents.diagnostics.on_request import diagnose
from agents.diagnostics.poison import Poison
from agents.distributed import World, join
from agents.episodes import EpisodeBatch
from agents.evidence import EvidenceSink, write_evidence
from agents.methods import hyperparameters, make_method, method_name
from agents.options.commands import TrainingOptions, TrainOptions
from agents.policy.actor import Actor
from agents.policy.base import Policy, Sampler, Sampling
from agents.policy.loading import find_policy
from agents.rollouts.ahead import Recorded, Rollouts, RolloutsAhead
from agents.rollouts.collect import collect, completion_seeds
from agents.rollouts.curve import BEST, TuningCurve, evaluate_fold, summarise
from agents.rollouts.environments import in_fold, make_group_env, require_trainable
from agents.rollouts.guided import collect_guided, guided_metrics
from agents.rollouts.metrics import batch_metrics, difficulty
from agents.rollouts.pictures import FittingTasks, with_fits
from agents.rollouts.tasks import TaskStream
from agents.runs import checkpoint
from agents.runs.kept import RESULT, steps_done
from agents.runs.logging import RunLog
from agents.runs.progress import Progress, shown_figures
from agents.runs.records import evaluation_record, training_record
from agents.runs.samples import samples_of, write_samples
from agents.runs.storage import claimed, read_json, write_csv, write_json
from agents.runs.versions import VERSIONS, changed, own_files, versions
from agents.setup import check_world, prepare
from rlsd_env.errors import ConfigurationError

STREAM_TRAINING = 1


_LOG = logging.getLogger(__name__)
Report = Callable[[Progress], None]


def train(options: TrainOptions, report: Report) -> dict[str, Any]:
    """Train and evaluate one agent, continuing from its checkpoint where there is one.

    Returns:
        The contents of result.json.

    """
    method = make_method(options.agent, options.agent_kwargs)
    options = dataclasses.replace(
        options,
        label=options.label or method_name(options.agent, method),
        agent_kwargs=hyperparameters(method),
        device=find_policy(options.policy, options.device)[1],
    )
    world = join(options.device)
    check_world(options, method, world)
    with claimed(options.out, options, options.resume) if world.first else contextlib.nullcontext():
        if world.first:
            _record_versions(options)
        world.barrier()
        if (options.out / RESULT).exists():
            return read_json(options.out / RESULT)
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
            write_json(options.out / RESULT, result)
            if options.keep != "all":
                checkpoint.remove(options.out)
        world.barrier()
        return result


def _record_versions(options: TrainOptions) -> None:
    """Write down what the run is made with, and warn where it was begun with something else."""
    path = options.out / VERSIONS
    if (options.out / RESULT).exists():
        return
    named = {"agent": options.agent, "env": options.env, **options.env_kwargs}
    now = versions() | own_files(named)
    if steps_done(options.out) and path.exists() and (told := changed(read_json(path), now)):
        _LOG.warning(f"{options.out} was begun with others of these, and goes on with what is here now: {told}")
    write_json(path, now)


def _train(options: TrainOptions, algorithm: Algorithm, report: Report, world: World) -> dict[str, Any]:
    with RunLog(options, writes=world.first) as log:
        with prepare(options, world) as actor:
            outcome = _train_actor(actor, options, algorithm, report, world, log)
        if options.eval_every:
            del actor  # its memory is wanted
            outcome["best"] = _evaluate_best(options, outcome, world)
        log.conclude(outcome)
    return outcome


def _evaluate_best(options: TrainOptions, outcome: dict[str, Any], world: World) -> dict[str, Any]:
    """Evaluate the best weights of the run, which may be the last."""
    step = outcome["tuning"]["peak_step"]
    if step == options.steps:
        return {"step": step, "evaluation": outcome["evaluation"]}
    stored = dataclasses.replace(options, policy=str(options.out / BEST), rollouts_ahead=False)
    with prepare(stored, world) as actor:
        evaluation = evaluate_fold(actor, stored, options.eval_fold, options.seed, world)
    return {"step": step, "evaluation": evaluation_record(evaluation)}


def _train_actor(
    actor: Actor, options: TrainOptions, algorithm: Algorithm, report: Report, world: World, log: RunLog
) -> dict[str, Any]:
    out = options.out
    sampling = Sampling(options.temperature, options.max_tokens)
    agent = Agent(actor, algorithm, options, sampling, world)
    env_kwargs = in_fold(options.env_kwargs, "train")
    groups = options.prompts_per_step // world.size
    env = make_group_env(options.env, env_kwargs, groups, options.group_size, options.curriculum)
    poison = Poison(options.poison, options.env, env_kwargs) if options.poison else None
    stream = TaskStream(env.task_indices, options.prompts_per_step, options.seed)
    fitting = FittingTasks(env, actor.policy.encoder.media, options.seed)
    run = checkpoint.restore(out, agent, world)
    if run.step:
        env.load_state_dict(run.environment)
    if world.size > 1 and env.state_dict():
        raise ConfigurationError(f"environment {options.env!r} keeps a state; train on it in one process")
    stood: dict[int, dict[str, Any]] = {}  # the environment after each batch that is not learned from yet
    rolling: dict[int, float] = {}  # seconds that each such batch took, but for one that was sampled before a resume

    def with_hints(batch: EpisodeBatch) -> EpisodeBatch:
        batch = poison.applied(batch) if poison else batch
        return canary.with_canary(batch, options.canary) if options.canary else batch

    def roll(sampler: Sampler, step: int) -> EpisodeBatch:
        began = time.perf_counter()
        seeds = completion_seeds(options.seed, (STREAM_TRAINING, step), env.num_envs * world.size)
        tasks, replaced = fitting(step, stream(step), world)
        mine, before = world.share(seeds), env.state_dict()
        batch = with_fits(collect(env, sampler, tasks, sampling, mine, step), actor.policy)
        batch = dataclasses.replace(batch, replaced=replaced)
        if algorithm.guides:
            batch = with_hints(batch)  # what helps is what teachers are shown
            if (guidance := agent.guidance(step)) is not None:
                guide = agent.guide(guidance)
                batch = collect_guided(env, batch, guidance, guide, tasks, sampling, mine, before)
                batch = with_fits(batch, actor.policy)
        require_trainable(env.items)
        if step + 1 < options.steps:  # the next pictures are decoded while the weights move
            env.prefetch(world.share(stream(step + 1)))
        stood[step] = env.state_dict()
        rolling[step] = 0.0 if isinstance(sampler, Recorded) else time.perf_counter() - began
        return batch

    curve = TuningCurve(actor, options, world, run.evaluations) if options.eval_every else None
    rollouts = Rollouts(roll, actor)
    if options.rollouts_ahead:
        rollouts = RolloutsAhead(roll, actor, options.steps, list(world.share(run.ahead)))
    log.replay(run.rows)
    with rollouts:
        report(Progress(options.label, options.seed, run.step, options.steps))
        if curve is not None:
            curve.begin(run.step)
        begun = time.perf_counter()
        for step in range(run.step, options.steps):
            began = time.perf_counter()
            batch = rollouts.batch(step)
            rolled = time.perf_counter()
            batch = batch if algorithm.guides else with_hints(batch)
            measured = diagnose(options, agent.learner, batch)
            measured |= poison.metrics(batch, world) if poison else {}
            measured |= canary.measure(agent.learner, batch, options.canary) if options.canary else {}
            sink = _sink(options, batch)
            before = time.perf_counter()
            row = {"step": step, **batch_metrics(batch, world), **measured, **agent.update(batch, sink)}
            if algorithm.guides:
                row |= guided_metrics(batch, world)
            if sink is not None:
                write_evidence(out, step, sink.kept, world.rank, world.size)
            if options.samples_every and (step % options.samples_every == 0 or step + 1 == options.steps):
                kept = list(samples_of(batch, options.samples_tasks, options.samples_characters))
                write_samples(out, step, kept, world.rank, world.size)
            if options.curriculum:
                row["difficulty"] = difficulty(batch)
            log.append(row)
            updated = time.perf_counter()
            seconds = {"seconds_rollout": rolled - began, "seconds_update": updated - before}
            run.timing.append({"step": step, **seconds, **_pictures(actor.policy)})
            run.rows, run.step, run.environment = log.rows, step + 1, stood.pop(step)
            best = False
            if curve is not None and curve.due(run.step):
                rollouts.wait()
                best = curve.measure(run.step)
                run.timing[-1]["seconds_evaluation"] = time.perf_counter() - updated
            if best or run.step % options.checkpoint_every == 0 or run.step == options.steps:
                run.ahead = [row for part in world.gather(rollouts.sampled_ahead()) for row in part]
                checkpoint.save(out, agent, run, world)
                _write_tables(out, log, run, world)
            if best and curve is not None:
                curve.keep()
            figures = shown_figures(row, options.prompts_per_step * options.group_size, rolling.pop(step))
            report(Progress(options.label, options.seed, run.step, options.steps, time.perf_counter() - begun, figures))
    _write_tables(out, log, run, world)  # a kill may have come between the last checkpoint and its tables
    evaluation = evaluate_fold(actor, options, options.eval_fold, options.seed, world)
    outcome = {
        "evaluation": evaluation_record(evaluation),
        **({} if curve is None else {"tuning": summarise(curve.rows)}),
        "training": training_record(log.rows),
        "seconds": {name: sum(row[f"seconds_{name}"] for row in run.timing) for name in ("rollout", "update")},
    }
    if (world.first or options.shard) and options.keep != "figures":
        actor.policy.save(out / "model")
    return outcome


def _sink(options: TrainOptions, batch: EpisodeBatch) -> EvidenceSink | None:
    """Return what takes the evidence of a step, where the options have it kept."""
    every, last = options.evidence_every, options.steps - 1
    if not options.evidence_tasks or not (batch.step in (0, last) or (every and batch.step % every == 0)):
        return None
    # of a group whose attempts all earned the same, many methods run nothing
    told_apart = sorted(batch.groups, key=lambda group: len({episode.reward for episode in group.episodes}) < 2)
    tasks = {group.item.task.id for group in told_apart[: options.evidence_tasks]}
    return EvidenceSink(tasks, options.samples_characters)


def _pictures(policy: Policy) -> dict[str, int]:
    """Count the pictures that the vision tower has been run on so far, and those that it need not be run on."""
    kept = policy.encoder.kept
    return {"pictures_run": kept.runs, "pictures_kept": kept.reused}


def _write_tables(out: Path, log: RunLog, run: checkpoint.RunState, world: World) -> None:
    if world.first:
        log.save()
        write_csv(out / "timing.csv", run.timing)
        if run.evaluations:
            write_csv(out / "evaluations.csv", run.evaluations)


def untrained(options: TrainingOptions, seed: int, path: Path) -> dict[str, Any]:
    """Evaluate the policy as it is; the record is kept in `path`.

    Raises:
        ConfigurationError: the stored record is broken.

    """
    if path.exists():
        return read_json(path)
    with prepare(options) as actor:
        record = evaluation_record(evaluate_fold(actor, options, options.eval_fold, seed))
    result = {"agent": "untrained", "seed": seed, "evaluation": record}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, result)
    return result
