"""What a pool and its workers say to each other: outcomes, frames and pickled calls."""

from __future__ import annotations

import enum
import importlib
import io
import os
import pickle
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

HEADER = struct.Struct("!BQ")
"""Tag and length, before every frame in either direction."""

_LONGEST_MESSAGE = 2_000
_in_worker = False


class OutcomeKind(enum.StrEnum):
    """How a call ended."""

    DONE = "done"
    """The function returned; `Outcome.value` is what."""
    TIMEOUT = "timeout"
    """The function was not done at the limit; its worker was killed."""
    ERROR = "error"
    """The function raised, ran out of memory or took its worker down; `Outcome.message` says what."""


@dataclass(frozen=True)
class Outcome:
    """What became of one call in a worker.

    Attributes:
        kind: how it ended.
        value: what the function returned, for `DONE`; else None.
        message: what went wrong, for `TIMEOUT` and `ERROR`; else empty.
        seconds: wall-clock time of the function alone, without any queue, measured inside the worker; of a
            `TIMEOUT` by the pool, and 0.0 where the worker died.
        trace: the traceback inside the worker, where an exception was raised there.

    """

    kind: OutcomeKind
    value: Any = None
    message: str = ""
    seconds: float = 0.0
    trace: str = ""


class Tag(enum.IntEnum):
    """What a frame holds."""

    START = 1
    """To the worker: a pickled `Start`."""
    CALL = 2
    """To the worker: a pickled `Request`."""
    READY = 3
    """From the worker: it is set up and waits for calls."""
    BEGUN = 4
    """From the worker: everything is imported and unpickled, the function starts."""
    REPLY = 5
    """From the worker: a pickled `Reply`."""


class Start(NamedTuple):
    """What a worker needs before its first call."""

    path: list[str]
    python_path: str | None
    preload: tuple[str, ...]
    setup: bytes | None
    memory_mb: int | None
    start_seconds: float


class Request(NamedTuple):
    """One call; `path` is None where it has not changed since the last one."""

    call: bytes
    seconds: float
    path: list[str] | None


class Reply(NamedTuple):
    """What a call came to; `value` is pickled, `busy_seconds` processor time, `out_of_memory` asks for a new worker."""

    ok: bool
    value: bytes
    message: str
    seconds: float
    busy_seconds: float
    trace: str
    out_of_memory: bool


@dataclass(frozen=True)
class Settings:
    """What all workers of a pool have in common; see `WorkerPool`."""

    preload: tuple[str, ...]
    setup: bytes | None
    memory_mb: int | None
    start_seconds: float


class WorkerStartError(RuntimeError):
    """A worker could not be set up; `killed` says that a signal ended it, so that another try makes sense."""

    def __init__(self, message: str, killed: bool = False) -> None:
        super().__init__(message)
        self.killed = killed


class WorkerDied(Exception):  # noqa: N818 - it is a message to the pool, not a mistake
    """The worker ended before it answered; the text says how."""


class NotPicklableError(TypeError):
    """A function or an argument that cannot be sent to a worker."""


def in_worker() -> bool:
    """Whether this process is a worker of a `WorkerPool`.

    Code that would use a pool does the work directly there: the worker's own limits hold already.
    """
    return _in_worker


def enter_worker() -> None:
    """Declare this process a worker; `in_worker` says so from now on."""
    global _in_worker
    _in_worker = True


def frame(tag: Tag, body: bytes = b"") -> bytes:
    """One frame, ready to be written."""
    return HEADER.pack(tag, len(body)) + body


def describe(error: BaseException) -> str:
    """An exception in one line, e.g. "ZeroDivisionError: by zero", whatever its own `__str__` does."""
    try:
        text = str(error)
    except Exception as failure:
        text = f"<its __str__ raised {type(failure).__name__}>"
    name = type(error).__name__
    return f"{name}: {text}"[:_LONGEST_MESSAGE] if text else name


def current_path() -> list[str]:
    """`sys.path` for another process: "" is written out as the working directory, or left out if that is gone."""
    path = [entry for entry in sys.path if isinstance(entry, str)]
    if "" in path:
        try:
            here = os.getcwd()
        except FileNotFoundError:
            return [entry for entry in path if entry]
        path = [entry or here for entry in path]
    return path


def encode_call(function: str | Callable[..., Any], args: tuple[Any, ...]) -> bytes:
    """Pickle a call, so that a worker can decode it.

    Args:
        function: "package.module:name", or something callable that pickles (for a function: a module-level one).
        args: its arguments.

    Raises:
        NotPicklableError: one of them does not pickle, or belongs to `__main__`, which a worker cannot import.
        TypeError: the function is neither text nor callable.
        ValueError: the text is not of the form "package.module:name".

    """
    if isinstance(function, str):
        module, colon, name = function.partition(":")
        if not (module and colon and name):
            raise ValueError(f"the function is {function!r}; as text it must be 'package.module:name'")
        refuse_main(module, function)
    elif not callable(function):
        raise TypeError(f"the function is {_short(function)}; it must be callable or 'package.module:name'")
    try:
        call = pickle.dumps((function, args), pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        raise NotPicklableError(_culprit(function, args, error)) from error
    if b"__main__" in call:
        _MainRefuser(io.BytesIO(call)).load()
    return call


def decode_call(call: bytes) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """The function and the arguments of a call, imported where they are named."""
    function, args = pickle.loads(call)
    if isinstance(function, str):
        module, _, name = function.partition(":")
        if module not in sys.modules:
            importlib.invalidate_caches()
        function = attrgetter(name)(importlib.import_module(module))
    return function, args


def refuse_main(module: str, what: str) -> None:
    """Refuse what lives in `__main__`.

    Raises:
        NotPicklableError: `module` is `__main__`.

    """
    if module == "__main__":
        raise NotPicklableError(
            f"{what!r} lives in __main__, the script or notebook itself, which a worker process cannot import;"
            " move it to a module of its own, e.g. my_verifiers.py, and import it from there"
        )


class _MainRefuser(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        refuse_main(module, f"{module}.{name}")
        return super().find_class(module, name)


def _culprit(function: str | Callable[..., Any], args: tuple[Any, ...], error: Exception) -> str:
    named = {"the function": function} | {f"argument {i} of {_short(function)}": arg for i, arg in enumerate(args)}
    for what, candidate in named.items():
        try:
            pickle.dumps(candidate, pickle.HIGHEST_PROTOCOL)
        except Exception as own:
            return (
                f"{what} is {_short(candidate)}, which cannot be pickled for a worker process ({describe(own)});"
                " use plain data, and functions and classes that stand at the top of a module"
            )
    return f"the call of {_short(function)} cannot be pickled for a worker process ({describe(error)})"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."
