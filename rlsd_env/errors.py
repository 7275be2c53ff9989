"""One error for everything a user can get wrong, the sentence that helps, and errors of others in a line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from types import MappingProxyType


class ConfigurationError(ValueError):
    """A value that the user gave cannot be used; the message names it, what is allowed and the fix.

    The command lines print the message as one line and exit with code 2.
    """


class DataError(ConfigurationError):
    """A data file is broken; the message names the file, the row and the fix."""


def one_of(
    what: str, value: object, allowed: Iterable[str], elsewhere: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Write "unknown WHAT 'VALUE'; did you mean 'CLOSEST'? allowed: ..." for an error message.

    >>> one_of("agent", "grop", ["grpo", "opsd"])
    "unknown agent 'grop'; did you mean 'grpo'? allowed: grpo, opsd"

    Args:
        what: is unknown.
        value: the name that was given.
        allowed: names that there are.
        elsewhere: what others call some of them; such a name, or one like it, means that of here.

    """
    names = sorted(allowed)
    meant = {other: name for other, name in elsewhere.items() if name in names} | {name: name for name in names}
    close = difflib.get_close_matches(str(value), meant, n=1, cutoff=0.5)
    hint = f"did you mean {meant[close[0]]!r}? " if close else ""
    return f"unknown {what} {value!r}; {hint}allowed: {', '.join(names) or 'none'}"


def one_line(error: BaseException, longest: int | None = None) -> str:
    """Write an error of others' code on one line: its kind, and its text up to so many characters.

    >>> one_line(ValueError("a broken\\n  row"), 5)
    'ValueError: a bro'
    """
    return f"{type(error).__name__}: {' '.join(str(error).split())[:longest]}"
