"""Several processes that train one model: data parallel, with or without sharding, under torchrun.

Every process samples and scores its own tasks. Sums that decide a loss (how many episodes count, how many tokens) are
over all of them, so that the number of processes changes nothing but rounding.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import torch
from torch import Tensor, nn

T = TypeVar("T")

BUCKET_NUMBERS = 2**24
"""Gradients that are sent at once, in numbers: 64 MiB in float32. Copies of more are never held."""


@dataclass(frozen=True)
class World:
    """The processes that train together; as it stands, this one alone.

    Attributes:
        rank: number of this process.
        size: how many there are.

    """

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files."""
        return self.rank == 0

    def sum(self, value: Tensor) -> Tensor:
        """Add up a tensor over all processes."""
        if self.size == 1:
            return value
        total = value.clone()
        torch.distributed.all_reduce(total)
        return total

    def add_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Add up the gradients of all processes; a missing one is zero."""
        if self.size == 1:
            return
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        for bucket in _buckets(parameters):
            flat = torch.cat([p.grad.flatten() for p in bucket if p.grad is not None])
            torch.distributed.all_reduce(flat)
            for parameter, part in zip(bucket, flat.split([p.numel() for p in bucket])):
                assert parameter.grad is not None  # made above
                parameter.grad.copy_(part.view_as(parameter.grad))

    def gather(self, value: T) -> list[T]:
        """Return every process's value, in the order of ranks; it is pickled."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        torch.distributed.all_gather_object(values, value)
        return values

    def share(self, values: Sequence[T]) -> Sequence[T]:
        """Return this process's part of values that all have, in order.

        Raises:
            ValueError: they cannot be divided evenly.

        """
        if len(values) % self.size:
            raise ValueError(f"{len(values)} values cannot be divided evenly among {self.size} processes")
        part = len(values) // self.size
        return values[self.rank * part : (self.rank + 1) * part]

    def barrier(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            torch.distributed.barrier()


def _buckets(parameters: Sequence[nn.Parameter]) -> Iterator[list[nn.Parameter]]:
    """Put parameters together whose gradients are sent at once, of one precision and of `BUCKET_NUMBERS` at most."""
    bucket: list[nn.Parameter] = []
    for parameter in parameters:
        numbers = sum(p.numel() for p in bucket) + parameter.numel()
        if bucket and (numbers > BUCKET_NUMBERS or parameter.dtype != bucket[0].dtype):
            yield bucket
            bucket = []
        bucket.append(parameter)
    if bucket:
        yield bucket


def launched() -> bool:
    """Tell whether torchrun started this process."""
    return "RANK" in os.environ


def join(device: str) -> World:
    """Join the processes that torchrun started; alone, be a world of one.

    Args:
        device: cpu (gloo) or cuda (nccl, each process on the GPU of its local rank).

    """
    if not launched():
        return World()
    if not torch.distributed.is_initialized():
        if device == "cuda":
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        torch.distributed.init_process_group("nccl" if device == "cuda" else "gloo")
    return World(torch.distributed.get_rank(), torch.distributed.get_world_size())


def leave() -> None:
    """Leave the other processes, once all are ready to: one that goes while others still send to it is aborted."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


def end() -> NoReturn:
    """Leave the other processes and end this one with exit code 0; what was registered for the exit runs before.

    Python's own shutdown is left out: gloo's threads outlive their group, and one that lets go of a tensor while
    the interpreter is shut down aborts the process (2 % of the exits of processes that only added up some tensors).
    """
    leave()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
