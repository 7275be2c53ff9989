"""One error for everything a user can get wrong, and the sentence that helps."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ConfigurationError(ValueError):
    """A value that the user gave cannot be used; the message names it, what is allowed and the fix.

    The command lines print the message as one line and exit with code 2.
    """


class DataError(ConfigurationError):
    """A data file is broken; the message names the file, the row and the fix."""


def one_of(what: str, value: object, allowed: Iterable[str]) -> str:
    """Write "unknown WHAT 'VALUE'; did you mean 'CLOSEST'? allowed: ..." for an error message.

    >>> one_of("agent", "grop", ["grpo", "opsd"])
    "unknown agent 'grop'; did you mean 'grpo'? allowed: grpo, opsd"
    """
    names = sorted(allowed)
    close = difflib.get_close_matches(str(value), names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"unknown {what} {value!r}; {hint}allowed: {', '.join(names) or 'none'}"
