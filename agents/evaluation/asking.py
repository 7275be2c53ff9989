"""Ask a policy the tasks of an environment, chunk by chunk, and keep each chunk before the next."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.distributed import World
from agents.episodes import Episode, EpisodeBatch, Fit
from agents.evaluation.responses import Row, Store
from agents.messages import transcript
from agents.options.commands import EvaluateOptions
from agents.policy.actor import Actor
from agents.policy.base import Sampling
from agents.rollouts.evaluation import ROWS_AT_ONCE, distribution_sums, play
from agents.rollouts.metrics import facts
from agents.terminal import counted
from verifiers import Reference, Status, Verdict, Verifier


@dataclass(frozen=True)
class Subject:
    """What is asked of one environment.

    Attributes:
        label: what it is called.
        env: its id.
        env_kwargs: its arguments, the fold among them.
        tasks: the numbers of its tasks.
        verifier: name and version of what grades.
        modes: the verifier by the names of its modes; empty: it has none.

    """

    label: str
    env: str
    env_kwargs: Mapping[str, Any]
    tasks: Sequence[int]
    verifier: str
    modes: Mapping[str, Verifier]


def ask(actor: Actor, subject: Subject, options: EvaluateOptions, store: Store) -> None:
    """Play the tasks that are not kept yet: each `samples` times, and once greedily.

    Which tasks are a chunk depends on the options alone, and completions on a task's place among all: what is kept is
    the same wherever an evaluation was broken off.
    """
    at_once = max(1, ROWS_AT_ONCE // options.samples)
    sampling, greedy = Sampling(options.temperature, options.max_tokens), Sampling(0.0, options.max_tokens)
    env_kwargs = dict(subject.env_kwargs)
    for first in range(store.done, len(subject.tasks), at_once):
        tasks = subject.tasks[first : first + at_once]
        played: dict[bool, list[EpisodeBatch]] = {}
        for is_greedy, samples, how in ((False, options.samples, sampling), (True, 1, greedy)):
            played[is_greedy] = play(
                actor, subject.env, env_kwargs, tasks, samples, how, options.seed, first, actor.policy
            )
        drawn = played[False]
        sums = distribution_sums(actor.policy, drawn, options.temperature, options.max_tokens, World())
        rows = [
            row for is_greedy, batches in played.items() for row in _rows(subject, options, batches, tasks, is_greedy)
        ]
        store.add(rows, len(tasks), sums)
        print(f"{subject.label}: {store.done:,} of {counted(len(subject.tasks), 'task')}", file=sys.stderr)


def _rows(
    subject: Subject, options: EvaluateOptions, batches: Sequence[EpisodeBatch], tasks: Sequence[int], greedy: bool
) -> Iterator[Row]:
    groups = [group for batch in batches for group in batch.groups]
    played = [(task, group, n, one) for task, group in zip(tasks, groups) for n, one in enumerate(group.episodes)]
    golds = [group.item.privileged.reference for _, group, _, _ in played]
    verdicts = graded(subject.modes, [episode for _, _, _, episode in played], golds)
    for place, (task, group, number, episode) in enumerate(played):
        known = facts(episode, group.item.task.question)
        row: Row = {
            "env": subject.env,
            "task": int(task),
            "task_id": group.item.task.id,
            "greedy": greedy,
            "sample": number,
            "seed": options.seed,
            "policy": options.policy,
            "verifier": subject.verifier,
            "response": episode.response,
            **_verdict(episode, episode.verdict),
            "reward": known.reward,
            "tokens": known.tokens,
            "turns": known.turns,
            "truncated": known.truncated,
            "leaks": known.leaks,
        }
        if episode.pictures is not None:
            row["pictures"] = str(episode.pictures)
        if verdicts:
            row["verdicts"] = {mode: _verdict(episode, of_mode[place]) for mode, of_mode in verdicts.items()}
        if len(episode.turns) > 1:
            row["transcript"] = transcript(episode)
        yield row


def _verdict(episode: Episode, verdict: Verdict) -> Row:
    if episode.pictures is Fit.LEFT_OUT:  # nobody can judge what was said of a blank
        return {"extracted": None, "status": str(Status.ERROR), "correct": False}
    return {"extracted": verdict.extracted, "status": str(verdict.status), "correct": bool(verdict.correct)}


def graded(
    modes: Mapping[str, Verifier], episodes: Sequence[Episode], golds: Sequence[Reference]
) -> dict[str, list[Verdict]]:
    """Return the verdicts on attempts in each mode of a scorer."""
    responses = [episode.response for episode in episodes]
    return {mode: verifier.verify_batch(responses, golds) for mode, verifier in modes.items()}
