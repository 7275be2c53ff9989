"""What came of a comparison of the laboratory: curves over steps and landmarks with intervals over seeds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.report.statistics import crossed_interval
from benchmarks.lab.curves import landmarks, read_metrics, smoothed

CURVES = (
    "accuracy",
    "leakage_per_1000",
    "response_length",
    "entropy",
    "kl_student_teacher",
    "weight_clip_low",
    "weight_clip_high",
)
LANDMARKS = ("peak", "last", "fall", "area", "early")
POISON = ("poison_follow_share", "poison_base_share", "canary_logp")


def interval(values: Sequence[float]) -> dict[str, float | None]:
    """Return the mean over seeds with its 95 % interval; no bounds of a single one.

    >>> interval([0.5])
    {'mean': 0.5, 'low': None, 'high': None}
    """
    found = crossed_interval(np.array([[value] for value in values]))
    numbers = {"mean": found.mean, "low": found.low, "high": found.high}
    return {name: None if np.isnan(value) else float(value) for name, value in numbers.items()}


def paired(a: Mapping[int, float], b: Mapping[int, float]) -> dict[str, float | None]:
    """Return the mean of a - b over the seeds that both have, with its interval."""
    return interval([a[seed] - b[seed] for seed in a if seed in b])


def of_run(run: Path) -> dict[str, Any]:
    """Return a run's curves, smoothed, their last values, the landmarks of its accuracy, and its end.

    Accuracy is that of each step's rollouts, on fresh tasks of the fold train, before the step's update; "final" that
    on the held-out tasks after the last.
    """
    metrics = read_metrics(run, (*CURVES, *POISON))
    result = json.loads((run / "result.json").read_text("utf-8"))
    evaluation = result["evaluation"]
    return {
        "seed": result["seed"],
        "final": float(np.nanmean(np.array(evaluation["sampled"], dtype=float))),
        "greedy": float(np.nanmean(np.array(evaluation["greedy"], dtype=float))),
        "final_leaks": evaluation["metrics"]["leakage_per_1000"],
        "accuracy": landmarks(metrics["accuracy"]),
        "curves": {name: _numbers(smoothed(metrics[name])) for name in CURVES if not np.isnan(metrics[name]).all()},
        "means": {name: float(np.nanmean(metrics[name])) for name in POISON if not np.isnan(metrics[name]).all()},
    }


def _numbers(values_T: NDArray[np.float64]) -> list[float | None]:
    return [None if np.isnan(value) else round(float(value), 6) for value in values_T]


def of_comparison(folder: Path) -> dict[str, Any]:
    """Return what came of every method of a comparison, by name, and of the untrained model."""
    agents: dict[str, Any] = {}
    for method in sorted((folder / "runs").iterdir()):
        runs = [of_run(run) for run in sorted(method.iterdir()) if (run / "result.json").exists()]
        if not runs:
            continue
        finals = {run["seed"]: run["final"] for run in runs}
        agents[method.name] = {
            "final": interval(list(finals.values())),
            "greedy": interval([run["greedy"] for run in runs]),
            "leaks": interval([run["final_leaks"] for run in runs]),
            **{part: interval([run["accuracy"][part] for run in runs]) for part in LANDMARKS},
            "ends": {
                name: interval([run["curves"][name][-1] for run in runs if run["curves"][name][-1] is not None])
                for name in CURVES
                if all(name in run["curves"] for run in runs)
                and any(run["curves"][name][-1] is not None for run in runs)
            },
            "means": {
                name: interval([run["means"][name] for run in runs])
                for name in POISON
                if all(name in run["means"] for run in runs)
            },
            "runs": runs,
        }
    base = agents.get("grpo")
    for name, one in agents.items():
        if base is not None and name != "grpo":
            mine, theirs = ({run["seed"]: run["final"] for run in of["runs"]} for of in (one, base))
            one["final_over_grpo"] = paired(mine, theirs)
    results = json.loads((folder / "results.json").read_text("utf-8"))
    return {"untrained": results["untrained"], "agents": agents, "options": results["options"]}
