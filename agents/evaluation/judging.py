"""A judge's part of an evaluation: its verdicts beside those of rules, never in their place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agents.evaluation.grading import JUDGED, OWN, ask_judge, references, undecided
from agents.evaluation.responses import Row, verdict_of
from agents.runs.storage import write_atomically
from rlsd_env import GroupEnv
from verifiers import Status
from verifiers.judge import JudgeVerifier

FILE = "judged.jsonl"
"""Beside responses.jsonl: a row per response that the judge was asked about."""
CACHE = "judge"
"""In --out: the judge's verdicts, so that nothing is asked twice."""


@dataclass(frozen=True)
class Asked:
    """What a judge was asked of one environment.

    Attributes:
        after: whose verdicts it completes: strict, or those of the environment's verifier.
        count: responses that it was asked about.
        right: those that it took for right.
        failed: those on which it gave no verdict.

    """

    after: str
    count: int
    right: int
    failed: int


def judge_rows(judge: JudgeVerifier, env: GroupEnv, rows: Sequence[Row], folder: Path | None) -> Asked:
    """Give every row a verdict "judged": that of rules, or the judge's where those could not read the answer.

    Args:
        judge: the judge.
        env: the rows' environment.
        rows: see `agents.evaluation.responses.light`; they are changed.
        folder: where `FILE` is written; None: nowhere.

    """
    after = "strict" if "strict" in rows[0].get("verdicts", {}) else OWN
    open_rows = []
    for row in rows:
        ruled = verdict_of(row, after) or {}
        kept = {name: ruled[name] for name in ("extracted", "status", "correct")}
        row["verdicts"] = {**row.get("verdicts", {}), JUDGED: kept}
        if undecided(Status(kept["status"])):
            open_rows.append(row)
    answers = [row["verdicts"][JUDGED]["extracted"] or row["response"] for row in open_rows]
    verdicts = ask_judge(judge, answers, references(env, [row["task"] for row in open_rows]))
    lines = []
    for row, verdict in zip(open_rows, verdicts):
        told = {"extracted": verdict.extracted, "status": str(verdict.status), "correct": verdict.correct}
        row["verdicts"][JUDGED] = told
        names = ("env", "task", "task_id", "greedy", "sample")
        lines.append(json.dumps({name: row[name] for name in names} | {"judge": judge.version} | told) + "\n")
    if folder is not None:
        write_atomically(folder / FILE, lambda file: file.write("".join(lines).encode()))
    right, failed = sum(one.correct for one in verdicts), sum(one.status.failed for one in verdicts)
    return Asked(after, len(verdicts), right, failed)
