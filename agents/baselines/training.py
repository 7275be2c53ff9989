"""What any Stable-Baselines3 agent needs to be a row of the comparison: chance, a record of training, evaluation."""

from __future__ import annotations

import contextlib
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, SupportsFloat

import gymnasium
import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import BasePolicy

from agents.rollouts.evaluation import Evaluation
from agents.rollouts.metrics import mean
from agents.runs.logging import Row, RunLog
from verifiers import Verdict

METRICS = {
    "loss": "train/loss",
    "value_loss": "train/value_loss",
    "approx_kl": "train/approx_kl",
    "clip_fraction": "train/clip_fraction",
    "explained_variance": "train/explained_variance",
}
"""Our names of what Stable-Baselines3 records of an update, and its own."""


@contextlib.contextmanager
def seeded_globals(seed: int) -> Iterator[None]:
    """Seed the global generators, from which Stable-Baselines3 draws, and give them back as they were."""
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


def derived_seed(seed: int, stream: int) -> int:
    """Derive a seed that Stable-Baselines3 can add environment numbers to, so that runs share no environment's seed."""
    return int(np.random.SeedSequence([seed, stream]).generate_state(1)[0]) >> 1


class EndsForGood(gymnasium.Wrapper):
    """Terminate where the environment truncates.

    A view's places are used up for good, and how many are left can be seen. Stable-Baselines3 would add the estimated
    value of going on to the reward of an answer that was never ended, which feeds on itself.
    """

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Take a step."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return observation, reward, terminated or truncated, False, info


class Recorder(BaseCallback):
    """Log a row after each update of an on-policy agent.

    Args:
        log: where rows go.
        report: called with the updates so far, the seconds since the training began and the metrics of the latest.

    """

    def __init__(self, log: RunLog, report: Callable[[int, float, Row], None]) -> None:
        super().__init__()
        self._log = log
        self._report = report
        self.timing: list[dict[str, float]] = []
        self._verdicts: list[Verdict] = []
        self._start = time.perf_counter()
        self._began = self._rolled = 0.0

    def _on_rollout_start(self) -> None:
        if self._rolled:
            self._after_update()
        self._began = time.perf_counter()
        self._verdicts = []

    def _on_step(self) -> bool:
        self._verdicts += [info["verdict"] for info in self.locals["infos"] if "verdict" in info]
        return True

    def _on_rollout_end(self) -> None:
        self._rolled = time.perf_counter()

    def _on_training_end(self) -> None:
        self._after_update()

    def _after_update(self) -> None:
        step = len(self._log.rows)
        self.timing.append(
            {
                "step": step,
                "seconds_rollout": self._rolled - self._began,
                "seconds_update": time.perf_counter() - self._rolled,
            }
        )
        valid = [verdict for verdict in self._verdicts if not verdict.status.failed]
        recorded = self.logger.name_to_value
        found = {
            **{name: recorded[theirs] for name, theirs in METRICS.items()},
            "entropy": -recorded["train/entropy_loss"],
            "reward": mean(verdict.reward for verdict in valid),
            "accuracy": mean(verdict.correct for verdict in valid),
        }
        known = {name: float(value) for name, value in found.items() if value is not None and math.isfinite(value)}
        self._log.append({"step": step, "environment_steps": self.num_timesteps, **known})
        self._report(step + 1, time.perf_counter() - self._start, known)


def evaluate(
    policy: BasePolicy | BaseAlgorithm, env: gymnasium.Env, tasks: Sequence[int], samples: int, seed: int
) -> Evaluation:
    """Play each task `samples` times with sampled actions and once with the likeliest ones.

    Args:
        policy: what acts.
        env: a numeric view.
        tasks: task numbers.
        samples: sampled episodes per task.
        seed: seed of the sampling.

    Returns:
        Accuracies as for a language model; `metrics` has `accuracy`, `reward` and `response_length` in actions, and
        there are no episodes.

    """
    sampled_K, greedy_K = np.full(len(tasks), np.nan), np.full(len(tasks), np.nan)
    rewards: list[float] = []
    correct: list[bool] = []
    lengths: list[int] = []
    with seeded_globals(seed):
        for k, task in enumerate(tasks):
            drawn = [_play(policy, env, task, deterministic=False) for _ in range(samples)]
            valid = [verdict for verdict, _ in drawn if not verdict.status.failed]
            if valid:
                sampled_K[k] = np.mean([verdict.correct for verdict in valid])
            rewards += [verdict.reward for verdict in valid]
            correct += [verdict.correct for verdict in valid]
            lengths += [length for _, length in drawn]
            verdict, _ = _play(policy, env, task, deterministic=True)
            if not verdict.status.failed:
                greedy_K[k] = verdict.correct
    means = {"accuracy": mean(correct), "reward": mean(rewards), "response_length": mean(lengths)}
    metrics = {name: value for name, value in means.items() if value is not None}
    return Evaluation(sampled_K, greedy_K, metrics, sampled=(), greedy=())


def _play(
    policy: BasePolicy | BaseAlgorithm, env: gymnasium.Env, task: int, deterministic: bool
) -> tuple[Verdict, int]:
    """Play a task; return the verdict and the number of actions."""
    observation, info = env.reset(options={"task_index": task})
    length = 0
    over = False
    while not over:
        action, _ = policy.predict(observation, deterministic=deterministic)
        observation, _, terminated, truncated, info = env.step(action)
        over = terminated or truncated
        length += 1
    return info["verdict"], length
