"""The ids of the procedural families."""

from __future__ import annotations

from typing import Any

PROCEDURAL: dict[str, dict[str, Any]] = {
    "rlsd/ShapeCount-v0": {"source": "rlsd_env.procedural.shape_count:ShapeCount"},
    "rlsd/BarChart-v0": {"source": "rlsd_env.procedural.bar_chart:BarChart"},
    "rlsd/DotSum-v0": {"source": "rlsd_env.procedural.dot_sum:DotSum"},
}
