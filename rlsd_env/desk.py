"""What the single and the vector environment share: tasks, prompts, grading and their options."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

import verifiers
from rlsd_env import hints
from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.prompts import FORMATS, compiled, render, template_of
from rlsd_env.sources import TaskSource, load_source
from rlsd_env.sources.base import fold_of
from rlsd_env.sources.dataset import DataSource
from rlsd_env.spaces import MOST_SIDE, RGBImage, UnicodeText, VideoClip
from rlsd_env.task import Item, Privileged, Task
from rlsd_env.tools import ToolBox
from verifiers import IsolatedVerifier, Reference, Verdict, Verifier
from verifiers.contract import checked_batch
from verifiers.errors import BrokenVerifierError
from verifiers.official.base import BenchmarkVerifier

OURS = ("verifiers", "rlsd_env")
"""Packages whose verifiers keep limits of their own, and whose sources are tested."""
_LOG = logging.getLogger(__name__)

TOLD = "RLSD_TOLD"
"""The variable of the environment that says which warnings have been given."""
RESET_OPTIONS = ("task_id", "task_index")
SLOW_SECONDS = 0.002
"""A verdict that takes as long is worth a hand-over to another thread."""
FEEDBACK: dict[str, str | None] = {"none": None, "outcome": "outcome", "verifier": "error"}
"""What a student is told of a wrong answer, and the level of `Verifier.feedback` that says it.

Neither level quotes the reference. "outcome" tells one of a handful of sentences (right, wrong, no answer found), and
so at most the logarithm of their number in bits per turn; "verifier" also what is wrong with the answer's form.
"""
Observation = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class EnvConfig:
    """The options of an environment that do not choose its tasks.

    Attributes:
        verifier: a registered name, "package.module:Name" or a `Verifier`; None: the source's own.
        verifier_kwargs: arguments for a verifier given by name; None: the source's own where its verifier is used.
        answer_format: a key of `rlsd_env.prompts.FORMATS`; None: the source's own.
        prompt: a Jinja template, see `rlsd_env.prompts`, or a file with one; None: the source's own.
        fold: "all", "train", "tuning" or "heldout"; the last three are disjoint.
        max_turns: actions per episode; from the second on they follow feedback or the result of a tool.
        feedback: "none": the first answer ends the episode; "outcome" or "verifier": a wrong one is told so, the last
            one too, and may be mended while there are turns. See `FEEDBACK`.
        tools: names of tools (`rlsd_env.tools`) that a student may call, each call taking a turn.
        token_budget: tokens of all actions of an episode; what goes beyond is not graded. None: no limit.
        retry_discount: what the reward is multiplied by for each answer before the last one, above 0. With
            feedback a multiple-choice task can be solved by trying its options in turn: below 1 that pays less.
        grading_workers: processes that verify, under a limit of `grading_seconds` a verdict; 0: this one, without.
            None: one for a verifier that is named as "package.module:Name" or registered and is not the library's, so
            that one that never returns stops no training; this process for all others.
        grading_seconds: the limit of a verdict in another process; beyond it the verifier has failed.
        grade_early: whether groups judge each completion as soon as the policy has finished it, in the background,
            while others are still being sampled. None: where verifying is in other processes, or took 2 ms or more per
            answer in the last step. Verdicts are the same either way.
        hints: what teachers are shown: "right", or as controls "wrong" or "blank"; see `rlsd_env.hints`.
        expose_privileged: whether `privileged` and the verdicts' feedback may be read.

    Raises:
        ConfigurationError: a value is not usable; the message says which and what is.

    """

    verifier: str | Verifier | None = None
    verifier_kwargs: Mapping[str, Any] | None = None
    answer_format: str | None = None
    prompt: str | None = None
    fold: str = "all"
    max_turns: int = 1
    feedback: str = "none"
    tools: Sequence[str] = ()
    token_budget: int | None = None
    retry_discount: float = 1.0
    grading_workers: int | None = None
    grading_seconds: float = 5.0
    grade_early: bool | None = None
    hints: str = "right"
    expose_privileged: bool = False

    def __post_init__(self) -> None:
        for name, kind, wanted in (
            ("verifier_kwargs", Mapping, "a table such as {limit=3}"),
            ("verifier", (str, Verifier), "a name, package.module:Name or a Verifier"),
            ("fold", str, "the name of a fold"),
            ("prompt", str, "a template's name or text"),
            ("retry_discount", (int, float), "a number"),
            ("grading_seconds", (int, float), "a number"),
        ):
            value = getattr(self, name)
            if value is not None and not isinstance(value, kind):
                raise ConfigurationError(f"{name} is {value!r}; it must be {wanted}")
        if self.answer_format is not None and self.answer_format not in FORMATS:
            raise ConfigurationError(one_of("answer format", self.answer_format, FORMATS))
        if self.feedback not in FEEDBACK:
            raise ConfigurationError(one_of("feedback", self.feedback, FEEDBACK))
        if self.hints not in hints.VARIANTS:
            raise ConfigurationError(one_of("hints", self.hints, hints.VARIANTS))
        if not isinstance(self.tools, (list, tuple)):
            raise ConfigurationError(f"tools is {self.tools!r}; it must be a list such as ['crop']")
        if type(self.expose_privileged) is not bool:
            raise ConfigurationError(f"expose_privileged is {self.expose_privileged!r}; it must be true or false")
        if self.grade_early is not None and type(self.grade_early) is not bool:
            raise ConfigurationError(f"grade_early is {self.grade_early!r}; it must be true or false, or left out")
        if isinstance(self.retry_discount, bool) or not 0 < self.retry_discount <= 1:
            raise ConfigurationError(f"retry_discount is {self.retry_discount!r}; it must be above 0 and at most 1")
        for name, least in (("max_turns", 1), ("token_budget", 1), ("grading_workers", 0)):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < least):
                raise ConfigurationError(f"{name} is {value!r}; it must be a whole number, {least} or more")
        if isinstance(self.grading_seconds, bool) or not self.grading_seconds > 0:
            raise ConfigurationError(f"grading_seconds is {self.grading_seconds!r}; it must be above 0")
        if self.max_turns == 1 and self.tools:
            raise ConfigurationError("max_turns is 1: tools need at least 2 turns, one to call and one to answer")
        if self.max_turns > 1 and not self.tools and self.feedback == "none":
            raise ConfigurationError(f"max_turns is {self.max_turns}: further turns need feedback or tools")
        if self.prompt is not None:
            compiled(template_of(self.prompt))


OPTIONS = (*(field.name for field in dataclasses.fields(EnvConfig)), "render_mode", "group_size")
"""Every argument of an environment that is not its source's."""


