"""Requests to a vLLM server over HTTP."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from rlsd_env.errors import ConfigurationError

AT_ONCE = 256
"""Requests under way at the same time."""
TRIES = 4
"""Attempts at a request whose connection fails, 1, 2, 4 .. seconds apart."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Connection:
    """A server's address, and how it is spoken to.

    Args:
        address: http://HOST:PORT.
        command: what starts such a server, for messages.
        timeout: seconds to wait for an answer.

    """

    def __init__(self, address: str, command: str, timeout: float) -> None:
        self.address, self.command, self.timeout = address, command, timeout
        local = urlsplit(address).hostname in LOOPBACK
        proxies = [urllib.request.ProxyHandler({})] if local else []
        self._opener = urllib.request.build_opener(*proxies)

    def wait(self, seconds: float) -> None:
        """Wait until the server is up, which takes it a while after its start.

        Raises:
            ConfigurationError: it is not after so many seconds.

        """
        end = time.monotonic() + seconds
        while True:
            try:
                self.send("/health", None, 5.0)
                return
            except (urllib.error.URLError, OSError) as error:
                if time.monotonic() > end:
                    raise ConfigurationError(
                        f"no vLLM server answers at {self.address} after {seconds:.0f} s ({error}); start one: "
                        f"{self.command}"
                    ) from None
            time.sleep(0.5)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send a request and return what the server says, with further attempts where it does not answer.

        Raises:
            RuntimeError: the server refuses it, or does not answer.

        """
        for attempt in range(TRIES):
            try:
                return self.send(path, body, self.timeout)
            except urllib.error.HTTPError as error:
                said = " ".join(error.read().decode("utf-8", "replace").split())[:500]
                if error.code == 503 and attempt + 1 < TRIES:
                    time.sleep(2.0**attempt)
                    continue
                raise RuntimeError(f"the vLLM server at {self.address} refused {path}: {error.code} {said}") from None
            except (urllib.error.URLError, OSError) as error:
                if attempt + 1 == TRIES:
                    raise RuntimeError(
                        f"the vLLM server at {self.address} does not answer {path} in {TRIES} attempts ({error}); "
                        f"it was started so: {self.command}"
                    ) from None
                time.sleep(2.0**attempt)
        raise AssertionError("unreachable")

    def send(self, path: str, body: Mapping[str, Any] | None, timeout: float) -> Any:
        """Send one request, once; None as body: a GET."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, {"Content-Type": "application/json"})
        with self._opener.open(request, timeout=timeout) as answer:
            said = answer.read()
        return json.loads(said) if said else None
