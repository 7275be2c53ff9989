"""What a report is made from: results.json where it is there and of all runs, else the same made from the runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from agents.report.folders import Found, Run
from agents.runs.storage import RESULTS, read_json

LEVELS = (0.25, 0.5, 0.75, 0.9)
"""Accuracies to which steps are counted: shares of the way from the start to the best that any agent reached."""


def summarise_found(found: Found) -> dict[str, Any]:
    """Return what results.json holds, of the runs that have ended, with steps to accuracies where runs have curves."""
    results = _stored(found) or _made(found)
    reached = steps_to(found)
    for name, agent in results["agents"].items():
        if name in reached:
            agent["steps_to"] = reached[name]
    return results


def _stored(found: Found) -> dict[str, Any] | None:
    """Return what results.json holds where it is of all that was found, and of this version."""
    from agents.report.results import SCHEMA

    if len(found.folders) != 1 or len(found.comparisons) != 1 or found.unfinished or found.missing:
        return None
    path = found.comparisons[0] / RESULTS
    results = read_json(path) if path.exists() else {}
    return results if results.get("schema") == SCHEMA else None


def _made(found: Found) -> dict[str, Any]:
    from agents.report.results import Records, results_of

    agents = {
        agent: {run.seed: run.result for run in found.of(agent) if run.result is not None} for agent in found.agents
    }
    missing = [*((run.agent, run.seed) for run in found.unfinished), *found.missing]
    options = dict(found.runs[0].options) if found.runs else {}
    results = results_of(Records(agents, found.untrained, options, _own(found), missing=missing))
    recorded = [run.versions for run in found.runs if run.versions]
    return results | {"versions": recorded[0] if recorded else {}}


def _own(found: Found) -> dict[str, dict[str, Any]]:
    """Return by agent the options of budgets and learning in which agents differ."""
    names = ("steps", "prompts_per_step", "group_size", "updates_per_batch", "lr")
    first = {agent: found.of(agent)[0].options for agent in found.agents}
    differing = [name for name in names if len({str(options.get(name)) for options in first.values()}) > 1]
    return {agent: {name: options.get(name) for name in differing} for agent, options in first.items()}


def steps_to(found: Found) -> dict[str, dict[str, dict[str, Any]]]:
    """Return by agent and accuracy how many steps it took to reach it on tuning tasks.

    Returns:
        By agent and level the mean over the seeds that reached it, how many these are, and of how many.

    """
    curves = {agent: [c for run in found.of(agent) if (c := _curve(run))] for agent in found.agents}
    points = [value for runs in curves.values() for curve in runs for _, value in curve]
    if not points:
        return {}
    start = min(curve[0][1] for runs in curves.values() for curve in runs)
    levels = [start + share * (max(points) - start) for share in LEVELS]
    if max(points) <= start:
        return {}
    told = {}
    for agent, runs in curves.items():
        if runs:
            told[agent] = {f"{level:.3f}": _reached([first_at(curve, level) for curve in runs]) for level in levels}
    return told


def _curve(run: Run) -> list[tuple[float, float]]:
    return [(row["step"], row["sampled_accuracy"]) for row in run.evaluations if "sampled_accuracy" in row]


def first_at(curve: Sequence[tuple[float, float]], level: float) -> float:
    """Return the first step at which a curve is at a level or above; NaN: it never is.

    >>> first_at([(0, 0.2), (10, 0.6), (20, 0.5)], 0.5)
    10
    """
    return next((step for step, value in curve if value >= level), math.nan)


def _reached(steps: Sequence[float]) -> dict[str, Any]:
    known = [step for step in steps if not math.isnan(step)]
    return {"mean": sum(known) / len(known) if known else None, "reached": len(known), "of": len(steps)}
