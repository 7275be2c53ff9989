"""`WorkerProcess`: the pool's side of one worker."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from typing import IO

from verifiers.service.channel import Channel
from verifiers.service.protocol import (
    Outcome,
    OutcomeKind,
    Reply,
    Request,
    Settings,
    Start,
    Tag,
    WorkerDied,
    WorkerStartError,
    current_path,
    describe,
    frame,
)
from verifiers.service.usage import Usage

_TAIL_CHARS = 4_000
_END_S = 10.0
_ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


class WorkerProcess:
    """A worker process and the pipes to it. One thread uses it; only `kill` may come from another.

    Args:
        settings: the pool's.

    Raises:
        WorkerStartError: the process could not be started.

    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._path = current_path()
        self._lock = threading.Lock()
        self._ended = False
        try:
            self._spawn()
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            raise WorkerStartError(f"no worker process could be started: {describe(error)}") from error

    def _spawn(self) -> None:
        import tempfile

        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            request_fd, send_fd = os.pipe()
            theirs.callback(os.close, request_fd)
            ours.callback(os.close, send_fd)
            receive_fd, reply_fd = os.pipe()
            theirs.callback(os.close, reply_fd)
            ours.callback(os.close, receive_fd)
            stderr_fd = _stderr()
            theirs.callback(os.close, stderr_fd)
            log: IO[bytes] = ours.enter_context(tempfile.TemporaryFile())
            fds = (request_fd, reply_fd, stderr_fd)
            self._popen = subprocess.Popen(
                [sys.executable, "-P", "-u", "-m", "verifiers.service.worker", *map(str, (*fds, os.getpid()))],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=fds,
                env=_environment(self._path),
                start_new_session=True,
            )
            self._channel = Channel(send_fd, receive_fd)
            self._log = log
            ours.pop_all()

    def wait_ready(self) -> None:
        """Wait until the worker has imported and set up everything.

        Raises:
            WorkerStartError: it ended, or was not ready within the settings' `start_seconds`; it is retired.

        """
        settings = self._settings
        start = Start(
            self._path,
            os.environ.get("PYTHONPATH"),
            settings.preload,
            settings.setup,
            settings.memory_mb,
            settings.start_seconds,
        )
        deadline = time.monotonic() + settings.start_seconds
        with self._log:
            try:
                self._channel.send(frame(Tag.START, pickle.dumps(tuple(start))), deadline)
                self._receive(settings.start_seconds)
            except TimeoutError:
                self.retire()
                message = f"a worker was not ready after {settings.start_seconds:g} s{self._tail()}"
                raise WorkerStartError(message) from None
            except EOFError:
                message = f"a worker could not be set up, {self.retire()}{self._tail()}"
                raise WorkerStartError(message, killed=self._popen.returncode < 0) from None

    def quiet(self) -> bool:
        """Whether the worker waits for a call; one that has ended has closed its pipe."""
        return self._channel.quiet()

    def run(self, call: bytes, seconds: float) -> tuple[Outcome, bool]:
        """Run one call.

        Args:
            call: from `protocol.encode_call`.
            seconds: the limit, counted from when the function starts inside the worker; see `Usage`.

        Returns:
            The outcome, and whether the worker can take another call.

        Raises:
            WorkerDied: the worker ended before it answered; it is retired.

        """
        start_seconds = self._settings.start_seconds
        begun = None
        try:
            self._channel.send(self._request(call, seconds), time.monotonic() + start_seconds)
            tag, body = self._receive(start_seconds)
            if tag is Tag.BEGUN:
                begun = time.monotonic()
                _, body = self._receive(seconds)
        except EOFError:
            raise WorkerDied(self.retire()) from None
        except TimeoutError:
            if begun is None:
                message = f"the call's imports were not done after {start_seconds:g} s; its worker was killed"
                return Outcome(OutcomeKind.ERROR, message=message), False
            message = f"not done after {seconds:g} s; its worker was killed"
            return Outcome(OutcomeKind.TIMEOUT, message=message, seconds=time.monotonic() - begun), False
        reply = Reply(*pickle.loads(body))
        if reply.busy_seconds > seconds:  # it was faster to answer than this thread to look
            message = f"not done after {seconds:g} s"
            return Outcome(OutcomeKind.TIMEOUT, message=message, seconds=reply.seconds), not reply.out_of_memory
        return _outcome(reply)

    def _receive(self, seconds: float) -> tuple[Tag, bytes]:
        """Receive a frame before the worker has used up a limit of time of its own; see `Usage`.

        Raises:
            EOFError: the worker has ended.
            TimeoutError: there was no frame within the limit.

        """
        usage = Usage(self._popen.pid)
        left = seconds
        while left:
            with contextlib.suppress(TimeoutError):
                return self._channel.receive(time.monotonic() + left)
            left = usage.seconds_left(seconds)
        return self._channel.receive(time.monotonic())

    def _request(self, call: bytes, seconds: float) -> bytes:
        path = current_path()
        changed = None if path == self._path else path
        self._path = path
        return frame(Tag.CALL, pickle.dumps(tuple(Request(call, seconds, changed)), pickle.HIGHEST_PROTOCOL))

    def kill(self) -> None:
        """Kill the worker and what it has started in its session, unless that was done."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
            try:
                os.killpg(self._popen.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                self._popen.kill()

    def retire(self) -> str:
        """Kill the worker if it lives, and leave no zombie and no open pipe.

        Returns:
            How the process ended, e.g. "it was killed by SIGSEGV".

        """
        self.kill()
        self._channel.close()
        try:
            code = self._popen.wait(_END_S)
        except subprocess.TimeoutExpired:
            return f"process {self._popen.pid} has not ended {_END_S:g} s after SIGKILL"
        if code >= 0:
            return f"it exited with code {code}"
        with contextlib.suppress(ValueError):
            return f"it was killed by {signal.Signals(-code).name}"
        return f"it was killed by signal {-code}"

    def forget(self) -> None:
        """Close what a forked child inherited of its parent's worker; the worker goes on for the parent."""
        self._ended = True
        self._channel.close()

    def _tail(self) -> str:
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - _TAIL_CHARS))
        text = self._log.read().decode("utf-8", "replace").strip()
        return f"; the end of its stderr:\n{text}" if text else "; it wrote nothing to stderr"


def _outcome(reply: Reply) -> tuple[Outcome, bool]:
    if not reply.ok:
        outcome = Outcome(OutcomeKind.ERROR, None, reply.message, reply.seconds, reply.trace)
        return outcome, not reply.out_of_memory
    try:
        return Outcome(OutcomeKind.DONE, pickle.loads(reply.value), "", reply.seconds), True
    except Exception as error:
        message = f"the result cannot be unpickled by the caller ({describe(error)})"
        return Outcome(OutcomeKind.ERROR, None, message, reply.seconds), True


def _stderr() -> int:
    try:
        return os.dup(2)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)


def _environment(path: list[str]) -> dict[str, str]:
    environment = dict(os.environ) | dict.fromkeys(_ONE_THREAD, "1")
    environment.setdefault("PYTHONHASHSEED", "0")
    environment["PYTHONPATH"] = os.pathsep.join(os.path.abspath(entry) for entry in path if os.path.exists(entry))
    return environment
