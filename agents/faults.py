"""Exceptions in the user's own code: where they came from, in one line, also out of a worker process."""

from __future__ import annotations

import contextlib
import importlib.util
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("agents", "rlsd_env", "verifiers", "benchmarks")
MARK = "in your code: "
"""How a note begins that says where."""


def place(error: BaseException) -> str | None:
    """Say where in the user's own code an exception came up; None: in none of it.

    Code is the user's own that belongs neither to this project, nor to Python, nor to an installed package.
    """
    while True:
        for note in getattr(error, "__notes__", ()):
            if note.startswith(MARK):
                return str(note).removeprefix(MARK)
        if found := _own_frame(error):
            name = type(error).__name__
            return f"{name} in {found.name} ({Path(found.filename).name}, line {found.lineno}: {found.line}): {error}"
        if error.__cause__ is None:
            return None
        error = error.__cause__


@contextlib.contextmanager
def noting() -> Iterator[None]:
    """Give an exception of the context a note that says where, which another process can read."""
    try:
        yield
    except Exception as error:  # goes on as it came
        if told := place(error):
            error.add_note(MARK + told)
        raise


def _own_frame(error: BaseException) -> traceback.FrameSummary | None:
    """Return the innermost frame of the user's own code."""
    foreign = _foreign()
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_absolute() and not any(path.is_relative_to(folder) for folder in foreign):
            return frame
    return None


def _foreign() -> list[Path]:
    """Return the folders of Python, of installed packages and of this project's."""
    paths = sysconfig.get_paths()
    found = [Path(paths[name]) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        found += [Path(folder) for folder in (spec and spec.submodule_search_locations) or ()]
    return found
