"""The verifier contract: `Verifier`."""

from __future__ import annotations

import abc
import logging
from collections.abc import Sequence

from verifiers.contract import checked
from verifiers.errors import BadReference, BrokenVerifierError
from verifiers.feedback import DEFAULT_FEEDBACK_LEVEL, feedback_text
from verifiers.frames import own_traceback
from verifiers.types import Reference, Status, Verdict

__all__ = ["LEVELS", "BadReference", "Verifier"]

_LOG = logging.getLogger(__name__)

_SEEN: set[tuple[str, str]] = set()
_REMEMBERED = 1000

LEVELS = ("answer", "solution")
"""What `Verifier.privileged` can show a teacher."""


def log_failure(
    verifier: str, message: str, error: BaseException | str, *, call: str = "verify", lost: str = "its verdict"
) -> None:
    """Log that a verifier raised: the first time of each message with the traceback, then without being shown.

    Args:
        verifier: its class's name, or that of whatever else judges.
        message: what it raised.
        error: the exception, or its traceback as text.
        call: the method that raised.
        lost: what is left out of rewards for it.

    """
    if (verifier, message) in _SEEN:
        _LOG.debug("%s.%s raised %s", verifier, call, message)
        return
    if len(_SEEN) < _REMEMBERED:
        _SEEN.add((verifier, message))
    told = "%s.%s raised %s; %s is left out of rewards. This is said once."
    trace = error if isinstance(error, str) else own_traceback(error)
    _LOG.error(f"{told}\n%s", verifier, call, message, lost, trace.rstrip())


class Verifier(abc.ABC):
    """Says whether a response is right.

    A verifier is a pure function of (response, reference): no state between calls, the same verdict in
    every thread and process, and a verdict (never an exception) for any string. The only exception that
    may leave `verify` is `BadReference`.

    Write one by defining `verify` (and, if the defaults do not fit, `privileged` and `feedback`), and test
    it with `verifiers.testing.check_verifier`.

    Attributes:
        name: short name, for logs and configuration; the class's name unless set.
        version: changes whenever a verdict can change, so that stored results say what graded them.

    """

    name: str = ""
    version: str = "1"

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.name:
            cls.name = cls.__name__

    @abc.abstractmethod
    def verify(self, response: str, reference: Reference) -> Verdict:
        """Judge one response; the verdict's `feedback` is filled.

        Args:
            response: what the model wrote, thinking included.
            reference: the gold answer and what else is known of the task.

        Raises:
            BadReference: the gold answer cannot be used.

        """

    def warm_up(self) -> None:  # noqa: B027 - most verifiers have nothing to do
        """Do now what the first verdict would wait for, such as starting worker processes."""

    def verify_batch(self, responses: Sequence[str], references: Sequence[Reference]) -> list[Verdict]:
        """Judge responses[i] against references[i], in order.

        An exception of the verifier's own becomes a verdict with `Status.ERROR` that names it, and is
        logged, with its traceback the first time: a failing verifier is not a wrong answer.

        Raises:
            BadReference: a gold answer cannot be used; a broken item stops the batch.
            BrokenVerifierError: `verify` returned no verdict, or one whose fields are not of their types.
            ValueError: the two sequences differ in length.

        """
        if len(responses) != len(references):
            raise ValueError(f"{len(responses)} responses but {len(references)} references")
        return [self._guarded(*pair, position=n) for n, pair in enumerate(zip(responses, references))]

    async def averify(self, response: str, reference: Reference) -> Verdict:
        """Judge one response without blocking the event loop: `verify`, in a thread.

        Raises:
            BadReference: the gold answer cannot be used.

        """
        import asyncio  # here, because its import takes as long as that of all verifiers

        return await asyncio.to_thread(self.verify, response, reference)

    def _guarded(self, response: str, reference: Reference, position: int) -> Verdict:
        try:
            return checked(self.verify(response, reference), self, position=position)
        except (BadReference, BrokenVerifierError):
            raise
        except Exception as error:
            message = f"{type(error).__name__}: {error}"
            log_failure(type(self).__name__, message, error)
            return Verdict(0.0, False, None, Status.ERROR, f"The verifier failed: {message}")

    def privileged(self, reference: Reference, level: str) -> str | None:
        """What a teacher may be shown of the reference.

        Args:
            reference: the reference to show.
            level: "answer" for the gold answer, "solution" for the worked solution.

        Returns:
            The text, or None where the reference has no solution.

        Raises:
            ValueError: `level` is neither.

        """
        if level == "answer":
            return reference.answer
        if level == "solution":
            return reference.solution
        raise ValueError(f"level is {level!r}; it must be one of {', '.join(map(repr, LEVELS))}")

    def feedback(
        self, response: str, reference: Reference, verdict: Verdict, *, level: str = DEFAULT_FEEDBACK_LEVEL
    ) -> str:
        """A short text for a retry or a teacher.

        By default it reveals nothing of the reference, except that a wrong answer to a task with
        `reference.steps` names the first step that the response has wrong.

        Args:
            response: what the model wrote.
            reference: the task's reference.
            verdict: the verdict on the two.
            level: how much is told, one of `verifiers.feedback.FEEDBACK_LEVELS`.

        Raises:
            ValueError: there is no such level.

        """
        return feedback_text(response, reference, verdict, level=level)
