"""Measure a small model as a teacher: what privileged text tells it of responses, on real rollouts.

The same rollouts are scored with each text, right ones and controls. Of a response, the sum of D over its tokens is
log P(response | shown text) - log P(response): by Bayes' rule how much more likely the text is given the response. So
it tells right responses from wrong ones where a right answer is shown and informs, misleads where a wrong one is, and
says nothing where a blank one is.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from agents.algorithms import Show, Shown
from agents.algorithms.contexts import show_answer, show_sibling_or_feedback, show_solution
from agents.diagnostics.leakage import mentions
from agents.episodes import EpisodeGroup, Prompt
from agents.policy.base import Request, Sampling
from agents.policy.transformers_policy import TransformersPolicy
from agents.rollouts.collect import collect, completion_seeds
from agents.rollouts.environments import make_group_env
from rlsd_env import GroupEnv
from verifiers import Verdict

SAMPLING = Sampling(1.0, 48)
HELDOUT = 2**30
TAUGHT = "rlsd/ShapeCount-v0"
GROUP_SIZE = 8
CHUNK = 32


@dataclasses.dataclass(frozen=True)
class Teacher:
    """What the model makes of one kind of privileged text.

    Attributes:
        responses: how many responses of groups with right and wrong ones were scored.
        auc: the area under the curve of the sum of D as a predictor of a right response: the probability that a right
            response has a higher one than a wrong response.
        gain: the mean sum of D, nats.
        accuracy: of what is sampled with the text.
        follows: how much of that ends in the answer that the text names; not-a-number where it names none.
        cites: how much of that speaks of the text, by `agents.diagnostics.leakage`.

    """

    responses: int
    auc: float
    gain: float
    accuracy: float
    follows: float
    cites: float


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of privileged text.

    Attributes:
        whose: right, wrong, blank (see `rlsd_env.hints`) or off by one: whose hints are shown.
        show: how.
        named: from a group and the number of an episode to the answer that the text names; None: it names none.

    """

    whose: str
    show: Show
    named: Callable[[EpisodeGroup, int], str] | None = None


@dataclasses.dataclass(frozen=True)
class Informed:
    """A response that was sampled with more in the prompt than the question."""

    text: str
    verdict: Verdict
    cites: bool


def area_under_curve(scores: Sequence[float], right: Sequence[bool]) -> float:
    """Return the probability that the score of a right one is above that of a wrong one, ties counting half.

    Not-a-number where there are none of either.

    >>> area_under_curve([3.0, 1.0, 2.0, 1.0], [True, True, False, False])  # 3 > 2, 3 > 1, 1 < 2, 1 = 1
    0.625
    """
    scores_N, right_N = np.asarray(scores, dtype=np.float64), np.asarray(right, dtype=np.bool_)
    differences = scores_N[right_N][:, None] - scores_N[~right_N]
    return float(((differences > 0) + 0.5 * (differences == 0)).mean()) if differences.size else math.nan


def show_feedback(group: EpisodeGroup, i: int) -> Shown | None:
    """Show the feedback on a wrong attempt, as where no sibling succeeded."""
    alone = dataclasses.replace(group, episodes=(group.episodes[i],))
    return show_sibling_or_feedback(alone, 0, "always")


def show_success(group: EpisodeGroup, i: int) -> Shown | None:
    """Show another, successful response."""
    return show_sibling_or_feedback(group, i, "never")


def the_answer(group: EpisodeGroup, i: int) -> str:
    """Return the answer that a group's hints name."""
    return group.hints["answer"]


KINDS: dict[str, Kind] = {
    "the right answer": Kind("right", show_answer, the_answer),
    "an answer that is off by one": Kind("off by one", show_answer, the_answer),
    "another task's answer": Kind("wrong", show_answer, the_answer),
    "a blank answer": Kind("blank", show_answer),
    "the right solution": Kind("right", show_solution, the_answer),
    "another task's solution": Kind("wrong", show_solution, the_answer),
    "a blank solution": Kind("blank", show_solution),
    "a successful sibling": Kind("right", show_success),
    "feedback on a wrong attempt": Kind("right", show_feedback),
}
"""Those of `rlsd_env.hints`, and an answer that the model might have given."""


