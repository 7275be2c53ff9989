"""The tables of a report, each made from results and runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from agents.evaluation.benchmarks import BENCHMARKS, PAPER
from agents.evaluation.published import PERCENT
from agents.report.answers import Leak, decimal, duration, written
from agents.report.cost import Cost
from agents.report.folders import Found
from agents.report.tables import Cell, Table, interval_bar, row, stacked_bar, without_empty

SHADES = {"rollout": "#4c78d0", "update": "#e07b39", "evaluation": "#7c8796"}
MANY = 21
"""Pairs from which on only those are shown that have GRPO or a difference in them."""

Results = Mapping[str, Any]


def _metric(metrics: Mapping[str, float], name: str, digits: int) -> str:
    return f"{metrics[name]:,.{digits}f}" if name in metrics else "-"


def accuracy(results: Results, colours: Mapping[str, str]) -> Table:
    """Accuracies with intervals, the untrained model's first."""
    columns = ("agent", "sampled accuracy", "gain over untrained", "greedy accuracy", "cite, of 1,000", "seeds")
    rows = []
    for name, found, metrics in _with_untrained(results):
        sampled = found.get("sampled_accuracy") or {"mean": None, "low": None, "high": None}
        bar = interval_bar(sampled["mean"], sampled["low"], sampled["high"], 0, 1, colours.get(name, "#7c8796"))
        rows.append(
            row(
                name,
                Cell(written(sampled), bar=bar),
                written(found.get("sampled_gain"), signed=True),
                written(found.get("greedy_accuracy")),
                _metric(metrics, "leakage_per_1000", 1),
                str(len(found["runs"])) if "runs" in found else "",
                quiet=name == "untrained",
            )
        )
    return without_empty(Table(columns, tuple(rows)))


def more_accuracy(results: Results) -> Table:
    """Further summaries of the same responses, and what they are like."""
    tries = sorted({k for agent in results["agents"].values() for k in agent.get("pass_at_k", {}) if k != "1"}, key=int)
    columns = [
        "agent",
        "interquartile mean",
        *(f"pass@{k}" for k in tries),
        "best weights, sampled",
        "length",
        "entropy",
    ]
    rows = [
        row(
            name,
            written(found.get("sampled_iqm")),
            *(written(found.get("pass_at_k", {}).get(k)) for k in tries),
            written(found.get("best_sampled_accuracy")),
            _metric(metrics, "response_length", 1),
            _metric(metrics, "entropy", 3),
            quiet=name == "untrained",
        )
        for name, found, metrics in _with_untrained(results)
    ]
    caption = "The same sampled responses: the middle half of all accuracies, the chance that one of k samples is right"
    return without_empty(Table(tuple(columns), tuple(rows), caption))


def _with_untrained(results: Results) -> list[tuple[str, Mapping[str, Any], Mapping[str, float]]]:
    """Return names, numbers and metrics of the agents, behind those of the untrained model where they are known."""
    before = results["untrained"]
    first = [("untrained", before, before["metrics"])] if before else []
    return first + [(name, agent, agent["heldout_metrics"]) for name, agent in results["agents"].items()]


def differences(results: Results, kind: str = "sampled") -> list[Table]:
    """Differences between agents: those from GRPO first, then the others."""
    pairs = [one for one in results.get("comparisons", ()) if one["kind"] == kind]
    if not pairs:
        return []
    base = [one for one in pairs if one["b"] == "grpo"]
    others = [one for one in pairs if one["b"] != "grpo"]
    shown = others if len(pairs) < MANY else [one for one in others if not one["verdict"].startswith("no difference")]
    most = max(abs(bound) for one in pairs for bound in _bounds(one)) or 1.0
    tables = []
    if base:
        tables.append(_differences(base, most, f"{kind.capitalize()} accuracy less GRPO's"))
    if shown:
        left_out = len(others) - len(shown)
        caption = f"{kind.capitalize()} accuracy, other pairs"
        if left_out:
            caption += f"; {left_out} in which no difference is shown are left out"
        tables.append(_differences(shown, most, caption))
    return tables


