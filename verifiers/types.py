"""What a verifier reads and what it says: `Reference`, `Verdict` and their enums.

Nothing here knows an environment or a model; every type is frozen, so that a verdict that was recorded
beside an episode cannot change afterwards.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn


class FrozenDict(dict[str, Any]):
    """A dictionary that cannot be changed, but can be pickled, hashed, copied and written as JSON.

    Raises:
        TypeError: on any attempt to change it.

    """

    def _refuse(self, *args: object, **kwargs: object) -> NoReturn:
        raise TypeError("this mapping belongs to a frozen Reference or Verdict and cannot be changed")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
        return type(self), (dict(self),)


class Status(enum.StrEnum):
    """How a verification ended. Only `OK` compares an answer with the reference."""

    OK = "ok"
    """An answer was found and compared; `Verdict.correct` says with which result."""
    NO_ANSWER = "no_answer"
    """The response holds no answer (no tags, an unclosed think block, nothing at all)."""
    UNPARSABLE = "unparsable"
    """An answer was found but is not of the kind that the reference asks for."""
    AMBIGUOUS = "ambiguous"
    """Several different answers, or a hedge such as "3 or 4"."""
    TIMEOUT = "timeout"
    """The verifier ran out of time. Not a wrong answer: it leaves the group's baseline and is counted."""
    ERROR = "error"
    """The verifier failed. Not a wrong answer: it leaves the group's baseline and is counted."""

    @property
    def failed(self) -> bool:
        """True where the VERIFIER failed, so that the reward says nothing about the response."""
        return self in (Status.TIMEOUT, Status.ERROR)


class AnswerKind(enum.StrEnum):
    """What an answer is, and therefore what "equal" means."""

    INTEGER = "integer"
    """Exact integers of any size: "7", "-1,024", "7.0" is accepted for 7."""
    DECIMAL = "decimal"
    """Numbers equal after rounding to `Reference.precision` decimals, or within the gold's own digits."""
    FRACTION = "fraction"
    r"""Exact rationals: "3/4", "\frac{3}{4}", ".75"."""
    LIST = "list"
    """Ordered lists, each element compared by its own kind."""
    TEXT = "text"
    """Words, compared without case, punctuation, articles and repeated spaces."""
    EXPRESSION = "expression"
    """Mathematics: values, points, sets, intervals, equations, inequalities, matrices, quantities with units."""
    CHOICE = "choice"
    """One option of `Reference.choices`, or several, given by letter or by text."""


def outcome(correct: bool, reward: float, status: str) -> str:
    """Say in words what became of an answer.

    >>> [outcome(*one) for one in ((True, 1.0, "ok"), (False, 0.5, "ok"), (False, 0.0, "ok"), (False, 0.0, "timeout"))]
    ['right', 'partly right', 'wrong', 'not judged (timeout)']

    Args:
        correct: as of a `Verdict`.
        reward: likewise.
        status: likewise; a `Status`, or its text.

    """
    if Status(status).failed:
        return f"not judged ({status})"
    if correct:
        return "right"
    return "partly right" if reward > 0 and status == Status.OK else "wrong"


@dataclass(frozen=True)
class Step:
    """One named intermediate result of a worked solution, for feedback on a wrong attempt.

    Attributes:
        name: what is computed, in the words a response would use, e.g. "red circles".
        value: its exact value as text, e.g. "3".

    """

    name: str
    value: str


@dataclass(frozen=True)
class Reference:
    """Everything a verifier may know about the right answer. Privileged: a student never sees it.

    Attributes:
        answer: the gold answer as text; for `CHOICE` a letter, several ("ACD"), or the text of one
            option.
        kind: how answers are compared; `None` lets the verifier infer it from `answer` and `choices`.
        choices: the options of a multiple-choice question, in order (A is the first).
        precision: decimals that count for `DECIMAL`; `None`: as many as the gold is written with.
        unit: the unit of a gold answer that is written without one; an answer may leave it out, or convert.
        solution: a worked solution, where there is one.
        steps: named intermediate results, where the task has them.
        extras: whatever a verifier of the user's own needs.

    Raises:
        ValueError: the gold answer is empty. A task without a gold answer is broken, not unsolvable.

    """

    answer: str
    kind: AnswerKind | None = None
    choices: tuple[str, ...] = ()
    precision: int | None = None
    unit: str | None = None
    solution: str | None = None
    steps: tuple[Step, ...] = ()
    extras: Mapping[str, object] = field(default_factory=FrozenDict)

    def __post_init__(self) -> None:
        if not isinstance(self.answer, str) or not self.answer.strip():
            raise ValueError(f"the reference answer is {self.answer!r}; it must be a non-empty string")
        if self.precision is not None and self.precision < 0:
            raise ValueError(f"precision is {self.precision}; it must be 0 or more decimals")
        if type(self.extras) is not FrozenDict:
            object.__setattr__(self, "extras", FrozenDict(self.extras))


@dataclass(frozen=True)
class Verdict:
    """What a verifier says of one response.

    Attributes:
        reward: the scalar for reinforcement learning; 1.0 right and 0.0 wrong unless a verifier says else.
        correct: whether the ANSWER is right, whatever shaping the reward holds (SDPO's successes are
            judged on this, never on a shaped reward).
        extracted: the answer that was found, as written; None where there was none.
        status: how the verification ended; see `Status`.
        feedback: text for a retry or for a feedback teacher; may refer to the reference, so it is
            privileged until the environment was told to show it.
        parts: the reward's parts by name, e.g. {"accuracy": 1.0, "format": 1.0}.
        method: which extraction rule matched, e.g. "answer_tag".

    """

    reward: float
    correct: bool
    extracted: str | None
    status: Status
    feedback: str = ""
    parts: Mapping[str, float] = field(default_factory=FrozenDict)
    method: str = ""

    def __post_init__(self) -> None:
        if type(self.parts) is not FrozenDict:
            object.__setattr__(self, "parts", FrozenDict(self.parts))

    @property
    def outcome(self) -> str:
        """In words: right, partly right, wrong or not judged."""
        return outcome(self.correct, self.reward, self.status)
