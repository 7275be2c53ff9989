"""One training step of every agent, split into its parts: `python -m benchmarks.end_to_end` (4 minutes).

The bundled model on ShapeCount, 16 tasks x 8 attempts a step, as in the default comparison. The agents take their steps
in turns, so that a slow moment of the machine hits all; the learning rate is so small that all of them go on sampling
the same responses. The parts: rollout (sampling), environment (tasks, pictures, grading), teacher (scoring with the
teacher), update (everything else in the agent's update). RLSD stands there twice: while it asks its teacher, and after
its share has fallen to 0.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
import tyro
from rich.table import Table

from agents.agent import make
from agents.algorithms.rlsd import RLSD
from agents.options.learner import LearnerOptions
from agents.options.types import Names
from agents.policy.base import Sampling
from agents.policy.loading import load_policy
from agents.rollouts.collect import collect, completion_seeds
from agents.rollouts.environments import make_group_env
from agents.terminal import terminal
from benchmarks.workloads import facts, write_json
from rlsd_env import GroupWrapper

PARTS = ("rollout", "environment", "teacher", "update")
LR = 1e-9
NO_TEACHER = 10**6
"""A step at which RLSD's share of the teacher is 0."""


@dataclass(frozen=True)
class Options:
    """What to measure."""

    agents: Names = ("grpo", "opsd", "sdpo", "grpo+opsd", "rlsd")
    """Agents; the first is what the others are compared with."""
    env: str = "rlsd/ShapeCount-v0"
    """Environment."""
    policy: str = "tiny"
    """As in agents.train."""
    device: str = "auto"
    """auto, cpu or cuda."""
    prompts: int = 16
    """Tasks of a step."""
    group_size: int = 8
    """Attempts at each."""
    max_tokens: int = 48
    """Longest completion."""
    steps: int = 8
    """Steps of each agent that are timed, after one that is not; medians count."""
    threads: int = 1
    """Threads of torch."""
    json: Path | None = None
    """File for the figures."""


@dataclass(frozen=True)
class WholeBatchRLSD(RLSD):
    """RLSD whose credit is worked out for the whole batch before the loss: what that costs, `--agents
    rlsd,benchmarks.end_to_end:WholeBatchRLSD`.
    """

    name: ClassVar[str] = "rlsd-whole-batch"
    scope: ClassVar[str] = "batch"


class Stopwatch:
    """Passes everything on to an object and adds up the time in some of its methods.

    Args:
        subject: the object.
        methods: from a method's name to the part that its time counts for, or a function that says which.
        spent: seconds by part.

    """

    def __init__(self, subject: Any, methods: dict[str, Callable[[], str]], spent: dict[str, float]) -> None:
        self._subject, self._methods, self._spent = subject, methods, spent

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._subject, name)
        if name not in self._methods:
            return value
        part = self._methods[name]

        def timed(*arguments: Any, **options: Any) -> Any:
            began = now()
            try:
                return value(*arguments, **options)
            finally:
                self._spent[part()] += now() - began

        return timed


class TimedEnv(GroupWrapper):
    """Adds up the time in `reset` and `step`.

    Args:
        env: the environment.
        spent: seconds by part; here "environment".

    """

    def __init__(self, env: Any, spent: dict[str, float]) -> None:
        super().__init__(env)
        self._spent = spent

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        """Begin a batch."""
        began = now()
        begun = super().reset(**options)
        self._spent["environment"] += now() - began
        return begun

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Take a completion per attempt."""
        began = now()
        stepped = super().step(actions)
        self._spent["environment"] += now() - began
        return stepped


def now() -> float:
    """Return the time, after everything that a GPU was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


class Runner:
    """An agent that takes training steps, by the clock.

    Args:
        name: the agent's.
        first_step: number of the first training step.
        options: what is measured.

    """

    def __init__(self, name: str, first_step: int, options: Options) -> None:
        self.options, self.first_step = options, first_step
        self.spent = dict.fromkeys(PARTS, 0.0)
        self.seconds: dict[str, list[float]] = {part: [] for part in (*PARTS, "step")}
        policy = load_policy(options.policy, options.device)
        # A teacher is scored without a gradient; the student's time is the update's, and counted there.
        score = {"generate": lambda: "rollout", "score": lambda: "update" if torch.is_grad_enabled() else "teacher"}
        self.policy: Any = Stopwatch(policy, score, self.spent)
        env = make_group_env(options.env, {"fold": "train"}, options.prompts, options.group_size)
        self.env = TimedEnv(env, self.spent)
        sampling = Sampling(1.0, options.max_tokens)
        self.agent = make(name, policy=self.policy, learner=LearnerOptions(lr=LR), sampling=sampling)

    def step(self, number: int) -> None:
        """Take a training step."""
        for part in PARTS:
            self.spent[part] = 0.0
        indices = self.env.task_indices
        tasks = [int(indices[(number * self.options.prompts + i) % len(indices)]) for i in range(self.options.prompts)]
        seeds = completion_seeds(0, (number,), self.env.num_envs)
        began = now()
        batch = collect(self.env, self.policy, tasks, self.agent.sampling, seeds, self.first_step + number)
        rolled = now()
        self.agent.update(batch)
        ended = now()
        self.spent["update"] = ended - rolled - self.spent["teacher"]
        for part in PARTS:
            self.seconds[part].append(self.spent[part])
        self.seconds["step"].append(ended - began)

    def medians(self) -> dict[str, float]:
        """Return seconds of each part and of the whole step: medians of all steps but the first."""
        return {part: statistics.median(seconds[1:] or seconds) for part, seconds in self.seconds.items()}


def measure(options: Options) -> dict[str, dict[str, float]]:
    """Measure all agents in turns; to each one's seconds comes the ratio of its step to the first agent's.

    The ratio is the median over the steps, each against the first agent's same step.
    """
    runners = {name: Runner(name, 0, options) for name in options.agents}
    if "rlsd" in runners:
        runners["rlsd, lam 0"] = Runner("rlsd", NO_TEACHER, options)
    for number in range(options.steps + 1):
        for runner in runners.values():
            runner.step(number)
    base = next(iter(runners.values())).seconds["step"]
    found = {}
    for name, runner in runners.items():
        ratios = [one / other for one, other in zip(runner.seconds["step"], base)]
        found[name] = runner.medians() | {"ratio": statistics.median(ratios[1:] or ratios)}
    return found


def main() -> None:
    """Measure, print and, where asked, store."""
    options = tyro.cli(Options, description=__doc__)
    torch.set_num_threads(options.threads)
    found = measure(options)
    title = f"Milliseconds of a step, {options.prompts} tasks x {options.group_size} attempts, {options.policy}"
    table = Table(title=title, title_justify="left")
    for column in ("agent", *PARTS, "step", f"/ {options.agents[0]}"):
        table.add_column(column, justify="left" if column == "agent" else "right")
    for name, row in found.items():
        table.add_row(name, *(f"{1e3 * row[part]:,.0f}" for part in (*PARTS, "step")), f"{row['ratio']:.3f}")
    terminal(120).print(table)
    write_json(options.json, {"facts": facts(), "options": _plain(options), "agents": found})


def _plain(options: Options) -> dict[str, Any]:
    return {name: value for name, value in dataclasses.asdict(options).items() if name != "json"}


if __name__ == "__main__":
    main()
