"""Responses whose tokens are shown in the colours of what each agent paid them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agents.evidence import FOLDER, TokenEvidence, read_evidence
from agents.report.folders import Found, Run

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
        name, gain = next(iter(self.gains.items()), ("student", self.student))
        return f"D, {name}", gain


@dataclass(frozen=True)
class Heatmap:
    """One response.

    Attributes:
        task_id: the task.
        step: training step that it was sampled at, from 0.
        seed: the runs' seed.
        member: number of the attempt.
        turn: number of the action.
        reward: of the attempt.
        correct: the verifier's word.
        tokens: their texts, T.
        left_out: tokens behind those.
        rows: an agent each, all about these very tokens.

    """

    task_id: str
    step: int
    seed: int
    member: int
    turn: int
    reward: float
    correct: bool
    tokens: tuple[str, ...]
    left_out: int
    rows: tuple[Row, ...]


def heatmaps(found: Found, most: int = RESPONSES) -> list[Heatmap]:
    """Choose responses to show: those that most agents sampled, of several tasks, wrong ones and right ones.

    Before the first update agents with the same seed sample the same responses, so those of step 0 are had from all
    that have kept them.
    """
    by_response: dict[tuple[object, ...], list[tuple[Run, TokenEvidence]]] = {}
    for run in found.runs:
        for one in _evidence(run):
            key = (run.seed, one.step, one.task_id, one.member, one.turn, one.token_ids)
            by_response.setdefault(key, []).append((run, one))
    ranked = sorted(by_response.values(), key=lambda told: (-len(told), told[0][1].step, told[0][0].seed))
    return [_heatmap(told) for told in varied(ranked, most)]


def _evidence(run: Run) -> list[TokenEvidence]:
    """Read what a run has kept of its first step and of its last one."""
    steps = sorted({int(path.stem.split("-")[1]) for path in (run.folder / FOLDER).glob("step-*.parquet")})
    return [one for step in sorted({*steps[:1], *steps[-1:]}) for one in read_evidence(run.folder, step)]


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
    return Heatmap(
        task_id=one.task_id,
        step=one.step,
        seed=run.seed,
        member=one.member,
        turn=one.turn,
        reward=one.reward,
        correct=one.correct,
        tokens=one.tokens[:TOKENS],
        left_out=max(0, len(one.tokens) - TOKENS),
        rows=tuple(_row(run.agent, one) for run, one in told),
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
