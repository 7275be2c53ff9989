"""`python -m rlsd_env bench ID`: how fast an environment is, and how much memory it takes.

All figures are of one process. A trivial environment in a bare Gymnasium loop, made and driven in the same way in the
same run, says what of the time is Gymnasium's. Every answer is the gold answer in the form that the prompt asks for,
so that grading takes its whole course.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import gymnasium
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec

from rlsd_env.cli.common import add_environment, at_least, check_reserved, columns, facts_text, find
from rlsd_env.desk import Desk
from rlsd_env.errors import ConfigurationError
from rlsd_env.fingerprints import Recorded
from rlsd_env.forms import forms_of, written
from rlsd_env.sources import TaskSource
from rlsd_env.vector import GroupVectorEnv

SUMMARY = "measure steps per second, decoded pictures per second, and memory"
EPILOG = """\
Rates are per environment: a step of 64 environments counts 64. Resets load tasks and write prompts, steps grade. The
peak of memory is that of the process so far, which is why sizes go up."""

SIZES = (8, 64, 512, 2048)
"""How many environments the group vector environment is measured with."""
_RESERVED = ("source", "render_mode", "num_envs", "group_size", "expose_privileged")


@dataclass(frozen=True)
class Rates:
    """How fast resets and steps are.

    Attributes:
        resets_per_second: environments reset in a second.
        steps_per_second: environments stepped in a second.

    """

    resets_per_second: float
    steps_per_second: float


@dataclass(frozen=True)
class VectorRates(Rates):
    """How fast a group vector environment is.

    Attributes:
        num_envs: how many environments.
        peak_mib: the process's largest resident memory so far, in MiB; None where the system does not tell.

    """

    num_envs: int
    peak_mib: float | None


@dataclass(frozen=True)
class Bench:
    """What was measured.

    Attributes:
        env: the environment's id.
        env_kwargs: its arguments.
        group_size: attempts per task in the vector environments.
        seconds: for how long each rate was measured, at least.
        baseline: a trivial environment in a bare Gymnasium loop.
        single: the environment through `gymnasium.make`.
        vector: the environment through `gymnasium.make_vec`, by size.
        pictures_per_second: pictures read and decoded, or drawn, one after the other without a cache; None where
            the tasks have none.
        start_mib: the peak of memory before the first vector environment; None as in `VectorRates`.

    """

    env: str
    env_kwargs: Mapping[str, Any]
    group_size: int
    seconds: float
    baseline: Rates
    single: Rates
    vector: tuple[VectorRates, ...]
    pictures_per_second: float | None
    start_mib: float | None

    def as_json(self) -> str:
        """Write the figures, and what they were measured on, as a JSON object."""
        return json.dumps({**asdict(self), "machine": machine()}, indent=1)

    def as_table(self) -> str:
        """Write the figures as text."""
        pictures = self.pictures_per_second
        rows: list[tuple[str, ...]] = [("", "resets/s", "steps/s", "peak MiB")]
        sized = [(f"make_vec, num_envs={one.num_envs}, group_size={self.group_size}", one) for one in self.vector]
        for name, rates, peak in (
            ("bare Gymnasium loop, trivial environment", self.baseline, None),
            ("gymnasium.make", self.single, self.start_mib),
            *((name, one, one.peak_mib) for name, one in sized),
        ):
            numbers = (rates.resets_per_second, rates.steps_per_second, peak)
            rows.append((name, *("-" if number is None else f"{number:,.0f}" for number in numbers)))
        facts = [("environment", self.env), ("machine", machine())]
        facts.append(
            ("pictures/s", "no pictures" if pictures is None else f"{pictures:,.0f}, one after the other, no cache")
        )
        return f"{facts_text(facts)}\n\n{columns(rows, right=(1, 2, 3))}"


class Trivial(gymnasium.Env[int, int]):
    """An environment that does nothing: each episode is one step."""

    observation_space: spaces.Space[Any] = spaces.Discrete(2)
    action_space: spaces.Space[Any] = spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Begin an episode."""
        super().reset(seed=seed)
        return 0, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """End the episode."""
        return 1, 0.0, True, False, {}


