"""Algorithms by name, and by "module:Class" for those of the user's own."""

from __future__ import annotations

import dataclasses

from agents.algorithms.base import Algorithm
from agents.algorithms.grpo import GRPO
from agents.algorithms.grpo_opsd import GRPOPlusOPSD
from agents.algorithms.opsd import OPSD
from agents.algorithms.rlsd import RLSD
from agents.algorithms.sdpo import SDPO
from agents.registry import Registry


def _options(cls: type[Algorithm]) -> list[str]:
    """Name the hyperparameters; a method that shows no teacher anything has no teacher's weights to choose."""
    taught = cls.teacher_view is not Algorithm.teacher_view
    return [field.name for field in dataclasses.fields(cls) if taught or field.name != "teacher"]


REGISTRY = Registry("agent", Algorithm, "agents.Algorithm", _options)
for _cls in (GRPO, OPSD, SDPO, GRPOPlusOPSD, RLSD):
    REGISTRY.register(_cls)

register, names, find, make = REGISTRY.register, REGISTRY.names, REGISTRY.find, REGISTRY.make
hyperparameters = REGISTRY.options_of