def _bounds(one: Mapping[str, Any]) -> list[float]:
    return [value for value in (one["difference"]["mean"], *one["corrected"].values()) if value is not None]


def _differences(pairs: Sequence[Mapping[str, Any]], most: float, caption: str) -> Table:
    columns = ("pair", "difference [95 %, corrected]", "verdict", "probability of improvement", "what would decide it")
    rows = []
    for one in pairs:
        told = {**one["difference"], **one["corrected"]}
        mean = one["difference"]["mean"]
        colour = "#7c8796" if one["verdict"].startswith("no difference") else "#4c78d0"
        rows.append(
            row(
                f"{one['a']} less {one['b']}",
                Cell(
                    written(told, signed=True), bar=interval_bar(mean, told["low"], told["high"], -most, most, colour)
                ),
                one["verdict"],
                written(one.get("probability_of_improvement")),
                one.get("power", ""),
            )
        )
    return without_empty(Table(columns, tuple(rows), caption, texts=frozenset({4})))


def published(results: Results) -> Table | None:
    """The paper's table, and the same agents' numbers here, where the tasks are those of one of its benchmarks."""
    env = str(results["options"].get("env", "")).rpartition(":")[2]
    if env not in PAPER:
        return None
    benchmark = BENCHMARKS[env]
    rows = [
        row(
            method,
            f"{percent[env]:.2f} (one sigma {sigma(percent[env], benchmark.denominator):.1f})",
            written(_of(results, method.lower(), "greedy")),
            written(_of(results, method.lower(), "sampled")),
        )
        for method, percent in PERCENT.items()
    ]
    columns = ("method", f"the paper: {benchmark.name}, per cent", "here, greedy accuracy", "here, sampled accuracy")
    return Table(columns, tuple(rows))


def sigma(percent: float, count: int) -> float:
    """Return one standard deviation of a share of independent questions, in per cent.

    >>> round(sigma(65.11, 900), 2)
    1.59
    """
    share = percent / 100
    return 100 * (share * (1 - share) / count) ** 0.5


def _of(results: Results, agent: str, kind: str) -> Mapping[str, float | None] | None:
    """Return an agent's accuracy; the base model is the untrained one."""
    table = results["untrained"] if agent == "base" else results["agents"].get(agent)
    return table.get(f"{kind}_accuracy") if table else None


def leakage(found: Sequence[Leak], kept: Mapping[str, tuple[int, int]], colours: Mapping[str, str]) -> Table | None:
    """How often agents speak of privileged text, on the evaluation's tasks and in what was kept of training."""
    if not found:
        return None
    most = max(10.0, *(leak.high for leak in found))
    rows = []
    for leak in found:
        leaks, samples = kept.get(leak.agent, (0, 0))
        bar = interval_bar(leak.rate, leak.low, leak.high, 0, most, colours.get(leak.agent, "#7c8796"))
        rows.append(
            row(
                leak.agent,
                Cell(f"{leak.rate:.1f} [{leak.low:.1f}, {leak.high:.1f}]", bar=bar),
                f"{leak.responses:,}",
                Cell("more than untrained", "lower") if leak.more else "",
                f"{leaks} of {samples}" if samples else "-",
                quiet=leak.agent == "untrained",
            )
        )
    columns = ("agent", "of 1,000 responses [95 %]", "responses", "", "kept training samples")
    caption = (
        "Responses to the evaluation's tasks that speak of privileged text; Wilson's intervals, as of independent ones"
    )
    return without_empty(Table(columns, tuple(rows), caption))


