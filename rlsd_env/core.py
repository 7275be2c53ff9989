"""What the single and the vector environment share: tasks, prompts, grading and their options."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

import verifiers
from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.prompts import FORMATS, render
from rlsd_env.sources import TaskSource, load_source
from rlsd_env.spaces import RGBImage, UnicodeText
from rlsd_env.task import Item, Privileged
from verifiers import Verdict, Verifier

OPTIONS = ("task_id", "task_index")
Observation = dict[str, Any]


def observation_space() -> spaces.Dict:
    """Return the observation space of one environment.

    `question` is the whole prompt with one `<image>` per picture in `images`; `choices` repeats the options
    for agents that pick one; `feedback` is what the environment said of the previous turn, "" on the first;
    `turn` counts from 0.
    """
    return spaces.Dict(
        {
            "question": UnicodeText(),
            "images": spaces.Sequence(RGBImage()),
            "choices": spaces.Sequence(UnicodeText()),
            "feedback": UnicodeText(),
            "turn": spaces.Discrete(1),
        }
    )


class Desk:
    """One source of tasks with one verifier and one prompt format, stateless.

    Args:
        source: "package.module:Name" of a `TaskSource`, or the source itself.
        verifier: a registered name, "package.module:Name" or a `Verifier`; None: the source's own.
        verifier_kwargs: arguments for a verifier given by name.
        answer_format: a key of `rlsd_env.prompts.FORMATS`; None: the source's own.
        fold: "all", "train" or "heldout"; the last two are disjoint.
        expose_privileged: whether `privileged` and the verdicts' feedback may be read.
        source_kwargs: arguments of the source.

    Raises:
        ConfigurationError: a value is not usable; the message says which and what is.

    """

    def __init__(
        self,
        source: str | TaskSource,
        verifier: str | Verifier | None,
        verifier_kwargs: Mapping[str, Any] | None,
        answer_format: str | None,
        fold: str,
        expose_privileged: bool,
        source_kwargs: Mapping[str, Any],
    ) -> None:
        if isinstance(source, TaskSource):
            if source_kwargs:
                raise ConfigurationError(f"{sorted(source_kwargs)}: a source that is made already takes no options")
            self.source = source
        else:
            self.source = load_source(source, source_kwargs)
        try:
            self.verifier = verifiers.make(verifier or self.source.verifier, **(verifier_kwargs or {}))
        except (TypeError, ValueError, ImportError) as error:
            raise ConfigurationError(f"verifier {verifier or self.source.verifier!r}: {error}") from error
        self.answer_format = answer_format or self.source.answer_format
        if self.answer_format not in FORMATS:
            raise ConfigurationError(one_of("answer format", self.answer_format, FORMATS))
        self.indices = self.source.fold(fold)
        if not self.indices:
            raise ConfigurationError(f"fold {fold!r} of this source is empty")
        self.expose_privileged = expose_privileged

    def observe(self, item: Item, *, copy: bool) -> Observation:
        """Make the first observation of a task; without `copy` its pictures are read-only views of the task's."""
        return {
            "question": render(item.task, self.answer_format),
            "images": tuple(image.copy() if copy else image.view() for image in item.task.images),
            "choices": item.task.choices,
            "feedback": "",
            "turn": 0,
        }

    def draw(self, rng: np.random.Generator) -> int:
        """Draw a task number of the fold."""
        return int(self.indices[int(rng.integers(len(self.indices)))])

    def chosen(self, options: Mapping[str, Any] | None) -> Any:
        """Read the task numbers that reset options ask for; None where they ask for none.

        Raises:
            ConfigurationError: an option is unknown, both are given, or a number is out of range.

        """
        options = dict(options or {})
        for name in options:
            if name not in OPTIONS:
                raise ConfigurationError(one_of("reset option", name, OPTIONS))
        if len(options) > 1:
            raise ConfigurationError("reset options task_id and task_index are both given; give one")
        if "task_id" in options:
            value = options["task_id"]
            if isinstance(value, str):
                return self.source.index_of(value)
            return [self.source.index_of(task_id) for task_id in value]
        if "task_index" in options:
            value = options["task_index"]
            single = isinstance(value, (int, np.integer))
            numbers = [int(number) for number in ([value] if single else value)]
            for number in numbers:
                if not 0 <= number < len(self.source):
                    raise ConfigurationError(f"task_index {number}: it must be 0 to {len(self.source) - 1}")
            return numbers[0] if single else numbers
        return None

    def grade(self, responses: Sequence[str], items: Sequence[Item]) -> list[Verdict]:
        """Judge responses; feedback, which may tell the answer, is kept only where privileged is exposed."""
        verdicts = self.verifier.verify_batch(responses, [item.privileged.reference for item in items])
        if self.expose_privileged:
            return verdicts
        return [dataclasses.replace(verdict, feedback="") for verdict in verdicts]

    def hints(self, item: Item) -> dict[str, str]:
        """Return what the verifier says a teacher may be shown, by level: "answer", and "solution" if there is one."""
        reference = item.privileged.reference
        found = {level: self.verifier.privileged(reference, level) for level in ("answer", "solution")}
        return {level: text for level, text in found.items() if text is not None}

    def reveal(self, items: Sequence[Item]) -> tuple[Privileged, ...]:
        """Return the privileged parts.

        Raises:
            PermissionError: the environment was made without `expose_privileged=True`.

        """
        if not self.expose_privileged:
            raise PermissionError(
                "this environment keeps its reference answers to itself; make it with expose_privileged=True "
                "to train a teacher with them"
            )
        return tuple(item.privileged for item in items)
