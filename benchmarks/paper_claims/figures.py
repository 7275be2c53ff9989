"""What reports on laboratory tasks show of the stored runs: honest and lazy teachers, credit, the claims."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

AXIS = {"honest": "0 %", "teacher 3 %": "3 %", "teacher 10 %": "10 %", "lazy": "30 %"}
"""Comparisons by how often their teacher cites its hint."""
AGENTS = ("grpo", "opsd", "sdpo", "rlsd")
CREDIT = "credit, lazy, pictures"
MEASURED = (
    "What stands under 'stored' is not of these runs but of `make lab`: four seeds and 32 steps per method "
    "(docs/laboratory.md, docs/claims.md)."
)


def figures(lab: Path, columns: Sequence[str], claims: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Choose from lab.json of `python -m benchmarks.lab`.

    Args:
        lab: the file, compressed or not.
        columns: of the claims' table.
        claims: its rows.

    """
    packed = lab.read_bytes()
    stored = json.loads(gzip.decompress(packed) if lab.suffix == ".gz" else packed)
    axis = [
        {
            "agent": agent,
            "teacher": told,
            "accuracy": found["final"],
            "leaks": found["leaks"],
            "seeds": len(found["runs"]),
        }
        for agent in AGENTS
        for part, told in AXIS.items()
        if (found := stored.get(part, {}).get("agents", {}).get(agent)) is not None
    ]
    credit = [
        {
            "source": one["source"],
            "hints": one["hints"] or "-",
            "first_wrong_earlier": one["evidence"]["most_first_wrong_earlier"],
            "auc": one["evidence"]["auc_steps"],
            "share": one["credit"]["share_first_wrong_step"] if one.get("credit") else None,
        }
        for one in stored.get(CREDIT, {}).get("sources", ())
        if one.get("evidence")
    ]
    return {"measured": MEASURED, "axis": axis, "credit": credit, "claims": {"columns": list(columns), "rows": claims}}
