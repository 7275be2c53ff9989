"""A small client for `/v1/chat/completions`, on the standard library alone."""

from __future__ import annotations

import http.client
import io
import json
import logging
import socket
import ssl
import time
from collections.abc import Mapping
from typing import NamedTuple, cast
from urllib.parse import urlsplit

from verifiers.judge.usage import Usage, told_usage

_LOG = logging.getLogger(__name__)

_MOST_BYTES = 4 * 2**20
_LONGEST_PAUSE = 30.0
_TOO_MANY = 429


class ChatError(Exception):
    """The endpoint gave no usable reply; the message says why, and never holds the key.

    Attributes:
        usage: what the tries took.

    """

    usage = Usage()


class ChatTimeout(ChatError):  # noqa: N818 - a verifier's `Status.TIMEOUT`
    """The endpoint gave no reply in time."""


class _PassingError(ChatError):
    """A failure that may pass: asked again after `pause` seconds, or as long as the client thinks right."""

    def __init__(self, message: str, pause: float | None = None) -> None:
        super().__init__(message)
        self.pause = pause


class Reply(NamedTuple):
    """What the endpoint said, and what all tries for it took."""

    content: object
    usage: Usage


class ChatClient:
    """Asks one endpoint, one connection a request; safe between threads.

    Redirects are not followed and proxies of the environment not used: the key goes to `base_url` alone.

    Args:
        base_url: "http://host:8000/v1", or without a path, for which "/v1" is taken.
        api_key: sent as a bearer token; None for a server that asks for none.
        seconds: the longest that one request may take, from the connection to the last byte.
        retries: further tries after a failed connection, HTTP 429 or 5xx. A timeout is not tried again.
        backoff: seconds before the second try; doubled for each further one. A longer `Retry-After` is heeded.

    Raises:
        ValueError: an argument is not of its kind; the message never holds the key.

    """

    def __init__(
        self, base_url: str, api_key: str | None = None, seconds: float = 30.0, retries: int = 2, backoff: float = 0.5
    ) -> None:
        if not seconds > 0:
            raise ValueError(f"seconds is {seconds!r}; it must be more than 0")
        if isinstance(retries, bool) or not isinstance(retries, int) or retries < 0:
            raise ValueError(f"retries is {retries!r}; it must be an integer of 0 or more")
        if not 0 <= backoff <= _LONGEST_PAUSE:
            raise ValueError(f"backoff is {backoff!r}; it must be 0 to {_LONGEST_PAUSE:.0f} seconds")
        if api_key is not None and not (api_key.isascii() and api_key.isprintable() and api_key.split() == [api_key]):
            raise ValueError("the API key must be printable ASCII without spaces; line breaks around it, perhaps?")
        self.base_url = base_url.rstrip("/")
        self._secure, self._host, self._port, self._path = _endpoint(base_url)
        self._seconds, self._retries, self._backoff = seconds, retries, backoff
        self._key = api_key

    def __repr__(self) -> str:
        return f"ChatClient({self.base_url!r})"

    def complete(self, request: Mapping[str, object]) -> Reply:
        """Send one request and return the reply's text, as the endpoint gave it.

        Raises:
            ChatTimeout: no reply in time.
            ChatError: no usable reply after all tries.

        """
        body = json.dumps(request).encode("ascii")
        usage = Usage()
        try:
            for attempt in range(self._retries + 1):
                usage += Usage(requests=1)
                try:
                    text = self._once(body)
                except _PassingError as error:
                    if attempt == self._retries:
                        raise ChatError(f"{error}; tries: {attempt + 1}") from error
                    pause = max(self._backoff * 2**attempt, error.pause or 0.0)
                    _LOG.info("%s: %s; asked again in %.1f s", self.base_url, error, pause)
                    time.sleep(min(pause, _LONGEST_PAUSE))
                else:
                    reply = self._parsed(text)
                    usage += told_usage(reply)
                    return Reply(self._content(reply, text), usage)
        except ChatError as error:
            error.usage = usage
            raise
        raise AssertionError("unreachable")

    def _once(self, body: bytes) -> bytes:
        deadline = time.monotonic() + self._seconds
        connection = self._connection()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        try:
            connection.request("POST", self._path, body, headers)
            reply = http.client.HTTPResponse(cast(socket.socket, _Timed(connection.sock, deadline)), method="POST")
            reply.begin()
            text = reply.read(_MOST_BYTES + 1)
        except TimeoutError:
            raise ChatTimeout(f"{self.base_url} gave no reply within {self._seconds:g} s") from None
        except (OSError, http.client.HTTPException) as error:
            raise _PassingError(f"{self.base_url} cannot be asked: {type(error).__name__}: {error}") from error
        finally:
            connection.close()
        if reply.status == _TOO_MANY or reply.status >= 500:
            raise _PassingError(self._refusal(reply.status, text), _retry_after(reply.getheader("Retry-After")))
        if reply.status != 200:
            raise ChatError(self._refusal(reply.status, text))
        return text

    def _connection(self) -> http.client.HTTPConnection:
        if self._secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self._host, self._port, timeout=self._seconds, context=context)
        return http.client.HTTPConnection(self._host, self._port, timeout=self._seconds)

    def _parsed(self, text: bytes) -> object:
        if len(text) > _MOST_BYTES:
            raise ChatError(f"{self.base_url} replied with more than {_MOST_BYTES} bytes")
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise self._no_completion(text) from None

    def _content(self, reply: object, text: bytes) -> object:
        try:
            choice = reply["choices"][0]  # type: ignore[index]
            finish, content = choice.get("finish_reason"), choice["message"]["content"]
        except (KeyError, IndexError, TypeError, AttributeError):
            raise self._no_completion(text) from None
        if finish == "length":
            raise ChatError("the reply was cut off at max_tokens; allow more, or turn the model's thinking off")
        return content

    def _no_completion(self, text: bytes) -> ChatError:
        return ChatError(f"{self.base_url} replied with no chat completion: {self._excerpt(text)}")

    def _refusal(self, status: int, text: bytes) -> str:
        if status in (401, 403):  # some servers repeat the key here, in part
            return f"{self.base_url} does not accept the API key (HTTP {status})"
        return f"{self.base_url} replied with HTTP {status}: {self._excerpt(text)}"

    def _excerpt(self, text: bytes) -> str:
        shown = repr(text[:2_000].decode("utf-8", "replace"))
        if self._key:
            shown = shown.replace(self._key, "***")
        return shown[:200]


def _endpoint(base_url: str) -> tuple[bool, str, int | None, str]:
    problem = f"base_url is {base_url!r}; it must be like 'http://localhost:8000/v1'"
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{problem}: {error}") from error
    if parts.username or parts.password:
        raise ValueError("base_url holds a user name or password; it must not: give the key as api_key")
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise ValueError(problem)
    if not base_url.isascii() or not base_url.isprintable() or " " in base_url:
        raise ValueError(problem)
    return parts.scheme == "https", host, port, f"{parts.path.rstrip('/') or '/v1'}/chat/completions"


def _retry_after(header: str | None) -> float | None:
    return float(header) if header and header.isascii() and header.isdigit() else None


class _Timed:
    """A socket, read until `deadline` and not beyond, however slowly the bytes drip."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock, self._deadline = sock, deadline

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedStream(self._sock, self._deadline))


class _TimedStream(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock, self._deadline = sock, deadline
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)  # type: ignore[arg-type]

    def close(self) -> None:
        self._raw.close()
        super().close()
