"""The laboratory's tables in the terminal and its curves as pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from agents.terminal import counted

LABELS = {
    "accuracy": "accuracy of the step's rollouts",
    "leakage_per_1000": "responses per 1,000 that cite",
    "response_length": "tokens of a response",
    "entropy": "entropy, nats per token",
    "kl_student_teacher": "KL(student, teacher), nats per token",
}


def print_comparison(name: str, found: Mapping[str, Any], console: Console) -> None:
    """Print a comparison's table, best final accuracy first."""
    seeds = counted(len(next(iter(found["agents"].values()))["runs"]), "seed")
    table = Table(title=f"{name}: {seeds}, mean and half of its 95 % interval over seeds", title_justify="left")
    columns = ("method", "final", "over grpo", "peak", "fall", "early", "area", "leaks", "length", "entropy", "KL")
    for column in columns:
        table.add_column(column, justify="left" if column == "method" else "right")
    table.add_row("untrained", f"{found['untrained']['sampled_accuracy']['mean']:.3f}")
    for method, one in sorted(found["agents"].items(), key=lambda pair: -pair[1]["final"]["mean"]):
        ends = one["ends"]
        table.add_row(
            method,
            *(short(one.get(part)) for part in ("final", "final_over_grpo", "peak", "fall", "early", "area")),
            short(one["leaks"], 0),
            short(ends.get("response_length"), 1),
            *(short(ends.get(part)) for part in ("entropy", "kl_student_teacher")),
        )
    console.print(table)


def short(found: Mapping[str, float | None] | None, digits: int = 3) -> str:
    """Write a mean and half of its interval, which is as wide on both sides.

    >>> short({"mean": 0.5, "low": 0.475, "high": 0.525})
    '.500 ±.025'
    """
    if found is None or found["mean"] is None:
        return "-"
    text = f"{found['mean']:.{digits}f}"
    if found["high"] is not None:
        text += f" ±{found['high'] - found['mean']:.{digits}f}"
    return text.replace("0.", ".") if digits == 3 else text


def draw(name: str, found: Mapping[str, Any], path: Path, chosen: tuple[str, ...] = ()) -> None:
    """Draw every curve of a comparison, the mean over seeds with the range of the seeds.

    Args:
        name: the title.
        found: see `benchmarks.lab.summary.of_comparison`.
        path: the picture.
        chosen: the methods; none: all.

    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(LABELS), figsize=(4 * len(LABELS), 3.6), constrained_layout=True)
    colours = plt.get_cmap("tab20")
    for place, (method, one) in enumerate(found["agents"].items()):
        if chosen and method not in chosen:
            continue
        for axis, (metric, label) in zip(axes, LABELS.items()):
            curves = [run["curves"][metric] for run in one["runs"] if metric in run["curves"]]
            if not curves:
                continue
            values_ST = np.array(curves, dtype=float)
            steps = np.arange(values_ST.shape[1]) + 1
            axis.plot(steps, values_ST.mean(0), color=colours(place % 20), label=method, linewidth=1.5)
            axis.fill_between(steps, values_ST.min(0), values_ST.max(0), color=colours(place % 20), alpha=0.12)
            axis.set_title(label, fontsize=10)
            axis.set_xlabel("step")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", fontsize=8)
    figure.suptitle(name)
    figure.savefig(path, dpi=120)
    plt.close(figure)