def split_options(options: Mapping[str, Any]) -> tuple[EnvConfig, dict[str, Any]]:
    """Split keyword arguments into the environment's own and those of its source."""
    own = {field.name for field in dataclasses.fields(EnvConfig)}
    return (
        EnvConfig(**{name: value for name, value in options.items() if name in own}),
        {name: value for name, value in options.items() if name not in own},
    )


def observation_space(max_turns: int = 1) -> spaces.Dict:
    """Return the observation space of one environment.

    `question` is the whole prompt with one `<image>` or `<video>` per picture or clip of the task, the same in
    every turn; `choices` repeats the options for agents that pick one. `feedback` is what the environment said of
    the previous action, also where that was the last one; "" in the first turn and after a right answer; with one
    `<image>` per picture that a tool returned. `images` and
    `videos` belong to the turn: those of the task in the first, those of the tools in later ones. `turn` counts
    the actions so far.
    """
    return spaces.Dict(
        {
            "question": UnicodeText(),
            "images": spaces.Sequence(RGBImage()),
            "videos": spaces.Sequence(VideoClip()),
            "choices": spaces.Sequence(UnicodeText()),
            "feedback": UnicodeText(),
            "turn": spaces.Discrete(max_turns + 1),
        }
    )


def is_ours(verifier: Verifier) -> bool:
    """Tell whether a verifier is the library's, those that it is made of included: then it keeps limits of its own."""
    inside: list[Any] = []
    for value in vars(verifier).values():
        inside += (
            value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else [value]
        )
    parts = [one for one in inside if isinstance(one, Verifier)]
    return is_our_class(type(verifier)) and all(map(is_ours, parts))


def is_our_class(cls: type) -> bool:
    """Tell whether a verifier's or a source's class is the library's."""
    return cls.__module__.partition(".")[0] in OURS


