"""One worker process: `python -m verifiers.service.worker`, started by `WorkerPool` and by nothing else.

Calls run on the main thread, so that code with `signal.alarm` of its own works there. A worker ends with the
process that started it, in three ways that do not depend on each other:

1. a thread that reads the requests exits the process when the pipe is closed;
2. on Linux the kernel sends SIGKILL when the thread that started it ends (PR_SET_PDEATHSIG), which needs no GIL;
3. each call has a limit of processor time a good deal above its own limit (RLIMIT_CPU), whose signal ends the process
   by default. It is not a timer, because a verifier may use the process's only alarm itself.
"""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import importlib
import math
import os
import pickle
import queue
import resource
import signal
import sys
import threading
import time
from typing import Any

from verifiers.frames import own_traceback
from verifiers.service.protocol import (
    HEADER,
    Reply,
    Request,
    Start,
    Tag,
    decode_call,
    describe,
    enter_worker,
    frame,
)

_PR_SET_PDEATHSIG = 1
_STATM = "/proc/self/statm"
_CPU_FACTOR = 2.0
_CPU_MARGIN_S = 10.0
_LONGEST_TRACE = 50


def main(request_fd: int, reply_fd: int, log_fd: int, parent: int) -> None:
    """Serve calls until the parent closes the pipe or kills this process.

    Args:
        request_fd: where requests are read.
        reply_fd: where replies are written.
        log_fd: what stdout and stderr become once the worker is set up.
        parent: the process that started this one.

    """
    for fd in (request_fd, reply_fd, log_fd):
        os.set_inheritable(fd, False)
    for fd in (request_fd, reply_fd):
        os.register_at_fork(after_in_child=functools.partial(os.close, fd))
    _die_with(parent)
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    enter_worker()
    frames: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(request_fd, frames), name="requests", daemon=True).start()

    start = Start(*pickle.loads(frames.get()))
    sys.path[:] = start.path
    os.environ.pop("PYTHONPATH", None)
    if start.python_path is not None:
        os.environ["PYTHONPATH"] = start.python_path
    for module in start.preload:
        importlib.import_module(module)
    if start.setup is not None:
        function, args = decode_call(start.setup)
        function(*args)
    limit_memory(start.memory_mb)
    os.dup2(log_fd, 1)
    os.dup2(log_fd, 2)
    _write(reply_fd, frame(Tag.READY))
    while True:
        answer = _serve(Request(*pickle.loads(frames.get())), start, reply_fd)
        signal.alarm(0)
        _write(reply_fd, answer)


def limit_memory(memory_mb: int | None) -> None:
    """Allow this process `memory_mb` MiB of address space beyond what it has now; nothing where /proc is missing."""
    if memory_mb is None or not os.path.exists(_STATM):
        return
    with open(_STATM) as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    limit, hard = used + memory_mb * 2**20, resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _serve(request: Request, start: Start, reply_fd: int) -> bytes:
    if request.path is not None:
        sys.path[:] = request.path
    _limit_cpu(start.start_seconds)
    began, busy = time.perf_counter(), time.process_time()

    def spent() -> tuple[float, float]:
        return time.perf_counter() - began, time.process_time() - busy

    try:
        function, args = decode_call(request.call)
        _limit_cpu(request.seconds)
        _write(reply_fd, frame(Tag.BEGUN))
        began, busy = time.perf_counter(), time.process_time()
        value = function(*args)
        times = spent()
        return _framed(Reply(True, _pickled(value), "", *times, "", False))
    except MemoryError:
        limit = "the machine has" if start.memory_mb is None else f"the limit memory_mb={start.memory_mb}"
        message = f"MemoryError: the call needed more memory than {limit}; simplify its input or allow more"
        failed = Reply(False, b"", message, *spent(), "", True)
    except BaseException as error:
        times = spent()
        trace = own_traceback(error, _LONGEST_TRACE)
        failed = Reply(False, b"", describe(error), *times, trace, False)
    return _framed(failed)


def _framed(reply: Reply) -> bytes:
    return frame(Tag.REPLY, pickle.dumps(tuple(reply), pickle.HIGHEST_PROTOCOL))


def _pickled(value: Any) -> bytes:
    try:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except MemoryError:
        raise
    except Exception as error:
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        raise TypeError(f"the result is a {kind}, which cannot be pickled for the caller ({describe(error)})") from None


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(ImportError, OSError, AttributeError):
            import ctypes

            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def _limit_cpu(seconds: float) -> None:
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    limit = math.ceil(time.process_time() + _CPU_FACTOR * seconds + _CPU_MARGIN_S)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, hard))


def _read(fd: int, frames: queue.SimpleQueue[bytes]) -> None:
    code = 1
    try:
        while True:
            header = _exactly(fd, HEADER.size)
            _, length = HEADER.unpack(header)
            frames.put(_exactly(fd, length))
    except EOFError:
        code = 0
    finally:
        os._exit(code)


def _exactly(fd: int, length: int) -> bytes:
    parts = []
    while length:
        part = os.read(fd, min(length, 2**20))
        if not part:
            raise EOFError
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