def cost(found: Sequence[Cost]) -> Table | None:
    """What runs took, and of what."""
    if not found:
        return None
    longest = max(one.total for one in found)
    base = next((one.step_seconds for one in found if one.agent == "grpo"), math.nan)
    rows = []
    for one in found:
        bar = stacked_bar([(value, SHADES[part]) for part, value in one.seconds.items()], longest)
        ratio = one.step_seconds / base if base else math.nan
        rows.append(
            row(
                one.agent,
                Cell(duration(one.total), bar=bar),
                f"{one.step_seconds:.3g} s",
                "-" if math.isnan(ratio) else f"{ratio:.2f}",
                f"{one.tokens:,.0f}",
                f"{one.tokens / one.seconds['rollout']:,.0f}" if one.seconds.get("rollout") else "-",
                f"{one.teacher_tokens:,.0f}" if one.teacher_tokens else "-",
                f"{one.guided_tokens:,.0f}" if one.guided_tokens else "-",
                str(one.runs),
            )
        )
    columns = ["agent", "a run", "a step", "in GRPO's steps", "tokens sampled", "tokens/s sampling"]
    columns += ["tokens that teachers scored", "tokens with help", "runs"]
    return without_empty(Table(tuple(columns), tuple(rows)))


def setup(found: Found, results: Results) -> Table:
    """On what, from what and with what the runs were made."""
    options = results["options"]
    versions = results["versions"]
    kwargs = ", ".join(f"{name} = {value}" for name, value in options.get("env_kwargs", {}).items())
    rows = [
        ("environment", f"{options.get('env', '-')}{f' ({kwargs})' if kwargs else ''}"),
        ("base model", str(options.get("policy", "-"))),
        ("agents", ", ".join(found.agents) or "-"),
        ("seeds", ", ".join(map(str, sorted({run.seed for run in found.runs}))) or "-"),
        ("rollouts", _rollouts(options)),
        ("evaluation", _evaluation(options)),
        ("learning rate", _rates(found, options)),
        ("versions", ", ".join(f"{name} {value}" for name, value in versions.items()) or "not recorded"),
        ("folders", ", ".join(str(folder) for folder in found.folders)),
    ]
    return Table(("", ""), tuple(row(*one) for one in rows), texts=frozenset({1}))


def _rollouts(options: Mapping[str, Any]) -> str:
    steps, prompts, size = (options.get(name, "?") for name in ("steps", "prompts_per_step", "group_size"))
    return f"{steps} steps of {prompts} tasks x {size} attempts, {options.get('max_tokens', '?')} tokens at most"


def _evaluation(options: Mapping[str, Any]) -> str:
    tasks, samples = options.get("eval_tasks", "?"), options.get("eval_samples", "?")
    return f"{tasks} tasks of fold {options.get('eval_fold', '?')}, {samples} sampled responses and a greedy one"


def _rates(found: Found, options: Mapping[str, Any]) -> str:
    rates = {agent: {run.options["lr"] for run in found.of(agent) if "lr" in run.options} for agent in found.agents}
    told = {agent: " or ".join(f"{lr:g}" for lr in sorted(lrs)) for agent, lrs in rates.items()}
    if len(set(told.values())) <= 1:
        return next(iter(told.values()), f"{options.get('lr', '-')}") or "-"
    return ", ".join(f"{agent} {lr or '-'}" for agent, lr in told.items())


def steps_to(results: Results) -> Table | None:
    """Training steps until tuning accuracies were reached."""
    agents = {name: agent["steps_to"] for name, agent in results["agents"].items() if agent.get("steps_to")}
    if not agents:
        return None
    levels = sorted({level for found in agents.values() for level in found}, key=float)
    rows = []
    for name, found in agents.items():
        cells = []
        for level in levels:
            told = found.get(level)
            if told is None or told["mean"] is None:
                cells.append("not reached")
            else:
                cells.append(
                    f"{told['mean']:.0f}"
                    + (f" ({told['reached']} of {told['of']})" if told["reached"] < told["of"] else "")
                )
        rows.append(row(name, *cells))
    columns = ("agent", *(f"to {decimal(float(level))}" for level in levels))
    return Table(
        columns,
        tuple(rows),
        "Training steps until the sampled accuracy on tuning tasks first reaches a level, mean over seeds",
    )
