"""A hook that is misspelt or takes other arguments is refused: it would never be called, and nothing would say so."""

from __future__ import annotations

import difflib
import inspect

CLOSE = 0.8
"""How alike two names are that are taken for the same, by difflib's ratio."""


def check_hooks(cls: type, base: type) -> None:
    """Refuse a class whose methods look like hooks of the base and are none.

    Args:
        cls: an algorithm's class.
        base: the interface; its public methods are the hooks.

    Raises:
        TypeError: a method's name is almost a hook's, or a hook takes other arguments than it is called with.

    """
    hooks = {name: method for name, method in vars(base).items() if _public(name, method)}
    for name, method in vars(cls).items():
        if not _public(name, method):
            continue
        if name in hooks:
            _check_arguments(cls, name, method, hooks[name])
        elif close := difflib.get_close_matches(name, hooks, 1, CLOSE):
            raise TypeError(
                f"{cls.__qualname__} has a method {name!r}, which nothing calls; the hook is {close[0]!r}: rename the "
                "method, or put an underscore before it if it is something else"
            )


def _public(name: str, method: object) -> bool:
    return inspect.isfunction(method) and not name.startswith("_")


def _check_arguments(cls: type, name: str, method: object, hook: object) -> None:
    wanted = inspect.signature(hook).parameters  # type: ignore[arg-type]  # both are functions
    given = inspect.signature(method)  # type: ignore[arg-type]
    try:
        given.bind(*wanted)
    except TypeError:
        raise TypeError(
            f"{cls.__qualname__}.{name} takes ({', '.join(given.parameters)}); it is called with ({', '.join(wanted)})"
        ) from None
