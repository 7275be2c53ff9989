"""Whether agents that are compared had equal budgets, and by how much they differ where they had not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.terminal import counted

SCORED, SAMPLED = "teacher_tokens_scored", "teacher_tokens_sampled"


def budgets(
    agents: Mapping[str, Mapping[int, Mapping[str, Any]]],
    own: Mapping[str, Mapping[str, Any]],
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what a run of each agent spent, means over seeds, and what that is beside the others', in sentences.

    Args:
        agents: records of runs by agent and seed.
        own: by agent the options that it has for itself.
        options: those that hold for the others.

    """
    spent: dict[str, dict[str, float]] = {}
    for name, runs in agents.items():
        if any("environment_steps" in run for run in runs.values()):
            continue
        mine = {**options, **own.get(name, {})}
        sizes = ("steps", "prompts_per_step", "group_size", "updates_per_batch")
        steps, prompts, size, updates = (int(mine.get(option, 1)) for option in sizes)
        spent[name] = {
            "rollouts": steps * prompts * size,
            "updates": steps * updates,
            SCORED: _mean(runs, SCORED),
            SAMPLED: _mean(runs, SAMPLED),
        }
    return {"agents": spent, "statements": _statements(spent)}


def _mean(runs: Mapping[int, Mapping[str, Any]], metric: str) -> float:
    return sum(run["training"].get(metric, 0.0) for run in runs.values()) / len(runs)


def _statements(spent: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Say what is equal and what is not."""
    if len(spent) < 2:
        return []
    told = []
    for part, one in (("rollouts", "rollout"), ("updates", "update")):
        amounts = {name: int(costs[part]) for name, costs in spent.items()}
        if len(set(amounts.values())) == 1:
            told.append(f"Equal: {counted(next(iter(amounts.values())), one)} in every run.")
        else:
            told.append(f"Not equal, {part} of a run: {_each(amounts)}.")
    scored = {name: round(costs[SCORED]) for name, costs in spent.items()}
    if any(scored.values()):
        told.append(f"Beside the rollouts teachers scored tokens, per run: {_each(scored)}.")
    sampled = {name: round(costs[SAMPLED]) for name, costs in spent.items() if costs[SAMPLED]}
    if sampled:
        told.append(f"Tokens of attempts made with help, beside the rollouts, per run: {_each(sampled)}.")
    return told


def of_time(seconds: Mapping[str, Mapping[str, float]]) -> str:
    """Say how long runs took beside each other; "": there is one agent, or no time.

    >>> of_time({"grpo": {"rollout": 1.0, "update": 1.0}, "rlsd": {"rollout": 1.0, "update": 2.0}})
    "Time of rollouts and updates, in multiples of grpo's: rlsd 1.50."
    """
    took = {name: sum(parts.values()) for name, parts in seconds.items()}
    if len(took) < 2 or not min(took.values()) > 0:
        return ""
    least = min(took, key=took.__getitem__)
    ratios = ", ".join(f"{name} {one / took[least]:.2f}" for name, one in took.items() if name != least)
    return f"Time of rollouts and updates, in multiples of {least}'s: {ratios}."


def _each(amounts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {amount:,}" for name, amount in amounts.items())
