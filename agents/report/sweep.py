"""A sweep as one table on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from agents.report.table import ABSENT, basis, differing, interval
from agents.terminal import terminal


def print_sweep(results: Mapping[str, Any], console: Console | None = None) -> None:
    """Print each variant with its values, its sampled accuracy and its gain; the highest mean is marked as that."""
    console = console or terminal(width=140)
    agents: Mapping[str, Mapping[str, Any]] = results["agents"]
    swept = list(dict.fromkeys(option for agent in agents.values() for option in agent["swept"]))
    options = [*swept, *(option for option in differing(agents) if option not in swept)]
    best = any("tuning" in agent for agent in agents.values())
    table = Table(title=f"Sweep, on {basis(results)}", title_justify="left")
    table.add_column("agent")
    for column in (*options, "sampled accuracy", "gain over untrained", *(["best weights, sampled"] if best else [])):
        table.add_column(column, justify="right")
    table.add_column("")
    if results["untrained"] is not None:
        table.add_row("untrained", *["" for _ in options], interval(results["untrained"]["sampled_accuracy"]))
        table.add_section()
    means = {name: agent["sampled_accuracy"]["mean"] for name, agent in agents.items()}
    known = [mean for mean in means.values() if mean is not None]
    highest = max(known, default=None)
    word = "highest" if known.count(max(known, default=0.0)) == 1 else "highest, tied"
    for name, agent in agents.items():
        values = {**agent["hyperparameters"], **agent["options"]}
        cells = [interval(agent["sampled_accuracy"]), interval(agent["sampled_gain"], signed=True)]
        if best:
            cells.append(interval(agent["best_sampled_accuracy"]))
        mark = word if highest is not None and means[name] == highest > min(known) else ""
        row = (name.partition("@")[0], *(str(values.get(option, ABSENT)) for option in options), *cells, mark)
        table.add_row(*row)
    console.print(table)
    remark = "The highest of several means is flattered by chance, and overlapping intervals tell nothing apart."
    if results["eval_fold"] == "heldout":
        remark += "\nTo choose a value, sweep with --eval-fold tuning, then compare on held-out tasks."
    console.print(remark, highlight=False)
