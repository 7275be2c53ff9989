"""Measure the bundled checkpoint as a teacher: what privileged text tells it of responses, on real rollouts.

The same rollouts are scored with each text, right ones and controls. Of a response, the sum of D over its tokens is
log P(response | shown text) - log P(response): by Bayes' rule how much more likely the text is given the response. So
it tells right responses from wrong ones where a right answer is shown and informs, misleads where a wrong one is, and
says nothing where a blank one is.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from agents.algorithms import Show, Shown
from agents.algorithms.contexts import show_answer, show_sibling_or_feedback, show_solution
from agents.episodes import EpisodeGroup
from agents.policy.base import Request, Sampling
from agents.policy.transformers_policy import TransformersPolicy
from agents.rollouts.collect import collect, completion_seeds
from agents.rollouts.environments import make_group_env
from rlsd_env import GroupEnv

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

    """

    responses: int
    auc: float
    gain: float
    accuracy: float
    follows: float


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


KINDS: dict[str, tuple[str, Show]] = {
    "the right answer": ("right", show_answer),
    "an answer that is off by one": ("off by one", show_answer),
    "another task's answer": ("wrong", show_answer),
    "a blank answer": ("blank", show_answer),
    "the right solution": ("right", show_solution),
    "another task's solution": ("wrong", show_solution),
    "a blank solution": ("blank", show_solution),
    "a successful sibling": ("right", show_success),
    "feedback on a wrong attempt": ("right", show_feedback),
}
"""By kind, whose hints are shown and how: those of `rlsd_env.hints`, and an answer that the model might have given."""
NAME_AN_ANSWER = [name for name in KINDS if name.endswith(("answer", "solution", "by one")) and "blank" not in name]


def measure_teachers(policy: TransformersPolicy, tasks: int) -> dict[str, Teacher]:
    """Show the policy every kind of privileged text about held-out tasks, and measure what it makes of it.

    Args:
        policy: what samples, and scores what it sampled.
        tasks: how many, with `GROUP_SIZE` attempts at each; a multiple of `CHUNK`.

    """
    env = make_group_env(TAUGHT, {"feedback": "outcome"}, CHUNK, GROUP_SIZE)
    sources = {name: make_group_env(TAUGHT, {"hints": name}, 1, 1) for name in ("right", "wrong", "blank")}
    scored: dict[str, list[tuple[float, bool]]] = {name: [] for name in KINDS}
    sampled: dict[str, list[tuple[bool, bool]]] = {name: [] for name in KINDS}
    for start in range(0, tasks, CHUNK):
        seeds = completion_seeds(1, (5, start), CHUNK * GROUP_SIZE)
        batch = collect(env, policy, range(HELDOUT + start, HELDOUT + start + CHUNK), SAMPLING, seeds, 0)
        for name, (whose, show) in KINDS.items():
            groups = [
                dataclasses.replace(group, hints=_hints(sources, whose, group, number))
                for number, group in enumerate(batch.groups)
            ]
            for group in groups:
                scored[name] += _gains(policy, group, show)
            sampled[name] += _answers(policy, groups, show)
    return {
        name: Teacher(
            responses=len(scored[name]),
            auc=area_under_curve(*zip(*scored[name])),
            gain=float(np.mean([gain for gain, _ in scored[name]])),
            accuracy=float(np.mean([right for right, _ in sampled[name]])),
            follows=float(np.mean([follows for _, follows in sampled[name]])) if name in NAME_AN_ANSWER else math.nan,
        )
        for name in KINDS
    }


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


def _answers(policy: TransformersPolicy, groups: Sequence[EpisodeGroup], show: Show) -> list[tuple[bool, bool]]:
    """Sample two responses a task with what is shown; return which are right, and which end in the hint's answer."""
    found = [(show(group, i), group) for group in groups for i in (0, 1)]
    shown = [(context.prompts[0], group) for context, group in found if context is not None]
    if not shown:
        return []
    seeds = completion_seeds(2, (6,), len(shown))
    completions = policy.generate(Request([prompt for prompt, _ in shown], 1, SAMPLING, seeds))
    env = make_group_env(TAUGHT, {}, len(shown), 1)
    env.reset(options={"task_id": [group.item.task.id for _, group in shown]})
    *_, infos = env.step([completion.text for (completion,) in completions])
    return [
        (verdict.correct, verdict.extracted == group.hints["answer"])
        for verdict, (_, group) in zip(infos["verdict"], shown)
    ]
