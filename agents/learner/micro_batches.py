"""Rows of a batch, and how they are split into parts that are run at once."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor

from agents.algorithms import Credit
from agents.distributed import World
from agents.episodes import Prompt, Turn
from agents.policy.base import Policy
from agents.policy.scores import GivenScores, TokenScores

Kind = tuple[str, ...]
"""Names of the contexts that rows are shown."""


@dataclass(frozen=True, eq=False)
class Row:
    """One turn of one episode, as the model runs it.

    Attributes:
        episode: number of the episode in the batch.
        number: number of the turn in the episode.
        turn: the turn.
        contexts: for each context what is read in the place of the turn's own prompt.
        counts: false of a row that keeps step with other processes and has no gradient.

    """

    episode: int
    number: int
    turn: Turn
    contexts: Mapping[str, Prompt]
    counts: bool = True

    @property
    def kind(self) -> Kind:
        """Names of its contexts."""
        return tuple(self.contexts)


@dataclass(eq=False)
class Part:
    """Rows that are run at once, and what stays the same over the updates of a training step.

    Attributes:
        rows: the rows, all of one kind.
        S_old_NT: student log-probabilities before the step's first update.
        scored: what scorers said, by context, as long as it stays the same.
        credit: of these rows, where it was asked for of the whole batch.

    """

    rows: tuple[Row, ...]
    S_old_NT: Tensor | None = None
    scored: dict[str, TokenScores | GivenScores] = field(default_factory=dict)
    credit: Credit | None = None

    @property
    def kind(self) -> Kind:
        """Names of the contexts that its rows are shown."""
        return self.rows[0].kind


def split(rows: Sequence[Row], policy: Policy, budget: int) -> Iterator[Part]:
    """Split rows into parts under a budget of tokens; all rows of a part are shown the same contexts.

    A packed part costs the tokens of its distinct prompts and of its distinct responses, a plain one as many rows as
    distinct responses, each as long as the longest. Equal responses to a prompt are in one part, where they are run
    once.
    """
    for kind in sorted({row.kind for row in rows}, key=_most_first):
        alike: dict[tuple[Hashable, ...], list[Row]] = {}
        for row in rows:
            if row.kind == kind:
                alike.setdefault((_longest(row, policy).key, *row.turn.action.token_ids), []).append(row)
        part: list[Row] = []
        cost = Cost(policy)
        for same in alike.values():
            if part and cost.with_row(same[0]) > budget:
                yield Part(tuple(part))
                part, cost = [], Cost(policy)
            part += same
            cost.add(same[0])
        if part:
            yield Part(tuple(part))


class Cost:
    """Tokens that a part is run as, under the prompts of its turns or of one of its contexts, whichever are more.

    Args:
        policy: what runs it.

    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._rows = 0
        self._responses = 0
        self._longest_response = 0
        self._prompts: dict[str, set[Hashable]] = {}
        self._tokens: dict[str, int] = {}
        self._longest: dict[str, int] = {}

    def with_row(self, row: Row) -> int:
        """Return what the part would cost with a row more."""
        return max(self._of(name, prompt, len(row.turn.action.token_ids)) for name, prompt in _prompts(row).items())

    def _of(self, name: str, prompt: Prompt, length: int) -> int:
        tokens = self.policy.count_tokens(prompt)
        if self.policy.packs:
            more = 0 if prompt.key in self._prompts.get(name, ()) else tokens
            return self._tokens.get(name, 0) + more + self._responses + length
        longest = max(tokens, self._longest.get(name, 0)) + max(self._longest_response, length)
        return longest * (self._rows + 1)

    def add(self, row: Row) -> None:
        """Take a row into the part."""
        length = len(row.turn.action.token_ids)
        self._rows += 1
        self._responses += length
        self._longest_response = max(self._longest_response, length)
        for name, prompt in _prompts(row).items():
            known, tokens = self._prompts.setdefault(name, set()), self.policy.count_tokens(prompt)
            if prompt.key not in known:
                known.add(prompt.key)
                self._tokens[name] = self._tokens.get(name, 0) + tokens
                self._longest[name] = max(self._longest.get(name, 0), tokens)


def _prompts(row: Row) -> dict[str, Prompt]:
    return {"": row.turn.prompt, **row.contexts}  # no context is called so


def _most_first(kind: Kind) -> tuple[int, Kind]:
    return -len(kind), kind


def _longest(row: Row, policy: Policy) -> Prompt:
    return max((row.turn.prompt, *row.contexts.values()), key=policy.count_tokens)


def in_step(parts: Sequence[Part], filler: Row, world: World) -> list[Part]:
    """Add parts without a gradient until every process has as many of each kind.

    Sharded weights are gathered by all processes at the same time, so all must run the same number of forwards.

    Args:
        parts: this process's.
        filler: any row.
        world: the processes.

    """
    if world.size == 1:
        return list(parts)
    mine = {kind: [part for part in parts if part.kind == kind] for kind in {part.kind for part in parts}}
    counts = world.gather({kind: len(found) for kind, found in mine.items()})
    filled: list[Part] = []
    for kind in sorted({kind for one in counts for kind in one}, key=_most_first):
        found = mine.get(kind, [])
        row = replace(filler, contexts=dict.fromkeys(kind, filler.turn.prompt), counts=False)
        missing = max(one.get(kind, 0) for one in counts) - len(found)
        filled += [*found, *(Part((row,)) for _ in range(missing))]
    return filled
