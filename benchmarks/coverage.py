"""How often the intervals of a comparison hold the truth: `python -m benchmarks.coverage`.

Accuracies are drawn as those of a comparison come about: a seed, a task and the two together move the log-odds of a
right answer, and every task is tried k times. The truth is the accuracy over all seeds and tasks that might have been
drawn; with one seed it is that seed's over all tasks, which is all that an interval of one seed is of. The methods are
those of `agents.report.statistics`: `accuracy_interval`, which reports use, and beside it Student's interval and the
crossed bootstrap; for differences of two agents `difference_interval`. At last whole comparisons: the same agent twice,
five equal agents, and five of which one is better.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import optimize, special

from agents import command_line
from agents.report.comparison import NO_DIFFERENCE, compared
from agents.report.statistics import CrossedBootstrap, Values, accuracy_interval, crossed_interval, difference_interval
from agents.runs.storage import write_json

SEEDS, TASKS, TRIES = (1, 2, 3, 5, 10), (16, 64, 200), (1, 4)
ACCURACIES = (0.05, 0.5, 0.9, 0.997)
NOISE = {"seeds and tasks vary": (0.3, 1.5, 0.7), "tasks vary": (0.0, 2.5, 0.3)}
"""Standard deviations of log-odds: between seeds, between tasks, and of the two together."""
SHARED = 0.7
"""Share of the variance between seeds that agents with the same seed have in common; in the laboratory's runs with the
lazy teacher (`make lab`, ten agents that do not collapse, four seeds) it is .73."""
METHODS = ("accuracy_interval", "crossed_interval", "bootstrap")
LEAST, MOST = 0.93, 0.97


@dataclasses.dataclass(frozen=True)
class CoverageOptions:
    """Options of `python -m benchmarks.coverage`."""

    draws: int = 400
    """Draws of each cell."""
    comparisons: int = 400
    """Whole comparisons of each kind."""
    seed: int = 0
    """Of the draws."""
    json: Path | None = None
    """File for all figures."""
    config: Path | None = None
    """TOML file with any of these options."""


@dataclasses.dataclass(frozen=True)
class World:
    """What accuracies come from.

    Attributes:
        accuracy: the mean over seeds and tasks.
        noise: standard deviations of log-odds, as in `NOISE`.

    """

    accuracy: float
    noise: tuple[float, float, float]

    @functools.cached_property
    def middle(self) -> float:
        """The log-odds that the noise is about."""
        spread = math.hypot(*self.noise)
        return float(optimize.brentq(lambda middle: mean_accuracy(middle, spread) - self.accuracy, -60, 60))

    def draw(
        self, rng: np.random.Generator, seeds: int, tasks_T: Values, tries: int, luck_S1: Values | float = 0.0
    ) -> tuple[Values, float]:
        """Draw the share of right tries by seed and task, and return it with the truth that an interval is to hold.

        Luck is what seeds bring to all agents alike, as standard deviations of `SHARED` of the variance between seeds.
        """
        between_seeds, _, together = self.noise
        seeds_S1 = rng.normal(0, between_seeds, (seeds, 1))
        if np.any(luck_S1):
            seeds_S1 = math.sqrt(1 - SHARED) * seeds_S1 + math.sqrt(SHARED) * between_seeds * luck_S1
        odds_ST = self.middle + seeds_S1 + tasks_T + rng.normal(0, together, (seeds, len(tasks_T)))
        truth = self.accuracy if seeds > 1 else mean_accuracy(self.middle + seeds_S1[0, 0], math.hypot(*self.noise[1:]))
        return rng.binomial(tries, special.expit(odds_ST)) / tries, truth

    def tasks(self, rng: np.random.Generator, count: int) -> Values:
        """Draw what tasks add to the log-odds."""
        return rng.normal(0, self.noise[1], count)


def mean_accuracy(middle: float, spread: float) -> float:
    """Return the mean of the logistic function of a normal variable, by Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    return float(weights @ special.expit(middle + spread * nodes) / weights.sum())


def measure_cell(
    world: World, seeds: int, tasks: int, tries: int, draws: int, rng: np.random.Generator
) -> dict[str, float]:
    """Return how often each method's interval holds the truth, its mean width, and the same of differences.

    Differences are of two agents with the same true accuracy on the same tasks.
    """
    held = dict.fromkeys((*METHODS, "difference_interval"), 0)
    widths = dict.fromkeys(held, 0.0)
    for _ in range(draws):
        tasks_T = world.tasks(rng, tasks)
        values_ST, truth = world.draw(rng, seeds, tasks_T, tries)
        intervals = {"accuracy_interval": accuracy_interval(values_ST), "crossed_interval": crossed_interval(values_ST)}
        intervals["bootstrap"] = CrossedBootstrap(seeds, tasks, 200).mean(values_ST)
        for name, interval in intervals.items():
            held[name] += interval.low <= truth + 1e-12 and truth - 1e-12 <= interval.high
            widths[name] += min(1.0, interval.high) - max(0.0, interval.low)
        other_ST, other_truth = world.draw(rng, seeds, tasks_T, tries)
        difference = difference_interval(values_ST - other_ST)
        held["difference_interval"] += difference.low <= truth - other_truth <= difference.high
        widths["difference_interval"] += difference.high - difference.low
    return {name: held[name] / draws for name in held} | {f"width_{name}": widths[name] / draws for name in widths}


