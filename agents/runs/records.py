"""What a run's result.json holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from agents.rollouts.evaluation import Evaluation


def training_record(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of each metric over the steps that have it, and totals of counts."""
    record = {}
    for name in sorted({name for row in rows for name in row} - {"step", "environment_steps"}):
        values = [row[name] for row in rows if name in row]
        record[name] = sum(values) if name.startswith("teacher_tokens") else sum(values) / len(values)
    return record


def evaluation_record(evaluation: Evaluation) -> dict[str, Any]:
    """Write an evaluation as JSON values; a task whose verifier failed is null."""
    return {
        "sampled": [None if np.isnan(x) else float(x) for x in evaluation.sampled_K],
        "greedy": [None if np.isnan(x) else float(x) for x in evaluation.greedy_K],
        "metrics": dict(sorted(evaluation.metrics.items())),
    }


def accuracies(outcome: Mapping[str, Any]) -> dict[str, float]:
    """Return the accuracies of what a training has come to, under the names of results.json.

    >>> accuracies({"evaluation": {"sampled": [0.25, 0.5, None], "greedy": [1.0, 0.0, None]}})
    {'sampled_accuracy': 0.375, 'greedy_accuracy': 0.5}

    Args:
        outcome: has `evaluation`, and `best` where the best weights were evaluated too.

    """
    evaluations = {"": outcome["evaluation"]} | ({"best_": outcome["best"]["evaluation"]} if "best" in outcome else {})
    found = {}
    for weights, evaluation in evaluations.items():
        for kind in ("sampled", "greedy"):
            values = [value for value in evaluation[kind] if value is not None]
            if values:
                found[f"{weights}{kind}_accuracy"] = sum(values) / len(values)
    return found
