"""Difficulty that follows success: a pure rule, and wrappers that draw procedural tasks at the difficulty it says.

>>> import gymnasium, rlsd_env
>>> env = Curriculum(gymnasium.make("rlsd/Maze-v0", difficulty=1), window=16)
>>> observation, info = env.reset(seed=0)
>>> info["difficulty"]
1
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import VectorEnv
from gymnasium.wrappers import OrderEnforcing, PassiveEnvChecker
from numpy.typing import NDArray

from rlsd_env.env import ReasoningEnv
from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.procedural.base import ProceduralSource
from rlsd_env.vector import GroupVectorEnv
from rlsd_env.wrappers import GroupWrapper
from verifiers import Verdict


@dataclass(frozen=True)
class DifficultyState:
    """Where a curriculum stands.

    Attributes:
        difficulty: the current one, from 1.
        outcomes: the last successes and failures at it, the newest last.
        direction: 1 where it was raised to what it is, -1 where it was lowered, 0 at the start.

    """

    difficulty: int
    outcomes: tuple[bool, ...] = ()
    direction: int = 0


@dataclass(frozen=True)
class DifficultyRule:
    """When to raise and when to lower the difficulty: a pure function of the outcomes that were observed.

    With a full window of outcomes at a difficulty, it goes up by one where more than `raise_above` of them are
    successes and down by one where fewer than `lower_below` are; then the window begins anew.

    Args:
        levels: the highest difficulty.
        window: how many outcomes are looked at; all of a batch that has more.
        raise_above: a share of successes.
        lower_below: a share of successes.
        hysteresis: what is added to `raise_above` after the difficulty was lowered, and taken from `lower_below`
            after it was raised, so that it does not swing between two levels.

    Raises:
        ConfigurationError: a value is out of range, or a threshold can never be passed.

    """

    levels: int
    window: int = 32
    raise_above: float = 0.8
    lower_below: float = 0.3
    hysteresis: float = 0.05

    def __post_init__(self) -> None:
        for name in ("levels", "window"):
            if type(getattr(self, name)) is not int or getattr(self, name) < 1:
                raise ConfigurationError(f"{name} is {getattr(self, name)!r}; it must be a whole number, 1 or more")
        for name in ("raise_above", "lower_below", "hysteresis"):
            if type(getattr(self, name)) not in (int, float):
                raise ConfigurationError(f"{name} is {getattr(self, name)!r}; it must be a number")
        if self.hysteresis < 0:
            raise ConfigurationError(f"hysteresis is {self.hysteresis}; it must be 0 or more")
        lowest, highest = self.lower_below - self.hysteresis, self.raise_above + self.hysteresis
        if not 0 < lowest <= self.lower_below < self.raise_above <= highest < 1:
            raise ConfigurationError(
                f"lower_below {self.lower_below}, raise_above {self.raise_above}, hysteresis {self.hysteresis}: "
                "it must be that 0 < lower_below - hysteresis, lower_below < raise_above, raise_above + hysteresis < 1"
            )

    def start(self, difficulty: int = 1) -> DifficultyState:
        """Begin at a difficulty.

        Raises:
            ConfigurationError: there is no such difficulty.

        """
        if type(difficulty) is not int or not 1 <= difficulty <= self.levels:
            raise ConfigurationError(f"difficulty {difficulty!r}: it must be a whole number from 1 to {self.levels}")
        return DifficultyState(difficulty)

    def observe(self, state: DifficultyState, outcomes: Iterable[bool]) -> DifficultyState:
        """Return the state after further outcomes at the state's difficulty; it changes by one at most."""
        batch = tuple(map(bool, outcomes))
        seen = (*state.outcomes, *batch)[-max(self.window, len(batch)) :]
        if len(seen) >= self.window:
            rate = sum(seen) / len(seen)
            high = round(self.raise_above + self.hysteresis * (state.direction < 0), 9)  # .7 + .1 is not .8 otherwise
            low = round(self.lower_below - self.hysteresis * (state.direction > 0), 9)
            if rate > high and state.difficulty < self.levels:
                return DifficultyState(state.difficulty + 1, direction=1)
            if rate < low and state.difficulty > 1:
                return DifficultyState(state.difficulty - 1, direction=-1)
        return DifficultyState(state.difficulty, seen[-self.window :], state.direction)


