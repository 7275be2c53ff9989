"""Arguments that came from a command line or a file, held to what the called class or function says of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_WRITTEN = (bool, int, float, str, list, dict)  # what a command line and a TOML or JSON file can say
_WANTED = {
    "bool": ((bool,), "true or false (True or False in Python)"),
    "int": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "str": ((str,), "text (a number in two kinds of quotes on a command line, '\"3\"')"),
}


def argument_fault(factory: Callable[..., Any], kwargs: Mapping[str, Any]) -> str:
    """Say which argument has another type than its parameter is annotated with.

    So the texts "False", which Python takes for true, and "None" are met before they mean something else. Looked at
    are parameters annotated with bool, int, float, str and None, and of those without an annotation the ones whose
    default is a boolean. A value that no command line or file can say, such as a path or a number of NumPy, is left
    to what is called.

    >>> def source(limit: int | None = None, shuffle: bool = True): ...
    >>> argument_fault(source, {"limit": "None", "shuffle": False})
    "limit is 'None'; it must be a whole number, or left out"

    Args:
        factory: the class or function that is to be called.
        kwargs: the arguments.

    Returns:
        What is wrong with the first, "" for nothing.

    """
    try:
        parameters = inspect.signature(factory).parameters if kwargs else {}
    except (TypeError, ValueError):  # no callable, or one of C that tells nothing
        return ""
    for name, value in kwargs.items():
        parameter = parameters.get(name)
        if parameter is not None and parameter.kind in _BY_NAME and (wanted := _fault(parameter, value)):
            return f"{name} is {value!r:.60}; it must be {wanted}"
    return ""


def _fault(parameter: inspect.Parameter, value: Any) -> str:
    kinds = _kinds(parameter)
    known = [_WANTED[kind] for kind in kinds if kind in _WANTED]
    if not known or len(known) + ("None" in kinds) != len(kinds):
        return ""
    if value is None:
        fits = "None" in kinds or "bool" not in kinds  # `x: int = None` says None too; a boolean has two values
    else:
        fits = type(value) not in _WRITTEN or any(type(value) in types for types, _ in known)
    wanted = ", or ".join(told for _, told in known)
    return "" if fits else wanted + (", or left out" if parameter.default is None else "")


def _kinds(parameter: inspect.Parameter) -> list[str]:
    """Name the types of an annotation such as "int | None", one by one."""
    said = parameter.annotation
    if said is parameter.empty:
        return ["bool"] if isinstance(parameter.default, bool) else []
    text = said.__name__ if isinstance(said, type) else str(said).removeprefix("typing.")
    if text.startswith("Optional[") and text.endswith("]"):
        text = f"{text[9:-1]} | None"
    return [part.strip() for part in text.split("|")]
