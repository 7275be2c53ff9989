"""The processes of a vLLM engine: their environment variables, and their end when this process ends."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch

_FOLLOW = 'read -r _; for pid in "$@"; do kill -TERM "$pid"; done; sleep 3; for pid in "$@"; do kill -KILL "$pid"; done'


def engine_variables(device: str, threads: int, eager: bool) -> dict[str, str | None]:
    """Return environment variables of the engine's processes; None takes one away."""
    variables: dict[str, str | None] = {
        "VLLM_ENABLE_V1_MULTIPROCESSING": os.environ.get("VLLM_ENABLE_V1_MULTIPROCESSING", "1"),
        "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
        "VLLM_NO_USAGE_STATS": os.environ.get("VLLM_NO_USAGE_STATS", "1"),
        "VLLM_LOGGING_LEVEL": os.environ.get("VLLM_LOGGING_LEVEL", "ERROR"),
    }
    # The engine is no member of the trainer's process group.
    variables |= dict.fromkeys(("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"))
    if device == "cpu":
        # Engines of runs at the same time must not be bound to the same cores.
        variables |= {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": str(threads)}
        if eager:  # vLLM compiles one small function of its sampler even so, which takes longer than many a run
            variables["TORCH_COMPILE_DISABLE"] = "1"
    elif "LOCAL_RANK" in os.environ:  # one of several trainers: the engine beside it uses its GPU
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        index = torch.cuda.current_device()
        variables["CUDA_VISIBLE_DEVICES"] = visible.split(",")[index] if visible else str(index)
    return variables


@contextmanager
def environment(variables: Mapping[str, str | None]) -> Iterator[None]:
    """Set environment variables for a while; None takes one away."""
    before = {name: os.environ.get(name) for name in variables}
    _set(variables)
    try:
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


class Guard:
    """Ends processes when this one ends, even where it is killed: an engine left behind would hold its GPU.

    Args:
        before: this process's children before those that are guarded were started.

    """

    def __init__(self, before: set[int]) -> None:
        pids = [str(pid) for pid in children() - before]
        # The shell reads until the pipe closes, which this process's end does whatever its cause.
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", _FOLLOW, "sh", *pids],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def dismiss(self) -> None:
        """Guard no longer: the processes have ended."""
        self._shell.kill()
        self._shell.wait()
        if self._shell.stdin is not None:
            self._shell.stdin.close()


def children() -> set[int]:
    """Return the ids of the processes that were started through `multiprocessing`."""
    return {process.pid for process in multiprocessing.active_children() if process.pid is not None}
