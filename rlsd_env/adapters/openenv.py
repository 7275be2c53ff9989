"""An OpenEnv server of a reasoning environment, several turns and tools included.

    from rlsd_env.adapters.openenv import app
    served = app("rlsd/ShapeCount-v0")  # uvicorn my_server:served

An action is {"text": the completion}; `reset` takes seed, task_id, task_index, or split and index as OpenEnv's Task API
counts tasks. Where the verifier failed the reward of the end is null, as before the end, and `metadata["status"]` says
why; for clients that add null up as 0, with on_failure="error" the step is answered by an error. Neither observations
nor the state have anything of the reference.
"""

from __future__ import annotations

import base64
import functools
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rlsd_env.adapters.parquet import encoded
from rlsd_env.adapters.tasks import VerifierFailed, check_handed_on, reward_of
from rlsd_env.cli.common import make_env
from rlsd_env.desk import RESET_OPTIONS
from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.extras import require
from rlsd_env.sources.base import FOLDS, fold_of

if TYPE_CHECKING:
    from fastapi import FastAPI

DATA_URL = "data:image/png;base64,"
FAILURES = ("null", "error")
SPLITS = {"all": "validation", "train": "train", "tuning": "validation", "heldout": "test"}
"""Folds, by the kinds of split that OpenEnv knows."""
MOST_TASKS = 1000
"""Tasks of one answer of the Task API: their ids are those of tasks that have been made."""


def app(env: str, *, sessions: int = 64, on_failure: str = "null", **env_kwargs: Any) -> FastAPI:
    """Return the server, an ASGI application.

    Args:
        env: "rlsd/Name-v0", or "module:namespace/Name-v0" to import what registers it.
        sessions: clients at a time, each with an environment of its own.
        on_failure: where the verifier failed: "null", or "error".
        env_kwargs: the environment's arguments.

    Raises:
        ConfigurationError: openenv is not installed, or the environment cannot be made.

    """
    if on_failure not in FAILURES:
        raise ConfigurationError(one_of("on_failure", on_failure, FAILURES))
    environment, action, observation = classes()
    make = functools.partial(environment, env, on_failure, **env_kwargs)
    make().close()  # what a user got wrong shows here
    from openenv.core.env_server import create_fastapi_app

    name = env.rpartition("/")[2]  # a part of addresses, in which an id's slash would be one more
    return create_fastapi_app(make, action, observation, max_concurrent_envs=sessions, env_name=name)


class NoSuchTaskError(ConfigurationError, IndexError):
    """A client asks for tasks that there are not, or for too many; OpenEnv answers an `IndexError` with status 400."""


def check_whole(name: str, value: object) -> None:
    """Refuse what is no whole number.

    Raises:
        NoSuchTaskError: it is none.

    """
    if type(value) is not int:
        raise NoSuchTaskError(f"{name} is {value!r}; it must be a whole number")


