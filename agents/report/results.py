"""`results.json`: what a comparison found. The schema is documented in docs/results.md."""

from __future__ import annotations

import importlib.metadata
import math
import platform
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray

from agents.entrants import Entrant, own_options
from agents.options.commands import CompareOptions, resolved
from agents.report.statistics import Interval, crossed_interval

SCHEMA = "rlsd-results-1"
KINDS = ("sampled", "greedy")


def summarise(
    records: Iterable[Mapping[str, Any]], options: CompareOptions, entrants: Sequence[Entrant]
) -> dict[str, Any]:
    """Turn the records of all runs into results with confidence intervals over seeds and tasks."""
    own = own_options(options, entrants)
    by_agent: dict[str, list[Mapping[str, Any]]] = {}
    for record in records:
        by_agent.setdefault(record["agent"], []).append(record)
    for runs in by_agent.values():
        runs.sort(key=lambda record: list(options.seeds).index(record["seed"]))
    untrained = [record["evaluation"] for record in by_agent.pop("untrained", [])]
    return {
        "schema": SCHEMA,
        "untrained": _untrained(untrained) if untrained else None,
        "agents": {
            # a baseline has a network of its own, and gains over that one
            name: {"options": own.get(name, {})}
            | _agent(runs, [run["untrained"] for run in runs] if "untrained" in runs[0] else untrained)
            for name, runs in by_agent.items()
        },
        "seeds": list(options.seeds),
        "heldout_tasks": len(next(iter(by_agent.values()))[0]["evaluation"]["sampled"]),
        "rollouts_per_agent_and_seed": options.steps * options.prompts_per_step * options.group_size,
        "options": resolved(options),
        "versions": {
            "rlsd": importlib.metadata.version("rlsd"),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
        "timing": {
            "seconds_by_agent": {
                name: {part: sum(run["seconds"][part] for run in runs) / len(runs) for part in ("rollout", "update")}
                for name, runs in by_agent.items()
            }
        },
    }


def _untrained(evaluations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        **{f"{kind}_accuracy": _interval(crossed_interval(_values(evaluations, kind)), 0.0) for kind in KINDS},
        "metrics": _means([evaluation["metrics"] for evaluation in evaluations]),
    }


def _agent(runs: Sequence[Mapping[str, Any]], untrained: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    shared = ("algorithm", "hyperparameters", "environment", "environment_steps")
    summary: dict[str, Any] = {key: runs[0][key] for key in shared if key in runs[0]}
    evaluations = [run["evaluation"] for run in runs]
    for kind in KINDS:
        values_ST = _values(evaluations, kind)
        summary[f"{kind}_accuracy"] = _interval(crossed_interval(values_ST), 0.0)
        summary[f"{kind}_gain"] = _interval(crossed_interval(values_ST - _values(untrained, kind)), -1.0)
    summary["heldout_metrics"] = _means([evaluation["metrics"] for evaluation in evaluations])
    summary["training_metrics"] = _means([run["training"] for run in runs])
    summary["runs"] = [
        {
            "seed": run["seed"],
            **{f"{kind}_accuracy": _number(np.nanmean(_values([run["evaluation"]], kind))) for kind in KINDS},
        }
        for run in runs
    ]
    return summary


def _values(evaluations: Sequence[Mapping[str, Any]], kind: str) -> NDArray[np.float64]:
    """Read one value per seed and task; null becomes NaN."""
    return np.array(
        [[math.nan if value is None else value for value in evaluation[kind]] for evaluation in evaluations],
        dtype=np.float64,
    )


def _interval(interval: Interval, least: float) -> dict[str, float | None]:
    """Write an interval, cut at the least and the largest value that there can be."""
    low, high = (float(np.clip(bound, least, 1.0)) for bound in (interval.low, interval.high))
    return {"mean": _number(interval.mean), "low": _number(low), "high": _number(high)}


def _number(value: float | np.floating[Any]) -> float | None:
    return None if math.isnan(value) else float(value)


def _means(tables: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Average each metric over the runs that have it."""
    names = sorted({name for table in tables for name in table})
    return {name: float(np.mean([table[name] for table in tables if name in table])) for name in names}
