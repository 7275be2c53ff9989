"""Learning curves of a comparison or of one training as PNG files, drawn from metrics.csv and evaluations.csv."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import MaxNLocator

from agents.runs.finished import REWARD_CURVE

CURVES: dict[str, tuple[str, str]] = {
    "reward": ("Mean reward of the training rollouts", REWARD_CURVE),
    "entropy": ("Student entropy, nats per token", "learning_curve_entropy.png"),
    "response_length": ("Response length, tokens", "learning_curve_length.png"),
}
TUNING = "learning_curve_tuning.png"
WINDOW = 5


def read_table(path: Path) -> list[dict[str, str]]:
    """Read the rows of a file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_curves(folder: Path, metric: str) -> dict[str, list[list[float]]]:
    """Read a metric's values by agent, one list per seed; agents that do not log it are left out."""
    curves: dict[str, list[list[float]]] = {}
    for path in sorted(folder.glob("runs/*/seed*/metrics.csv")):
        for name, values in _curve(path, metric, path.parent.parent.name).items():
            curves.setdefault(name, []).append(values)
    return curves


def _curve(path: Path, metric: str, agent: str) -> dict[str, list[float]]:
    """Read a metric of one run by the agent's name, if it is there.

    The name of an agent whose steps are environment steps says how many there are in one of the others' steps.
    """
    rows = read_table(path)
    values = [float(row[metric]) if row.get(metric) else math.nan for row in rows]
    if all(map(math.isnan, values)):
        return {}
    if "environment_steps" in rows[0]:
        agent += f" ({int(float(rows[0]['environment_steps'])):,} environment steps each)"
    return {agent: values}


def read_evaluations(folder: Path) -> dict[str, tuple[list[float], list[list[float]]]]:
    """Read sampled accuracy on tuning tasks by agent: the steps, and the values at them, one list per seed."""
    curves: dict[str, tuple[list[float], list[list[float]]]] = {}
    for path in sorted(folder.glob("runs/*/seed*/evaluations.csv")):
        steps, values = _evaluations(path)
        curves.setdefault(path.parent.parent.name, (steps, []))[1].append(values)
    return curves


def _evaluations(path: Path) -> tuple[list[float], list[float]]:
    rows = read_table(path)
    return [float(row["step"]) for row in rows], [float(row["sampled_accuracy"]) for row in rows]


def smooth(values: Sequence[float], window: int = WINDOW) -> np.ndarray:
    """Average each value with up to `window - 1` before it, of those that are known; NaN where none is."""
    means = []
    for end in range(1, len(values) + 1):
        known = [value for value in values[max(0, end - window) : end] if not math.isnan(value)]
        means.append(sum(known) / len(known) if known else math.nan)
    return np.array(means)


def draw(curves: Mapping[str, Sequence[Sequence[float]]], label: str, path: Path) -> None:
    """Draw one line per agent, the mean over seeds, in a band from the lowest seed to the highest."""
    lines = {}
    for name, runs in curves.items():
        shortest = min(len(run) for run in runs)
        lines[name] = (range(1, shortest + 1), [smooth(run[:shortest]) for run in runs])
    _draw(lines, f"training step (running mean of up to {WINDOW})", label, path)


def _draw(
    lines: Mapping[str, tuple[Sequence[float], Sequence[Sequence[float] | np.ndarray]]],
    across: str,
    label: str,
    path: Path,
) -> None:
    """Draw by name what was found at some steps, a list per seed."""
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    axes.set_prop_cycle(color=plt.get_cmap("tab10" if len(lines) <= 10 else "turbo")(_shades(len(lines))))
    for name, (steps, runs) in lines.items():
        values = np.array(runs)
        (line,) = axes.plot(steps, values.mean(axis=0), label=name, marker="o" if len(steps) <= WINDOW else "")
        if len(values) > 1:
            axes.fill_between(steps, values.min(axis=0), values.max(axis=0), color=line.get_color(), alpha=0.12)
    axes.set_xlabel(across)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel(label)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize="medium" if len(lines) <= 10 else "x-small")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _shades(count: int) -> np.ndarray:
    """Return places in a colour map for so many lines: its first colours, or evenly spread."""
    return np.arange(10) if count <= 10 else np.linspace(0, 1, count)


def draw_curves(folder: Path) -> list[Path]:
    """Draw all curves of a comparison into its folder and return the files."""
    return _draw_all(folder, {metric: read_curves(folder, metric) for metric in CURVES}, read_evaluations(folder))


def draw_run(folder: Path, agent: str) -> list[Path]:
    """Draw all curves of one training into its folder and return the files."""
    path = folder / "evaluations.csv"
    steps, values = _evaluations(path) if path.exists() else ([], [])
    curves = {}
    for metric in CURVES:
        found = _curve(folder / "metrics.csv", metric, agent)
        curves[metric] = {name: [values] for name, values in found.items()}
    return _draw_all(folder, curves, {agent: (steps, [values])} if steps else {})


def _draw_all(
    folder: Path,
    curves: Mapping[str, Mapping[str, Sequence[Sequence[float]]]],
    evaluations: Mapping[str, tuple[Sequence[float], Sequence[Sequence[float]]]],
) -> list[Path]:
    """Draw what there is."""
    drawn = []
    for metric, (label, name) in CURVES.items():
        if curves[metric]:
            draw(curves[metric], label, folder / name)
            drawn.append(folder / name)
    if evaluations:
        label = "Sampled accuracy on tasks of fold tuning"
        _draw(evaluations, "training steps done", label, folder / TUNING)
        drawn.append(folder / TUNING)
    return drawn
