"""What the adapters share: an environment's tasks as rows without answers, and verdicts by a row's name of its task."""

from __future__ import annotations

import functools
import json
import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlsd_env.cli.common import find, make_env
from rlsd_env.desk import Desk
from rlsd_env.errors import ConfigurationError
from rlsd_env.prompts import names_file
from rlsd_env.sources.base import absolute_paths
from rlsd_env.task import Image, Task, TaskInfo
from verifiers import Verdict

MOST_ROWS = 100_000
_GRADING = threading.Lock()


class VerifierFailed(RuntimeError):  # noqa: N818 - what happened, as a trainer's log shows it
    """A verifier failed on a response where the trainer takes nothing but a number."""


@dataclass(frozen=True)
class Row:
    """A task as a trainer's data has it.

    Attributes:
        key: names the task and its environment, for `verdicts`; JSON, without the answer.
        task_id: the task's id.
        question: the prompt, one `<image>` for each of `images`.
        images: pictures, uint8 height x width x 3.

    """

    key: str
    task_id: str
    question: str
    images: tuple[Image, ...]

    @property
    def words(self) -> str:
        """The question for trainers that know no `<!image>`: what is meant as a word is written [image]."""
        return re.sub("<!+(image|video)>", r"[\1]", self.question)


def rows(env: str, *, fold: str = "train", limit: int | None = None, **env_kwargs: Any) -> Iterator[Row]:
    """Yield the tasks of an environment, for a trainer that samples one answer to each prompt.

    Args:
        env: "rlsd/Name-v0", or "module:namespace/Name-v0" to import what registers it.
        fold: "train", "tuning", "heldout" or "all".
        limit: how many, from the first; None: all.
        env_kwargs: the environment's arguments, JSON-able.

    Raises:
        ConfigurationError: the environment cannot be made or has several turns, there are more than `MOST_ROWS` tasks
            and no limit, or a task has videos or may not be trained on.

    """
    kwargs = _written(env, env_kwargs)
    desk = _desk(env, kwargs)
    numbers = desk.source.fold(fold)
    if limit is None and len(numbers) > MOST_ROWS:
        raise ConfigurationError(f"{env} makes {len(numbers):,} tasks in fold {fold}; give limit=, such as limit=1000")
    for index in numbers[:limit]:
        task = desk.item(int(index)).task
        check_handed_on(task, bool(task.videos), env, fold)
        key = json.dumps({"env": env, "env_kwargs": json.loads(kwargs), "task_id": task.id})
        yield Row(key, task.id, desk.prompt(task), task.images)


def check_handed_on(task: Task | TaskInfo, videos: bool, env: str, fold: str | None) -> None:
    """Refuse a task that may not go out: one with videos, or one of the fold "train" that may not be trained on.

    Args:
        task: the task, or what is public of it.
        videos: whether it has some.
        env: its environment's id, for the message.
        fold: of which fold it goes out; None: of any.

    Raises:
        ConfigurationError: it may not.

    """
    if videos:
        raise ConfigurationError(f"task {task.id!r} of {env} has videos, which this adapter does not hand on")
    if fold == "train" and not task.train_allowed:
        raise ConfigurationError(f"the terms of task {task.id!r} ({task.licence}) forbid training on it")


def verdicts(keys: Sequence[str], responses: Sequence[str]) -> list[Verdict]:
    """Judge responses, each to the task that its key names.

    Raises:
        ConfigurationError: there are more of one than of the other, a key is none, or its environment cannot be made
            here.

    """
    if len(keys) != len(responses):
        raise ConfigurationError(f"{len(responses)} responses to {len(keys)} tasks; there must be a key for each")
    judged: list[Verdict | None] = [None] * len(keys)
    by_env: dict[tuple[str, str], list[int]] = {}
    read = [_read(key) for key in keys]
    for number, (env, kwargs, _) in enumerate(read):
        by_env.setdefault((env, kwargs), []).append(number)
    with _GRADING:
        for (env, kwargs), numbers in by_env.items():
            desk = _desk_of_rows(env, kwargs)
            ids = [read[number][2] for number in numbers]
            references = [desk.source.privileged(desk.source.index_of(task_id)).reference for task_id in ids]
            found = desk.grade([responses[number] for number in numbers], references, ids)
            for number, verdict in zip(numbers, found):
                judged[number] = verdict
    return [verdict for verdict in judged if verdict is not None]


