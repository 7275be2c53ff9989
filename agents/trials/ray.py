"""Trials on a Ray cluster: spread over its nodes, and started again where a worker or a node is lost.

Two copies of a trial never write at the same time, though a node that the others take for lost may still run:
a trial holds the lock of its folder, which must be seen from all nodes (`agents.trials.ray_preflight` finds out), and
a retry waits for it. Where the file system gives up the lock of a node that it cannot reach (NFS 4 after 90 seconds),
that node's trial has ended before: it must get an answer after each step, and Ray ends the workers of a node that has
not reached the head for a minute.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from agents.options.commands import CompareOptions
from agents.runs.board import Board
from agents.runs.progress import Progress
from agents.runs.storage import LOCK
from agents.trials.local import POLL_SECONDS, Finished, Tasks, failure
from agents.trials.ray_preflight import look_around, named_paths, token, versions, worker_environment
from agents.trials.ray_worker import Reports, run_trial
from rlsd_env.errors import ConfigurationError

KNOCK_SECONDS = 10.0
"""How long the head of the cluster has to answer."""
NODE_SECONDS = 120.0
"""How long a node has to show that it can run trials: workers start, code arrives, folders are mounted."""
ROOM_SECONDS = 900.0
"""How long trials wait for a node that can run them once there is none."""


class RayPool:
    """Tasks on a Ray cluster that this process is connected to.

    Args:
        options: of the comparison; `out` is absolute.

    Raises:
        ConfigurationError: no node has room for a trial, or one that has does not see what it must.

    """

    def __init__(self, options: CompareOptions) -> None:
        import ray

        self._options = options
        self.device = options.device
        if self.device == "auto":
            self.device = (
                "cuda" if options.trial_gpus or any("GPU" in node["Resources"] for node in _nodes()) else "cpu"
            )
        self._needed = options.trial_resources(self.device, options.threads, options.sampler_kwargs)
        nodes = self._roomy()
        if not nodes:
            raise ConfigurationError(
                f"no node of the cluster has {_amounts(self._needed)} for a trial; there are "
                f"{'; '.join(_amounts(node['Resources']) for node in _nodes())}; see --trial-cpus and --trial-gpus"
            )
        # A process of its own, which comes up while the nodes are looked at.
        actor: Any = ray.remote(num_cpus=0, resources={"node:__internal_head__": 0.001})(Reports)
        self._reports = actor.remote()
        self._attempts = itertools.count()
        self._check(nodes)
        print(f"Ray: {len(nodes)} node(s) that have {_amounts(self._needed)} for a trial", file=sys.stderr)

    def _roomy(self) -> list[dict[str, Any]]:
        return [
            node
            for node in _nodes()
            if all(node["Resources"].get(kind, 0) >= amount for kind, amount in self._needed.items())
        ]

    def _check(self, nodes: list[dict[str, Any]]) -> None:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        look = ray.remote(num_cpus=0, max_retries=0)(look_around)
        with token(self._options.out) as (path, secret):
            looks = {}
            for node in nodes:
                there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
                arguments = (path, secret, named_paths(self._options), versions())
                looks[look.options(scheduling_strategy=there).remote(*arguments)] = node
            for ref, node in looks.items():
                name = f"node {node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
                try:
                    wrong = ray.get(ref, timeout=NODE_SECONDS)
                except ray.exceptions.GetTimeoutError:
                    wrong = f"did not answer within {NODE_SECONDS:.0f} seconds; look at it, or take it out"
                except ray.exceptions.RayError as error:
                    wrong = f"cannot run a trial: {_reason(error)}"
                if wrong:
                    raise ConfigurationError(f"{name} {wrong}")

    def run_all(self, tasks: Tasks, board: Board) -> Finished:
        """Run named tasks; see `agents.trials.local.Pool.run_all`."""
        import ray

        ray.get(self._reports.reopen.remote())
        run = _Run(tasks, self._options, self._needed, self._reports, self._attempts, board)
        try:
            without_room: float | None = None
            while run.unfinished:
                run.start()
                run.wait()
                if self._roomy():
                    without_room = None
                elif without_room is None:
                    without_room = time.monotonic()
                    board.say(f"no node is left with {_amounts(self._needed)}; waiting for one")
                elif time.monotonic() > without_room + ROOM_SECONDS:
                    raise RuntimeError(
                        f"no node with {_amounts(self._needed)} for {ROOM_SECONDS:.0f} seconds; "
                        "--resume continues from the checkpoints"
                    )
        except Exception:  # a trial failed: the others end with their current step, and the error goes on
            run.stop()
            raise
        except BaseException:  # an interrupt: nobody waits
            run.kill()
            raise
        return Finished({name: run.results[name] for name in tasks}, dict(run.lost))


class _Run:
    """The state of `RayPool.run_all`."""

    def __init__(
        self,
        tasks: Tasks,
        options: CompareOptions,
        needed: Mapping[str, float],
        reports: Any,
        attempts: Iterator[int],
        board: Board,
    ) -> None:
        import ray

        self.results: dict[str, Any] = {}
        self.lost: Counter[str] = Counter()
        self._tasks = tasks
        self._options = options
        self._board = board
        self._waiting = list(tasks)
        self._running: dict[Any, str] = {}
        self._reports = reports
        self._attempts = attempts
        # A trial on a GPU gets a process of its own (Ray's default), which frees the GPU's memory when it ends.
        self._trial = ray.remote(
            num_cpus=needed["CPU"], num_gpus=needed["GPU"], max_retries=0, scheduling_strategy="SPREAD"
        )(run_trial)

    @property
    def unfinished(self) -> bool:
        """Whether there is more to do."""
        return bool(self._waiting or self._running)

    def start(self) -> None:
        """Hand tasks to the cluster, as many as may run at a time; it starts them where there is room."""
        import ray

        while self._waiting and not 0 < self._options.jobs <= len(self._running):
            name = self._waiting.pop(0)
            attempt = next(self._attempts)
            ray.get(self._reports.expect.remote(name, attempt))
            arguments = (self._reports, name, attempt, os.getcwd(), self._options.out / LOCK, self._tasks[name])
            self._running[self._trial.options(name=name).remote(*arguments)] = name

    def wait(self) -> None:
        """Wait a little; take reports and results, and have lost tasks wait for their next attempt.

        Raises:
            ConfigurationError: a task could not use an option.
            RuntimeError: a task failed otherwise, or was lost too often.

        """
        import ray

        done, _ = ray.wait(list(self._running), timeout=POLL_SECONDS)
        for report in ray.get(self._reports.collect.remote()):
            if isinstance(report, Progress):
                self._board(report)
            else:
                self._board.say(report)
        for ref in done:
            name = self._running.pop(ref)
            try:
                self.results[name] = ray.get(ref)
                self._board.done(name)
            except ray.exceptions.RayTaskError as error:
                if not isinstance(error.cause, ray.exceptions.RayError):  # else it could not report
                    self._board.failed(name)
                    raise failure(name, error.cause) from error
                self._retry(name, _reason(error.cause))
            except ray.exceptions.RuntimeEnvSetupError as error:
                self._board.failed(name)
                raise failure(name, error) from error
            except ray.exceptions.RayError as error:
                self._retry(name, _reason(error))

    def _retry(self, name: str, reason: str) -> None:
        self.lost[name] += 1
        if self.lost[name] > self._options.retries:
            self._board.failed(name)
            raise RuntimeError(
                f"{name} failed: its worker was lost {self.lost[name]} times, the last time because: {reason}; "
                "--resume continues from its checkpoint"
            )
        self._board.lost(name)
        self._board.say(f"{name}: worker lost, retry {self.lost[name]} of {self._options.retries} ({reason})")
        self._waiting.insert(0, name)

    def stop(self) -> None:
        """Have the tasks stop after their current step, and wait until they have."""
        import ray

        with contextlib.suppress(ray.exceptions.RayError):
            begun = ray.get(self._reports.stop.remote())
            for ref in [ref for ref, name in self._running.items() if name not in begun]:
                ray.cancel(ref)
            if self._running:
                ray.wait(list(self._running), num_returns=len(self._running))

    def kill(self) -> None:
        """End the tasks at once."""
        import ray

        for ref in self._running:
            ray.cancel(ref, force=True)
        if self._running:
            ray.wait(list(self._running), num_returns=len(self._running), timeout=10)


@contextlib.contextmanager
def connected(options: CompareOptions) -> Iterator[RayPool]:
    """Connect to the cluster that the options name for the length of the context.

    A connection that the process has already is used as it is, with its own runtime environment.

    Raises:
        ConfigurationError: there is no such cluster, or it cannot run the trials.

    """
    import ray

    if ray.is_initialized():
        yield RayPool(options)
        return
    address = os.environ.get("RAY_ADDRESS") if options.cluster == "ray" else options.cluster
    _knock(address or "")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray.init(
            address,
            runtime_env=worker_environment(),
            include_dashboard=False,
            logging_level=logging.ERROR,
            log_to_driver="stdout" in options.log,  # all else that workers print is in Ray's own logs
        )
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        hint = "" if "RAY_AUTH_MODE" in os.environ else "; if it asks for a token, set RAY_AUTH_MODE=token"
        raise ConfigurationError(f"cluster {options.cluster}: {_reason(error)}{hint}") from error
    try:
        yield RayPool(options)
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Find out whether anybody answers at host:port; Ray itself would try for minutes.

    Raises:
        ConfigurationError: nobody does.

    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK_SECONDS).close()
    except OSError as error:
        raise ConfigurationError(f"cluster {address}: no answer ({error}); start one with ray start --head") from error


def _nodes() -> list[dict[str, Any]]:
    import ray

    return [node for node in ray.nodes() if node["Alive"]]


def _amounts(resources: Mapping[str, float]) -> str:
    return " and ".join(f"{resources.get(kind, 0):g} {kind}" for kind in ("CPU", "GPU"))


def _reason(error: BaseException) -> str:
    """Return an error's message on one line."""
    return " ".join(str(error).split())[:300] or type(error).__name__