def _warn(text: str) -> None:
    """Warn once in a command, however many environments and processes it has: those that it starts inherit `TOLD`."""
    mark = hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()[:16]
    told = os.environ.get(TOLD, "").split()
    if mark in told or os.environ.get("RANK", "0") != "0":  # torchrun's processes are started beside each other
        return
    os.environ[TOLD] = " ".join([*told, mark])
    _LOG.warning(text)


class Desk:
    """One source of tasks with one verifier and one prompt; what it returns depends on its arguments alone.

    Args:
        source: "package.module:Name" of a `TaskSource`, or the source itself.
        config: the environment's options.
        source_kwargs: arguments of the source.

    Raises:
        ConfigurationError: a value is not usable; the message says which and what is.

    """

    def __init__(self, source: str | TaskSource, config: EnvConfig, source_kwargs: Mapping[str, Any]) -> None:
        self.config = config
        if isinstance(source, TaskSource):
            if source_kwargs:
                raise ConfigurationError(f"{sorted(source_kwargs)}: a source that is made already takes no options")
            self.source = source
        else:
            self.source = load_source(source, source_kwargs, also=OPTIONS)
        self.verifier = self._make_verifier()
        self._seconds_per_answer = 0.0
        self.answer_format = config.answer_format or self.source.answer_format
        self.template = self.source.template if config.prompt is None else template_of(config.prompt)
        self.tools = ToolBox(config.tools)
        self.indices = fold_of(self.source, config.fold)

    def _make_verifier(self) -> Verifier:
        spec, kwargs = self.config.verifier, dict(self.config.verifier_kwargs or {})
        if spec is None:
            spec, kwargs = self.source.verifier, {**self.source.verifier_kwargs, **kwargs}
        workers, seconds = self.config.grading_workers, self.config.grading_seconds
        try:
            if workers:
                return IsolatedVerifier(spec, workers=workers, seconds=seconds, **kwargs)
            made = verifiers.make(spec, **kwargs)
        except (TypeError, ValueError, ImportError) as error:
            raise ConfigurationError(f"verifier {spec!r}: {error}") from error
        if workers == 0 or not isinstance(spec, str) or is_ours(made):
            return made
        try:
            isolated = IsolatedVerifier(spec, workers=1, seconds=seconds, **kwargs)
        except TypeError as error:  # a script's own, which no other process can import
            _warn(f"verifier {spec!r} is not the library's and runs here, without a limit of time: {error}")
            return made
        _warn(
            f"verifier {spec!r} is not the library's: it runs in a process of its own, at most {seconds:g} s a verdict "
            "(grading_seconds=..; grading_workers=0: in this process, without a limit)"
        )
        return isolated

    def prompt(self, task: Task) -> str:
        """Write the prompt of a task, with the tools that may be called."""
        tools = self.tools.instructions()
        text = render(task, self.answer_format, self.template, tools)
        return text if tools in text else f"{text}\n{tools}"

    def item(self, index: int) -> Item:
        """Load a task.

        Raises:
            ConfigurationError: the source fails, returns something else than an `Item`, or a picture is too large; the
                message names class, number or id, what was returned and what is allowed.

        """
        call = f"{type(self.source).__name__}.item({index})"
        try:
            item = self.source.item(index)
        except ConfigurationError:
            raise
        except Exception as error:  # of any source of the user's
            raise ConfigurationError(f"{call} raised {type(error).__name__}: {error}") from error
        if not isinstance(item, Item):
            raise ConfigurationError(
                f"{call} returned a {type(item).__name__}; it must return rlsd_env.Item(Task(..), Privileged(..))"
            )
        for place, image in enumerate(item.task.images):
            height, width, _ = image.shape
            if max(height, width) > MOST_SIDE:
                raise ConfigurationError(
                    f"{call} returned task {item.task.id!r}, whose picture {place} is {width} x {height}; "
                    f"at most {MOST_SIDE:,} pixels a side are allowed: scale it down"
                )
        return item

    def draw(self, rng: np.random.Generator) -> int:
        """Draw a task number of the fold."""
        return int(self.indices[int(rng.integers(len(self.indices)))])

    def chosen(self, options: Mapping[str, Any] | None, count: int | None = None) -> list[int] | None:
        """Read the task numbers that reset options ask for, of any fold; None where they ask for none.

        Args:
            options: the options.
            count: how many tasks a list must name; None: one task, and no list.

        Raises:
            ConfigurationError: an option is unknown, both are given, or a value is not of its form or range.

        """
        options = dict(options or {})
        for name in options:
            if name not in RESET_OPTIONS:
                raise ConfigurationError(one_of("reset option", name, RESET_OPTIONS))
        if len(options) > 1:
            raise ConfigurationError("reset options task_id and task_index are both given; give one")
        if not options:
            return None
        ((name, value),) = options.items()
        if count is None:
            values = [value]
        elif isinstance(value, (list, tuple, np.ndarray)) and len(value) == count:
            values = list(value)
        else:
            raise ConfigurationError(
                f"reset option {name} is {value!r}; there are {count} groups: give a list of {count}"
            )
        return [self._number(name, value) for value in values]

    def _number(self, name: str, value: Any) -> int:
        if name == "task_id":
            if not isinstance(value, str):
                raise ConfigurationError(f"task_id {value!r}: an id is a text; write {str(value)!r}")
            return self.source.index_of(value)
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not 0 <= value < len(self.source):
            raise ConfigurationError(
                f"task_index {value!r}: it must be a whole number from 0 to {len(self.source) - 1}"
            )
        return int(value)

    def grade(
        self, responses: Sequence[str], references: Sequence[Reference], tasks: Sequence[str] = ()
    ) -> list[Verdict]:
        """Judge responses.

        Args:
            responses: the answers.
            references: of their tasks.
            tasks: the tasks' ids, for messages.

        Raises:
            ConfigurationError: the verifier returned something else than verdicts.

        """
        began = time.perf_counter()
        try:
            judged = self.verifier.verify_batch(responses, references)
            verdicts = checked_batch(judged, self.verifier, len(responses))
        except BrokenVerifierError as error:
            known = error.position is not None and error.position < len(tasks)
            raise ConfigurationError(
                f"{error}" + (f"; task {tasks[error.position or 0]!r}" if known else "")
            ) from error
        if responses:
            self._seconds_per_answer = (time.perf_counter() - began) / len(responses)
        return verdicts

    @property
    def isolated(self) -> bool:
        """Whether verdicts come from other processes."""
        return isinstance(self.verifier, IsolatedVerifier)

    @property
    def grades_early(self) -> bool:
        """Whether an answer should be judged as soon as it is there; see `EnvConfig.grade_early`."""
        if self.config.grade_early is not None:
            return self.config.grade_early
        return self.isolated or self._seconds_per_answer >= SLOW_SECONDS

    def benchmark_numbers(self, indices: Sequence[int], verdicts: Sequence[Verdict]) -> dict[str, float]:
        """Return the numbers that a benchmark reports, by name, where the verifier is its scorer; else none.

        Args:
            indices: task numbers of the source.
            verdicts: on one response to each.

        """
        if not isinstance(self.verifier, BenchmarkVerifier) or not isinstance(self.source, DataSource):
            return {}
        return self.verifier.metrics([self.source.row(index) for index in indices], verdicts)

    def published(self, verdict: Verdict) -> Verdict:
        """Return a verdict as `info` may have it: feedback, which may tell the answer, only where that is exposed."""
        return verdict if self.config.expose_privileged else dataclasses.replace(verdict, feedback="")

    def hints(self, item: Item) -> dict[str, str]:
        """Return what a teacher may be shown of a task, by level: "answer" and, where there are such, more.

        Raises:
            ConfigurationError: a wrong hint is asked for and there is none.
            PermissionError: the environment was made without `expose_privileged=True`.

        """
        self.reveal([item])
        if self.config.hints == "blank":
            return hints.blank(item, self.verifier)
        if self.config.hints == "wrong":
            return hints.wrong(item, self.verifier, self.source, self.indices)
        return hints.right(item, self.verifier)

    def reveal(self, items: Sequence[Item]) -> tuple[Privileged, ...]:
        """Return the privileged parts.

        Raises:
            PermissionError: the environment was made without `expose_privileged=True`.

        """
        if not self.config.expose_privileged:
            raise PermissionError(
                "this environment keeps its reference answers to itself; make it with expose_privileged=True "
                "to train a teacher with them"
            )
        return tuple(item.privileged for item in items)

    def close(self) -> None:
        """Stop the processes that verify, where this environment has its own."""
        if isinstance(self.verifier, IsolatedVerifier):
            self.verifier.close()
