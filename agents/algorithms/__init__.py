"""The methods, one short file each, behind one interface."""

from agents.algorithms.base import Algorithm, Signals
from agents.algorithms.registry import find, hyperparameters, make, names, register

__all__ = ["Algorithm", "Signals", "find", "hyperparameters", "make", "names", "register"]