def measure(
    name: str,
    env_kwargs: Mapping[str, Any],
    *,
    sizes: Sequence[int] = SIZES,
    group_size: int = 8,
    seconds: float = 2.0,
    progress: Callable[[str], None] = lambda what: None,
) -> Bench:
    """Measure an environment.

    Args:
        name: as for `rlsd_env.cli.common.find`.
        env_kwargs: the environment's arguments.
        sizes: how many environments the vector environments have, ascending multiples of `group_size`.
        group_size: attempts per task.
        seconds: for how long each rate is measured, at least.
        progress: called with what comes next.

    Raises:
        ConfigurationError: a size is no multiple of the group size, sizes do not go up, or as for `find`.

    """
    check_reserved(env_kwargs, _RESERVED)
    if list(sizes) != sorted(set(sizes)) or any(size < 1 or size % group_size for size in sizes):
        raise ConfigurationError(
            f"sizes are {', '.join(map(str, sizes))}; they must go up and be multiples of the group size, {group_size}"
        )
    spec = find(name)
    progress("bare Gymnasium loop")
    baseline = _single(
        gymnasium.make(EnvSpec("Trivial-v0", entry_point=lambda **kwargs: Trivial())), lambda env: 0, seconds
    )
    progress("gymnasium.make")
    env = gymnasium.make(spec, expose_privileged=True, **env_kwargs)
    desk: Desk = env.get_wrapper_attr("desk")
    form = next(iter(forms_of(desk).values()))
    single = _single(env, lambda env: written(form, env.get_wrapper_attr("privileged").reference.answer), seconds)
    progress("pictures")
    pictures = _pictures(desk.source, desk.indices, seconds)
    start = peak_mib()
    vector = []
    for size in sizes:
        progress(f"make_vec, num_envs={size}")
        made = gymnasium.make_vec(spec, num_envs=size, group_size=group_size, expose_privileged=True, **env_kwargs)
        assert isinstance(made, GroupVectorEnv)
        with contextlib.closing(made):
            vector.append(_vector(made, form, seconds))
    return Bench(name, dict(env_kwargs), group_size, seconds, baseline, single, tuple(vector), pictures, start)


def _single(env: gymnasium.Env[Any, Any], act: Callable[[Any], Any], seconds: float) -> Rates:
    """Reset and step one environment until its time is up; what an action takes to write is not counted."""
    with contextlib.closing(env):
        env.reset(seed=0)
        resetting = stepping = 0.0
        episodes = steps = 0
        while resetting + stepping < seconds:
            start = time.perf_counter()
            env.reset()
            resetting += time.perf_counter() - start
            episodes += 1
            over = False
            while not over:
                action = act(env)
                start = time.perf_counter()
                _, _, terminated, truncated, _ = env.step(action)
                stepping += time.perf_counter() - start
                steps += 1
                over = terminated or truncated
    return Rates(episodes / resetting, steps / stepping)


def _vector(env: GroupVectorEnv, form: str, seconds: float) -> VectorRates:
    """Reset all environments at once and step them once with the gold answers, until the time is up."""
    env.reset(seed=0)
    resetting = stepping = 0.0
    rounds = 0
    while resetting + stepping < seconds:
        start = time.perf_counter()
        env.reset()
        resetting += time.perf_counter() - start
        golds = [written(form, privileged.reference.answer) for privileged in env.privileged]
        actions = [gold for gold in golds for _ in range(env.group_size)]
        start = time.perf_counter()
        env.step(actions)
        stepping += time.perf_counter() - start
        rounds += 1
    done = rounds * env.num_envs
    return VectorRates(done / resetting, done / stepping, env.num_envs, peak_mib())


def _pictures(source: TaskSource, indices: Sequence[int], seconds: float) -> float | None:
    """Decode, or draw, pictures of one task after the other until the time is up."""
    pictures = tasks = 0
    start = time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds or not tasks:
        index = indices[tasks % len(indices)]
        if isinstance(source, Recorded):
            pictures += len([picture.decode() for picture in source.record(index).pictures])
        else:
            pictures += len(source.item(index).task.images)
        tasks += 1
    return pictures / passed if pictures else None


def peak_mib() -> float | None:
    """Return the process's largest resident memory so far in MiB; None on Windows, which does not tell."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def machine() -> str:
    """Name the interpreter, Gymnasium and the processor's architecture."""
    python, system = platform.python_version(), f"{platform.system()} {platform.machine()}"
    return f"Python {python}, Gymnasium {gymnasium.__version__}, {system}"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_environment(parser)
    sizes = " ".join(map(str, SIZES))
    parser.add_argument(
        "--num-envs", metavar="N", nargs="+", type=at_least(1), default=SIZES, help=f"sizes, going up ({sizes})"
    )
    parser.add_argument("--group-size", metavar="G", type=at_least(1), default=8, help="attempts per task (8)")
    parser.add_argument(
        "--seconds", metavar="S", type=float, default=2.0, help="for how long each rate is measured (2)"
    )
    parser.add_argument("--json", action="store_true", help="write JSON")


def run(options: argparse.Namespace) -> int:
    """Measure, and print the figures."""
    if not 0 < options.seconds <= 600:
        raise ConfigurationError(f"--seconds is {options.seconds}; it must be above 0 and at most 600")
    bench = measure(
        options.env,
        dict(options.env_kwargs),
        sizes=options.num_envs,
        group_size=options.group_size,
        seconds=options.seconds,
        progress=lambda what: print(f"measuring {what} ..", file=sys.stderr),
    )
    print(bench.as_json() if options.json else bench.as_table())
    return 0
