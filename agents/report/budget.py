"""What a comparison is going to spend, as text."""

from __future__ import annotations

from collections.abc import Sequence

from agents.algorithms import Algorithm
from agents.entrants import Entrant, rollouts_per_step
from agents.methods import make_method
from agents.options.commands import CompareOptions
from agents.terminal import counted


def budget_lines(options: CompareOptions, entrants: Sequence[Entrant]) -> list[str]:
    """Say how many runs there will be, and the rollouts, updates and completions of evaluations."""
    seeds = len(options.seeds)
    lines = []
    models = [entrant for entrant in entrants if entrant.language_model]
    if models:
        runs = len(models) * seeds
        kind = "variant" if options.sweep else "agent"
        prompts, size = next(iter(rollouts_per_step(options, models).values()))
        rollouts = options.steps * prompts * size
        updates = [
            options.steps * entrant.options.get("updates_per_batch", options.updates_per_batch) for entrant in models
        ]
        each = f"{min(updates):,}" if len(set(updates)) == 1 else f"{min(updates):,} to {max(updates):,}"
        steps = counted(options.steps, "step")
        lines += [
            f"budget: {counted(len(models), kind)} x {counted(seeds, 'seed')} = {counted(runs, 'run')}",
            f"  rollouts: {steps} x {prompts * size} = {rollouts:,} each, {rollouts * runs:,} in all",
            *_helped(models),
            f"  updates: {each} each, {sum(updates) * seeds:,} in all",
        ]
        completions = options.eval_tasks * (options.eval_samples + 1)
        tasks = counted(options.eval_tasks, "task")
        per_task = f"{tasks} x ({options.eval_samples} sampled + 1 greedy) = {completions:,}"
        fold = "held-out" if options.eval_fold == "heldout" else options.eval_fold
        last = runs * (2 if options.eval_every else 1) + seeds
        most = "at most " if options.eval_every else ""
        whose = "each run's last and best weights" if options.eval_every else "each run"
        lines.append(
            f"  {fold} completions: {per_task} for {whose} and the untrained model, {most}{completions * last:,} in all"
        )
        if options.eval_every:
            points = options.evaluations - 2
            total = completions * points * runs
            lines.append(f"  tuning completions on the way: {points} times as many in each run, {total:,} in all")
    lines += [f"  {entrant.name}: a budget of its own" for entrant in entrants if not entrant.language_model]
    return lines


def _helped(models: Sequence[Entrant]) -> list[str]:
    """Say who makes attempts with help beside its rollouts: in each group once more as many, if all are helped."""
    names = []
    for entrant in models:
        method = make_method(entrant.agent, entrant.kwargs)
        if isinstance(method, Algorithm) and method.guides:
            names.append(entrant.name)
    return [f"  and attempts with help, at most as many again: {', '.join(names)}"] if names else []
