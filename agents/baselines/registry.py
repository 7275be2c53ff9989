"""Baselines by name, and by "module:Class" for those of the user's own."""

from __future__ import annotations

from agents.baselines.base import Baseline
from agents.baselines.ppo import PPO
from agents.registry import Registry

REGISTRY: Registry[Baseline] = Registry("baseline", Baseline, "agents.baselines.Baseline")  # type: ignore[type-abstract]
REGISTRY.register(PPO)

register, names, find, make = REGISTRY.register, REGISTRY.names, REGISTRY.find, REGISTRY.make
is_baseline, hyperparameters = REGISTRY.has, REGISTRY.options_of
