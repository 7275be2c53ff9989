"""What a sweep may name: which options of which agents are tried with which values."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from agents.options.per_agent import PER_AGENT
from rlsd_env.errors import ConfigurationError, one_of


def check_sweep(sweep: Mapping[str, Any], labels: Sequence[str], given: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse unusable sweeps; whether an agent has an option of that name is not known here.

    Args:
        sweep: lists of values by AGENT.OPTION, or by OPTION for all agents.
        labels: the agents' labels.
        given: for each option that gives an agent something, what it gives, by AGENT.OPTION.

    Raises:
        ConfigurationError: an agent is unknown, there are no values or one is there twice, an option of all agents is
            none, or an option is given or swept elsewhere.

    """
    for key, values in sweep.items():
        agent, _, option = key.rpartition(".")
        if agent and agent not in labels:
            raise ConfigurationError(f"sweep has {key!r}; write AGENT.OPTION=V,V with one of {', '.join(labels)}")
        if not agent and option not in PER_AGENT:
            raise ConfigurationError(
                f"{one_of('option of all agents in sweep', option, PER_AGENT)}; a hyperparameter is AGENT.{option}"
            )
        if not isinstance(values, list) or not values:
            raise ConfigurationError(f"sweep {key} is {values!r}; it must be a list of at least one value")
        for one, other in itertools.combinations(values, 2):
            if one == other and isinstance(one, bool) == isinstance(other, bool):
                raise ConfigurationError(f"sweep {key} has {other!r} twice; each value may be there once")
        for label in [agent] if agent else labels:
            own = f"{label}.{option}"
            if key != own and own in sweep:
                raise ConfigurationError(f"sweep has {option} for all agents and {own}; leave one out")
            for name, pairs in given.items():
                if own in pairs:
                    raise ConfigurationError(f"{own} is swept and given in {name}; leave one out")


def sweep_of(sweep: Mapping[str, Any], label: str, *, shared: bool) -> dict[str, list[Any]]:
    """Return the values of each option that is swept for an agent.

    Args:
        sweep: see `check_sweep`.
        label: the agent's label.
        shared: whether options of all agents are its too.

    """
    split = {key: key.rpartition(".") for key in sweep}
    agents = (label, "") if shared else (label,)
    return {split[key][2]: values for key, values in sweep.items() if split[key][0] in agents}
