"""The C library's heap of a training process."""

from __future__ import annotations

import ctypes
import os
import platform

KEPT_BYTES = 2**31 - 1
"""Freed memory that is kept at most; the largest number that `mallopt` takes."""
LARGEST_BYTES = 2**25
"""Largest block that comes from the heap; the most that glibc allows."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_TUNED_BY_USER = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


def keep_freed_memory() -> bool:
    """Have the C library keep what a training step frees, which the next step takes again.

    By itself glibc gives the end of its heap back to the system and takes it anew, zeroed, page by page: a sixth of
    the time of an update of the bundled model. Nothing is changed where the user has tuned the heap, nor under another
    C library.

    Returns:
        Whether it does so now.

    """
    if platform.libc_ver()[0] != "glibc" or any(name in os.environ for name in _TUNED_BY_USER):
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_MMAP_THRESHOLD, LARGEST_BYTES) and mallopt(_TRIM_THRESHOLD, KEPT_BYTES))
