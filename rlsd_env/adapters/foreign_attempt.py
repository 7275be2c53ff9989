"""One attempt at a seed of an environment of anybody's."""

from __future__ import annotations

import math
from typing import Any

import gymnasium

from rlsd_env.actions import count_tokens
from rlsd_env.adapters.protocol import invalid_status, reset, step
from rlsd_env.adapters.texts import seen
from rlsd_env.errors import ConfigurationError
from rlsd_env.groups import ENVIRONMENT_FAILED
from rlsd_env.task import without_placeholders
from verifiers import Status, Verdict
from verifiers.base import log_failure


class Attempt:
    """One attempt at a seed.

    Args:
        env: the environment.
        seed: which it begins.

    Attributes:
        shown: the last observation.
        turns: actions so far.
        tokens: in them.
        total: the sum of the rewards.
        terminated: whether the environment has ended it, as by raising an exception.
        truncated: whether it was broken off.
        invalid: how each invalid action was invalid.
        error: what the environment did against all rules; "": nothing.

    Raises:
        ConfigurationError: the environment does not keep to Gymnasium's protocol.

    """

    def __init__(self, env: gymnasium.Env[Any, Any], seed: int) -> None:
        self.env = env
        self.shown = seen(reset(env, seed)[0])
        self.turns = self.tokens = 0
        self.total = 0.0
        self.terminated = self.truncated = False
        self.last = ""
        self.invalid: list[Status] = []
        self.error = ""

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.terminated or self.truncated

    @property
    def images(self) -> tuple[Any, ...]:
        """The pictures of the last observation, where the attempt goes on."""
        return () if self.over else self.shown["images"]

    @property
    def feedback(self) -> str:
        """The text of the last observation."""
        return without_placeholders(self.shown["text"]) if self.over else self.shown["text"]

    def act(self, action: str, max_turns: int, budget: int | None) -> float:
        """Take an action and return its reward.

        Raises:
            ConfigurationError: as for the class.

        """
        self.turns += 1
        self.tokens += count_tokens(action)
        if budget is not None and self.tokens > budget:
            self.truncated = True
            return 0.0
        try:
            observation, reward, self.terminated, self.truncated, info = step(self.env, str(action))
        except ConfigurationError:
            raise
        except Exception as error:  # any environment of anybody's
            message = f"{type(error).__name__}: {error}"
            log_failure(type(self.env.unwrapped).__name__, message, error, call="step", lost="the attempt")
            return self._fail(message)
        if not math.isfinite(reward):
            return self._fail(f"the reward is {reward}; it must be finite")
        self.shown = seen(observation)
        self.total += reward
        self.last = str(info.get("action", action))
        if (status := invalid_status(info) or Status.OK) is not Status.OK:
            self.invalid.append(status)
        used_up = self.turns >= max_turns or (budget is not None and self.tokens >= budget)
        self.truncated = bool(self.truncated or (used_up and not self.terminated))
        return reward

    def _fail(self, message: str) -> float:
        self.terminated, self.error = True, f"{ENVIRONMENT_FAILED}{message}"
        return 0.0

    def verdict(self, success: float) -> Verdict:
        """Say what has become of it."""
        if self.error:
            return Verdict(0.0, False, None, Status.ERROR, self.error)
        status = self.invalid[0] if self.invalid else Status.OK
        return Verdict(self.total, self.total >= success, self.last or None, status)
