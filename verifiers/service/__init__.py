"""Verifiers and calls in worker processes that are killed and replaced when they hang.

    verifier = IsolatedVerifier("my_verifiers:Symbolic", workers=4, seconds=5.0)
    verdicts = verifier.verify_batch(responses, references)  # a hang is Status.TIMEOUT, not a stopped training run

`WorkerPool` does the same for any function; `shared_pool` is the library's own, for symbolic comparisons.
"""

from verifiers.service.isolated import IsolatedVerifier
from verifiers.service.pool import WorkerPool
from verifiers.service.protocol import NotPicklableError, Outcome, OutcomeKind, in_worker
from verifiers.service.shared import configure, shared_pool

__all__ = [
    "IsolatedVerifier",
    "NotPicklableError",
    "Outcome",
    "OutcomeKind",
    "WorkerPool",
    "configure",
    "in_worker",
    "shared_pool",
]
