"""Further verdicts on the same responses: the scorer's other mode, and a judge's where rules cannot read an answer."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import verifiers
from rlsd_env import GroupEnv
from rlsd_env.desk import Desk
from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.fingerprints import Recorded
from rlsd_env.sources import TaskSource
from verifiers import Reference, Status, Verdict, Verifier
from verifiers.judge import JudgeVerifier, Question
from verifiers.official.base import MODES, BenchmarkVerifier

OWN = "verifier"
"""What the verdict of an environment is called whose verifier has no modes."""
JUDGED = "judged"
_AT_ONCE = 256


def own_mode(env: GroupEnv) -> str:
    """Return the mode of an environment's verifier; `OWN`: it has none."""
    desk = getattr(env, "desk", None)
    if isinstance(desk, Desk) and isinstance(desk.verifier, BenchmarkVerifier):
        return desk.verifier.mode
    return OWN


def in_modes(env: GroupEnv) -> dict[str, Verifier]:
    """Return an environment's verifier in both of its modes, by mode; none where it has none."""
    own = own_mode(env)
    if own == OWN:
        return {}
    desk: Desk = env.desk  # type: ignore[attr-defined]
    spec, kwargs = desk.config.verifier, dict(desk.config.verifier_kwargs or {})
    if spec is None:
        spec, kwargs = desk.source.verifier, {**desk.source.verifier_kwargs, **kwargs}
    if not isinstance(spec, str):
        return {own: desk.verifier}
    return {mode: desk.verifier if mode == own else verifiers.make(spec, **{**kwargs, "mode": mode}) for mode in MODES}


def references(env: GroupEnv, tasks: Sequence[int]) -> list[Reference]:
    """Return the gold answers of tasks, without decoding pictures where the source can do so.

    Raises:
        ConfigurationError: the environment does not say where its tasks are from.

    """
    desk = getattr(env, "desk", None)
    if not isinstance(desk, Desk):
        raise ConfigurationError(
            f"{type(env).__name__} has no desk, so a judge cannot see gold answers; leave judge out"
        )
    return [_reference(desk.source, task) for task in tasks]


def _reference(source: TaskSource, task: int) -> Reference:
    return source.record(task).reference if isinstance(source, Recorded) else source.item(task).privileged.reference


def make_judge(model: str, url: str, kwargs: Mapping[str, Any], cache: Path | None) -> JudgeVerifier:
    """Make a judge; it is asked nothing yet.

    Raises:
        ConfigurationError: the address or an argument is unusable.

    """
    allowed = [
        name for name in inspect.signature(JudgeVerifier).parameters if name not in ("api_key", "cache", "first")
    ]
    for name in kwargs:
        if name not in allowed:
            raise ConfigurationError(one_of("argument of judge_kwargs", name, allowed[2:]))
    try:
        return JudgeVerifier(model, url, cache=cache, **kwargs)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"judge {model!r}: {error}") from error


def check_judge(judge: JudgeVerifier) -> None:
    """Ask a judge whether 4 is 4, so that a wrong address or a model that gives no verdict shows before a long run.

    Raises:
        ConfigurationError: it gives no verdict, or a wrong one.

    """
    verdict = judge.verify("The answer is 4", Reference("4"))
    if verdict.status.failed:
        raise ConfigurationError(f"judge {judge.model!r} is of no use: {verdict.feedback}")
    if not verdict.correct:
        raise ConfigurationError(f"judge {judge.model!r} says that 4 is not 4; take another model")


def ask_judge(judge: JudgeVerifier, answers: Sequence[str], golds: Sequence[Reference]) -> list[Verdict]:
    """Have a judge decide whether answers[i] is golds[i]; the same question is asked once."""
    questions = [Question.of(answer, gold) for answer, gold in zip(answers, golds)]
    once = list({question: place for place, question in enumerate(questions)}.items())
    found: dict[Question, Verdict] = {}
    for start in range(0, len(once), _AT_ONCE):
        asked = once[start : start + _AT_ONCE]
        verdicts = judge.verify_batch([answers[place] for _, place in asked], [golds[place] for _, place in asked])
        found |= {question: verdict for (question, _), verdict in zip(asked, verdicts)}
    return [found[question] for question in questions]


def undecided(status: Status) -> bool:
    """Tell whether a verdict of rules leaves the answer to a judge: one was found and could not be read."""
    return status is Status.UNPARSABLE
