"""wandb, trackio and mlflow, each written by its own client.

Keys, hosts and modes are those of the clients' own environment variables. What they make of a step that comes twice,
which is why `agents.runs.tracking` sends none twice:

1. wandb drops it, with a warning. Offline it knows of no earlier part: each start writes one more folder, and
   `wandb sync` puts those of one id together.
2. trackio keeps both.
3. mlflow keeps both.

The first two send and write in the background, so that a kill loses some seconds of what they were given. What the
host, the database or the folders hold of a resumed run is therefore believed, and the rest sent again; mlflow has what
it was given.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.options.commands import TrainOptions, resolved
from agents.runs.tracking import Tracker
from agents.runs.wandb_files import steps_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

PARAMETERS_AT_ONCE = 100
"""What mlflow takes in one request."""


class Wandb(Tracker):
    """Weights & Biases."""

    name = "wandb"

    def _open(self, options: TrainOptions) -> None:
        import wandb

        self._id = self._id or new_id()
        place = Path(os.environ.get("WANDB_DIR", options.out))
        earlier = [*place.glob(f"wandb/offline-run-*/run-{self._id}.wandb")]
        self._run = wandb.init(
            project=options.log_project,
            group=options.log_group or None,
            name=self._title,
            id=self._id,
            resume="allow",
            config=resolved(options),
            dir=place,
            reinit="create_new",  # a worker's next run is one by itself
        )
        if not self._run.offline:
            self._steps = self._run.starting_step
        elif earlier:  # they may be gone, synced and cleaned up
            self._steps = steps_of(earlier)

    def _send(self, step: int, milliseconds: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step, commit=True)  # not only when the next step comes

    def _close(self, failed: bool) -> None:
        self._run.finish(exit_code=int(failed))


class Trackio(Tracker):
    """Trackio. It knows runs by their names, so the name has the id in it; it does not know failure."""

    name = "trackio"

    def _open(self, options: TrainOptions) -> None:
        import trackio

        self._id = self._id or new_id()
        with _on_stderr():
            self._run = trackio.init(
                project=options.log_project,
                group=options.log_group or None,
                name=f"{self._title} ({self._id})",
                resume="allow",
                config=resolved(options),
                embed=False,
            )
        self._steps = getattr(self._run, "_next_step", self._steps)  # it has no public name for what it has stored

    def _send(self, step: int, milliseconds: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def _close(self, failed: bool) -> None:
        import trackio

        with _on_stderr():
            trackio.finish()


class Mlflow(Tracker):
    """MLflow. The group is a tag of that name."""

    name = "mlflow"

    def _open(self, options: TrainOptions) -> None:
        from mlflow import MlflowClient, get_tracking_uri
        from mlflow.entities import Param

        with _alone(get_tracking_uri()):  # two that make its database at the same time fail
            self._client = MlflowClient()
            experiment = _experiment(self._client, options.log_project)
        if self._id:
            self._client.update_run(self._id, status="RUNNING")
            return
        tags = {"group": options.log_group} if options.log_group else {}
        run_id = self._client.create_run(experiment, run_name=self._title, tags=tags).info.run_id
        parameters = [Param(mlflow_name(name), str(value)) for name, value in flat(resolved(options))]
        for start in range(0, len(parameters), PARAMETERS_AT_ONCE):
            self._client.log_batch(run_id, params=parameters[start : start + PARAMETERS_AT_ONCE])
        self._id = run_id

    def _send(self, step: int, milliseconds: int, values: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        metrics = [Metric(mlflow_name(name), value, milliseconds, step) for name, value in values.items()]
        self._client.log_batch(self._id, metrics=metrics, synchronous=True)

    def _close(self, failed: bool) -> None:
        self._client.set_terminated(self._id, "FAILED" if failed else "FINISHED")


CLIENTS: tuple[type[Tracker], ...] = (Wandb, Trackio, Mlflow)


def open_trackers(options: TrainOptions) -> list[Tracker]:
    """Open a run of each tracker that `log` names.

    Raises:
        ConfigurationError: one cannot be opened; the others are closed again.

    """
    opened: list[Tracker] = []
    try:
        for client in CLIENTS:
            if client.name in options.log:
                opened.append(client(options))
    except BaseException:
        for tracker in opened:
            tracker.finish(failed=True)
        raise
    return opened


def new_id() -> str:
    """Return an id for a run that no other run has, whoever started it."""
    return uuid.uuid4().hex[:12]


def flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of a table and of the tables in it under dotted names.

    >>> list(flat({"lr": 1e-5, "agent_kwargs": {"lam": 0.5}}))
    [('lr', 1e-05), ('agent_kwargs.lam', 0.5)]
    """
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def mlflow_name(name: str) -> str:
    """Write a name as mlflow takes it, which is letters, digits, _ - . space : / only.

    >>> mlflow_name("kl_student_teacher_answer+picture")
    'kl_student_teacher_answer_picture'
    """
    return re.sub(r"[^\w./: -]", "_", name)


def _experiment(client: MlflowClient, project: str) -> str:
    """Return the id of mlflow's experiment of that name, which is made where there is none."""
    from mlflow.exceptions import MlflowException

    if (found := client.get_experiment_by_name(project)) is None:
        try:
            return client.create_experiment(project)
        except MlflowException:  # a run on another machine may have been quicker
            if (found := client.get_experiment_by_name(project)) is None:
                raise
    return found.experiment_id


@contextlib.contextmanager
def _alone(place: str) -> Iterator[None]:
    """Have a user's processes on this machine take turns at a place."""
    name = f"rlsd-{os.getuid()}-{hashlib.sha256(place.encode()).hexdigest()[:16]}.lock"
    with Path(tempfile.gettempdir(), name).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _on_stderr() -> contextlib.AbstractContextManager[Any]:
    """Keep what a client prints away from what a command prints."""
    return contextlib.redirect_stdout(sys.stderr)
