"""Algorithms by name, and by "module:Class" for those of the user's own."""

from __future__ import annotations

from agents.algorithms.base import Algorithm
from agents.algorithms.belief import Belief
from agents.algorithms.contrastive import CEPO, RLCSD
from agents.algorithms.demopsd import DemoPSD
from agents.algorithms.gated import GatedRLSD
from agents.algorithms.grpo import GRPO
from agents.algorithms.grpo_opsd import GRPOPlusOPSD
from agents.algorithms.opd import OPD
from agents.algorithms.opsd import OPSD
from agents.algorithms.rlsd import RLSD
from agents.algorithms.sdar import SDAR
from agents.algorithms.sdpo import SDPO
from agents.algorithms.srpo import SRPO
from agents.registry import Registry

REGISTRY = Registry("agent", Algorithm, "agents.Algorithm")
for _cls in (GRPO, OPSD, SDPO, GRPOPlusOPSD, RLSD, GatedRLSD, CEPO, RLCSD, Belief, OPD, SDAR, SRPO, DemoPSD):
    REGISTRY.register(_cls)

register, names, find, make = REGISTRY.register, REGISTRY.names, REGISTRY.find, REGISTRY.make
hyperparameters = REGISTRY.options_of
