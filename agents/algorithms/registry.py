"""Algorithms by name, and by "module:Class" for those of the user's own."""

from __future__ import annotations

from agents.algorithms.antisd import AntiSD
from agents.algorithms.base import Algorithm
from agents.algorithms.belief import Belief
from agents.algorithms.capped import CappedRLSD
from agents.algorithms.cepo import CEPO
from agents.algorithms.clip_target import ClipTargetRLSD
from agents.algorithms.difficulty import DifficultyRLSD
from agents.algorithms.egrsd import EGRSD
from agents.algorithms.gated import GatedRLSD
from agents.algorithms.grpo import GRPO
from agents.algorithms.grpo_opsd import GRPOPlusOPSD
from agents.algorithms.input_specific import CREDIT
from agents.algorithms.opd import OPD
from agents.algorithms.opsd import OPSD
from agents.algorithms.rlcsd import RLCSD
from agents.algorithms.rlrt import RLRT
from agents.algorithms.rlsd import RLSD
from agents.algorithms.sdpo import SDPO
from agents.algorithms.signal_size import SignalRLSD
from agents.algorithms.visual import VisualRLSD
from agents.registry import Registry

REGISTRY = Registry("agent", Algorithm, "agents.Algorithm")
REGISTERED: tuple[type[Algorithm], ...] = (
    *(GRPO, OPSD, SDPO, GRPOPlusOPSD, RLSD, GatedRLSD, CEPO, RLCSD, Belief, OPD),
    *(SignalRLSD, ClipTargetRLSD, DifficultyRLSD, CappedRLSD, EGRSD, VisualRLSD, RLRT, AntiSD, CREDIT),
)
for _cls in REGISTERED:
    REGISTRY.register(_cls)

register, names, find, make = REGISTRY.register, REGISTRY.names, REGISTRY.find, REGISTRY.make
hyperparameters = REGISTRY.options_of