def measure_teachers(
    policy: TransformersPolicy,
    tasks: int,
    env: str = TAUGHT,
    env_kwargs: Mapping[str, Any] | None = None,
    kinds: Mapping[str, Kind] = KINDS,
    sampling: Sampling = SAMPLING,
) -> dict[str, Teacher]:
    """Show the policy every kind of privileged text about held-out tasks, and measure what it makes of it.

    Args:
        policy: what samples, and scores what it sampled.
        tasks: how many, with `GROUP_SIZE` attempts at each; a multiple of `CHUNK`.
        env: whose tasks.
        env_kwargs: its arguments.
        kinds: the kinds of text.
        sampling: how it samples, at temperature 1.

    """
    env_kwargs = dict(env_kwargs or {})
    played = make_group_env(env, {**env_kwargs, "feedback": "outcome"}, CHUNK, GROUP_SIZE)
    sources = {name: make_group_env(env, {**env_kwargs, "hints": name}, 1, 1) for name in ("right", "wrong", "blank")}
    scored: dict[str, list[tuple[float, bool]]] = {name: [] for name in kinds}
    sampled: dict[str, list[tuple[Informed, bool]]] = {name: [] for name in kinds}
    for start in range(0, tasks, CHUNK):
        seeds = completion_seeds(1, (5, start), CHUNK * GROUP_SIZE)
        batch = collect(played, policy, range(HELDOUT + start, HELDOUT + start + CHUNK), sampling, seeds, 0)
        for name, kind in kinds.items():
            groups = [
                dataclasses.replace(group, hints=_hints(sources, kind.whose, group, number))
                for number, group in enumerate(batch.groups)
            ]
            for group in groups:
                scored[name] += _gains(policy, group, kind.show)
            found = [(kind.show(group, i), group, i) for group in groups for i in (0, 1)]
            shown = [(context.prompts[0], group, i) for context, group, i in found if context is not None]
            answers = sample_informed(
                policy, env, env_kwargs, [(prompt, group) for prompt, group, _ in shown], sampling
            )
            for answer, (_, group, i) in zip(answers, shown):
                named = kind.named and kind.named(group, i)
                sampled[name].append((answer, answer.verdict.extracted == named))
    return {
        name: Teacher(
            responses=len(scored[name]),
            auc=area_under_curve(*zip(*scored[name])) if scored[name] else math.nan,
            gain=mean([gain for gain, _ in scored[name]]),
            accuracy=mean([answer.verdict.correct for answer, _ in sampled[name]]),
            follows=math.nan if kind.named is None else mean([follows for _, follows in sampled[name]]),
            cites=mean([answer.cites for answer, _ in sampled[name]]),
        )
        for name, kind in kinds.items()
    }


def mean(values: Sequence[float]) -> float:
    """Return the mean; not-a-number of nothing."""
    return float(np.mean(values)) if values else math.nan


def _hints(sources: Mapping[str, GroupEnv], whose: str, group: EpisodeGroup, number: int) -> Mapping[str, str]:
    if whose != "off by one":
        return sources[whose].hints(group.item)
    gold = int(sources["right"].hints(group.item)["answer"])
    return {"answer": str(gold + (1 if number % 2 or not gold else -1))}


def _gains(policy: TransformersPolicy, group: EpisodeGroup, show: Show) -> list[tuple[float, bool]]:
    """Return the sum of D of each response and whether it is right; nothing of a group of one sort."""
    if len({episode.verdict.correct for episode in group.episodes}) < 2:
        return []
    found = [(show(group, i), episode) for i, episode in enumerate(group.episodes)]
    shown = [(context.prompts[0], episode) for context, episode in found if context is not None]
    if not shown:
        return []
    prompts = {prompt.key: prompt for prompt, _ in shown}
    places = {key: place for place, key in enumerate(prompts)}
    owners = [places[prompt.key] for prompt, _ in shown]
    actions = [episode.turns[0].action for _, episode in shown]
    with torch.no_grad():
        logp_NT = policy.score(list(prompts.values()), owners, [action.token_ids for action in actions]).logp_NT
    return [
        (logp - sum(episode.turns[0].action.logprobs), episode.verdict.correct)
        for logp, (_, episode) in zip(logp_NT.sum(-1).tolist(), shown)
    ]


def sample_informed(
    policy: TransformersPolicy,
    env: str,
    env_kwargs: Mapping[str, Any],
    shown: Sequence[tuple[Prompt, EpisodeGroup]],
    sampling: Sampling,
) -> list[Informed]:
    """Sample a response under each of some prompts, and have it judged as one to its group's task."""
    if not shown:
        return []
    seeds = completion_seeds(2, (6,), len(shown))
    completions = policy.generate(Request([prompt for prompt, _ in shown], 1, sampling, seeds))
    judge = make_group_env(env, env_kwargs, len(shown), 1)
    judge.reset(options={"task_id": [group.item.task.id for _, group in shown]})
    texts = [completion.text for (completion,) in completions]
    *_, infos = judge.step(texts)
    judge.close()
    return [
        Informed(text, verdict, mentions(text, group.item.task.question))
        for text, verdict, (_, group) in zip(texts, infos["verdict"], shown)
    ]
