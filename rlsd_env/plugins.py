"""Objects of the user's own, named as "package.module:Name"."""

from __future__ import annotations

import importlib
import inspect
from types import ModuleType
from typing import Any

from rlsd_env.errors import ConfigurationError, one_of
from verifiers.registry import defined, unreadable


def import_module(name: str, spec: str) -> ModuleType:
    """Import a module that a user named.

    Raises:
        ConfigurationError: it is not there, or its source cannot be read. What a module that is there fails to import
            is raised as it is.

    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise ConfigurationError(
            f"no module named {error.name!r} for {spec!r}; is its folder on PYTHONPATH?"
        ) from error
    except SyntaxError as error:
        raise ConfigurationError(f"{spec!r}: {unreadable(error)}") from error


def resolve(spec: str, kind: type = object, *, functions: bool = False) -> Any:
    """Import what "package.module:Name" names.

    Args:
        spec: which.
        kind: what it should derive from. It is not held to that: a name that is not there is told what there is of it.
        functions: whether functions will do as well.

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

        def wanted(value: Any) -> bool:
            return issubclass(value, kind) if isinstance(value, type) else functions and inspect.isfunction(value)

        names = defined(module, wanted)
        raise ConfigurationError(one_of(f"name in module {module_name!r}", attribute, names)) from None
