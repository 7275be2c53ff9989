"""`results.json`: what a comparison found. The schema is documented in docs/results.md."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.options.commands import CompareOptions, resolved
from agents.report.comparison import Difference, compared
from agents.report.equal import budgets
from agents.report.statistics import (
    CrossedBootstrap,
    Values,
    accuracy_interval,
    crossed_interval,
    difference_interval,
    number,
    pass_at_k,
)
from agents.runs.records import accuracies
from agents.runs.versions import versions

if TYPE_CHECKING:
    from agents.entrants import Entrant

SCHEMA = "rlsd-results-2"
KINDS = ("sampled", "greedy")
CURVE = ("final", "peak", "area")
"""Numbers of a tuning curve that are averaged over seeds."""
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Records:
    """What results are made from.

    Attributes:
        agents: records of the runs that have ended, by agent and seed.
        untrained: records of the untrained model by seed.
        options: as config.toml has them; `eval_samples`, `eval_fold` and the sizes of a batch are read.
        own: by agent the options that it has for itself.
        swept: by agent the values that a sweep gave it.
        missing: agents and seeds whose runs have not ended.

    """

    agents: Mapping[str, Mapping[int, Record]]
    untrained: Mapping[int, Record]
    options: Mapping[str, Any]
    own: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    swept: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    missing: Sequence[tuple[str, int]] = ()


def summarise(records: Iterable[Record], options: CompareOptions, entrants: Sequence[Entrant]) -> dict[str, Any]:
    """Turn the records of a comparison's runs into results with confidence intervals over seeds and tasks.

    Runs that are not there are named under `missing`; agents are then compared on the seeds that they have in common.
    """
    from agents.entrants import own_options

    agents: dict[str, dict[int, Record]] = {entrant.name: {} for entrant in entrants}
    untrained: dict[int, Record] = {}
    for record in records:
        (untrained if record["agent"] == "untrained" else agents[record["agent"]])[record["seed"]] = record
    found = Records(
        agents={name: {seed: runs[seed] for seed in options.seeds if seed in runs} for name, runs in agents.items()},
        untrained={seed: untrained[seed] for seed in options.seeds if seed in untrained},
        options=resolved(options),
        own=own_options(options, entrants),
        swept={entrant.name: dict(entrant.swept) for entrant in entrants},
        missing=[(name, seed) for name, runs in agents.items() for seed in options.seeds if seed not in runs],
    )
    return results_of(found)


def results_of(found: Records) -> dict[str, Any]:
    """Return what results.json holds."""
    agents = {name: runs for name, runs in found.agents.items() if runs}
    samples = found.options.get("eval_samples", 1)
    untrained = {seed: record["evaluation"] for seed, record in found.untrained.items()}
    options = found.options
    rollouts = options.get("steps", 0) * options.get("prompts_per_step", 0) * options.get("group_size", 0)
    seeds = list(dict.fromkeys([*untrained, *(seed for runs in agents.values() for seed in runs)]))
    return {
        "schema": SCHEMA,
        "untrained": _untrained(untrained, samples) if untrained else None,
        "agents": {
            name: {"options": dict(found.own.get(name, {})), "swept": dict(found.swept.get(name, {}))}
            | _agent(runs, untrained, samples)
            for name, runs in agents.items()
        },
        "comparisons": [_comparison(one, kind) for kind in KINDS for one in compared(_by_agent(agents, kind))],
        "budgets": budgets(agents, found.own, options),
        "missing": [list(one) for one in found.missing],
        "seeds": sorted(seeds),
        "eval_fold": options.get("eval_fold", "heldout"),
        "heldout_tasks": _tasks(agents, untrained),
        "rollouts_per_agent_and_seed": rollouts,
        "options": dict(options),
        "versions": versions(),
        "timing": {
            "seconds_by_agent": {
                name: {part: _mean(run["seconds"][part] for run in runs.values()) for part in ("rollout", "update")}
                for name, runs in agents.items()
            }
        },
    }


def _tasks(agents: Mapping[str, Mapping[int, Record]], untrained: Mapping[int, Record]) -> int:
    evaluations = [*untrained.values(), *(run["evaluation"] for runs in agents.values() for run in runs.values())]
    return len(evaluations[0]["sampled"]) if evaluations else 0


def _by_agent(agents: Mapping[str, Mapping[int, Record]], kind: str) -> dict[str, dict[int, Values]]:
    """Return by agent and seed the accuracy of each task, of language models: a baseline is no fair match for them."""
    return {
        name: {seed: _values([run["evaluation"]], kind)[0] for seed, run in runs.items()}
        for name, runs in agents.items()
        if not any("environment_steps" in run for run in runs.values())
    }


def _comparison(one: Difference, kind: str) -> dict[str, Any]:
    corrected = one.corrected.record(-1.0, 1.0)
    return {
        "a": one.a,
        "b": one.b,
        "kind": kind,
        "difference": one.interval.record(-1.0, 1.0),
        "corrected": {"low": corrected["low"], "high": corrected["high"]},
        "probability_of_improvement": one.improvement.record(0.0, 1.0),
        "verdict": one.verdict,
        "p": number(one.p),
        "level": one.level,
        "seeds": one.seeds,
        "tasks": one.tasks,
        "seeds_to_decide": one.seeds_to_decide,
        "power": one.power,
    }


def _untrained(evaluations: Mapping[int, Record], samples: int) -> dict[str, Any]:
    listed = list(evaluations.values())
    found = {f"{kind}_accuracy": accuracy_interval(_values(listed, kind)).record(0.0, 1.0) for kind in KINDS}
    return {**found, **_more(listed, samples), "metrics": _means([one["metrics"] for one in listed])}


def _agent(runs: Mapping[int, Record], untrained: Mapping[int, Record], samples: int) -> dict[str, Any]:
    """Summarise an agent; a baseline has a network of its own, and gains over that one."""
    listed = list(runs.values())
    before = {seed: run["untrained"] for seed, run in runs.items() if "untrained" in run} or untrained
    shared = ("algorithm", "hyperparameters", "environment", "environment_steps")
    summary: dict[str, Any] = {key: listed[0][key] for key in shared if key in listed[0]}
    summary |= _accuracies({seed: run["evaluation"] for seed, run in runs.items()}, before)
    summary |= _more([run["evaluation"] for run in listed], samples)
    if all("best" in run for run in listed):
        best = _accuracies({seed: run["best"]["evaluation"] for seed, run in runs.items()}, before)
        summary |= {f"best_{name}": interval for name, interval in best.items()}
        curves = {part: _values([run["tuning"] for run in listed], part) for part in CURVE}
        summary["tuning"] = {part: crossed_interval(values_S1).record(0.0, 1.0) for part, values_S1 in curves.items()}
    summary["heldout_metrics"] = _means([run["evaluation"]["metrics"] for run in listed])
    summary["training_metrics"] = _means([run["training"] for run in listed])
    summary["runs"] = [_run(run) for run in listed]
    return summary


def _accuracies(
    evaluations: Mapping[int, Record], untrained: Mapping[int, Record]
) -> dict[str, dict[str, float | None]]:
    """Summarise accuracies, and gains over the untrained model on the seeds that it was evaluated with too."""
    found = {}
    shared = [seed for seed in evaluations if seed in untrained]
    for kind in KINDS:
        values_ST = _values(list(evaluations.values()), kind)
        found[f"{kind}_accuracy"] = accuracy_interval(values_ST).record(0.0, 1.0)
        if shared:
            after, before = (_values([of[seed] for seed in shared], kind) for of in (evaluations, untrained))
            found[f"{kind}_gain"] = difference_interval(after - before).record(-1.0, 1.0)
        else:
            found[f"{kind}_gain"] = {"mean": None, "low": None, "high": None}
    return found


def _more(evaluations: Sequence[Record], samples: int) -> dict[str, Any]:
    """Return other summaries of sampled accuracies: interquartile mean, avg@k, pass@k, bootstrapped intervals."""
    found: dict[str, Any] = {}
    for kind in KINDS:
        values_ST = _values(evaluations, kind)
        values_ST = values_ST[:, ~np.isnan(values_ST).any(axis=0)]
        if not values_ST.size:
            continue
        bootstrap = CrossedBootstrap(*values_ST.shape)
        drawn = bootstrap.mean(values_ST).record(0.0, 1.0)
        found.setdefault("bootstrap", {})[f"{kind}_accuracy"] = {"low": drawn["low"], "high": drawn["high"]}
        if kind == "sampled":
            found["sampled_iqm"] = bootstrap.interquartile_mean(values_ST).record(0.0, 1.0)
            found["avg_at_k"] = {"k": samples, **accuracy_interval(values_ST).record(0.0, 1.0)}
            ks = [2**power for power in range(samples.bit_length()) if 2**power <= samples]
            found["pass_at_k"] = {
                str(k): accuracy_interval(pass_at_k(values_ST, samples, k)).record(0.0, 1.0) for k in ks
            }
    return found


def _run(run: Record) -> dict[str, Any]:
    """Summarise one run."""

    def figures(evaluation: Record) -> dict[str, float | None]:
        found = accuracies({"evaluation": evaluation})
        return {name: found.get(name) for name in (f"{kind}_accuracy" for kind in KINDS)}

    found = {"seed": run["seed"], **figures(run["evaluation"])}
    if "best" in run:
        best = figures(run["best"]["evaluation"])
        found |= {"tuning": run["tuning"], **{f"best_{name}": value for name, value in best.items()}}
    return found


def _values(evaluations: Sequence[Record], kind: str) -> Values:
    """Read one value per seed and task, or per seed where there is one; null becomes NaN."""
    found = [evaluation[kind] for evaluation in evaluations]
    rows = [values if isinstance(values, list) else [values] for values in found]
    return np.array([[math.nan if value is None else value for value in row] for row in rows], dtype=np.float64)


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _means(tables: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Average each metric over the runs that have it."""
    names = sorted({name for table in tables for name in table})
    return {name: _mean(table[name] for table in tables if name in table) for name in names}
