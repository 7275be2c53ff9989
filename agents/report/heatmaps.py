"""Responses whose tokens are shown in the colours of what each agent paid them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agents.evidence import TokenEvidence
from agents.report.folders import Found, Run
from agents.terminal import counted

RESPONSES = 8
"""Responses that are shown at most."""
TOKENS = 1500
"""Tokens of a response that are shown, from its start."""


@dataclass(frozen=True)
class Row:
    """What one agent said of a response of T tokens.

    Attributes:
        agent: the agent.
        advantage: A of the response.
        credit: token advantages, T; None where the method matches distributions and has none.
        weight: what A was multiplied by, T; None where the method has no weights.
        student: log-probabilities of the student, T.
        gains: D of each context, T: its log-probability less the student's.
        values: what else the algorithm has kept by name, T each.

    """

    agent: str
    advantage: float
    credit: tuple[float, ...] | None
    weight: tuple[float, ...] | None
    student: tuple[float, ...]
    gains: Mapping[str, tuple[float, ...]]
    values: Mapping[str, tuple[float, ...]]

    @property
    def shown(self) -> tuple[str, tuple[float, ...]]:
        """What the tokens are coloured by, and its name: credit, else the first D."""
        if self.credit is not None:
            return "credit", self.credit
        if not self.gains:
            return "log p of the student", self.student
        name, gain = next(iter(self.gains.items()))
        return f"D, {name}", gain


@dataclass(frozen=True)
class Heatmap:
    """One response.

    Attributes:
        tokens: their texts, T, as far as they are shown.
        rows: an agent each, all about these very tokens.
        label: what it is called in the list of responses.

    """

    tokens: tuple[str, ...]
    rows: tuple[Row, ...]
    label: str


def heatmaps(found: Found, most: int = RESPONSES) -> list[Heatmap]:
    """Choose responses to show: those that most agents sampled, of several tasks, wrong ones and right ones.

    Before the first update agents with the same seed sample the same responses, so those of step 0 are had from all
    that have kept them.
    """
    by_response: dict[tuple[object, ...], list[tuple[Run, TokenEvidence]]] = {}
    for run in found.runs:
        for one in run.evidence:
            key = (run.seed, one.step, one.task_id, one.member, one.turn, one.token_ids)
            by_response.setdefault(key, []).append((run, one))
    ranked = sorted(by_response.values(), key=lambda told: (-len(told), told[0][1].step, told[0][0].seed))
    return [_heatmap(told) for told in varied(ranked, most)]


def varied(
    ranked: Iterable[Sequence[tuple[Run, TokenEvidence]]], most: int
) -> list[Sequence[tuple[Run, TokenEvidence]]]:
    """Choose the first ones of a ranking, no two of the same kind while there are other kinds.

    A kind is a task at a step with right or with wrong answers.
    """
    chosen: list[Sequence[tuple[Run, TokenEvidence]]] = []
    rest = list(ranked)
    while rest and len(chosen) < most:
        kinds: set[tuple[object, ...]] = set()
        left = []
        agents = len(rest[0])  # the most there are: responses of fewer agents wait for their turn
        for told in rest:
            one = told[0][1]
            kind = (one.step, one.task_id, one.correct)
            if len(told) < agents or kind in kinds or len(chosen) == most:
                left.append(told)
            else:
                kinds.add(kind)
                chosen.append(told)
        rest = left
    return chosen


def _heatmap(told: Sequence[tuple[Run, TokenEvidence]]) -> Heatmap:
    run, one = told[0]
    turn = f", turn {one.turn}" if one.turn else ""
    of = f"{one.task_id}, step {one.step}, seed {run.seed}, attempt {one.member}{turn}"
    return heatmap(of, [(run.agent, of_run) for run, of_run in told])


def heatmap(of: str, told: Sequence[tuple[str, TokenEvidence]]) -> Heatmap:
    """Show a response.

    Args:
        of: which it is, in words.
        told: what each agent has kept of it, at least one.

    """
    one = told[0][1]
    cut = f", its first {TOKENS:,} tokens" if len(one.tokens) > TOKENS else ""
    return Heatmap(
        tokens=tuple(one.tokens[:TOKENS]),
        rows=tuple(_row(agent, kept) for agent, kept in told),
        label=f"{of}, {'right' if one.correct else 'wrong'}, {counted(len(told), 'agent')}{cut}",
    )


def _row(agent: str, one: TokenEvidence) -> Row:
    contexts = one.contexts
    known = {"student", "credit", "weight", *(f"logp_{name}" for name in contexts)}

    def cut(values: Sequence[float] | None) -> tuple[float, ...] | None:
        return None if values is None else tuple(values[:TOKENS])

    return Row(
        agent=agent,
        advantage=one.advantage,
        credit=cut(one.values.get("credit")),
        weight=cut(one.values.get("weight")),
        student=tuple(one.values["student"][:TOKENS]),
        gains={name: tuple(one.gain(name)[:TOKENS]) for name in contexts},
        values={name: tuple(values[:TOKENS]) for name, values in one.values.items() if name not in known},
    )