def reward_of(verdict: Verdict) -> float | None:
    """Return the reward of a verdict; None: the verifier failed, and nothing is known of the response."""
    return None if verdict.status.failed else float(verdict.reward)


def known_or_mean(keys: Sequence[str], judged: Sequence[Verdict]) -> list[float]:
    """Return a reward per response: where the verifier failed, the mean of the others of the same task.

    That leaves the task's mean as it is, so that the advantage of such a response is 0.

    Raises:
        VerifierFailed: it failed on every response to a task.

    """
    found = [reward_of(verdict) for verdict in judged]
    known: dict[str, list[float]] = {}
    for key, reward in zip(keys, found):
        if reward is not None:
            known.setdefault(key, []).append(reward)
    filled = []
    for key, reward, verdict in zip(keys, found, judged):
        if reward is None:
            if key not in known:
                raise failed(key, verdict)
            reward = sum(known[key]) / len(known[key])
        filled.append(reward)
    return filled


def failed(key: str, verdict: Verdict) -> VerifierFailed:
    """Make the error that says on which task a verifier failed, without what it says of the answer."""
    env, _, task_id = _read(key)
    return VerifierFailed(
        f"the verifier of {env} failed ({verdict.status}) on task {task_id!r}; that is no reward of 0: mend it, or "
        "give it longer with grading_seconds=.."
    )


def _written(env: str, env_kwargs: Mapping[str, Any]) -> str:
    """Write arguments as JSON, paths as absolute ones: a trainer may score in another working directory."""
    for reserved in ("fold", "expose_privileged"):
        if reserved in env_kwargs:
            raise ConfigurationError(f"{reserved} is no argument of an environment here; leave it out")
    kwargs = absolute_paths(find(env).kwargs["source"], env_kwargs)
    if isinstance(prompt := kwargs.get("prompt"), str) and names_file(prompt):
        kwargs["prompt"] = os.path.abspath(prompt)
    try:
        return json.dumps(kwargs, sort_keys=True)
    except TypeError as error:
        raise ConfigurationError(f"the environment's arguments must be JSON-able: {error}") from error


def _read(key: str) -> tuple[str, str, str]:
    """Return environment, arguments and task id."""
    try:
        read = json.loads(key)
        return read["env"], json.dumps(read["env_kwargs"], sort_keys=True), read["task_id"]
    except (TypeError, ValueError, KeyError) as error:
        raise ConfigurationError(
            f"{str(key)!r:.80} names no task; rows that an adapter wrote have what does, in their column for it"
        ) from error


def _desk_of_rows(env: str, kwargs: str) -> Desk:
    """Return what judges rows, which were written elsewhere, perhaps."""
    try:
        return _desk(env, kwargs)
    except ConfigurationError as error:
        message = (
            f"the tasks of rows of {env} cannot be read from {os.getcwd()}: {error}; the rows say {kwargs}: have "
            "these files where they were when the rows were written, or write the rows anew"
        )
        raise ConfigurationError(message) from None  # one line, without what lies below


@functools.lru_cache(maxsize=32)
def _desk(env: str, kwargs: str) -> Desk:
    desk = make_env(env, json.loads(kwargs)).desk
    if desk.config.max_turns > 1:
        raise ConfigurationError(
            f"{env} has max_turns={desk.config.max_turns}, and this trainer samples one answer to a prompt; serve "
            "it instead (rlsd_env.adapters.openenv)"
        )
    return desk
