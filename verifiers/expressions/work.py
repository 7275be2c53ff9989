"""How much may be computed for one comparison: `limited`, `charge`.

Sums, powers and determinants are short to write and long to compute. Every step is charged, by its size, to one
account for the whole comparison, whatever it is a step of.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from verifiers.expressions.errors import TooLargeError

MOST = 60_000
"""Units of work for one comparison: a unit is about a microsecond, so that none takes much longer than .1 s."""


class _Account(threading.local):
    left: int | None = None


_account = _Account()


@contextmanager
def limited(most: int = MOST) -> Iterator[None]:
    """Bound the work of everything inside; inside another such bound, that one counts."""
    if _account.left is not None:
        yield
        return
    _account.left = most
    try:
        yield
    finally:
        _account.left = None


def charge(units: int) -> None:
    """Account for work that is about to be done.

    Raises:
        TooLargeError: it is more than is left.

    """
    if _account.left is None:
        return
    _account.left -= units
    if _account.left < 0:
        raise TooLargeError("more work than one comparison may take")
