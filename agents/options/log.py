"""Where the metrics of a run go: the options, and what is refused of them."""

from __future__ import annotations

from dataclasses import dataclass

from agents.options.types import Names
from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.extras import require

TRACKERS = ("wandb", "trackio", "mlflow")
"""Formats that are services, each with a client of its own; see `agents.runs.trackers`."""
LOG_FORMATS = ("csv", "json", "stdout", "tensorboard", *TRACKERS)
"""Where metrics can go; see `agents.runs.logging`."""
PROJECT = "rlsd"


@dataclass(frozen=True)
class LogOptions:
    """Where metrics go."""

    log: Names = ("csv",)
    """Where metrics go: csv (metrics.csv, always needed), json (metrics.jsonl), stdout, tensorboard, and the trackers
    wandb, trackio, mlflow. A tracker also gets the options and the accuracy at the end; its key, host and mode are
    those of its own environment variables, e.g. WANDB_MODE=offline, MLFLOW_TRACKING_URI. See docs/results.md."""
    log_project: str = PROJECT
    """The trackers' project, which mlflow calls an experiment."""
    log_group: str = ""
    """What the trackers group the run under; empty: nothing, in a comparison the name of its folder."""

    @property
    def tracked(self) -> bool:
        """Whether the metrics go to a tracker."""
        return bool(set(TRACKERS) & set(self.log))

    def check_log(self) -> None:
        """Refuse formats that are unknown or need what is not installed, and a project or group of no tracker.

        Raises:
            ConfigurationError: see above.

        """
        for name in self.log:
            if name not in LOG_FORMATS:
                raise ConfigurationError(one_of("log format", name, LOG_FORMATS))
        given = ",".join(self.log)
        if "csv" not in self.log:
            raise ConfigurationError(f"log is {given!r}; csv must be one of them, curves are drawn from it")
        if "tensorboard" in self.log:
            require("log tensorboard", "tensorboard", "tensorboard")
        if "wandb" in self.log:
            require("log wandb", "wandb", "wandb")
        if "trackio" in self.log:
            require("log trackio", "trackio", "trackio")
        if "mlflow" in self.log:
            require("log mlflow", "mlflow", "mlflow")
        if not self.log_project:
            raise ConfigurationError("log_project is empty; name one, or leave it out")
        for name, value in (("log_project", self.log_project), ("log_group", self.log_group)):
            if not self.tracked and value not in ("", PROJECT):
                raise ConfigurationError(
                    f"{name} is {value!r} and log {given!r} has no tracker; add one of {', '.join(TRACKERS)}, or leave "
                    f"{name} out"
                )
