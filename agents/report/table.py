"""The comparison as tables on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table


def _interval(value: Mapping[str, float | None], signed: bool = False) -> str:
    sign = "+" if signed else ""
    if value["mean"] is None:
        return "-"
    if value["low"] is None:
        return f"{value['mean']:{sign}.3f}"
    return f"{value['mean']:{sign}.3f} [{value['low']:{sign}.3f}, {value['high']:{sign}.3f}]"


def _number(table: Mapping[str, float], name: str, digits: int = 3) -> str:
    return f"{table[name]:.{digits}f}" if name in table else "-"


def print_table(results: Mapping[str, Any], console: Console | None = None) -> None:
    """Print accuracies with intervals, then what training was like."""
    console = console or Console(width=None if Console().is_terminal else 140)
    seeds, tasks = len(results["seeds"]), results["heldout_tasks"]
    accuracy = Table(
        title=f"Accuracy on {tasks} held-out tasks, {seeds} seeds, 95 % intervals over seeds and tasks",
        title_justify="left",
    )
    for column in ("agent", "sampled", "gain over untrained", "greedy", "gain over untrained"):
        accuracy.add_column(column, justify="left" if column == "agent" else "right", no_wrap=True)
    base = results["untrained"]
    if base is not None:
        accuracy.add_row("untrained", _interval(base["sampled_accuracy"]), "", _interval(base["greedy_accuracy"]), "")
    for name, agent in results["agents"].items():
        mark = " *" if "environment_steps" in agent else ""
        accuracy.add_row(
            name,
            _interval(agent["sampled_accuracy"]),
            _interval(agent["sampled_gain"], signed=True) + mark,
            _interval(agent["greedy_accuracy"]),
            _interval(agent["greedy_gain"], signed=True) + mark,
        )
    console.print(accuracy)
    for name, agent in results["agents"].items():
        if "environment_steps" in agent:
            console.print(
                f"* {name} took {agent['environment_steps']:,} environment steps of {agent['environment']}, no "
                "rollouts of the model; its gains are over its own network before training.",
                highlight=False,
            )

    behaviour = Table(title="Behaviour: on held-out tasks, and means over training", title_justify="left")
    columns = (
        "agent", "entropy", "length", "KL to informed self", "leaks per 1000", "clipped w %", "clipped ratio %",
        "teacher tokens", "seconds per run",
    )  # fmt: skip
    for column in columns:
        behaviour.add_column(column, justify="left" if column == "agent" else "right")
    rows: dict[str, tuple[Mapping[str, float], Mapping[str, float], float | None]] = {}
    if base is not None:
        rows["untrained"] = (base["metrics"], {}, None)
    for name, agent in results["agents"].items():
        seconds = results["timing"]["seconds_by_agent"][name]
        rows[name] = (agent["heldout_metrics"], agent["training_metrics"], sum(seconds.values()))
    for name, (heldout, training, seconds) in rows.items():
        behaviour.add_row(
            name,
            _number(heldout, "entropy"),
            _number(heldout, "response_length", 1),
            _number(heldout, "kl_to_informed_self"),
            _number(heldout, "leakage_per_1000", 1),
            _percent(training, "weight_clip_low", "weight_clip_high"),
            _percent(training, "clip_low", "clip_high"),
            _number(training, "teacher_tokens_scored", 0),
            "-" if seconds is None else f"{seconds:.0f}",
        )
    console.print(behaviour)


def _percent(table: Mapping[str, float], *names: str) -> str:
    found = [table[name] for name in names if name in table]
    return f"{100 * sum(found):.1f}" if found else "-"
