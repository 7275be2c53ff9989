"""An environment of others with something hidden; of the core alone, for conftest.py imports it everywhere."""

from __future__ import annotations

import itertools

import gymnasium
from gymnasium import spaces


class Secret(gymnasium.Env):
    """Says the same of every seed; its number is drawn from the seed, or counts all resets of the process."""

    observation_space, action_space = spaces.Text(99), spaces.Text(99)
    resets = itertools.count()

    def __init__(self, seeded=True, drifts=False):
        self.seeded, self.drifts = seeded, drifts

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.number = int(self.np_random.integers(100)) if self.seeded else next(self.resets)
        return "Guess.", {}

    def step(self, action):
        if self.drifts:
            return f"No {next(self.resets)}.", 0.0, False, False, {}
        return f"It was {self.number}.", float(action == str(self.number)), True, False, {}


def number(env, seed):
    return str(env.unwrapped.number)
