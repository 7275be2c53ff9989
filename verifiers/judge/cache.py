"""Verdicts of a judge on disk, so that the same question is asked once."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

from verifiers.judge.usage import Usage, stored_usage

_LOG = logging.getLogger(__name__)


class Stored(NamedTuple):
    """A verdict, and what asking for it took."""

    equal: bool
    usage: Usage


class VerdictCache:
    """One small JSON file a verdict, in a folder that threads and processes may share.

    A file is written beside its place and moved there, so a reader finds a whole verdict or none. What cannot be
    read counts as absent and is written anew; what cannot be written is logged: the verdict stands without it.

    Args:
        folder: made where it does not exist.

    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def get(self, key: str) -> Stored | None:
        """The stored verdict; None where there is none."""
        path = self._path(key)
        try:
            stored = json.loads(path.read_text("ascii"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            _LOG.warning("the judge's verdict in %s cannot be read and is asked for again: %s", path, error)
            return None
        if not isinstance(stored, dict) or stored.get("key") != key or not isinstance(stored.get("equal"), bool):
            _LOG.warning("the judge's verdict in %s is not a verdict and is asked for again", path)
            return None
        return Stored(stored["equal"], stored_usage(stored.get("usage")))

    def put(self, key: str, stored: Stored) -> None:
        """Store a verdict."""
        path = self._path(key)
        try:
            path.parent.mkdir(exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
            try:
                with os.fdopen(handle, "w", encoding="ascii") as file:
                    json.dump({"key": key, "equal": stored.equal, "usage": stored.usage.record()}, file)
                os.replace(name, path)
            except BaseException:
                os.unlink(name)
                raise
        except OSError as error:
            _LOG.warning("the judge's verdict cannot be stored in %s: %s", path, error)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"


def key_of(*parts: object) -> str:
    """A key for JSON values: equal for equal values, and for no others."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode("ascii")).hexdigest()
