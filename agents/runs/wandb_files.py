"""What wandb's files hold: a killed run has lost some seconds, and the client has no reader that would say so.

A .wandb file is LevelDB's log format behind a header of seven bytes: blocks of 32 KiB with records or parts of them,
each behind a checksum, its length and its kind.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

BLOCK = 2**15
HEADER = struct.Struct("<IHB")
"""Checksum, length, kind; the file's own is as long."""
WHOLE, LAST = 1, 4
"""Kinds with which a record is complete."""


def read_records(path: Path) -> Iterator[Any]:
    """Yield the records of a file, messages of wandb's own type `Record`, up to where a kill has cut it."""
    from google.protobuf.message import DecodeError
    from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]  # the version decides what is there

    data = path.read_bytes()
    place, parts = HEADER.size, b""
    while place + HEADER.size <= len(data):
        if (left := BLOCK - place % BLOCK) < HEADER.size:  # too little for a header, so it is in the next block
            place += left
            continue
        _, length, kind = HEADER.unpack_from(data, place)
        place += HEADER.size
        parts += data[place : place + length]
        place += length
        if kind in (WHOLE, LAST):
            try:
                yield Record.FromString(parts)
            except DecodeError:
                return
            parts = b""


def steps_of(paths: Iterable[Path]) -> int:
    """Return the step after the last one that files hold; 0 where they hold none."""
    steps = [record.history.step.num for path in paths for record in read_records(path) if record.HasField("history")]
    return max(steps, default=-1) + 1
