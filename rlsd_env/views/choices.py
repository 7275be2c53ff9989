"""`ChoiceView`: one decision, the answer itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from rlsd_env.task import Image
from rlsd_env.views.base import NumericView


class ChoiceView(NumericView[Image]):
    """Look at the picture and choose the answer.

    ## Description
    The tasks of a procedural family whose answers are whole numbers from 0 to k - 1, as a contextual bandit.

    ## Action Space
    `Discrete(k)`: the answer. k follows from the family and its difficulty.

    ## Observation Space
    `Box`, uint8 height x width x 3: the task's picture, and below it the question where it varies from task to task.

    ## Rewards
    What the text environment's verifier gives the same answer.

    ## Starting State
    The task that the text environment has for the same seed or options.

    ## Episode End
    After one action. A further `step` raises `ResetNeeded`.

    ## Information
    As the text environment: `task_id`, `task`; after the step `verdict` and `reward/<part>`.

    ## Arguments
    See `NumericView`.

    ## Version History
    v0: first version.
    """

    def __init__(self, text_env: str, **options: Any) -> None:
        super().__init__(text_env, **options)
        self.observation_space = self.picture_space
        self.action_space = spaces.Discrete(self.largest + 1)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Image, dict[str, Any]]:
        """Begin an episode; options as for the text environment."""
        info = self._begin(seed, options)
        return self._picture.copy(), info

    def step(self, action: np.int64) -> tuple[Image, float, bool, bool, dict[str, Any]]:
        """Answer.

        Raises:
            ResetNeeded: there is no episode, or it has ended.
            ValueError: the action is not in the action space.

        """
        reward, info = self._answer(f"<answer> {self._require(action)} </answer>")
        return self._picture.copy(), reward, True, False, info
