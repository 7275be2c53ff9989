"""Verifiers by name: `register`, `make`, `names`."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar

from verifiers.arguments import argument_fault
from verifiers.base import Verifier

_T = TypeVar("_T", bound=Callable[..., Any])
_FACTORIES: dict[str, Callable[..., Any]] = {}
_METHODS = ("verify", "verify_batch", "privileged", "feedback")


def names() -> tuple[str, ...]:
    """The registered names, sorted."""
    return tuple(sorted(_FACTORIES))


def register(name: str, factory: _T | None = None, *, replace: bool = False) -> Any:
    """Register a verifier class, or a function that returns a verifier, under a name.

    Args:
        name: what `make` will know it by; not empty, without a colon.
        factory: the class or function; left out, `register(name)` is a decorator.
        replace: allow to take over a name that stands for something else.

    Returns:
        The factory, unchanged (or the decorator).

    Raises:
        TypeError: the factory cannot be called.
        ValueError: the name is no name, or is taken.

    """
    if factory is None:
        return lambda decorated: register(name, decorated, replace=replace)
    if not isinstance(name, str) or not name.strip() or ":" in name:
        raise ValueError(f"the name is {name!r}; it must be a non-empty string without a colon")
    if not callable(factory):
        raise TypeError(f"the factory of {name!r} is {factory!r}; it must be a class or a function")
    if not replace and _FACTORIES.get(name, factory) is not factory:
        raise ValueError(f"{name!r} is already registered as {_FACTORIES[name]!r}; use replace=True")
    _FACTORIES[name] = factory
    return factory


def make(spec: str | Verifier, **kwargs: Any) -> Verifier:
    """Make a verifier.

    Args:
        spec: a verifier (returned as it is), a registered name, or "package.module:Name".
        **kwargs: arguments for the class or function that the name stands for.

    Raises:
        TypeError: what was given or made lacks parts of a verifier, or is an object given with arguments; or an
            argument has another type than it must have.
        ValueError: the name is unknown, or its module or attribute does not exist.

    """
    if not isinstance(spec, str):
        if kwargs:
            raise TypeError(f"{spec!r} is made already; the arguments {sorted(kwargs)} cannot be used")
        return _checked(spec, "the verifier")
    if ":" in spec:
        factory = _imported(spec)
    elif spec in _FACTORIES:
        factory = _FACTORIES[spec]
    else:
        raise ValueError(
            f"no verifier is called {spec!r}; registered are {', '.join(map(repr, names()))}"
            f"{_closest(spec, names())}. A class of your own can be given as 'package.module:Name'"
        )
    if fault := argument_fault(factory, kwargs):
        raise TypeError(fault)
    return _checked(factory(**kwargs) if callable(factory) else factory, f"what {spec!r} made")


def _imported(spec: str) -> Any:
    module_name, _, attribute = spec.partition(":")
    try:
        module = importlib.import_module(module_name)
    except (ModuleNotFoundError, ValueError, TypeError) as error:
        missing = getattr(error, "name", None)
        if missing is not None and missing != module_name and not module_name.startswith(f"{missing}."):
            raise  # the module exists; something that it imports does not
        raise ValueError(f"{spec!r}: there is no module {module_name!r}") from error
    except SyntaxError as error:
        raise ValueError(f"{spec!r}: {unreadable(error)}") from error
    try:
        return getattr(module, attribute)
    except AttributeError as error:
        known = defined(module, _may_verify)
        close, allowed = _closest(attribute, known), ", ".join(sorted(known)) or "none"
        raise ValueError(
            f"{spec!r}: module {module_name!r} has no {attribute!r}{close}; verifiers and functions in it: {allowed}"
        ) from error


def unreadable(error: SyntaxError) -> str:
    """Say where source that a user named cannot be read, in one line."""
    text = (error.text or "").strip()
    return f"{error.filename}, line {error.lineno}, cannot be read, {error.msg}: {text}"


def defined(module: ModuleType, wanted: Callable[[Any], bool]) -> list[str]:
    """Name what a module defines, or exports by `__all__`, of what is wanted; what it imports is left out."""
    exported = getattr(module, "__all__", ())
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (name in exported or getattr(value, "__module__", None) == module.__name__)
        and wanted(value)
    ]


def _may_verify(value: Any) -> bool:
    return inspect.isfunction(value) or callable(getattr(value, "verify", None))


def _closest(name: str, known: tuple[str, ...] | list[str]) -> str:
    match = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {match[0]!r}?" if match else ""


def _checked(candidate: Any, what: str) -> Verifier:
    lacking = [f"{name}()" for name in _METHODS if not callable(getattr(candidate, name, None))]
    lacking += [name for name in ("name", "version") if not isinstance(getattr(candidate, name, None), str)]
    if lacking or isinstance(candidate, type):
        if isinstance(candidate, type):
            lacking = ["an instance: this is a class"]
        raise TypeError(
            f"{what} is {candidate!r}, which is not a verifier; it lacks {', '.join(lacking)}."
            " Derive it from verifiers.Verifier, which has all but verify()"
        )
    return candidate
