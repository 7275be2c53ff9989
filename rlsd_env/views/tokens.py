"""`TokenView`: the answer is written digit by digit, as a language model writes it token by token."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded

from rlsd_env.views.base import NumericView

Observation = dict[str, Any]


class TokenView(NumericView[Observation]):
    """Look at the picture and write the answer token by token.

    ## Description
    The tasks of a procedural family whose answers are whole numbers.

    ## Action Space
    `Discrete(d + 1)`: the digits 0 to d - 1 that answers can have, all ten where they go beyond 8, and d for the end of
    the answer.

    ## Observation Space
    `Dict`: `image` (`Box`, uint8 height x width x 3: the task's picture, and below it the question where it varies
    from task to task), `prefix` (`MultiDiscrete`: for each place 0 while it is empty, else the token + 1).

    ## Rewards
    At the end what the text environment's verifier gives the text that was written; 0.0 before.

    ## Starting State
    The task that the text environment has for the same seed or options; nothing is written.

    ## Episode End
    Terminates with the end token. Truncates when the places, one more than the largest answer has digits, are used up
    without it; the answer is unfinished then. A further `step` raises `ResetNeeded`.

    ## Information
    As the text environment: `task_id`, `task`; at the end `verdict` and `reward/<part>`.

    ## Arguments
    See `NumericView`.

    ## Version History
    v0: first version.

    Attributes:
        places: the most tokens of an answer, the end token included.
        end: the end token.

    """

    def __init__(self, text_env: str, **options: Any) -> None:
        super().__init__(text_env, **options)
        self.places = len(str(self.largest)) + 1
        self.end = min(self.largest, 9) + 1
        self.observation_space = spaces.Dict(
            {"image": self.picture_space, "prefix": spaces.MultiDiscrete([self.end + 2] * self.places)}
        )
        self.action_space = spaces.Discrete(self.end + 1)
        self._written: list[int] = []
        self._info: dict[str, Any] = {}
        self._over = True

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode; options as for the text environment."""
        self._info = self._begin(seed, options)
        self._written, self._over = [], False
        return self._observation(), dict(self._info)

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Write a token.

        Raises:
            ResetNeeded: there is no episode, or it has ended.
            ValueError: the action is not in the action space.

        """
        if self._over:
            raise ResetNeeded("the episode has ended or not begun; call reset() before step()")
        self._written.append(self._require(action))
        terminated = self._written[-1] == self.end
        truncated = not terminated and len(self._written) == self.places
        self._over = terminated or truncated
        reward, info = self._answer(self._text()) if self._over else (0.0, dict(self._info))
        return self._observation(), reward, terminated, truncated, info

    def _text(self) -> str:
        digits = "".join(str(token) for token in self._written if token != self.end)
        return f"<answer> {digits} </answer>" if self._written[-1] == self.end else f"<answer> {digits}"

    def _observation(self) -> Observation:
        prefix = np.zeros(self.places, np.int64)
        prefix[: len(self._written)] = np.array(self._written, np.int64) + 1
        return {"image": self._picture.copy(), "prefix": prefix}
