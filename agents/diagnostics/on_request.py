"""Measurements that cost forwards of their own, made where `--diagnose` names them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from agents.diagnostics import bayes, classes, gradient, information
from agents.episodes import EpisodeBatch
from agents.options.commands import TrainingOptions

if TYPE_CHECKING:
    from agents.learner.learner import Learner

MEASUREMENTS: dict[str, Callable[[Learner, EpisodeBatch], Mapping[str, float]]] = {
    "bayes": bayes.measure,
    "gradient": gradient.measure,
    "classes": classes.measure,
    "information": information.measure,
}
"""By name; each leaves learner and batch as they were."""


def diagnose(options: TrainingOptions, learner: Learner, batch: EpisodeBatch) -> dict[str, float]:
    """Measure what options name, in a step that is due, on the batch before it is learned from."""
    if not options.diagnose or batch.step % options.diagnose_every:
        return {}
    found: dict[str, float] = {}
    for name in options.diagnose:
        found |= MEASUREMENTS[name](learner, batch)
    return found
