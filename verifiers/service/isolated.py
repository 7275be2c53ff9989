"""`IsolatedVerifier`: another verifier, wholly in worker processes."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

from verifiers.base import Verifier, log_failure
from verifiers.contract import checked
from verifiers.errors import BadReference, BrokenVerifierError
from verifiers.registry import make
from verifiers.service.pool import WorkerPool
from verifiers.service.protocol import NotPicklableError, Outcome, OutcomeKind, describe, in_worker, refuse_main
from verifiers.types import Reference, Status, Verdict

_LOG = logging.getLogger(__name__)

_inner: Verifier | None = None  # in a worker: the verifier that it was made for


class IsolatedVerifier(Verifier):
    """Runs a verifier in worker processes, so that nothing it does can stop or crash this one.

    Works the same from the main thread, other threads, asyncio, Ray actors and child processes. The verdicts are the
    verifier's own, but:

    - not done within `seconds`: `Status.TIMEOUT`;
    - an exception, more memory than allowed, a crash of the worker (twice): `Status.ERROR`, named in the feedback.

    The verifier is made once here, for `privileged` and `feedback`, which run in this process, and once in each
    worker. Inside a worker of another pool it is run directly, under that pool's limits.

    Args:
        verifier: "package.module:Name" (made anew in each worker), or a registered name or an object (pickled for
            each worker once).
        workers: how many processes.
        seconds: the limit of one verdict, in seconds of the worker's own, busy or asleep; see `WorkerPool`.
        memory_mb: MiB of address space for the verdicts of a worker, see `WorkerPool`; None for no limit.
        **kwargs: arguments for the class or function that the name stands for.

    Raises:
        TypeError: the verifier cannot be sent to a worker: it does not pickle, or its class lives in `__main__`.
        ValueError: the name is unknown, or a number is out of range.

    """

    def __init__(
        self,
        verifier: Verifier | str,
        workers: int = 2,
        seconds: float = 5.0,
        memory_mb: int | None = 2048,
        **kwargs: Any,
    ) -> None:
        self._settings = (verifier, workers, seconds, memory_mb, kwargs)
        self._make()

    def _make(self) -> None:
        verifier, workers, seconds, memory_mb, kwargs = self._settings
        self._inner = make(verifier, **kwargs)
        self.name = self._inner.name
        self.version = self._inner.version
        try:
            self._pool = WorkerPool(workers, seconds, memory_mb, setup=_setup(verifier, self._inner, kwargs))
        except NotPicklableError as error:
            raise NotPicklableError(f"the verifier {verifier!r} cannot be sent to a worker process: {error}") from error

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("_inner", "_pool")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._make()

    def warm_up(self) -> None:
        """Start the workers and wait for one."""
        if self._pool is not None:
            self._pool.call("builtins:int")

    def verify(self, response: str, reference: Reference) -> Verdict:
        """Judge one response in a worker.

        Raises:
            BadReference: the verifier says that the gold answer cannot be used.
            RuntimeError: this verifier was closed.

        """
        return self.verify_batch([response], [reference])[0]

    def verify_batch(self, responses: Sequence[str], references: Sequence[Reference]) -> list[Verdict]:
        """Judge responses[i] against references[i], in order, on all workers at the same time.

        Raises:
            BadReference: a gold answer cannot be used; a broken item stops the batch.
            RuntimeError: this verifier was closed.
            ValueError: the two sequences differ in length.

        """
        if len(responses) != len(references):
            raise ValueError(f"{len(responses)} responses but {len(references)} references")
        if in_worker():
            return [self._verdict(_here(self._inner, *pair)) for pair in zip(responses, references)]
        futures: list[Future[Outcome]] = []
        try:
            futures += [self._submit(*pair) for pair in zip(responses, references)]
            return [self._verdict(future.result()) for future in futures]
        finally:
            for future in futures:
                future.cancel()

    async def averify(self, response: str, reference: Reference) -> Verdict:
        """Judge one response in a worker, without blocking the event loop and without a thread of its own.

        Raises:
            BadReference: the verifier says that the gold answer cannot be used.
            RuntimeError: this verifier was closed.

        """
        import asyncio

        if in_worker():
            return await super().averify(response, reference)
        return self._verdict(await asyncio.wrap_future(self._submit(response, reference)))

    def privileged(self, reference: Reference, level: str) -> str | None:
        """What the verifier would show, from this process."""
        return self._inner.privileged(reference, level)

    def feedback(self, response: str, reference: Reference, verdict: Verdict, **options: Any) -> str:
        """The verifier's feedback, from this process; the options are those of its own `feedback`."""
        return self._inner.feedback(response, reference, verdict, **options)

    def stats(self) -> dict[str, int]:
        """What the workers did so far; see `WorkerPool.stats`."""
        return self._pool.stats()

    def close(self) -> None:
        """End the workers; twice is harmless. Done by itself at exit, or when nobody has this verifier any more."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _submit(self, response: str, reference: Reference) -> Future[Outcome]:
        try:
            return self._pool.submit(_judge, response, reference)
        except NotPicklableError as error:
            future: Future[Outcome] = Future()
            future.set_result(Outcome(OutcomeKind.ERROR, message=describe(error)))
            return future

    def _verdict(self, outcome: Outcome) -> Verdict:
        if outcome.kind is OutcomeKind.TIMEOUT:
            _LOG.warning("verifier %r: %s", self.name, outcome.message)
            message = f"The verifier ran out of time: its limit is {self._pool.seconds:g} s."
            return Verdict(0.0, False, None, Status.TIMEOUT, message)
        if outcome.kind is OutcomeKind.ERROR:
            log_failure(type(self._inner).__name__, outcome.message, outcome.trace)
            return Verdict(0.0, False, None, Status.ERROR, f"The verifier failed: {outcome.message}")
        if isinstance(outcome.value, _Broken):
            raise BadReference(str(outcome.value))
        if isinstance(outcome.value, _NoVerdict):
            raise BrokenVerifierError(str(outcome.value))
        return outcome.value


class _Broken(str):
    """What a `BadReference` said, on its way from a worker."""

    __slots__ = ()


class _NoVerdict(str):
    """What a `BrokenVerifierError` said, on its way from a worker."""

    __slots__ = ()


def _setup(verifier: Verifier | str, made: Verifier, kwargs: dict[str, Any]) -> tuple[Any, ...]:
    if not isinstance(verifier, str) or ":" not in verifier:
        return _set_up, made, {}
    refuse_main(verifier.partition(":")[0], verifier)
    return _set_up, verifier, kwargs


def _set_up(verifier: Verifier | str, kwargs: dict[str, Any]) -> None:
    global _inner
    _inner = make(verifier, **kwargs)


def _judge(response: str, reference: Reference) -> Verdict | _Broken | _NoVerdict:
    if _inner is None:
        raise RuntimeError("this worker was set up without a verifier")
    return _judged_by(_inner, response, reference)


def _judged_by(verifier: Verifier, response: str, reference: Reference) -> Verdict | _Broken | _NoVerdict:
    try:
        verdict = verifier.verify(response, reference)
    except BadReference as error:
        return _Broken(error)
    try:
        return checked(verdict, verifier)
    except BrokenVerifierError as error:
        return _NoVerdict(error)


def _here(verifier: Verifier, response: str, reference: Reference) -> Outcome:
    try:
        return Outcome(OutcomeKind.DONE, _judged_by(verifier, response, reference))
    except Exception as error:
        return Outcome(OutcomeKind.ERROR, message=describe(error), trace=traceback.format_exc())
