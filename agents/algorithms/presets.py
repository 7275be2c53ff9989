"""Published settings of algorithms by name, `ALGORITHM/WHOSE`: what a paper, its release or another trainer does.

A preset sets an algorithm's options and the learner's options that belong to its loss. Learning rates and batch sizes
are those of models of billions of parameters: `scale` has them, `python -m agents.presets NAME` writes all of it as a
configuration, and nothing of it is taken over by the name alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PAPER_SCALE = {"prompts_per_step": 256, "group_size": 8, "temperature": 1.0, "max_tokens": 4096, "lr": 1e-6}
"""Self-Distilled RLVR, Section 5."""


@dataclass(frozen=True)
class Preset:
    """Settings that someone has published.

    Attributes:
        algorithm: the registered algorithm.
        source: where they stand.
        options: the algorithm's.
        learner: the learner's options that are part of the loss.
        scale: further options of a run, for models of the size that the source trains.
        left_out: what the source does that these settings do not reproduce; empty: nothing that is known.

    """

    algorithm: str
    source: str
    options: Mapping[str, Any] = field(default_factory=dict)
    learner: Mapping[str, Any] = field(default_factory=dict)
    scale: Mapping[str, Any] = field(default_factory=dict)
    left_out: str = ""


PRESETS: dict[str, Preset] = {
    "grpo/paper": Preset(
        "grpo",
        "Self-Distilled RLVR (2604.03128), Section 5",
        learner={"clip_low": 0.2, "clip_high": 0.28, "aggregation": "sequence_mean"},
        scale=PAPER_SCALE,
    ),
}
"""By name."""
