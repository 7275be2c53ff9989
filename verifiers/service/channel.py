"""`Channel`: the pool's end of the two pipes to a worker, every use of which has a deadline."""

from __future__ import annotations

import math
import os
import select
import time

from verifiers.service.protocol import HEADER, Tag

_LONGEST_POLL_MS = 3_600_000


class Channel:
    """Sends frames to a worker and receives its frames. For one thread.

    Args:
        send_fd: where requests are written; owned, and closed with the channel.
        receive_fd: where replies are read; owned, and closed with the channel.

    """

    def __init__(self, send_fd: int, receive_fd: int) -> None:
        os.set_blocking(send_fd, False)
        self._send_fd = send_fd
        self._receive_fd = receive_fd
        self._buffer = bytearray()
        self._closed = False

    def send(self, data: bytes, deadline: float) -> None:
        """Write a frame.

        Args:
            data: from `protocol.frame`.
            deadline: by `time.monotonic`.

        Raises:
            EOFError: the worker has closed its end.
            TimeoutError: it did not take everything until the deadline.

        """
        view = memoryview(data)
        while view:
            if not _poll(self._send_fd, select.POLLOUT, deadline):
                raise TimeoutError
            try:
                view = view[os.write(self._send_fd, view) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise EOFError from None

    def receive(self, deadline: float) -> tuple[Tag, bytes]:
        """Read a frame; one that is there is read even after the deadline.

        Args:
            deadline: by `time.monotonic`.

        Raises:
            EOFError: the worker has closed its end.
            TimeoutError: there was no whole frame until the deadline.

        """
        while True:
            if len(self._buffer) >= HEADER.size:
                tag, length = HEADER.unpack_from(self._buffer)
                end = HEADER.size + length
                if len(self._buffer) >= end:
                    body = bytes(self._buffer[HEADER.size : end])
                    del self._buffer[:end]
                    return Tag(tag), body
            if not _poll(self._receive_fd, select.POLLIN, deadline):
                raise TimeoutError
            part = os.read(self._receive_fd, 2**20)
            if not part:
                raise EOFError
            self._buffer += part

    def quiet(self) -> bool:
        """Whether there is nothing to read, neither a frame nor the end."""
        return not _poll(self._receive_fd, select.POLLIN, time.monotonic())

    def close(self) -> None:
        """Close both pipes; twice is harmless."""
        if not self._closed:
            self._closed = True
            os.close(self._send_fd)
            os.close(self._receive_fd)


def _poll(fd: int, event: int, deadline: float) -> bool:
    poller = select.poll()
    poller.register(fd, event)
    while True:
        left_ms = max(0, math.ceil((deadline - time.monotonic()) * 1_000))
        if poller.poll(min(left_ms, _LONGEST_POLL_MS)):
            return True
        if left_ms <= _LONGEST_POLL_MS:
            return False
