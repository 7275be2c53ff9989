"""Algorithms by name, by "NAME/WHOSE" with published settings, and by "module:Class" for those of the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.algorithms.antisd import AntiSD
from agents.algorithms.base import Algorithm
from agents.algorithms.belief import Belief
from agents.algorithms.capped import CappedRLSD
from agents.algorithms.cepo import CEPO
from agents.algorithms.clip_target import ClipTargetRLSD
from agents.algorithms.demopsd import DemoPSD
from agents.algorithms.difficulty import DifficultyRLSD
from agents.algorithms.egrsd import EGRSD
from agents.algorithms.gated import GatedRLSD
from agents.algorithms.grpo import GRPO
from agents.algorithms.grpo_opsd import GRPOPlusOPSD
from agents.algorithms.hdpo import HDPO
from agents.algorithms.input_specific import CREDIT
from agents.algorithms.npo import NPO
from agents.algorithms.opd import OPD
from agents.algorithms.opsd import OPSD
from agents.algorithms.presets import PRESETS
from agents.algorithms.rlcsd import RLCSD
from agents.algorithms.rlrt import RLRT
from agents.algorithms.rlsd import RLSD
from agents.algorithms.sdar import SDAR
from agents.algorithms.sdpo import SDPO
from agents.algorithms.signal_size import SignalRLSD
from agents.algorithms.srpo import SRPO
from agents.algorithms.visual import VisualRLSD
from agents.registry import Registry
from rlsd_env.errors import ConfigurationError, one_of

REGISTRY = Registry("agent", Algorithm, "agents.Algorithm")
REGISTERED: tuple[type[Algorithm], ...] = (
    *(GRPO, OPSD, SDPO, GRPOPlusOPSD, OPD, SDAR, SRPO, DemoPSD, HDPO, NPO),
    *(RLSD, GatedRLSD, SignalRLSD, ClipTargetRLSD, DifficultyRLSD, CappedRLSD, EGRSD, VisualRLSD),
    *(CEPO, RLCSD, RLRT, AntiSD, Belief, CREDIT),
)
for _cls in REGISTERED:
    REGISTRY.register(_cls)

register, names, find = REGISTRY.register, REGISTRY.names, REGISTRY.find
hyperparameters = REGISTRY.options_of


def make(spec: str, options: Mapping[str, Any] | None = None) -> Algorithm:
    """Make an algorithm by its name, a preset's name or "module:Class".

    Args:
        spec: which.
        options: its hyperparameters; they override those of a preset.

    Raises:
        ConfigurationError: there is none of that name, or an option is unknown or has a value of the wrong type.

    """
    if "/" not in spec or ":" in spec:
        return REGISTRY.make(spec, options)
    if spec not in PRESETS:
        raise ConfigurationError(one_of("preset", spec, PRESETS))
    preset = PRESETS[spec]
    return REGISTRY.make(preset.algorithm, {**preset.options, **(options or {})})
