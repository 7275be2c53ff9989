"""Rows of a batch, and how they are split into parts that are run at once."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from agents.distributed import World
from agents.episodes import Prompt, Turn
from agents.policy.base import Policy
from agents.policy.scores import TokenScores


@dataclass(frozen=True, eq=False)
class Row:
    """One turn of one episode, as the model runs it.

    Attributes:
        episode: number of the episode in the batch.
        turn: the turn.
        teacher_prompt: what the teacher reads in its place; None: no teacher.
        counts: false of a row that keeps step with other processes and has no gradient.

    """

    episode: int
    turn: Turn
    teacher_prompt: Prompt | None
    counts: bool = True


@dataclass(eq=False)
class Part:
    """Rows that are run at once, and what stays the same over the updates of a training step."""

    rows: tuple[Row, ...]
    S_old_NT: Tensor | None = None
    teacher: TokenScores | None = None


def split(rows: Sequence[Row], policy: Policy, budget: int) -> Iterator[list[Row]]:
    """Split rows into parts under a budget of tokens, those with a teacher apart from those without.

    A packed part costs the tokens of its distinct prompts and of its distinct responses, a plain one as many rows as
    distinct responses, each as long as the longest. Equal responses to a prompt are in one part, where they are run
    once.
    """
    for with_teacher in (True, False):
        alike: dict[tuple[Hashable, ...], list[Row]] = {}
        for row in rows:
            if (row.teacher_prompt is not None) == with_teacher:
                like = identity(row.teacher_prompt or row.turn.prompt), *row.turn.action.token_ids
                alike.setdefault(like, []).append(row)
        part: list[Row] = []
        prompts: set[Hashable] = set()
        count, longest_prompt, longest_response, packed = 0, 0, 0, 0
        for (key, *ids), same in alike.items():
            tokens, length = policy.count_tokens(same[0].teacher_prompt or same[0].turn.prompt), len(ids)
            if policy.packs:
                cost = packed + length + (0 if key in prompts else tokens)
            else:
                cost = (max(longest_prompt, tokens) + max(longest_response, length)) * (count + 1)
            if part and cost > budget:
                yield part
                part, prompts = [], set()
                count, longest_prompt, longest_response, packed = 0, 0, 0, 0
            part += same
            count += 1
            longest_prompt, longest_response = max(longest_prompt, tokens), max(longest_response, length)
            packed += length + (0 if key in prompts else tokens)
            prompts.add(key)
        if part:
            yield part


def identity(prompt: Prompt) -> Hashable:
    """Return what equal prompts have in common; a teacher's view passes on the student's own pictures and videos."""
    return repr(prompt.messages), id(prompt.images), id(prompt.videos)


def in_step(parts: Sequence[Part], filler: Row, world: World) -> list[Part]:
    """Add parts without a gradient until every process has as many of each kind.

    Sharded weights are gathered by all processes at the same time, so all must run the same number of forwards.

    Args:
        parts: this process's, those with a teacher first.
        filler: any row.
        world: the processes.

    """
    if world.size == 1:
        return list(parts)
    kinds = {
        True: [part for part in parts if part.rows[0].teacher_prompt is not None],
        False: [part for part in parts if part.rows[0].teacher_prompt is None],
    }
    counts = world.gather({kind: len(found) for kind, found in kinds.items()})
    for kind, found in kinds.items():
        row = replace(filler, teacher_prompt=filler.turn.prompt if kind else None, counts=False)
        found += [Part((row,)) for _ in range(max(one[kind] for one in counts) - len(found))]
    return [*kinds[True], *kinds[False]]
