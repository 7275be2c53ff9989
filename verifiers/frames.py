"""A traceback that begins where the user's own code does."""

from __future__ import annotations

import traceback
from pathlib import Path

_PACKAGE = str(Path(__file__).parent) + "/"


def own_traceback(error: BaseException, longest: int | None = None) -> str:
    """Write an exception's traceback without this package's frames that lead to the code that failed.

    Args:
        error: the exception; one that came up in this package is written whole.
        longest: frames that are written at most, the innermost ones; None: all.

    """
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_PACKAGE):
        trace = trace.tb_next
    frames = trace or error.__traceback__
    return "".join(traceback.format_exception(type(error), error, frames, limit=None if longest is None else -longest))
