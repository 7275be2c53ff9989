"""The ids of the numeric views, and which view a text environment has."""

from __future__ import annotations

from typing import Any

import gymnasium

from rlsd_env.errors import ConfigurationError, one_of

LEVELS: dict[str, str] = {
    "choices": "rlsd_env.views.choices:ChoiceView",
    "tokens": "rlsd_env.views.tokens:TokenView",
}
"""What an action is, in order of preference, and the entry point."""

VIEWS: dict[str, dict[str, Any]] = {
    f"rlsd/{family}{level.capitalize()}-v0": {"entry_point": entry_point, "text_env": f"rlsd/{family}-v0"}
    for family in ("ShapeCount", "BarChart", "DotSum")
    for level, entry_point in LEVELS.items()
}
"""Every view of the project: its entry point and the text environment that it shows."""


def register_view(id: str, level: str, text_env: str) -> None:
    """Register a view of a text environment; its source must be known to `rlsd_env.views.answers`.

    Args:
        id: "namespace/Name-v0".
        level: a key of `LEVELS`.
        text_env: the id of a registered reasoning environment.

    Raises:
        ConfigurationError: there is no such level.

    """
    if level not in LEVELS:
        raise ConfigurationError(one_of("level of a view", level, LEVELS))
    gymnasium.register(id=id, entry_point=LEVELS[level], kwargs={"text_env": text_env})


def register_views() -> None:
    """Register the project's own views, once."""
    for id, kwargs in VIEWS.items():
        if id not in gymnasium.registry:
            arguments = {name: value for name, value in kwargs.items() if name != "entry_point"}
            gymnasium.register(id=id, entry_point=kwargs["entry_point"], kwargs=arguments)


def views_of(text_env: str) -> dict[str, str]:
    """Return the ids of a text environment's registered views by level, the preferred level first."""
    found = {spec.entry_point: id for id, spec in gymnasium.registry.items() if spec.kwargs.get("text_env") == text_env}
    return {level: found[entry_point] for level, entry_point in LEVELS.items() if entry_point in found}
