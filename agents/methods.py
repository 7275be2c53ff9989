"""What an agent's name stands for: a language model's algorithm, or a baseline that trains by itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from agents import algorithms, baselines
from agents.algorithms import Algorithm
from agents.algorithms.presets import PRESETS
from agents.baselines import Baseline
from agents.names import check_agent

Method = Algorithm | Baseline


def make_method(spec: str, options: Mapping[str, Any] | None = None) -> Method:
    """Make what an agent's name stands for: a language model's algorithm, or a baseline that trains by itself.

    Raises:
        ConfigurationError: there is none of that name, or an option does not fit it.

    """
    _check_known(spec)
    return baselines.make(spec, options) if baselines.is_baseline(spec) else algorithms.make(spec, options)


def option_names(spec: str) -> tuple[str, ...]:
    """Return the names of the hyperparameters of what an agent's name stands for.

    Raises:
        ConfigurationError: there is none of that name.

    """
    _check_known(spec)
    cls: Any = baselines.find(spec) if baselines.is_baseline(spec) else algorithms.find(spec)
    return tuple(field.name for field in dataclasses.fields(cls))


def _check_known(spec: str) -> None:
    if not {":", "/"} & set(spec):
        check_agent(spec)


def method_name(spec: str, method: Method) -> str:
    """Return what a method is called in folders and results: a preset is called after itself, not its algorithm.

    >>> method_name("rlsd/paper", make_method("rlsd/paper"))
    'rlsd-paper'
    """
    return spec.replace("/", "-") if spec in PRESETS else method.name


def hyperparameters(method: Method) -> dict[str, Any]:
    """Return all hyperparameters of a method with their values; `make_method` takes them back."""
    if isinstance(method, Baseline):
        return baselines.hyperparameters(method)
    return algorithms.hyperparameters(method)


def learner_options(spec: str) -> Mapping[str, Any]:
    """Return the learner's options that belong to a preset; other names have none."""
    return PRESETS[spec].learner if spec in PRESETS else {}
