"""Options of the learner and of a batch's shape that an agent of a comparison may have for itself."""

from __future__ import annotations

from typing import Any, get_type_hints

from agents.options.learner import LearnerOptions
from agents.options.types import of_type
from rlsd_env.errors import ConfigurationError, one_of

PER_AGENT: dict[str, type] = {**get_type_hints(LearnerOptions), "group_size": int, "prompts_per_step": int}
"""Type of each of them by name."""


def fitted(name: str, value: Any, where: str) -> Any:
    """Return an option's value in the type that it must have; ranges are the options' own business.

    Args:
        name: the option, a key of `PER_AGENT`.
        value: what was given.
        where: what the user wrote it as, for messages.

    Raises:
        ConfigurationError: there is no such option, or the value has another type.

    """
    if name not in PER_AGENT:
        raise ConfigurationError(one_of(f"option of an agent in {where}", name, PER_AGENT))
    return of_type(value, PER_AGENT[name], where)
