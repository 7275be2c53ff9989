"""Algorithms by name, and by "module:Class" for those of the user's own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, get_type_hints

from agents.algorithms.base import Algorithm
from agents.algorithms.grpo import GRPO
from agents.algorithms.grpo_opsd import GRPOPlusOPSD
from agents.algorithms.opsd import OPSD
from agents.algorithms.rlsd import RLSD
from agents.algorithms.sdpo import SDPO
from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.plugins import resolve

_REGISTRY: dict[str, type[Algorithm]] = {}


def register(cls: type[Algorithm]) -> type[Algorithm]:
    """Make an algorithm known by its `name`; usable as a class decorator.

    Raises:
        ConfigurationError: the class is no `Algorithm` dataclass, or the name is taken.

    """
    if not (isinstance(cls, type) and issubclass(cls, Algorithm) and dataclasses.is_dataclass(cls)):
        raise ConfigurationError(f"{cls!r} is not a dataclass derived from agents.Algorithm")
    if _REGISTRY.setdefault(cls.name, cls) is not cls:
        raise ConfigurationError(f"the name {cls.name!r} is taken by {_REGISTRY[cls.name].__qualname__}")
    return cls


for _cls in (GRPO, OPSD, SDPO, GRPOPlusOPSD, RLSD):
    register(_cls)


def names() -> tuple[str, ...]:
    """Return the registered names."""
    return tuple(_REGISTRY)


def find(spec: str) -> type[Algorithm]:
    """Return the class for a registered name or "module:Class".

    Raises:
        ConfigurationError: there is none; the message has the closest name.

    """
    if spec in _REGISTRY:
        return _REGISTRY[spec]
    if ":" not in spec:
        raise ConfigurationError(one_of("agent", spec, _REGISTRY) + ", or module:Class of your own")
    cls = resolve(spec)
    if not (isinstance(cls, type) and issubclass(cls, Algorithm)):
        raise ConfigurationError(f"{spec!r} is not a class derived from agents.Algorithm")
    return cls


def _options(cls: type[Algorithm]) -> list[str]:
    """Name the hyperparameters; a method that shows no teacher anything has no teacher's weights to choose."""
    taught = cls.teacher_view is not Algorithm.teacher_view
    return [field.name for field in dataclasses.fields(cls) if taught or field.name != "teacher"]


def hyperparameters(algorithm: Algorithm) -> dict[str, Any]:
    """Return all hyperparameters with their values; `make` takes them back."""
    return {name: getattr(algorithm, name) for name in _options(type(algorithm))}


def make(spec: str, options: Mapping[str, Any] | None = None) -> Algorithm:
    """Make an algorithm with options checked against its fields.

    Raises:
        ConfigurationError: an option is unknown or has a value of the wrong type.

    """
    cls = find(spec)
    hints = get_type_hints(cls)
    fields = {name: hints[name] for name in _options(cls)}
    values: dict[str, Any] = {}
    for name, value in (options or {}).items():
        if name not in fields:
            raise ConfigurationError(one_of(f"option of {spec}", name, fields))
        wanted = fields[name]
        if wanted is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if wanted in (bool, int, float, str) and type(value) is not wanted:
            raise ConfigurationError(f"{spec}.{name} is {value!r}; it must be of type {wanted.__name__}")
        values[name] = value
    return cls(**values)
