"""What a report is made from: results.json where it is there and of all runs, else the same made from the runs."""

from __future__ import annotations

from typing import Any

from agents.report.folders import Found
from agents.runs.storage import RESULTS, read_json


def summarise_found(found: Found) -> dict[str, Any]:
    """Return what results.json holds, of the runs that have ended."""
    if len(found.folders) == len(found.comparisons) == 1 and not found.unfinished and not found.missing:
        path = found.comparisons[0] / RESULTS
        if path.exists():
            return read_json(path)
    return {
        "agents": {},
        "untrained": None,
        "seeds": [],
        "options": dict(found.runs[0].options) if found.runs else {},
        "versions": {},
    }
