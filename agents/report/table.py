"""The comparison as tables on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from agents.report.equal import of_time
from agents.report.failures import failures, odd_pictures, other_sampler, partial_reward
from agents.runs.progress import failed_share
from agents.terminal import counted, terminal

ABSENT = "-"


def interval(value: Mapping[str, float | None] | None, signed: bool = False, digits: int = 3) -> str:
    """Write a mean with its interval, where there is one.

    >>> interval({"mean": 0.5, "low": 0.25, "high": 0.75}, digits=2)
    '0.50 [0.25, 0.75]'
    """
    if value is None or value["mean"] is None:
        return ABSENT
    form = f"{'+' if signed else ''}.{digits}f"
    if value["low"] is None:
        return f"{value['mean']:{form}}"
    return f"{value['mean']:{form}} [{value['low']:{form}}, {value['high']:{form}}]"


def _number(table: Mapping[str, float], name: str, digits: int = 3) -> str:
    return f"{table[name]:.{digits}f}" if name in table else ABSENT


def _percent(table: Mapping[str, float], *names: str) -> str:
    found = [table[name] for name in names if name in table]
    return f"{100 * sum(found):.1f}" if found else ABSENT


def _reward(heldout: Mapping[str, float]) -> str:
    """Write the mean reward where it is not the accuracy, as where answers may be partly right."""
    return ABSENT if (reward := partial_reward(heldout)) is None else f"{reward:.3f}"


Column = Callable[[Mapping[str, float], Mapping[str, float]], str]
"""From an agent's metrics on held-out tasks and over training to what its cell says."""
COLUMNS: dict[str, Column] = {
    "reward": lambda heldout, training: _reward(heldout),
    "not judged %": lambda heldout, training: f"{100 * failed_share(heldout):.1f}" if failed_share(heldout) else ABSENT,
    "entropy": lambda heldout, training: _number(heldout, "entropy"),
    "length": lambda heldout, training: _number(heldout, "response_length", 1),
    "KL to informed self": lambda heldout, training: _number(heldout, "kl_to_informed_self"),
    "leaks per 1000": lambda heldout, training: _number(heldout, "leakage_per_1000", 1),
    "clipped w %": lambda heldout, training: _percent(training, "weight_clip_low", "weight_clip_high"),
    "clipped ratio %": lambda heldout, training: _percent(training, "clip_low", "clip_high"),
    "teacher tokens": lambda heldout, training: _number(training, "teacher_tokens_scored", 0),
    "tokens with help": lambda heldout, training: _number(training, "teacher_tokens_sampled", 0),
    "seconds per run": lambda heldout, training: _number(training, "seconds", 0),
}
"""What agents are compared by beside accuracy; a column that no agent has a value for is left out."""