def claims(
    agents: int,
    better: float,
    world: World,
    draws: int,
    rng: np.random.Generator,
    seeds: int = 3,
    tasks: int = 128,
    lucky: bool = False,
) -> dict[str, float]:
    """Compare agents, all alike but the last, which is better by some log-odds; four tries of each task.

    Where they are `lucky`, seeds bring some luck to all alike.

    Returns:
        The share of comparisons that claim no difference at all, and of those that claim the last is above the first.

    """
    silent = found = 0
    for _ in range(draws):
        tasks_T, luck_S1 = world.tasks(rng, tasks), rng.normal(size=(seeds, 1)) * lucky
        values = {}
        for agent in range(agents):
            shift = better if agent == agents - 1 else 0.0
            values_ST, _ = world.draw(rng, seeds, tasks_T + shift, 4, luck_S1)
            values[f"agent{agent}"] = dict(enumerate(values_ST))
        last = f"agent{agents - 1}"
        verdicts = {(one.a, one.b): one.verdict for one in compared(values)}
        silent += all(verdict == NO_DIFFERENCE for verdict in verdicts.values())
        found += verdicts[last, "agent0"] == f"{last} higher"
    return {
        "agents": agents,
        "seeds": seeds,
        "accuracy": world.accuracy,
        "log_odds": better,
        "no_difference_shown": silent / draws,
        "last_above_first": found / draws,
    }


def run(options: CoverageOptions) -> dict[str, Any]:
    """Measure, print the tables and return what the file holds."""
    from rich.table import Table

    from agents.terminal import terminal

    rng = np.random.default_rng(options.seed)
    cells: list[dict[str, Any]] = []
    for name, noise in NOISE.items():
        title = f"{name}: accuracy_interval | difference_interval (Student's, bootstrap)"
        table = Table(title=title, title_justify="left")
        for column in ("tries", "tasks", "seeds", *(f"accuracy {accuracy:g}" for accuracy in ACCURACIES)):
            table.add_column(column, justify="right")
        for tries in TRIES:
            for tasks in TASKS:
                for seeds in SEEDS:
                    told = []
                    for accuracy in ACCURACIES:
                        cell = measure_cell(World(accuracy, noise), seeds, tasks, tries, options.draws, rng)
                        where = {"noise": name, "tries": tries, "tasks": tasks, "seeds": seeds, "accuracy": accuracy}
                        cells.append({**where, **cell})
                        told.append(
                            f"{cell['accuracy_interval']:.2f} | {cell['difference_interval']:.2f} "
                            f"({cell['crossed_interval']:.2f}, {cell['bootstrap']:.2f})"
                        )
                    table.add_row(str(tries), str(tasks), str(seeds), *told)
        terminal(160).print(table)
    within = {
        method: sum(LEAST <= cell[method] <= MOST for cell in cells) / len(cells)
        for method in (*METHODS, "difference_interval")
    }
    below = {method: sum(cell[method] < LEAST for cell in cells) / len(cells) for method in within}
    first = next(iter(NOISE))
    worlds = [(name, noise, False) for name, noise in NOISE.items()]
    rng = np.random.default_rng((options.seed, 1))  # comparisons are the same whatever was drawn before them
    worlds.insert(1, (f"{first}, luck is shared", NOISE[first], True))
    comparisons: list[dict[str, Any]] = [
        {"noise": name, **claims(agents, better, World(accuracy, noise), options.comparisons, rng, seeds, lucky=lucky)}
        for name, noise, lucky in worlds
        for accuracy in (0.6, 0.95)
        for seeds in (2, 3, 5)
        for agents, better in ((2, 0.0), (5, 0.0), (5, 0.6), (5, 1.2))
    ]
    for method, share in within.items():
        print(
            f"{method}: between {LEAST} and {MOST} in {share:.0%} of {len(cells)} cells, below in {below[method]:.0%}"
        )
    silent = Table(title="whole comparisons: no difference shown | last above first", title_justify="left")
    kinds = ("the same agent twice", "five equal agents", "five, the last better by .6 log-odds", "by 1.2")
    for column in ("noise", "accuracy", "seeds", *kinds):
        silent.add_column(column, justify="right")
    for start in range(0, len(comparisons), len(kinds)):
        row = comparisons[start : start + len(kinds)]
        told = [f"{one['no_difference_shown']:.3f} | {one['last_above_first']:.3f}" for one in row]
        silent.add_row(row[0]["noise"], f"{row[0]['accuracy']:g}", str(row[0]["seeds"]), *told)
    terminal(160).print(silent)
    results = {
        "draws": options.draws,
        "drawn_comparisons": options.comparisons,
        "seed": options.seed,
        "cells": cells,
        "within": within,
        "below": below,
        "comparisons": comparisons,
    }
    if options.json is not None:
        write_json(options.json, results)
    return results


def main(argv: Sequence[str]) -> None:
    """Read the arguments and measure."""
    run(command_line.parse(CoverageOptions, argv, "python -m benchmarks.coverage", __doc__ or ""))


if __name__ == "__main__":
    command_line.main(main)
