"""Figures at print quality, each as PNG (300 dpi) and PDF: accuracies, differences and the main curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

from agents.report.curves import WINDOW, Chart
from agents.report.document import Document

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

WIDTH = 5.5
"""Inches: the text width of most conferences' papers."""
PRINTED = ("reward", "sampled_accuracy", "entropy", "response_length", "leakage_per_1000", "kl_student_teacher")
STYLE: Any = {"font.size": 8, "axes.titlesize": 8, "pdf.fonttype": 42, "axes.spines.top": False}
STYLE |= {"axes.spines.right": False, "axes.linewidth": 0.6, "legend.frameon": False}


def draw_report(made: Document, folder: Path) -> list[Path]:
    """Draw what there is and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn: list[Path] = []
    with plt.rc_context(STYLE):
        agents = {
            name: agent["sampled_accuracy"]
            for name, agent in made.results["agents"].items()
            if agent.get("sampled_accuracy") and agent["sampled_accuracy"]["mean"] is not None
        }
        if agents:
            drawn += _save(_forest(agents, "sampled accuracy", made.colours), folder / "accuracy")
        pairs = {
            f"{one['a']} less {one['b']}": {**one["difference"], **one["corrected"]}
            for one in made.results.get("comparisons", ())
            if one["kind"] == "sampled" and one["difference"]["mean"] is not None
        }
        if pairs:
            drawn += _save(_forest(pairs, "difference in sampled accuracy", {}), folder / "differences")
        charts = [chart for key in PRINTED for chart in made.charts if chart.key == key]
        if charts:
            drawn += _save(_curves(charts, made.colours), folder / "curves")
    return drawn


def _save(figure: Figure, path: Path) -> list[Path]:
    files = [path.with_suffix(".png"), path.with_suffix(".pdf")]
    for file in files:
        figure.savefig(file, dpi=300, metadata={"CreationDate": None} if file.suffix == ".pdf" else None)
    plt.close(figure)
    return files


def _forest(values: Mapping[str, Mapping[str, Any]], label: str, colours: Mapping[str, str]) -> Figure:
    """Draw means with their intervals below each other."""
    figure, axes = plt.subplots(figsize=(WIDTH, 0.6 + 0.24 * len(values)), layout="constrained")
    for place, (name, value) in enumerate(values.items()):
        colour = colours.get(name, "#333333")
        mean, low, high = (math.nan if value[bound] is None else value[bound] for bound in ("mean", "low", "high"))
        axes.plot([low, high], [place, place], color=colour, linewidth=1.5, solid_capstyle="butt")
        axes.plot([mean], [place], "o", color=colour, markersize=4)
    axes.set_yticks(range(len(values)), list(values))
    axes.invert_yaxis()
    axes.set_xlabel(f"{label}, 95 % interval")
    axes.grid(axis="x", alpha=0.25, linewidth=0.5)
    if axes.get_xlim()[0] < 0 < axes.get_xlim()[1]:
        axes.axvline(0, color="black", linewidth=0.6)
    return figure


def _curves(charts: Sequence[Chart], colours: Mapping[str, str]) -> Figure:
    """Draw charts in two columns, with one legend."""
    rows = -(-len(charts) // 2)
    figure, grid = plt.subplots(
        rows, 2, figsize=(WIDTH, 1.75 * rows + 0.4), layout="constrained", squeeze=False, sharex=False
    )
    cells: list[Axes] = list(grid.flat)
    for axes, chart in zip(cells, charts):
        for line in chart.lines:
            window = WINDOW if chart.smooth else 1
            middle, low, high = (_smooth(values, window) for values in (line.mean, line.low, line.high))
            axes.plot(line.steps, middle, color=colours[line.agent], linewidth=1, label=line.agent)
            if line.seeds > 1:
                axes.fill_between(line.steps, low, high, color=colours[line.agent], alpha=0.15, linewidth=0)
        axes.set_title(chart.title, loc="left")
        axes.grid(alpha=0.25, linewidth=0.5)
    for axes in cells[len(charts) :]:
        axes.remove()
    for axes in cells[max(0, len(charts) - 2) : len(charts)]:
        axes.set_xlabel("training step")
    handles = {
        label: handle for axes in cells[: len(charts)] for handle, label in zip(*axes.get_legend_handles_labels())
    }
    figure.legend(
        list(handles.values()), list(handles), loc="outside upper center", ncols=min(6, len(handles)), fontsize=7
    )
    return figure


def _smooth(values: Sequence[float], window: int) -> np.ndarray:
    """Average each value with up to `window - 1` before it."""
    array = np.asarray(values, dtype=float)
    return np.array([np.nanmean(array[max(0, i - window + 1) : i + 1]) for i in range(len(array))])