MADE_ALONG = (PassiveEnvChecker, OrderEnforcing)
"""The wrappers in which `gymnasium.make` hands an environment over, and with which it makes the next difficulty's."""


def _wrapped(wrapper: object, curriculum: object) -> ConfigurationError:
    outer, inner = type(curriculum).__name__, type(wrapper).__name__
    return ConfigurationError(
        f"{inner} is a wrapper, which would be lost where the difficulty changes; put it around {outer}, not inside"
    )


class _Progress:
    """What both wrappers keep: the rule, its state, and the generator from which unseeded resets are seeded."""

    def __init__(self, env: Any, rule: Mapping[str, Any]) -> None:
        if not isinstance(env, (ReasoningEnv, GroupVectorEnv)):
            raise ConfigurationError(f"{type(env).__name__} is no environment of rlsd; a curriculum needs one")
        source = env.desk.source
        if not isinstance(source, ProceduralSource):
            raise ConfigurationError(
                f"{type(source).__name__} has no difficulties; a curriculum needs a family that has, e.g. rlsd/Maze-v0"
            )
        if env.spec is None:
            raise ConfigurationError("this environment has no spec; make it with gymnasium.make or make_vec")
        known = [field.name for field in dataclasses.fields(DifficultyRule) if field.name != "levels"]
        for name in rule:
            if name not in known:
                raise ConfigurationError(one_of("option of a curriculum", name, known))
        self.rule = DifficultyRule(source.levels, **rule)
        self.state = self.rule.start(source.difficulty)
        self.spec = env.spec
        self._rng = np.random.default_rng()

    def reseed(self, seeds: Sequence[int | None]) -> None:
        """Let all later seeds follow from these.

        Raises:
            ConfigurationError: one of them is None or negative.

        """
        if any(seed is None or seed < 0 for seed in seeds):
            raise ConfigurationError(f"seeds {list(seeds)}: a curriculum needs a whole number, 0 or more, for each")
        self._rng = np.random.default_rng([int(seed) for seed in seeds if seed is not None])

    def seed(self) -> int:
        """Draw the seed of a reset that was given none."""
        return int(self._rng.integers(2**31))

    def observe(self, verdicts: Iterable[Verdict | None]) -> None:
        """Count verdicts on episodes that have ended; None: without an answer. A verifier's failure counts nothing."""
        counted = [verdict for verdict in verdicts if verdict is None or not verdict.status.failed]
        self.state = self.rule.observe(self.state, [verdict is not None and verdict.correct for verdict in counted])

    def state_dict(self) -> dict[str, Any]:
        return {
            "difficulty": self.state.difficulty,
            "outcomes": list(self.state.outcomes),
            "direction": self.state.direction,
            "generator": copy.deepcopy(self._rng.bit_generator.state),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        difficulty = self.rule.start(state["difficulty"]).difficulty
        outcomes = tuple(map(bool, state["outcomes"]))[-self.rule.window :]
        self.state = DifficultyState(difficulty, outcomes, int(state["direction"]))
        self._rng = np.random.default_rng()
        self._rng.bit_generator.state = copy.deepcopy(dict(state["generator"]))


class Curriculum(gymnasium.Wrapper[Any, str, Any, str], RecordConstructorArgs):
    """Draw each task of a procedural family at the difficulty that fits the successes so far.

    At each reset the wrapped environment is the one of the current difficulty, made with the arguments of the first
    when it is first needed. `info["difficulty"]` says which one it is. A reset without a seed is seeded by the
    wrapper, so that all tasks follow from the last seed that was given and the outcomes; the same seed gives another
    task at another difficulty.

    Args:
        env: an environment of a procedural family straight from `gymnasium.make`, at whose difficulty the curriculum
            begins; other wrappers go around this.
        rule: arguments of `DifficultyRule` except `levels`, which is the family's.

    Raises:
        ConfigurationError: the environment is wrapped or has no difficulties, or an argument is not usable.

    """

    def __init__(self, env: gymnasium.Env[Any, str], **rule: Any) -> None:
        RecordConstructorArgs.__init__(self, **rule)
        gymnasium.Wrapper.__init__(self, env)
        self._progress = _Progress(env.unwrapped, rule)
        inner = env
        while isinstance(inner, gymnasium.Wrapper):
            if type(inner) not in MADE_ALONG:
                raise _wrapped(inner, self)
            inner = inner.env
        self._made = {self.difficulty: env}
        self._drawn = self.difficulty

    @property
    def difficulty(self) -> int:
        """The difficulty of the next task."""
        return self._progress.state.difficulty

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode at the current difficulty; arguments as for the environment."""
        self._drawn = self.difficulty
        if self._drawn not in self._made:
            self._made[self._drawn] = gymnasium.make(copy.deepcopy(self._progress.spec), difficulty=self._drawn)
        self.env = self._made[self._drawn]
        if seed is not None:
            self._progress.reseed([seed])
        observation, info = self.env.reset(seed=self._progress.seed() if seed is None else seed, options=options)
        return observation, info | {"difficulty": self._drawn}

    def step(self, action: str) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Take a completion; the end of an episode counts as a success or a failure."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        if terminated or truncated:
            self._progress.observe([info.get("verdict")])
        return observation, reward, terminated, truncated, info | {"difficulty": self._drawn}

    def state_dict(self) -> dict[str, Any]:
        """Return where the curriculum stands between two episodes, JSON-able."""
        return self._progress.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where another curriculum with the same arguments stood."""
        self._progress.load_state_dict(state)

    def close(self) -> None:
        """Close the environments of all difficulties."""
        for env in self._made.values():
            env.close()


class GroupCurriculum(GroupWrapper):
    """`Curriculum` for a `GroupVectorEnv`: one rule for the batch, all of whose tasks have the same difficulty.

    Every attempt of every group counts, when all of them have ended. Task numbers that a reset asks for are those of
    the current difficulty, so a trainer that names its tasks is given them at the difficulty that fits.

    Args:
        env: an environment of a procedural family straight from `gymnasium.make_vec`; other wrappers go around this.
        rule: arguments of `DifficultyRule` except `levels`, which is the family's.

    Raises:
        ConfigurationError: the environment is wrapped or has no difficulties, or an argument is not usable.

    """

    def __init__(self, env: VectorEnv[Any, Any, Any], **rule: Any) -> None:
        if env.unwrapped is not env:
            raise _wrapped(env, self)
        self._progress = _Progress(env, rule)
        super().__init__(env)
        self._made = {self.difficulty: env}
        self._drawn = self.difficulty

    @property
    def difficulty(self) -> int:
        """The difficulty of the next batch."""
        return self._progress.state.difficulty

    def reset(
        self, *, seed: int | Sequence[int] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin a batch at the current difficulty; arguments as for the environment, but a seed for every group."""
        self._drawn = self.difficulty
        if self._drawn not in self._made:
            self._made[self._drawn] = gymnasium.make_vec(copy.deepcopy(self._progress.spec), difficulty=self._drawn)
        self.env = self._made[self._drawn]
        if seed is None:
            seed = self._progress.seed()
        else:
            self._progress.reseed([seed] if isinstance(seed, (int, np.integer)) else seed)
        observations, infos = self.env.reset(seed=seed, options=options)  # type: ignore[arg-type]
        return observations, self._with_difficulty(infos)

    def step(self, actions: Any) -> tuple[Any, NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Take a completion per attempt; when the last one has ended all count."""
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        if cast(GroupVectorEnv, self.env).over.all():
            self._progress.observe(infos.get("verdict", [None] * self.num_envs))
        return observations, rewards, terminated, truncated, self._with_difficulty(infos)

    def _with_difficulty(self, infos: dict[str, Any]) -> dict[str, Any]:
        ones = np.ones(self.num_envs, dtype=np.bool_)
        return infos | {"difficulty": np.full(self.num_envs, self._drawn), "_difficulty": ones}

    def state_dict(self) -> dict[str, Any]:
        """Return where the curriculum stands between two batches, JSON-able."""
        return self._progress.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where another curriculum with the same arguments stood."""
        self._progress.load_state_dict(state)

    def close(self, **kwargs: Any) -> None:
        """Close the environments of all difficulties."""
        for env in self._made.values():
            env.close(**kwargs)
