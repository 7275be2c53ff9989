"""Gymnasium's protocol as environments of anybody's keep it: what breaks it is said in one line, as what it is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
import numpy as np

from rlsd_env.errors import ConfigurationError
from verifiers import Status

Stepped = tuple[Any, float, bool, bool, dict[str, Any]]
_RESET = "it must return (observation, info), info being a dictionary such as {}"
_STEP = "it must return (observation, reward, terminated, truncated, info)"


def made(make: Callable[..., Any], make_kwargs: Mapping[str, Any], name: str) -> gymnasium.Env[Any, Any]:
    """Make an environment.

    Args:
        make: what makes it.
        make_kwargs: its arguments.
        name: of `make`, for the message.

    Raises:
        ConfigurationError: it does not take these arguments, or makes something else.

    """
    try:
        signature = inspect.signature(make)
    except ValueError:  # some built-in callables tell none
        signature = inspect.Signature([inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)])
    told = f"{name}{signature!s:.120} is given make_kwargs {dict(make_kwargs)!r}"
    try:
        signature.bind(**make_kwargs)
    except TypeError as error:
        raise ConfigurationError(f"{told}: {error}") from error
    try:
        env = make(**make_kwargs)
    except TypeError as error:
        if not any(f"keyword argument '{key}'" in str(error) for key in make_kwargs):
            raise
        raise ConfigurationError(f"{told}: {error}") from error
    if not isinstance(env, gymnasium.Env):
        raise ConfigurationError(f"{name} returned {_shown(env)}; it must return a gymnasium.Env")
    return env


def reset(
    env: gymnasium.Env[Any, Any], seed: int | None, options: dict[str, Any] | None = None
) -> tuple[Any, dict[str, Any]]:
    """Begin an episode.

    Raises:
        ConfigurationError: `reset` takes no `seed` or `options`, or returns something else than observation and info.

    """
    given = {"seed": seed} if options is None else {"seed": seed, "options": options}
    try:
        found = env.reset(**given)
    except ConfigurationError:
        raise
    except (TypeError, ValueError) as error:
        if "unpack" in str(error) and env.unwrapped is not env:
            reset(env.unwrapped, seed)  # a wrapper could not take what it was given: was it this?
        if "reset()" not in str(error) or not any(f"argument '{name}'" in str(error) for name in ("seed", "options")):
            raise
        raise ConfigurationError(
            f"reset() of {_called(env)} does not take what Gymnasium gives it ({error}); write "
            "def reset(self, *, seed=None, options=None), and in it super().reset(seed=seed), so that "
            "self.np_random draws alike for the same seed"
        ) from error
    if not (isinstance(found, tuple) and len(found) == 2 and isinstance(found[1], Mapping)):
        raise ConfigurationError(f"reset() of {_called(env)} returned {_shown(found)}; {_RESET}")
    return found


def step(env: gymnasium.Env[Any, Any], action: Any) -> Stepped:
    """Take an action.

    Raises:
        ConfigurationError: `step` returns something else than Gymnasium's five values. What it raises is raised as it
            is.

    """
    try:
        found: Any = env.step(action)
    except ConfigurationError:
        raise
    except ValueError as error:
        if env.unwrapped is env or "(expected 5, got 4)" not in str(error):
            raise
        raise ConfigurationError(f"step() of {_called(env)} returned 4 values, {_old()}; {_STEP}") from error
    if not isinstance(found, tuple) or len(found) != 5:
        kind = f"4 values, {_old()}" if isinstance(found, tuple) and len(found) == 4 else _shown(found)
        raise ConfigurationError(f"step() of {_called(env)} returned {kind}; {_STEP}")
    observation, reward, terminated, truncated, info = found
    if np.size(reward) != 1 or np.asarray(reward).dtype.kind not in "fiub":
        raise ConfigurationError(f"step() of {_called(env)} returned the reward {_shown(reward)}; it must be a number")
    for name, value in (("terminated", terminated), ("truncated", truncated)):
        if value is None or isinstance(value, str | Mapping | list | tuple):
            raise ConfigurationError(
                f"step() of {_called(env)} returned {name}={_shown(value)}; it must be True or False: {_STEP}"
            )
    if not isinstance(info, Mapping):
        raise ConfigurationError(f"step() of {_called(env)} returned the info {_shown(info)}; it must be a dictionary")
    return observation, float(np.asarray(reward).item()), bool(terminated), bool(truncated), dict(info)


def _old() -> str:
    return "as Gym before 0.26 wanted (observation, reward, done, info)"


def _called(env: gymnasium.Env[Any, Any]) -> str:
    return type(env.unwrapped).__name__


def _shown(value: Any) -> str:
    return f"{value!r:.80} ({type(value).__name__})"


def invalid_status(info: Mapping[str, Any]) -> Status | None:
    """Return what `info["invalid"]` says of an action where it is the name of a `Status`.

    None: it says nothing, or is an environment's own, such as a flag.
    """
    value = info.get("invalid")
    return Status(value) if isinstance(value, str) and value in set(Status) else None
