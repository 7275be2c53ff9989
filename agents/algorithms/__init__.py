"""The methods, one short file each, behind one interface."""

from agents.algorithms.base import Algorithm, Signals
from agents.algorithms.registry import find, make, names, register

__all__ = ["Algorithm", "Signals", "find", "make", "names", "register"]
