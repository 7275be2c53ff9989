"""Packages that only some parts need, and the extra of `rlsd` that brings each: `pip install 'rlsd[EXTRA]'`."""

from __future__ import annotations

import importlib.util

from rlsd_env.errors import ConfigurationError


def absence(user: str, package: str, extra: str) -> str:
    """Say that a package is not installed and how to install it; "" where it is there.

    >>> absence("the parquet file", "no_such_package", "data")
    "the parquet file needs no_such_package, which is not installed; pip install 'rlsd[data]'"
    >>> absence("the parquet file", "json", "data")
    ''

    Args:
        user: what needs it, in words.
        package: the name under which it is imported.
        extra: the extra of `rlsd` that has it.

    """
    found = importlib.util.find_spec(package)
    if found is not None and found.origin is not None:  # a folder of that name, as wandb makes one, is no package
        return ""
    return f"{user} needs {package}, which is not installed; pip install 'rlsd[{extra}]'"


def require(user: str, extra: str, *packages: str) -> None:
    """Refuse to go on without packages; the arguments are those of `absence`.

    Raises:
        ConfigurationError: one is not installed; the message names it and the extra.

    """
    for package in packages:
        if message := absence(user, package, extra):
            raise ConfigurationError(message)
