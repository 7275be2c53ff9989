"""What an evaluation shows on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from agents.evaluation.benchmarks import PAPER, benchmark_of
from agents.evaluation.grading import JUDGED, OWN
from agents.evaluation.judging import Asked
from agents.evaluation.published import PERCENT, SOURCE
from agents.report.failures import failures, odd_pictures, partial_reward
from agents.terminal import counted
from verifiers.judge import Usage

HEADS = {OWN: "its verifier", "official": "official", "strict": "strict", JUDGED: "judged"}
"""Columns of verdicts, in order."""


def score_table(title: str, results: Mapping[str, Mapping[str, Any]]) -> Table:
    """Make the table of all environments: what was counted, and each number by each verdict.

    Args:
        title: of the table.
        results: `agents.report.evaluations.environment_results` by label.

    """
    modes = [mode for mode in HEADS if any(mode in one["scores"] for one in results.values())]
    table = Table(title=title, title_justify="left")
    table.add_column("benchmark")
    table.add_column("n")
    table.add_column("responses")
    for mode in modes:
        table.add_column(f"{HEADS[mode]} [95 %]", justify="right")
    for label, one in results.items():
        heads = [_name(label, one), _size(one)]
        for number, responses in enumerate(next(iter(one["scores"].values()))):
            shown = [_cell(one["scores"].get(mode, {}).get(responses)) for mode in modes]
            table.add_row(*(heads if number == 0 else ("", "")), responses, *shown)
        table.add_section()
    return table


def _name(label: str, one: Mapping[str, Any]) -> str:
    name = _called(label, one)
    return name if one["measure"] == "accuracy" else f"{name}, {one['measure']}"


def _called(label: str, one: Mapping[str, Any]) -> str:
    benchmark = benchmark_of(one["env"])
    return label if benchmark is None or label != one["env"] else benchmark.name


def _size(one: Mapping[str, Any]) -> str:
    told = counted(one["units"], one["unit"])
    if one["benchmark_units"] is not None:
        told = f"{one['units']:,} of {counted(one['benchmark_units'], one['unit'])}"
    if one["unit"] == "group":
        told += f" ({counted(one['tasks'], 'problem')})"
    elif one["clusters"] != one["units"]:
        told += f" ({counted(one['clusters'], one['cluster'])})"
    return told


def _cell(interval: Mapping[str, float | None] | None) -> str:
    if interval is None:
        return ""
    mean, low, high = (interval[name] for name in ("mean", "low", "high"))
    if mean is None:
        return "-"
    return f"{mean:.3f}" if low is None or high is None else f"{mean:.3f} [{low:.3f}, {high:.3f}]"


def remarks(results: Mapping[str, Mapping[str, Any]], asked: Mapping[str, Asked], judge: str) -> list[str]:
    """Say what the numbers are not: a part of a benchmark, without what was not judged, with a judge's word."""
    told = []
    for label, one in results.items():
        of, to = one["benchmark_units"], f" to {label}" if len(results) > 1 else ""
        if of is not None and not one["whole"]:
            size = f"{one['units']:,} of {of:,}: not the benchmark's number"
            if one["units"] > of:
                size += ", the data have more than its split"
            elif one["tasks"] < one["all_tasks"]:
                size += "; for it, --fold all --limit 0"
            else:
                size += f", these are all that the data have; the split has {of:,}"
            told.append(f"{_called(label, one)}: {size}")
        if warning := failures(f"the sampled responses{to}", one["metrics"], one["metrics"].get("accuracy")):
            told.append(warning)
        if pictures := odd_pictures(f"the sampled responses{to}", one["metrics"]):
            told.append(pictures)
        if label in asked:
            part = asked[label]
            rules = "strict rules" if part.after == "strict" else "its verifier"
            answers = f"{counted(part.count, 'answer')} that {rules} could not read"
            name = _called(label, one)
            told.append(
                f"{name}: judged is {rules}, and {judge} on {answers}: {part.right:,} right"
                + (f", no verdict on {part.failed:,}, which are left out" if part.failed else "")
            )
            told += [f"{name}: {line}" for line in _agreements(part, judge)]
            told += (
                [f"{name}: {judge} took {_spent(part.usage, one['judge']['cost'])}"] if part.usage != Usage() else []
            )
    return told


def _agreements(part: Asked, judge: str) -> Iterator[str]:
    for mode, one in part.agreement.items():
        if one.count:
            rules = "its verifier" if mode == OWN else f"{mode} rules"
            of = counted(one.count, "answer") + (f", {part.audited:,} of them audited" if part.audited else "")
            apart = f"right by the rules alone {one.rules:,}, by {judge} alone {one.judge:,}"
            yield f"{judge} and {rules} agree on {one.both + one.neither:,} of {of}; {apart}"


def _spent(usage: Usage, cost: float | None) -> str:
    told = counted(usage.requests, "request")
    if usage.untold:
        told += f", tokens not told by {usage.untold:,}"
    else:
        told += f", {usage.prompt_tokens:,} tokens read and {usage.completion_tokens:,} written"
    if usage.remembered:
        told += f", {counted(usage.remembered, 'verdict')} of them remembered"
    return told + ("" if cost is None else f": {cost:,.4g} by judge_prices")


def published_table(results: Mapping[str, Mapping[str, Any]], *, always: bool) -> Table | None:
    """Make the table of what the paper has published of the same benchmarks, marked as the paper's.

    Args:
        results: see `score_table`.
        always: also where no benchmark is whole.

    """
    shown = [one["env"] for one in results.values() if one["env"] in PAPER and (always or one["whole"])]
    shown = list(dict.fromkeys(shown))
    if not shown:
        return None
    table = Table(title=f"The paper's numbers, none of ours: {SOURCE}", title_justify="left")
    table.add_column("method")
    for env in shown:
        benchmark = benchmark_of(env)
        table.add_column(env if benchmark is None else benchmark.name, justify="right")
    if len(shown) == len(PAPER):
        table.add_column("mean", justify="right")
    for method, percents in PERCENT.items():
        values = [percents[env] / 100 for env in shown]
        mean = [f"{sum(values) / len(values):.4f}"] if len(shown) == len(PAPER) else []
        table.add_row(method, *(f"{value:.4f}" for value in values), *mean)
    return table


def details(console: Console, one: Mapping[str, Any]) -> None:
    """Print metrics of the samples and a benchmark's own numbers of the greedy responses, of one environment."""
    table = Table(title="Of the samples", title_justify="left")
    _columns(table, ["measure", "value"])
    for name, value in one["metrics"].items():
        if name != "accuracy" and not (name == "reward" and partial_reward(one["metrics"]) is None):
            table.add_row(name.replace("_", " "), f"{value:.3f}")
    console.print(table)
    if not one["benchmark"]:
        return
    table = Table(title="The benchmark's own numbers, greedy", title_justify="left")
    modes = [mode for mode in HEADS if mode in one["benchmark"]]
    _columns(table, ["measure", *(HEADS[mode] for mode in modes)])
    for name in one["benchmark"][modes[0]]:
        counts = name in ("count", "failed", "groups") or name.endswith("_count")
        values = [one["benchmark"][mode][name] for mode in modes]
        table.add_row(name, *("-" if value is None else f"{value:.{0 if counts else 3}f}" for value in values))
    console.print(table)


def _columns(table: Table, names: Sequence[str]) -> None:
    for number, name in enumerate(names):
        table.add_column(name, justify="right" if number else "left")
