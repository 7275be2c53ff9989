"""`WorkerPool`: calls in worker processes, each with limits of time and memory that hold whatever it does."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

from verifiers.service.lanes import Core, Job
from verifiers.service.protocol import Outcome, Settings, encode_call

_STATS = ("calls", "timeouts", "errors", "restarts", "retries")


class WorkerPool:
    """Persistent worker processes that do calls one at a time, and are killed and replaced at a call's limit.

    Every call gets exactly one `Outcome`. A call that is not done at its limit is a `TIMEOUT`, even where it holds
    the interpreter's lock or ignores signals. A worker that dies of something else (a crash, the kernel's memory
    killer) is replaced and its call tried once more, on a fresh worker, before it becomes an `ERROR`.

    The workers start with the first call. They need no `__main__` guard in the caller's script; the pool can be used
    from any number of threads, from asyncio, from daemonic processes and from a forked child, which gets workers of
    its own. Workers end with this process, however it ends. POSIX only.

    A worker sees this process's `sys.path` and environment, computes with one thread, and has the same hash seed as
    every other worker (PYTHONHASHSEED=0 unless set), so that a call takes the same path in each of them. What is
    printed there goes to this process's stderr. It is protection from hangs and crashes, not a sandbox: a call can
    do whatever this user may do.

    Args:
        workers: how many processes.
        seconds: the limit of a call, unless the call has its own, in seconds of the worker's own: processor time, or
            time asleep. They start when the function starts inside a worker; waiting for a free worker, a worker's
            start and a call's own imports do not count, nor does what the worker waits for a processor of a busy
            machine. Where the system does not tell (it is not Linux), it is ten times as long by the wall clock.
        memory_mb: how many MiB of address space a worker may use beyond what it has when its imports are done; None
            for no limit. Address space is more than resident memory: allow some hundred MiB for imports that only a
            call does. Linux only; elsewhere there is no limit.
        preload: modules that a worker imports before its first call, e.g. ("sympy",).
        setup: a function and its arguments, called once in each new worker after the imports.
        start_seconds: the limit for a worker's start, and for the imports that a call needs.

    Raises:
        TypeError: `preload` is not a sequence of module names, or `setup` cannot be pickled.
        ValueError: a number is out of range.

    Example:
        >>> with WorkerPool(workers=1, seconds=2.0) as pool:
        ...     pool.call("math:gcd", 12, 18).value, pool.call("time:sleep", 60, seconds=0.1).kind.value
        (6, 'timeout')

    """

    def __init__(
        self,
        workers: int = 2,
        seconds: float = 5.0,
        memory_mb: int | None = 2048,
        preload: Sequence[str] = (),
        *,
        setup: tuple[Any, ...] | None = None,
        start_seconds: float = 60.0,
    ) -> None:
        if isinstance(preload, str) or not all(isinstance(module, str) and module for module in preload):
            raise TypeError(f"preload is {preload!r}; it must be a sequence of module names, e.g. ('sympy',)")
        self.workers = _count("workers", workers)
        self.seconds = _limit("seconds", seconds)
        self.memory_mb = None if memory_mb is None else _count("memory_mb", memory_mb)
        settings = Settings(
            preload=tuple(preload),
            setup=None if setup is None else encode_call(setup[0], tuple(setup[1:])),
            memory_mb=self.memory_mb,
            start_seconds=_limit("start_seconds", start_seconds),
        )
        self._core = Core(self.workers, settings)
        self._end = weakref.finalize(self, self._core.close)

    def submit(self, function: str | Callable[..., Any], *args: Any, seconds: float | None = None) -> Future[Outcome]:
        """Queue one call.

        Args:
            function: "package.module:name", or a module-level function (or whatever else is callable and pickles).
            *args: its arguments; they and the result must pickle. A result of plain data spares this process the
                import of what the worker computed with.
            seconds: this call's limit; the pool's where left out.

        Returns:
            The future of its outcome. Cancelled while it waits, the call is not done; once it runs it cannot be.

        Raises:
            RuntimeError: the pool is closed.
            TypeError: the function or an argument cannot be sent to a worker; nothing was sent.
            ValueError: the function's name or `seconds` is malformed.

        """
        job = self._job(function, args, seconds)
        self._core.put([job])
        return job.future

    def call(self, function: str | Callable[..., Any], *args: Any, seconds: float | None = None) -> Outcome:
        """Do one call and wait for its outcome; arguments and exceptions as for `submit`."""
        return _results([self.submit(function, *args, seconds=seconds)])[0]

    def map(
        self,
        function: str | Callable[..., Any],
        arguments: Iterable[tuple[Any, ...]],
        seconds: float | None = None,
    ) -> list[Outcome]:
        """Do one call for each tuple of arguments, on all workers, and wait for all outcomes.

        Args:
            function: as for `submit`.
            arguments: one tuple of arguments for each call.
            seconds: the limit of each call; the pool's where left out.

        Returns:
            The outcomes, in the order of `arguments`.

        Raises:
            RuntimeError: the pool is closed.
            TypeError: the function or an argument cannot be sent to a worker; nothing was sent.
            ValueError: the function's name or `seconds` is malformed.

        """
        jobs = [self._job(function, tuple(args), seconds) for args in arguments]
        self._core.put(jobs)
        return _results([job.future for job in jobs])

    async def acall(self, function: str | Callable[..., Any], *args: Any, seconds: float | None = None) -> Outcome:
        """Do one call without blocking the event loop; arguments and exceptions as for `submit`.

        A cancelled task leaves the queue; once its call runs in a worker, it goes on there, at most to its limit.
        """
        import asyncio

        return await asyncio.wrap_future(self.submit(function, *args, seconds=seconds))

    def stats(self) -> dict[str, int]:
        """What was done so far, for logging.

        Returns:
            calls: outcomes given, of which timeouts and errors are as named (of a forked child: its own);
            restarts: workers started in place of another; retries: calls tried again because their worker died.

        """
        with self._core.condition:
            return {name: self._core.counts[name] for name in _STATS}

    def close(self) -> None:
        """Kill the workers and wait for their end; calls that are not done end as `ERROR`. Twice is harmless.

        Done by itself when the interpreter exits or the pool is garbage.
        """
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _job(self, function: str | Callable[..., Any], args: tuple[Any, ...], seconds: float | None) -> Job:
        limit = self.seconds if seconds is None else _limit("seconds", seconds)
        return Job(encode_call(function, args), limit)


def _results(futures: list[Future[Outcome]]) -> list[Outcome]:
    try:
        return [future.result() for future in futures]
    except BaseException:
        for future in futures:
            future.cancel()
        raise


def _count(name: str, value: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} is {value!r}; it must be an integer of 1 or more")
    return value


def _limit(name: str, value: float) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value <= 0:
        raise ValueError(f"{name} is {value!r}; it must be a finite number of seconds above 0")
    return float(value)
