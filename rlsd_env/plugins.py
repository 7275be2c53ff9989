"""Objects of the user's own, named as "package.module:Name"."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from rlsd_env.errors import ConfigurationError, one_of


def import_module(name: str, spec: str) -> ModuleType:
    """Import a module that a user named.

    Raises:
        ConfigurationError: it is not there. What a module that is there fails to import is raised as it is.

    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise ConfigurationError(
            f"no module named {error.name!r} for {spec!r}; is its folder on PYTHONPATH?"
        ) from error


def resolve(spec: str) -> Any:
    """Import what "package.module:Name" names.

    Raises:
        ConfigurationError: the text has another form, or the module or the name is not there.

    """
    module_name, colon, attribute = spec.partition(":")
    if not (module_name and colon and attribute):
        raise ConfigurationError(f"{spec!r} does not name an object; write it as 'package.module:Name'")
    module = import_module(module_name, spec)
    try:
        return getattr(module, attribute)
    except AttributeError:
        names = [name for name in vars(module) if not name.startswith("_")]
        raise ConfigurationError(one_of(f"name in module {module_name!r}", attribute, names)) from None
