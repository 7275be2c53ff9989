"""The learning curve on tasks of the fold "tuning", and the weights that did best there.

What is chosen, be it weights or hyperparameters, is chosen on tasks that are not reported.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agents.distributed import World
from agents.options.commands import TrainingOptions, TrainOptions
from agents.policy.actor import Actor
from agents.policy.base import Sampling
from agents.rollouts.environments import in_fold
from agents.rollouts.evaluation import Evaluation, evaluate
from agents.rollouts.tasks import evaluation_tasks
from agents.runs.storage import replaced
from rlsd_env.errors import ConfigurationError

FOLD, BEST = "tuning", "best"
Row = dict[str, float]


class TuningCurve:
    """Evaluations of a run every so many steps; the best weights so far are kept in `best/`.

    Args:
        actor: what is trained.
        options: of the run.
        world: the processes that divide the tasks among themselves; all must make the same calls.
        rows: the evaluations of an interrupted run; new ones are appended.

    Raises:
        ConfigurationError: the fold has fewer tasks than there are processes.

    """

    def __init__(self, actor: Actor, options: TrainOptions, world: World, rows: list[Row]) -> None:
        self.rows = rows
        self._actor, self._options, self._world = actor, options, world
        tasks = len(evaluation_tasks(options, FOLD))
        if tasks < world.size:
            raise ConfigurationError(f"fold {FOLD} has {tasks} tasks, fewer than the {world.size} processes")

    def begin(self, step: int) -> None:
        """Evaluate the untrained model, or go on after a step; weights that a kill kept from being stored are."""
        if not self.rows:
            self.measure(0)
        if summarise(self.rows)["peak_step"] == step:
            self.keep()

    def due(self, step: int) -> bool:
        """Tell whether there is an evaluation after so many steps."""
        return step % self._options.eval_every == 0 or step == self._options.steps

    def measure(self, step: int) -> bool:
        """Evaluate the weights of now, after so many steps; return whether none before were as good."""
        found = evaluate_fold(self._actor, self._options, FOLD, self._options.seed, self._world)
        accuracies = {"sampled_accuracy": _mean(found.sampled_K), "greedy_accuracy": _mean(found.greedy_K)}
        self.rows.append({"step": step, **accuracies, **found.metrics})
        return summarise(self.rows)["peak_step"] == step

    def keep(self) -> None:
        """Store the weights of now as the best; the checkpoint of their step must be stored before."""
        folder = self._options.out / BEST
        save: Callable[[Path], object] = self._actor.policy.save
        if self._options.shard:  # all gather the weights, the first writes
            if self._world.first:
                replaced(folder, save)
            else:
                save(folder)
        elif self._world.first:
            replaced(folder, save)
        self._world.barrier()


def evaluate_fold(
    actor: Actor, options: TrainingOptions, fold: str, seed: int, world: World | None = None
) -> Evaluation:
    """Evaluate on tasks of a fold; several processes divide them."""
    sampling = Sampling(options.temperature, options.max_tokens)
    tasks = evaluation_tasks(options, fold)
    env_kwargs = in_fold(options.env_kwargs, fold)
    return evaluate(actor, options.env, env_kwargs, tasks, options.eval_samples, sampling, seed, world)


def _mean(values_K: NDArray[np.float64]) -> float:
    known = values_K[~np.isnan(values_K)]
    return float(known.mean()) if len(known) else math.nan


def summarise(rows: Sequence[Row]) -> dict[str, float | int | None]:
    """Describe a curve of sampled accuracy in four numbers.

    A point where the verifier failed on everything is left out; None: there is no number.

    Args:
        rows: `step` and `sampled_accuracy` of each evaluation, in order.

    Returns:
        `final`: the last value. `peak`, `peak_step`: the highest, the first of equal ones. `area`: the mean of the
        curve over steps, by the trapezoid rule.

    >>> summarise([{"step": step, "sampled_accuracy": y} for step, y in ((0, 0.25), (2, 0.75), (4, 0.5), (5, 0.75))])
    {'final': 0.75, 'peak': 0.75, 'peak_step': 2, 'area': 0.575}

    """
    known = [(int(row["step"]), row["sampled_accuracy"]) for row in rows if not math.isnan(row["sampled_accuracy"])]
    if not known:
        return {"final": None, "peak": None, "peak_step": int(rows[0]["step"]), "area": None}
    steps, values = zip(*known)
    peak = max(range(len(values)), key=values.__getitem__)
    span = steps[-1] - steps[0]
    return {
        "final": None if math.isnan(rows[-1]["sampled_accuracy"]) else values[-1],
        "peak": values[peak],
        "peak_step": steps[peak],
        "area": float(np.trapezoid(values, steps)) / span if span else values[0],
    }
