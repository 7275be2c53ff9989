"""The methods, one short file each, behind one interface."""

from agents.algorithms.base import Algorithm, Context, Credit, Guidance, Show, ShowAcross, Shown, Signals
from agents.algorithms.registry import find, hyperparameters, make, names, register

__all__ = [
    "Algorithm",
    "Context",
    "Credit",
    "Guidance",
    "Show",
    "ShowAcross",
    "Shown",
    "Signals",
    "find",
    "hyperparameters",
    "make",
    "names",
    "register",
]
