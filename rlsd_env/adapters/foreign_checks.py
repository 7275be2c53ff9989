"""Does an environment of anybody's begin alike with the same seed, and go on alike with the same answers?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from rlsd_env.adapters.foreign import ForeignGroups, begin_alike
from rlsd_env.adapters.texts import DiscreteToText, answers_of
from rlsd_env.errors import ConfigurationError
from rlsd_env.forms import FORMS, ODD_ANSWERS, written
from verifiers import Verdict

SEEDS_CHECKED = 4
"""Of an environment that is about to be trained on: what is drawn without the seed may fall alike once."""


def check_start(env: ForeignGroups) -> None:
    """Begin the first seeds twice, and take an odd answer in an attempt that has begun.

    Raises:
        ConfigurationError: what is shown, or what `privileged` tells, is not the same with the same seed, or the
            environment does not keep to Gymnasium's protocol.

    """
    for problem in seed_problems(env, env.task_indices[:SEEDS_CHECKED]).values():
        raise ConfigurationError(problem)
    env.step([responses(env)[1][0]] * env.num_envs)


def seed_problems(env: ForeignGroups, seeds: Sequence[int]) -> dict[int, str]:
    """Say of each seed that does not begin alike, by what is shown or told of it, what differs."""
    first = [env.begun(seed) for seed in seeds]
    found = {}
    for seed, (shown, told) in zip(seeds, first):
        again, told_again = env.begun(seed)
        if not begin_alike(shown, again):
            found[seed] = env.unlike(seed)
        elif told != told_again:
            found[seed] = (
                f"privileged of {env.name} tells {told!r} and then {told_again!r} of reset(seed={seed}); what is "
                "hidden must come of the seed too, or teachers are shown another attempt's: draw it from self.np_random"
            )
    return found


def form_of(env: ForeignGroups) -> str:
    """Return how an answer is written: as the environment's wrapper reads it, plain where there is none."""
    wrapper = answers_of(env.beside())
    return FORMS["plain"] if wrapper is None else FORMS.get(wrapper.answer_format, FORMS["tags"])


def responses(env: ForeignGroups) -> tuple[list[str], list[str]]:
    """Return what may be said to an environment: the names of its actions, where it has such, and odd answers."""
    wrapper = answers_of(env.beside())
    names = wrapper.names if isinstance(wrapper, DiscreteToText) else ()
    form = form_of(env)
    return [written(form, name) for name in names], [written(form, answer) for answer in ODD_ANSWERS]


@dataclass
class Played:
    """What attempts at tasks came to.

    Attributes:
        problems: what is wrong, by task.
        verdicts: one on an attempt at each task.
        turns: actions in them.
        pictures: that were shown in them.
        failed: how often the environment failed, by what it said.

    """

    problems: dict[int, list[str]] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)
    turns: int = 0
    pictures: int = 0
    failed: Counter[str] = field(default_factory=Counter)


def play(env: ForeignGroups, seeds: Sequence[int]) -> Played:
    """Play each seed twice with the same answers and compare: every other seed with odd ones first.

    Args:
        env: with two attempts at one task.
        seeds: the tasks.

    """
    played = Played()
    names, odd = responses(env)
    orders = (names, odd + names) if names else (odd,)
    for place, seed in enumerate(seeds):
        number, order = divmod(place, len(orders))
        try:
            problems = list(seed_problems(env, [seed]).values()) or list(
                _episode(env, seed, orders[order], number, played)
            )
        except ConfigurationError as error:
            problems = [str(error)]
        if problems:
            played.problems[seed] = problems
    return played


def _episode(env: ForeignGroups, seed: int, said: Sequence[str], first: int, played: Played) -> Iterator[str]:
    observations, _ = env.reset(options={"task_index": [seed]})
    over = False
    turn = first
    while not over:
        played.pictures += len(observations["images"][0])
        response = said[turn % len(said)]
        observations, rewards, terminated, truncated, infos = env.step([response, response])
        turn += 1
        played.turns += 1
        one, other = (_came(observations, rewards, terminated, truncated, infos, number) for number in (0, 1))
        for name, value in one.items():
            if value != other[name]:
                yield (
                    f"two attempts with the same seed and answers go on differently after {response!r}: {name} is "
                    f"{value!r} and {other[name]!r}; what is drawn must come of the seed"
                )
                return
        over = bool(terminated[0] or truncated[0])
    verdict: Verdict = infos["verdict"][0]
    played.verdicts.append(verdict)
    if verdict.status.failed:
        played.failed[verdict.feedback] += 1
        yield f"on {response!r} {verdict.feedback}"


def _came(observations: Any, rewards: Any, terminated: Any, truncated: Any, infos: Any, number: int) -> dict[str, Any]:
    """Return what came of an attempt's action, to be compared and shown."""
    return {
        "said": observations["feedback"][number],
        "reward": float(rewards[number]),
        "over": bool(terminated[number] or truncated[number]),
        "hashes of pictures": [hash(image.tobytes()) for image in observations["images"][number]],
    }
