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
from agents.runs.records import accuracies

SCHEMA = "rlsd-results-1"
KINDS = ("sampled", "greedy")
CURVE = ("final", "peak", "area")
"""Numbers of a tuning curve that are averaged over seeds."""


def summarise(
    records: Iterable[Mapping[str, Any]], options: CompareOptions, entrants: Sequence[Entrant]
) -> dict[str, Any]:
    """Turn the records of all runs into results with confidence intervals over seeds and tasks."""
    own = own_options(options, entrants)
    swept = {entrant.name: dict(entrant.swept) for entrant in entrants}
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
            name: {"options": own.get(name, {}), "swept": swept[name]}
            | _agent(runs, [run["untrained"] for run in runs] if "untrained" in runs[0] else untrained)
            for name, runs in by_agent.items()
        },
        "seeds": list(options.seeds),
        "eval_fold": options.eval_fold,
        "heldout_tasks": len(next(iter(by_agent.values()))[0]["evaluation"]["sampled"]),
        "rollouts_per_agent_and_seed": options.steps * options.prompts_per_step * options.group_size,
        "options": resolved(options),
        "versions": _versions(),
        "timing": {
            "seconds_by_agent": {
                name: {part: sum(run["seconds"][part] for run in runs) / len(runs) for part in ("rollout", "update")}
                for name, runs in by_agent.items()
            }
        },
    }


def _versions() -> dict[str, str]:
    return {
        "rlsd": importlib.metadata.version("rlsd"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
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
    summary |= _accuracies(evaluations, untrained)
    if "best" in runs[0]:
        best = _accuracies([run["best"]["evaluation"] for run in runs], untrained)
        summary |= {f"best_{name}": interval for name, interval in best.items()}
        curves = {part: _values([run["tuning"] for run in runs], part) for part in CURVE}
        summary["tuning"] = {part: _interval(crossed_interval(values_S1), 0.0) for part, values_S1 in curves.items()}
    summary["heldout_metrics"] = _means([evaluation["metrics"] for evaluation in evaluations])
    summary["training_metrics"] = _means([run["training"] for run in runs])
    summary["runs"] = [_run(run) for run in runs]
    return summary


def _accuracies(
    evaluations: Sequence[Mapping[str, Any]], untrained: Sequence[Mapping[str, Any]]
) -> dict[str, dict[str, float | None]]:
    """Summarise accuracies and gains of one evaluation per seed."""
    found = {}
    for kind in KINDS:
        values_ST = _values(evaluations, kind)
        found[f"{kind}_accuracy"] = _interval(crossed_interval(values_ST), 0.0)
        found[f"{kind}_gain"] = _interval(crossed_interval(values_ST - _values(untrained, kind)), -1.0)
    return found


def _run(run: Mapping[str, Any]) -> dict[str, Any]:
    """Summarise one run."""

    def figures(evaluation: Mapping[str, Any]) -> dict[str, float | None]:
        found = accuracies({"evaluation": evaluation})
        return {name: found.get(name) for name in (f"{kind}_accuracy" for kind in KINDS)}

    found = {"seed": run["seed"], **figures(run["evaluation"])}
    if "best" in run:
        best = figures(run["best"]["evaluation"])
        found |= {"tuning": run["tuning"], **{f"best_{name}": value for name, value in best.items()}}
    return found


def _values(evaluations: Sequence[Mapping[str, Any]], kind: str) -> NDArray[np.float64]:
    """Read one value per seed and task, or per seed where there is one; null becomes NaN."""
    found = [evaluation[kind] for evaluation in evaluations]
    rows = [values if isinstance(values, list) else [values] for values in found]
    return np.array([[math.nan if value is None else value for value in row] for row in rows], dtype=np.float64)


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
