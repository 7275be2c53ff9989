"""Before a run: what a user got wrong is found out, and the policy is loaded with what samples for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from agents.algorithms.rules import parse_rule
from agents.baselines import Baseline
from agents.distributed import World, launched
from agents.methods import Method, make_method
from agents.options.commands import EvaluateOptions, TrainingOptions, TrainOptions
from agents.options.model import check_packages
from agents.policy.actor import Actor
from agents.policy.loading import find_policy, load_policy
from agents.policy.open_sampler import with_sampler
from agents.policy.replica import with_replica
from agents.policy.vllm.server_scorer import answering
from agents.rollouts.environments import folds, make_group_env, require_trainable
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


def check(options: TrainingOptions, agents: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Find out what a user got wrong before anything is written or loaded.

    Raises:
        ConfigurationError: an agent, an option of it, the environment or the learner's options are unusable.

    """
    check_packages(options)
    if options.shard and not launched():
        raise ConfigurationError("shard is for several processes: torchrun --nproc-per-node N -m agents.train ..")
    methods = [make_method(agent, kwargs) for agent, kwargs in agents]
    measured = options.diagnose or options.poison or options.canary
    if measured and all(isinstance(method, Baseline) for method in methods):
        raise ConfigurationError("diagnose, poison and canary are of language models; leave them out for a baseline")
    find_policy(options.policy, options.device)
    training, heldout = folds(options.env_kwargs)
    curriculum = options.curriculum if isinstance(options, TrainOptions) else None
    env = make_group_env(options.env, training, options.prompts_per_step, options.group_size, curriculum)
    env.reset(options={"task_index": [env.task_indices[0]] * env.num_groups})  # a broken picture shows here
    require_trainable(env.items)
    make_group_env(options.env, heldout, 1, 1)
    for method in methods:
        if isinstance(method, Baseline):
            if curriculum:
                raise ConfigurationError(f"{method.name} trains at one difficulty; leave curriculum out")
            method.check(options)
        else:
            for rule in map(parse_rule, method.scorers().values()):
                if rule.kind == "external":
                    find_policy(rule.place, options.device)
                elif rule.kind == "server":
                    answering(rule.place)


def check_world(options: TrainOptions, method: Method, world: World) -> None:
    """Refuse what several processes cannot do.

    Raises:
        ConfigurationError: tasks cannot be divided among them, or the method or the curriculum is for one process.

    """
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
