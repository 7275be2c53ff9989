"""`show`, `play` and `validate` of environments of others (`rlsd_env.adapters.foreign`), whose tasks are seeds."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec

from rlsd_env.adapters.foreign import ForeignGroups, check_options
from rlsd_env.adapters.foreign_checks import Played, form_of
from rlsd_env.adapters.foreign_checks import play as played_of
from rlsd_env.cli.common import check_reserved, facts_text
from rlsd_env.cli.play import answered, outcome, score, show_media, typed
from rlsd_env.cli.validate import SEEDS, Failure, Report, print_failures
from rlsd_env.errors import ConfigurationError
from rlsd_env.forms import FORMS, written
from rlsd_env.groups import ENVIRONMENT_FAILED
from verifiers import Verdict


def make(spec: EnvSpec, options: argparse.Namespace, **own: Any) -> ForeignGroups:
    """Make the environment that a command names, with `own` arguments beside those that the user gave.

    Raises:
        ConfigurationError: an argument cannot be used, or an option is one of reasoning environments alone.

    """
    env_kwargs = dict(options.env_kwargs)
    check_reserved(env_kwargs, ("num_envs", "group_size", "expose_privileged"))
    check_options(spec.id, env_kwargs)
    for flag in ("image", "frames", "images", "policy", "form", "known", "allow"):
        if getattr(options, flag, None):
            raise ConfigurationError(f"--{flag} is for reasoning environments; leave it out for {spec.id}")
    made = gymnasium.make_vec(spec.id, **{**env_kwargs, **own})
    assert isinstance(made, ForeignGroups)
    return made


def seeds(env: ForeignGroups, options: argparse.Namespace, *, drawn: bool) -> Iterator[int]:
    """Return seeds: from the one that was chosen on in their order, or as they are drawn, or from the fold's first.

    Raises:
        ConfigurationError: there is no such task.

    """
    index = options.index
    if options.task_id is not None:
        name, _, number = options.task_id.rpartition("-")
        if name != env.name or not number.isdecimal():
            raise ConfigurationError(
                f"unknown task id {options.task_id!r}; the tasks of {env.name} are {env.name}-SEED"
            )
        index = int(number)
    if index is not None:
        if index >= env.task_count:
            raise ConfigurationError(f"there is no task number {index}; they go from 0 to {env.task_count - 1}")
        return iter(range(index, env.task_count))
    if options.seed is None and not drawn:
        return iter(env.task_indices)
    return env.draws(options.seed)


def show(spec: EnvSpec, options: argparse.Namespace) -> int:
    """Show the first observation of a task."""
    with contextlib.closing(make(spec, options, num_envs=1, expose_privileged=options.reference)) as env:
        seed = next(seeds(env, options, drawn=False))
        observations, _ = env.reset(options={"task_index": [seed]})
        plain = form_of(env) == FORMS["plain"]
        print(facts_text([
            ("environment", options.env),
            ("task", f"{env.name}-{seed}, seed {seed} of {env.task_count:,}"),
            *(("image", f"{image.shape[1]} x {image.shape[0]}") for image in observations["images"][0]),
            ("action", "all that is said" if plain else f"what stands in {written(form_of(env), '..')}"),
            ("turns", f"{env.max_turns} at most"),
            ("right", f"from a return of {env.success:g} on"),
        ]))  # fmt: skip
        print(f"\n{observations['question'][0]}")
        if options.reference:
            print("\n" + facts_text((f"hint: {level}", text) for level, text in env.hints(env.items[0]).items()))
    return 0


def play(spec: EnvSpec, options: argparse.Namespace) -> int:
    """Play until the tasks or the player's patience end."""
    verdicts: list[Verdict] = []
    with (
        contextlib.closing(make(spec, options, num_envs=1, expose_privileged=options.reference)) as env,
        tempfile.TemporaryDirectory(prefix="rlsd-play-") as folder,
    ):
        try:
            for seed in itertools.islice(seeds(env, options, drawn=True), options.tasks):
                verdicts.append(_episode(env, seed, Path(folder, f"task{len(verdicts) + 1}"), options))
                print(f"score: {score(verdicts)}\n")
        except (EOFError, KeyboardInterrupt):
            print(f"\nthe end; score: {score(verdicts)}")
    return 0


def _episode(env: ForeignGroups, seed: int, stem: Path, options: argparse.Namespace) -> Verdict:
    observations, _ = env.reset(options={"task_index": [seed]})
    print(f"--- {env.name}-{seed}\n{observations['question'][0]}")
    over, turn = False, 0
    while not over:
        turn += 1
        show_media(observations["images"][0], (), stem.with_name(f"{stem.name}-turn{turn}"), options.open)
        observations, rewards, terminated, truncated, infos = env.step([answered(form_of(env), typed())])
        over = bool(terminated[0] or truncated[0])
        print(f"{observations['feedback'][0]}\nreward {rewards[0]:g}".strip())
    verdict: Verdict = infos["verdict"][0]
    print(outcome(verdict, bool(truncated[0])))
    if options.reference:
        print("\n".join(f"{level}: {text}" for level, text in env.hints(env.items[0]).items()))
    return verdict


def validate(spec: EnvSpec, options: argparse.Namespace) -> int:
    """Begin and play seeds twice, and print what was found."""
    with contextlib.closing(make(spec, options, num_envs=2, group_size=2, expose_privileged=True)) as env:
        indices = env.task_indices[: options.limit or SEEDS]
        start = time.perf_counter()
        played = played_of(env, indices)
        seconds = time.perf_counter() - start
        print(facts_text(_summary(env, indices, played, seconds)))
        failures = [Failure(seed, f"{env.name}-{seed}", tuple(found)) for seed, found in played.problems.items()]
    return 1 if print_failures(Report(failures=failures)) else 0


def _summary(
    env: ForeignGroups, indices: Sequence[int], played: Played, seconds: float
) -> Iterator[tuple[str, object]]:
    yield "seeds", f"{len(indices):,} played twice in {seconds:.1f} s, with names of actions and odd answers"
    yield "seen", f"{played.turns:,} turns, {played.pictures:,} pictures"
    judged = [verdict for verdict in played.verdicts if not verdict.status.failed]
    if judged:
        returns = [verdict.reward for verdict in judged]
        yield "returns", f"from {min(returns):g} to {max(returns):g}, {statistics.mean(returns):g} in the mean"
        yield "right", f"{sum(verdict.correct for verdict in judged):,}, from a return of {env.success:g} on"
    for status, count in Counter(verdict.status for verdict in judged).most_common():
        yield f"status {status}", f"{count:,}"
    for message, count in played.failed.most_common():
        yield "environment fails", f"{count:,} times, {message.removeprefix(ENVIRONMENT_FAILED)}"
    yield "privileged", "told of each" if env.tells else "none is given: teachers know no more than students"
    yield "failed", f"{len(played.problems):,}"


COMMANDS: dict[str, Callable[[EnvSpec, argparse.Namespace], int]] = {"show": show, "play": play, "validate": validate}
"""What the commands do with an environment of others, by name."""
