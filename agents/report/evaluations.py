"""`results.json` of an evaluation: what was found of each environment. docs/benchmarks.md has the schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agents.episodes import Fit
from agents.evaluation.grading import OWN
from agents.evaluation.responses import Row, Store, right_KS, split, verdict_of
from agents.evaluation.scores import scores
from agents.evaluation.units import Counted
from agents.options.commands import EvaluateOptions, resolved
from agents.report.statistics import number
from agents.rollouts.evaluation import distribution_means
from agents.rollouts.metrics import Facts, summary
from agents.runs.versions import versions
from rlsd_env import GroupEnv
from verifiers import Status, Verdict

SCHEMA = "rlsd-evaluation-2"


def evaluation_results(environments: Mapping[str, Mapping[str, Any]], options: EvaluateOptions) -> dict[str, Any]:
    """Put the results of all environments together with what was asked and what ran.

    Args:
        environments: `environment_results` by label.
        options: what was asked.

    """
    return {
        "schema": SCHEMA,
        "policy": options.policy,
        "environments": dict(environments),
        "options": resolved(options),
        "versions": versions(),
    }


def environment_results(
    spec: str, env: GroupEnv, own: str, store: Store, samples: int, counted: Counted
) -> dict[str, Any]:
    """Turn the responses to one environment into results with confidence intervals over what is counted.

    Args:
        spec: its id.
        env: the environment.
        own: the mode of its verifier; `agents.evaluation.grading.OWN`: it has none.
        store: the responses, with a judge's verdicts among those of the rows where there was one.
        samples: of each task.
        counted: what is counted.

    """
    tasks = list(split(store.rows, samples))
    graded = list(tasks[0][0].get("verdicts", {}))
    modes = graded if own in graded else [OWN, *graded]
    greedy = [rows[-1] for rows in tasks]
    numbers = [row["task"] for row in greedy]
    metrics = summary([_facts(row) for rows in tasks for row in rows[:-1]]) | distribution_means(store.sums_3)
    found = {mode: scores(*right_KS(tasks, mode), counted.units) for mode in modes}
    own_numbers = {mode: env.benchmark_numbers(numbers, _verdicts(greedy, mode)) for mode in modes}
    return {
        "env": spec,
        "verifier": greedy[0]["verifier"],
        "own": own,
        "tasks": len(tasks),
        "all_tasks": env.task_count,
        "measure": counted.measure,
        "unit": counted.unit,
        "units": counted.count,
        "clusters": counted.clusters,
        "cluster": counted.cluster,
        "benchmark_units": counted.of,
        "whole": counted.whole,
        "scores": {mode: {name: one.record() for name, one in of.items()} for mode, of in found.items()},
        "not_judged": {mode: sum(_not_judged(row, mode) for rows in tasks for row in rows) for mode in modes},
        "metrics": {name: number(value) for name, value in sorted(metrics.items())},
        "benchmark": {
            mode: {name: number(value) for name, value in of.items()} for mode, of in own_numbers.items() if of
        },
    }


def _facts(row: Row) -> Facts:
    names = ("reward", "correct", "tokens", "turns", "truncated", "leaks")
    pictures = Fit(row["pictures"]) if "pictures" in row else None
    return Facts(status=Status(row["status"]), pictures=pictures, **{name: row[name] for name in names})


def _verdicts(rows: Sequence[Row], mode: str) -> list[Verdict]:
    found = [verdict_of(row, mode) or {} for row in rows]
    return [Verdict(float(one["correct"]), one["correct"], one["extracted"], Status(one["status"])) for one in found]


def _not_judged(row: Row, mode: str) -> bool:
    return Status((verdict_of(row, mode) or {})["status"]).failed
