"""Before a run: what a user got wrong is found out, and the policy is loaded with what samples for it."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from agents.algorithms import Algorithm
from agents.algorithms.rules import parse_rule
from agents.baselines import Baseline
from agents.distributed import World, launched
from agents.methods import Method, make_method
from agents.options.commands import EvaluateOptions, TrainingOptions, TrainOptions
from agents.options.model import check_packages
from agents.pictures import check_pictures
from agents.policy.actor import Actor
from agents.policy.loading import find_policy, load_policy
from agents.policy.open_sampler import with_sampler
from agents.policy.replica import with_replica
from agents.policy.vllm.server_scorer import answering
from agents.rollouts.environments import in_fold, make_group_env, require_trainable
from agents.runs.heap import keep_freed_memory
from rlsd_env.errors import ConfigurationError


def prepare(options: TrainingOptions | EvaluateOptions, world: World | None = None) -> Actor:
    """Set torch up, load the policy and what samples for it; it must be closed, as at the end of a `with` block.

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


def check(runs: Sequence[TrainOptions]) -> None:
    """Find out what a user got wrong before anything is written or loaded.

    Args:
        runs: the options of a training of each agent; what they may differ in is the agent and its own options.

    Raises:
        ConfigurationError: an agent, an option of it, the environment or the learner's options are unusable.

    """
    options = runs[0]
    for run in runs:
        check_packages(run)
    if options.shard and not launched():
        raise ConfigurationError("shard is for several processes: torchrun --nproc-per-node N -m agents.train ..")
    methods = [(run, make_method(run.agent, run.agent_kwargs)) for run in runs]
    measured = options.diagnose or options.poison or options.canary
    if measured and all(isinstance(method, Baseline) for _, method in methods):
        raise ConfigurationError("diagnose, poison and canary are of language models; leave them out for a baseline")
    find_policy(options.policy, options.device)
    training = in_fold(options.env_kwargs, "train")
    env = make_group_env(options.env, training, options.prompts_per_step, options.group_size, options.curriculum)
    env.reset(options={"task_index": [env.task_indices[0]] * env.num_groups})  # a broken picture shows here
    require_trainable(env.items)
    envs = {f"{options.env} (fold train)": env}
    for fold in sorted({options.eval_fold, "tuning"} if options.eval_every else {options.eval_fold}):
        envs[f"{options.env} (fold {fold})"] = make_group_env(options.env, in_fold(options.env_kwargs, fold), 1, 1)
    stops = options.pictures == "stop" and not all(isinstance(method, Baseline) for _, method in methods)
    check_pictures(options.policy if stops else None, envs, options.env, options.env_kwargs)
    for run, method in methods:
        if isinstance(method, Baseline):
            if run.curriculum:
                raise ConfigurationError(f"{method.name} trains at one difficulty; leave curriculum out")
            if run.eval_every:
                raise ConfigurationError(f"{method.name} is not evaluated while it trains; leave eval_every out")
            method.check(run)
        else:
            check_group_size(method, run)
            check_guidance(run, method)
            for rule in map(parse_rule, method.scorers().values()):
                if rule.kind == "external":
                    find_policy(rule.place, options.device)
                elif rule.kind == "server":
                    answering(rule.place)


def check_group_size(algorithm: Algorithm, options: TrainOptions) -> None:
    """Refuse single attempts where the method could never learn from one.

    Raises:
        ConfigurationError: whatever the reward and whatever scorers are shown, no episode would have a gradient.

    """
    if options.group_size > 1:
        return
    valid_BG = torch.ones(2, 1, dtype=torch.bool)
    advantages_N = algorithm.group_advantages(torch.tensor([[0.0], [1.0]]), valid_BG).flatten()
    for step in range(options.steps):
        contexts = algorithm.contexts(step, algorithm.initial())
        if algorithm.active(advantages_N, {name: valid_BG.flatten() for name in contexts}).any():
            return
    raise ConfigurationError(
        f"{algorithm.name} compares the attempts at a task with each other; group_size must be at least 2, is "
        f"{options.group_size}"
    )


def check_guidance(options: TrainingOptions, method: Method) -> None:
    """Refuse rollouts ahead where attempts are made with help, and more help than a group has members.

    Raises:
        ConfigurationError: either is wanted.

    """
    if not isinstance(method, Algorithm) or not method.guides:
        return
    state = method.initial()
    for guidance in (method.guidance(step, state) for step in range(options.steps)):
        if guidance is not None:
            guidance.check_size(options.group_size)
    if options.rollouts_ahead:
        raise ConfigurationError(
            f"rollouts_ahead with {method.name}, whose attempts with help may depend on what the update that runs "
            "meanwhile teaches; leave rollouts_ahead out"
        )


def check_world(options: TrainOptions, method: Method, world: World) -> None:
    """Refuse what several processes cannot do.

    Raises:
        ConfigurationError: tasks cannot be divided among them, or the method or the curriculum is for one process.

    """
    check_guidance(options, method)
    if options.curriculum and world.size > 1:
        raise ConfigurationError("a curriculum counts the successes of one process; start it without torchrun")
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
