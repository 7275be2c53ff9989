"""Tools by name, and by "package.module:Name" for those of the user's own."""

from __future__ import annotations

from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.plugins import resolve
from rlsd_env.tools.base import Tool

_TOOLS = {"calculator": "rlsd_env.tools.calculator:Calculator", "crop": "rlsd_env.tools.crop:Crop"}


def names() -> tuple[str, ...]:
    """Return the names of the tools that are there."""
    return tuple(_TOOLS)


def find(spec: str) -> Tool:
    """Make a tool by its name or "package.module:Name".

    Raises:
        ConfigurationError: there is none, or what the name stands for is no tool.

    """
    if spec not in _TOOLS and ":" not in spec:
        raise ConfigurationError(one_of("tool", spec, _TOOLS) + ", or package.module:Name of your own")
    cls = resolve(_TOOLS.get(spec, spec), Tool)
    if not (isinstance(cls, type) and issubclass(cls, Tool)):
        raise ConfigurationError(f"tool {spec!r} is not a class derived from rlsd_env.tools.Tool")
    return cls()
