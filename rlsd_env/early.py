"""Grading before the step: answers are judged in the background while others are still being written."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from verifiers import Reference, Verdict

_LOG = logging.getLogger(__name__)

Grade = Callable[[Sequence[str], Sequence[Reference]], list[Verdict]]
Key = tuple[int, str]


class EarlyGrader:
    """Judges answers in the background: all that have come in while the last ones were judged, at once.

    So a verifier that is best asked for many verdicts at a time, such as a model as judge, still is; the same answer
    to the same task is judged once. What fails here is left to the caller, in whose thread it fails again.

    Args:
        grade: judges a batch.
        workers: batches at a time.

    """

    def __init__(self, grade: Grade, workers: int = 1) -> None:
        self._grade = grade
        self._pool = ThreadPoolExecutor(workers, "grading")
        self._lock = threading.Lock()
        self._waiting: dict[Key, tuple[str, Reference, Future[Verdict | None]]] = {}
        self._promised: dict[Key, Future[Verdict | None]] = {}

    def submit(self, task: int, answer: str, reference: Reference) -> None:
        """Begin to judge an answer.

        Args:
            task: number of the task within the step.
            answer: the answer.
            reference: of the task.

        """
        key = (task, str(answer))
        with self._lock:
            if key in self._promised:
                return
            self._promised[key] = promised = Future[Verdict | None]()
            self._waiting[key] = (answer, reference, promised)
        self._pool.submit(self._judge_waiting)

    def _judge_waiting(self) -> None:
        with self._lock:
            rows, self._waiting = self._waiting, {}
        if not rows:
            return
        answers, references, promised = zip(*rows.values())
        verdicts: Sequence[Verdict | None] = [None] * len(rows)
        try:
            judged = self._grade(answers, references)
            if len(judged) == len(rows):
                verdicts = judged
        except Exception:  # raised again by `GroupVectorEnv.step`, which grades what has no verdict
            _LOG.debug("grading ahead failed", exc_info=True)
        finally:
            for future, verdict in zip(promised, verdicts):
                future.set_result(verdict)

    def verdicts(self) -> dict[Key, Verdict]:
        """Wait for all that was submitted; return the verdicts by task and answer, and forget them."""
        with self._lock:
            promised, self._promised = self._promised, {}
        found = {key: future.result() for key, future in promised.items()}
        return {key: verdict for key, verdict in found.items() if verdict is not None}

    def forget(self) -> None:
        """Drop what was submitted; what is being judged now is waited for."""
        with self._lock:
            dropped, self._waiting = self._waiting, {}
            promised, self._promised = self._promised, {}
        for key, future in promised.items():
            if key not in dropped:
                future.result()

    def close(self) -> None:
        """Drop what was submitted and end the threads."""
        self.forget()
        self._pool.shutdown()
