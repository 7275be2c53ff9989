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
from agents.algorithms.critic import CriticRLSD
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
from agents.algorithms.presets import PRESETS, Preset
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
    *(CEPO, RLCSD, RLRT, AntiSD, Belief, CREDIT, CriticRLSD),
)
for _cls in REGISTERED:
    REGISTRY.register(_cls)

register, names, hyperparameters = REGISTRY.register, REGISTRY.names, REGISTRY.options_of


def find(spec: str) -> type[Algorithm]:
    """Return the class for a name, a preset's name or "module:Class".

    Raises:
        ConfigurationError: there is none; the message has the closest name.

    """
    return REGISTRY.find(_preset(spec).algorithm if _is_preset(spec) else spec)


def make(spec: str, options: Mapping[str, Any] | None = None) -> Algorithm:
    """Make an algorithm by its name, a preset's name or "module:Class".

    Args:
        spec: which.
        options: its hyperparameters; they override those of a preset.

    Raises:
        ConfigurationError: there is none of that name, or an option is unknown or has a value of the wrong type.

    """
    if not _is_preset(spec):
        return REGISTRY.make(spec, options)
    preset = _preset(spec)
    return REGISTRY.make(preset.algorithm, {**preset.options, **(options or {})})


def _is_preset(spec: str) -> bool:
    return "/" in spec and ":" not in spec


def _preset(name: str) -> Preset:
    if name not in PRESETS:
        raise ConfigurationError(one_of("preset", name, PRESETS))
    return PRESETS[name]
