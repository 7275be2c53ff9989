"""Agents that are no language models, compared as reference rows."""

from agents.baselines.base import Baseline, Outcome
from agents.baselines.registry import find, hyperparameters, is_baseline, make, names, register

__all__ = ["Baseline", "Outcome", "find", "hyperparameters", "is_baseline", "make", "names", "register"]
