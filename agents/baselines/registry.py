"""Baselines by name, and by "module:Class" for those of the user's own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, get_type_hints

from agents.baselines.base import Baseline
from agents.baselines.ppo import PPO
from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.plugins import resolve

_REGISTRY: dict[str, type[Baseline]] = {}


def register(cls: type[Baseline]) -> type[Baseline]:
    """Make a baseline known by its `name`; usable as a class decorator.

    Raises:
        ConfigurationError: the class is no `Baseline` dataclass, or the name is taken.

    """
    if not (isinstance(cls, type) and issubclass(cls, Baseline) and dataclasses.is_dataclass(cls)):
        raise ConfigurationError(f"{cls!r} is not a dataclass derived from agents.baselines.Baseline")
    if _REGISTRY.setdefault(cls.name, cls) is not cls:
        raise ConfigurationError(f"the name {cls.name!r} is taken by {_REGISTRY[cls.name].__qualname__}")
    return cls


register(PPO)


def names() -> tuple[str, ...]:
    """Return the registered names."""
    return tuple(_REGISTRY)


def is_baseline(spec: str) -> bool:
    """Tell whether a name or "module:Class" stands for a baseline.

    Raises:
        ConfigurationError: there is no such module or class.

    """
    if ":" not in spec:
        return spec in _REGISTRY
    cls = resolve(spec)
    return isinstance(cls, type) and issubclass(cls, Baseline)


def find(spec: str) -> type[Baseline]:
    """Return the class for a registered name or "module:Class".

    Raises:
        ConfigurationError: there is none; the message has the closest name.

    """
    if not is_baseline(spec):
        raise ConfigurationError(one_of("baseline", spec, _REGISTRY) + ", or module:Class of your own")
    return _REGISTRY[spec] if spec in _REGISTRY else resolve(spec)


def hyperparameters(baseline: Baseline) -> dict[str, Any]:
    """Return all hyperparameters with their values; `make` takes them back."""
    return dataclasses.asdict(baseline)


def make(spec: str, options: Mapping[str, Any] | None = None) -> Baseline:
    """Make a baseline with options checked against its fields.

    Raises:
        ConfigurationError: an option is unknown or has a value of the wrong type.

    """
    cls = find(spec)
    hints = get_type_hints(cls)
    fields = {field.name: hints[field.name] for field in dataclasses.fields(cls)}
    values: dict[str, Any] = {}
    for name, value in (options or {}).items():
        if name not in fields:
            raise ConfigurationError(one_of(f"option of {spec}", name, fields))
        wanted = fields[name]
        values[name] = float(value) if wanted is float and type(value) is int else value
        if wanted in (bool, int, float, str) and type(values[name]) is not wanted:
            raise ConfigurationError(f"{spec}.{name} is {value!r}; it must be of type {wanted.__name__}")
    return cls(**values)
