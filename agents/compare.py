"""Train several agents under equal budgets and compare them.

Every agent gets the same tasks in the same order, the same number of rollouts and updates, the same sampling
and the same held-out tasks; the untrained model is evaluated beside them. Interrupted runs continue with
--resume as if they had never stopped.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agents import cli
from agents.config import CompareOptions, TrainOptions
from agents.pool import report, run_all
from agents.progress import Bar
from agents.storage import open_folder, write_json


def train_in_worker(options: TrainOptions) -> dict[str, Any]:
    """Run one training in a worker process."""
    from agents.experiment import train

    return train(options, report)


def evaluate_untrained_in_worker(options: CompareOptions, seed: int, path: Path) -> dict[str, Any]:
    """Evaluate the untrained model in a worker process."""
    from agents.experiment import untrained

    return untrained(options, seed, path)


def run(options: CompareOptions) -> dict[str, Any]:
    """Run the whole comparison and return what results.json holds.

    Raises:
        ConfigurationError: an option is unusable; nothing has been written then.

    """
    from agents.algorithms import find
    from agents.experiment import check
    from agents.report.plots import draw_curves
    from agents.report.results import summarise
    from agents.report.table import print_table

    names = [find(agent).name for agent in options.agents]
    check(
        options,
        [(agent, options.train_options(agent, 0, options.out).agent_kwargs) for agent in options.agents],
    )
    open_folder(options.out, options, options.resume)
    started = time.monotonic()
    tasks: dict[str, Any] = {}
    folders: dict[str, Path] = {}
    for seed in options.seeds:
        path = options.out / "untrained" / f"seed{seed}.json"
        tasks[f"untrained, seed {seed}"] = (evaluate_untrained_in_worker, (options, seed, path))
    for seed in options.seeds:
        for agent, name in zip(options.agents, names):
            folder = options.out / "runs" / name / f"seed{seed}"
            one = dataclasses.replace(options.train_options(agent, seed, folder), resume=True)
            tasks[f"{agent}, seed {seed}"] = (train_in_worker, (one,))
            folders[f"{agent}, seed {seed}"] = folder
    bar = Bar(len(folders) * options.steps, sum(_steps_done(folder, options.steps) for folder in folders.values()))
    try:
        records = run_all(tasks, options.parallel_jobs(), bar)
    finally:
        bar.close()
    results = summarise(records.values(), options)
    results["timing"]["seconds_total"] = round(time.monotonic() - started, 1)
    write_json(options.out / "results.json", results)
    draw_curves(options.out)
    print_table(results)
    print(f"\nresults, metrics, plots and models: {options.out}")
    return results


def _steps_done(folder: Path, steps: int) -> int:
    """Count the steps that a resumed run need not do again."""
    if (folder / "result.json").exists():
        return steps
    metrics = folder / "metrics.csv"
    return max(0, len(metrics.read_text("utf-8").splitlines()) - 1) if metrics.exists() else 0


def main(argv: Sequence[str]) -> None:
    """Read the arguments and compare."""
    run(cli.parse(CompareOptions, argv, "python -m agents.compare", __doc__ or ""))


def entry() -> None:
    """Console script."""
    cli.main(main)


if __name__ == "__main__":
    entry()
