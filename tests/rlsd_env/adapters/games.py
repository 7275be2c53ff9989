"""Environments that others wrote, as a user of ours wraps and registers them."""

from __future__ import annotations

import gymnasium
import numpy as np
from gymnasium import spaces

from rlsd_env.adapters.foreign import register
from rlsd_env.adapters.texts import DiscreteToText, ObservationToText


def lake(desc=("SFG",), **options):
    made = gymnasium.make("FrozenLake-v1", desc=list(desc), is_slippery=False, render_mode="ansi")
    return DiscreteToText(ObservationToText(made), ("left", "down", "right", "up"), **options)


def way(env, seed):
    return {"answer": "right", "solution": "right, then right again"}


class Pictures(gymnasium.Env):
    """A picture of one colour per seed; each answer is told, with another picture; the third ends it."""

    action_space = spaces.Text(100)
    observation_space = spaces.Dict({"text": spaces.Text(100), "picture": spaces.Box(0, 255, (8, 8, 3), np.uint8)})

    def __init__(self, drifts=False, breaks=False):
        self.drifts, self.breaks = drifts, breaks

    def _seen(self, text, value):
        return {"text": text, "picture": np.full((8, 8, 3), value, np.uint8)}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.turn = 0
        self.colour = int((np.random if self.drifts else self.np_random).random() * 200)
        return self._seen("<image> is a word here", self.colour), {}

    def step(self, action):
        if self.breaks and "break" in action:
            raise RuntimeError("it broke")
        self.turn += 1
        return self._seen(f"turn {self.turn}", self.turn), 0.5, self.turn == 3, False, {}


def pictures(**options):
    return Pictures(**options)


def never_told(env, seed):
    return ""


register("games/Lake-v0", make=f"{__name__}:lake", privileged=f"{__name__}:way", max_turns=3)
register("games/Pictures-v0", make=f"{__name__}:pictures", success=1.5)