@functools.cache
def classes() -> tuple[type, type, type]:
    """Return the classes of the environment, its actions and its observations, which derive from OpenEnv's."""
    require("an OpenEnv server", "openenv", "openenv")
    from openenv.core.env_server.interfaces import Environment
    from openenv.core.env_server.types import Action, Observation, State
    from pydantic import create_model

    text_action = create_model("TextAction", __base__=Action, text=(str, ...))
    text_observation = create_model(
        "TextObservation",
        __base__=Observation,
        question=(str, ""),
        images=(list[str], []),
        choices=(list[str], []),
        feedback=(str, ""),
        turn=(int, 0),
    )

    class ReasoningEnvironment(Environment):
        """A `rlsd_env.ReasoningEnv` behind OpenEnv's interface."""

        SUPPORTS_CONCURRENT_SESSIONS = True

        def __init__(self, env: str, on_failure: str = "null", **env_kwargs: Any) -> None:
            super().__init__()
            self._env, self._on_failure = make_env(env, env_kwargs), on_failure
            self._name, self._fold = env, env_kwargs.get("fold")
            self._state = State()

        def reset(
            self,
            seed: int | None = None,
            episode_id: str | None = None,
            split: str | None = None,
            index: int | None = None,
            **kwargs: Any,
        ) -> Any:
            options = {name: value for name, value in kwargs.items() if value is not None}
            if (split is None) != (index is None):
                raise ConfigurationError(f"reset has split={split!r} and index={index!r}; give both or none")
            for name in options:
                if name not in RESET_OPTIONS:
                    allowed = ("seed", "episode_id", "split", "index", *RESET_OPTIONS)
                    raise ConfigurationError(one_of("argument of reset", name, allowed))
            if split is not None and index is not None:
                if options:
                    raise ConfigurationError(
                        f"reset has split={split!r} and index={index!r}, and {', '.join(options)} as well; give one or "
                        "the other"
                    )
                options["task_index"] = int(self._numbers(split)[self._place(split, index)])
            observation, info = self._env.reset(seed=seed, options=options or None)
            check_handed_on(info["task"], bool(observation["videos"]), self._name, split or self._fold)
            self._state = State(episode_id=episode_id or str(uuid.uuid4()), step_count=0)
            return self._observed(observation, info)

        def list_splits(self) -> list[dict[str, str]]:
            return [{"name": fold, "type": SPLITS[fold]} for fold in FOLDS]

        def num_tasks(self, split: str) -> int:
            return len(self._numbers(split))

        def get_task(self, split: str, index: int) -> dict[str, Any]:
            place = self._place(split, index)
            return self.get_task_range(split, place, place + 1)[0]

        def get_task_range(self, split: str, start: int | None = None, stop: int | None = None) -> list[dict[str, Any]]:
            numbers = self._numbers(split)
            for name, value in (("start", start), ("stop", stop)):
                if value is not None:
                    check_whole(name, value)
            chosen = range(len(numbers))[start:stop]
            if len(chosen) > MOST_TASKS:
                raise NoSuchTaskError(f"there are {len(chosen):,} tasks; ask for {MOST_TASKS:,} at a time")
            tasks = [self._env.desk.item(int(numbers[index])).task for index in chosen]
            for task in tasks:
                check_handed_on(task, bool(task.videos), self._name, split)
            return [{"id": task.id, "index": index} for task, index in zip(tasks, chosen)]

        def list_tasks(self, split: str) -> list[dict[str, Any]]:
            return self.get_task_range(split)

        def _numbers(self, split: str) -> Sequence[int]:
            return fold_of(self._env.desk.source, split)

        def _place(self, split: str, index: int) -> int:
            check_whole("index", index)
            if not 0 <= index < self.num_tasks(split):
                raise NoSuchTaskError(f"split {split!r} has no task {index}; it has 0 to {self.num_tasks(split) - 1}")
            return index

        def step(self, action: Any, timeout_s: float | None = None, **kwargs: Any) -> Any:
            observation, _, terminated, truncated, info = self._env.step(action.text)
            self._state.step_count += 1
            verdict = info.get("verdict")
            if verdict is not None and verdict.status.failed and self._on_failure == "error":
                raise VerifierFailed(f"the verifier failed ({verdict.status}) on task {info['task_id']!r}")
            return self._observed(observation, info, done=terminated or truncated)

        @property
        def state(self) -> Any:
            return self._state

        def close(self) -> None:
            self._env.close()
            self._env.desk.close()

        def _observed(self, seen: dict[str, Any], info: dict[str, Any], *, done: bool = False) -> Any:
            verdict = info.get("verdict")
            told: dict[str, Any] = {"task_id": info["task_id"]}
            if done and verdict is not None:
                told |= {"status": str(verdict.status), "correct": verdict.correct}
            return text_observation(
                done=done,
                reward=reward_of(verdict) if done and verdict is not None else None,
                metadata=told,
                question=seen["question"],
                images=[DATA_URL + base64.b64encode(one["bytes"]).decode() for one in encoded(seen["images"])],
                choices=list(seen["choices"]),
                feedback=seen["feedback"],
                turn=seen["turn"],
            )

    return ReasoningEnvironment, text_action, text_observation
