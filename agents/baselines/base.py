"""`Baseline`: an agent that trains by its own means, and what the comparison needs to know of it.

A baseline is a frozen dataclass whose fields are its hyperparameters. It gets the options of a run, folder and seed
included, and hands back how it did on the held-out tasks; metrics and results are stored like those of the others.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from agents.options.commands import TrainingOptions, TrainOptions
from agents.runs.progress import Progress


@dataclass(frozen=True)
class Outcome:
    """What a training came to.

    Attributes:
        environment: the id of the environment that was trained in.
        environment_steps: the steps taken in it, which are no rollouts of a language model.
        evaluation: the held-out tasks after training, as `agents.runs.records.evaluation_record` writes it.
        untrained: the same before training.
        training: means of the metrics over the training.
        seconds: of "rollout" and "update".

    """

    environment: str
    environment_steps: int
    evaluation: dict[str, Any]
    untrained: dict[str, Any]
    training: dict[str, float]
    seconds: dict[str, float]


@dataclass(frozen=True)
class Baseline(abc.ABC):
    """The interface of a baseline."""

    name: ClassVar[str]
    """What it is called in results; the registry's key."""

    @abc.abstractmethod
    def check(self, options: TrainingOptions) -> None:
        """Find out what a user got wrong before anything is written.

        Raises:
            ConfigurationError: the environment has nothing for this agent, or an option does not fit it.

        """

    @property
    @abc.abstractmethod
    def updates(self) -> int:
        """How many updates a training has; it reports its progress when it begins and after each."""

    @abc.abstractmethod
    def train(self, options: TrainOptions, report: Callable[[Progress], None]) -> Outcome:
        """Train in `options.out`, which is claimed and may hold what an interrupted run left.

        The same options give the same metrics and outcome, seconds aside.
        """
