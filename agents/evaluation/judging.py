"""A judge's part of an evaluation: its verdicts beside those of rules, never in their place."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agents.evaluation.grading import JUDGED, OWN, ask_judge, references, undecided
from agents.evaluation.responses import Row, verdict_of
from agents.runs.storage import write_atomically
from rlsd_env import GroupEnv
from verifiers import Status, Verdict
from verifiers.judge import JudgeVerifier, Usage

FILE = "judged.jsonl"
"""Beside responses.jsonl: a row per response that the judge was asked about."""
CACHE = "judge"
"""In --out: the judge's verdicts, so that nothing is asked twice."""
_TOLD = ("extracted", "status", "correct")
_Told = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Agreement:
    """On how many answers rules and a judge say that they are right, of those on which both gave a verdict."""

    both: int = 0
    rules: int = 0
    judge: int = 0
    neither: int = 0

    @property
    def count(self) -> int:
        """Answers on which both gave a verdict."""
        return self.both + self.rules + self.judge + self.neither


@dataclass(frozen=True)
class Asked:
    """What a judge was asked of one environment.

    Attributes:
        after: whose verdicts it completes: strict, or those of the environment's verifier.
        count: responses that it was asked about because rules could not read them.
        right: those of them that it took for right.
        failed: those of them on which it gave no verdict.
        audited: further responses that it was asked about although rules had decided; their verdicts stay.
        agreement: with each mode of the rules, over all that it was asked about.
        usage: what its verdicts took, those from the cache as much as when they were asked for.

    """

    after: str
    count: int
    right: int
    failed: int
    audited: int
    agreement: Mapping[str, Agreement]
    usage: Usage

    def record(self, prices: Mapping[str, float]) -> dict[str, Any]:
        """Return it for results.json, the same whoever of this command and an interrupted one asked.

        Args:
            prices: money per million tokens, by `prompt` and `completion`; empty: not known.

        """
        used = self.usage.record()
        del used["remembered"]
        cost = self.usage.cost(prices["prompt"], prices["completion"]) if prices else None
        figures = {"asked": self.count, "right": self.right, "failed": self.failed, "audited": self.audited}
        agreement = {mode: asdict(one) for mode, one in self.agreement.items()}
        return {"after": self.after, **figures, "agreement": agreement, **used, "cost": cost}


def judge_rows(judge: JudgeVerifier, env: GroupEnv, rows: Sequence[Row], folder: Path | None, audit: int = 0) -> Asked:
    """Give every row a verdict "judged": that of rules, or the judge's where those could not read the answer.

    Args:
        judge: the judge.
        env: the rows' environment.
        rows: see `agents.evaluation.responses.light`; they are changed.
        folder: where `FILE` is written; None: nowhere.
        audit: how many of the answers on which rules decided the judge is asked about too, spread over all.

    """
    after = "strict" if "strict" in rows[0].get("verdicts", {}) else OWN
    ruled = [verdict_of(row, after) or {} for row in rows]
    opened, decided = [], []
    for row, one in zip(rows, ruled):
        row["verdicts"] = {**row.get("verdicts", {}), JUDGED: {name: one[name] for name in _TOLD}}
        if undecided(Status(one["status"])):
            opened.append(row)
        elif Status(one["status"]) is Status.OK and one["extracted"]:
            decided.append(row)
    count = min(audit, len(decided))
    audited = [decided[place * len(decided) // count] for place in range(count)]
    asked = [*opened, *audited]
    before = judge.usage
    verdicts = ask_judge(judge, [_shown(row) for row in asked], references(env, [row["task"] for row in asked]))
    usage = judge.usage - before
    rules = [_rules(row) for row in asked]
    lines = []
    for place, (row, verdict) in enumerate(zip(asked, verdicts)):
        told = {"extracted": verdict.extracted, "status": str(verdict.status), "correct": verdict.correct}
        by_rules = {mode: bool(one["correct"]) for mode, one in rules[place].items()}
        is_audit = place >= len(opened)
        if not is_audit:
            row["verdicts"][JUDGED] = told
        known = {name: row[name] for name in ("env", "task", "task_id", "greedy", "sample")}
        lines.append(
            json.dumps(known | {"judge": judge.version} | told | {"rules": by_rules, "audit": is_audit}) + "\n"
        )
    if folder is not None:
        write_atomically(folder / FILE, lambda file: file.write("".join(lines).encode()))
    modes = dict.fromkeys(mode for of in rules for mode in of)
    agreement = {mode: _agreement(mode, rules, verdicts) for mode in modes}
    of_open = verdicts[: len(opened)]
    right, failed = sum(one.correct for one in of_open), sum(one.status.failed for one in of_open)
    return Asked(after, len(opened), right, failed, len(audited), agreement, usage)


def _shown(row: Row) -> str:
    """What the judge is shown: the answer that was found, or, if that is only a line of it, the whole response."""
    found, response = row["verdicts"][JUDGED]["extracted"], row.get("response")
    if response is None or (found and found.strip() not in map(str.strip, response.split("\n"))):
        return str(found)
    return str(response)


def _rules(row: Row) -> _Told:
    """The verdicts of rules that decided, by mode."""
    found = {mode: one for mode, one in row["verdicts"].items() if mode != JUDGED} or {OWN: row}
    return {
        mode: one
        for mode, one in found.items()
        if not Status(one["status"]).failed and not undecided(Status(one["status"]))
    }


def _agreement(mode: str, rules: Sequence[_Told], verdicts: Sequence[Verdict]) -> Agreement:
    said = Counter(
        (bool(of[mode]["correct"]), verdict.correct)
        for of, verdict in zip(rules, verdicts)
        if mode in of and not verdict.status.failed
    )
    return Agreement(said[True, True], said[True, False], said[False, True], said[False, False])