def differing(agents: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the options of learner and batch in which agents differ."""
    found: dict[str, set[str]] = {}
    for agent in agents.values():
        for option, value in agent["options"].items():
            found.setdefault(option, set()).add(str(value))
    return [option for option, values in found.items() if len(values) > 1]


def _print_options(agents: Mapping[str, Mapping[str, Any]], console: Console) -> None:
    """Print the options in which agents differ."""
    options = differing(agents)
    if not options:
        return
    table = Table(title="Options in which agents differ", title_justify="left")
    table.add_column("agent")
    for option in options:
        table.add_column(option, justify="right")
    for name, agent in agents.items():
        table.add_row(name, *(str(agent["options"].get(option, ABSENT)) for option in options))
    console.print(table)


def basis(results: Mapping[str, Any]) -> str:
    """Say what accuracies are of."""
    fold, tasks = results["eval_fold"], results["heldout_tasks"]
    of = counted(tasks, "held-out task") if fold == "heldout" else f"{counted(tasks, 'task')} of fold {fold}"
    return f"{of}, {counted(len(results['seeds']), 'seed')}, 95 % intervals over seeds and tasks"


def _print_curves(results: Mapping[str, Any], console: Console) -> None:
    """Print curves on tuning tasks, and what the weights that did best there are worth, of runs that have them."""
    agents = {name: agent for name, agent in results["agents"].items() if "tuning" in agent}
    if not agents:
        return
    table = Table(title="During training: sampled accuracy on tasks of fold tuning", title_justify="left")
    columns = ("agent", "final", "peak", "peak at steps", "mean over steps", "best weights, sampled", "greedy")
    for column in columns:
        table.add_column(column, justify="left" if column == "agent" else "right")
    for name, agent in agents.items():
        steps = sorted({run["tuning"]["peak_step"] for run in agent["runs"]})
        final, peak, area = (interval({**agent["tuning"][part], "low": None}) for part in ("final", "peak", "area"))
        best = [interval(agent[f"best_{kind}_accuracy"]) for kind in ("sampled", "greedy")]
        table.add_row(name, final, peak, ", ".join(map(str, steps)), area, *best)
    console.print(table)
    where = "these very tasks" if results["eval_fold"] == "tuning" else basis(results)
    console.print(f"Best weights were chosen on fold tuning; their accuracies are on {where}.", highlight=False)


MANY = 21
"""Pairs of agents from which on those without a difference are left out, unless GRPO is in them."""


def _print_comparisons(results: Mapping[str, Any], console: Console) -> None:
    """Print the paired differences of sampled accuracies, and whether budgets were equal."""
    pairs = [one for one in results.get("comparisons", ()) if one["kind"] == "sampled"]
    shown = pairs if len(pairs) < MANY else [one for one in pairs if one["b"] == "grpo" or one["power"] == ""]
    if shown:
        title = f"Differences in sampled accuracy, same tasks; 95 %, corrected for {counted(len(pairs), 'pair')} (Holm)"
        table = Table(title=title, title_justify="left")
        for column in ("pair", "difference", "verdict", "what would decide it"):
            table.add_column(column, justify="right" if column == "difference" else "left")
        for one in shown:
            difference = interval({**one["difference"], **one["corrected"]}, signed=True)
            table.add_row(f"{one['a']} - {one['b']}", difference, one["verdict"], one["power"])
        console.print(table)
        if left_out := len(pairs) - len(shown):
            console.print(f"{counted(left_out, 'more pair')} without a difference shown.", highlight=False)
    for line in (*results.get("budgets", {}).get("statements", ()), of_time(results["timing"]["seconds_by_agent"])):
        if line:
            console.print(line, highlight=False)


def print_table(results: Mapping[str, Any], console: Console | None = None) -> None:
    """Print accuracies with intervals, then what training was like."""
    console = console or terminal(width=140)
    accuracy = Table(title=f"Accuracy on {basis(results)}", title_justify="left")
    for column in ("agent", "sampled", "gain over untrained", "greedy", "gain over untrained"):
        accuracy.add_column(column, justify="left" if column == "agent" else "right", no_wrap=True)
    base = results["untrained"]
    if base is not None:
        accuracy.add_row("untrained", interval(base["sampled_accuracy"]), "", interval(base["greedy_accuracy"]), "")
    for name, agent in results["agents"].items():
        mark = " *" if "environment_steps" in agent else ""
        accuracy.add_row(
            name,
            interval(agent["sampled_accuracy"]),
            interval(agent["sampled_gain"], signed=True) + mark,
            interval(agent["greedy_accuracy"]),
            interval(agent["greedy_gain"], signed=True) + mark,
        )
    console.print(accuracy)
    for name, agent in results["agents"].items():
        if "environment_steps" in agent:
            console.print(
                f"* {name} took {agent['environment_steps']:,} environment steps of {agent['environment']}, no "
                "rollouts of the model; its gains are over its own network before training.",
                highlight=False,
            )

    for name, agent in results["agents"].items():
        for part, attempts in (("heldout", "responses to these tasks"), ("training", "attempts in training")):
            for tell in (failures, odd_pictures, other_sampler):
                if told := tell(f"{name}'s {attempts}", agent[f"{part}_metrics"]):
                    console.print(told, highlight=False)
    if len(results["seeds"]) == 1:
        told = "With one seed intervals are over tasks: they say nothing of how much another seed would change."
        console.print(told, highlight=False)
    _print_comparisons(results, console)
    _print_options(results["agents"], console)
    _print_curves(results, console)
    behaviour = Table(title="Behaviour: on the same tasks, and means over training", title_justify="left")
    rows: list[tuple[str, Mapping[str, float], Mapping[str, float]]] = []
    if base is not None:
        rows.append(("untrained", base["metrics"], {}))
    for name, agent in results["agents"].items():
        seconds = {"seconds": sum(results["timing"]["seconds_by_agent"][name].values())}
        rows.append((name, agent["heldout_metrics"], agent["training_metrics"] | seconds))
    behaviour.add_column("agent")
    cells = {title: [show(heldout, training) for _, heldout, training in rows] for title, show in COLUMNS.items()}
    kept = {title: values for title, values in cells.items() if set(values) != {ABSENT}}
    for title in kept:
        behaviour.add_column(title, justify="right")
    for number, (name, _, _) in enumerate(rows):
        behaviour.add_row(name, *(values[number] for values in kept.values()))
    console.print(behaviour)
