"""Files of a local data set: which of them are tables, in what state they are, and a name for their content."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

SUFFIXES = (".jsonl", ".jsonl.gz", ".json", ".parquet", ".csv")
"""The files that can be opened."""
_WATCHED = (*SUFFIXES, ".arrow", "README.md")  # what decides which rows a folder holds
_DEPTH = 3  # folders below a data set's own in which its tables are looked for
_WHOLE_BYTES = 256 * 2**20  # files up to this size are hashed whole
_END_BYTES = 2**20  # of larger ones both ends are


def tables(folder: Path) -> list[Path]:
    """Find the tables of a folder and of those below it, the nearest first."""
    found = (file for file in _watched(folder, _DEPTH) if file.name.endswith(SUFFIXES))
    return sorted(found, key=lambda file: (len(file.parts), file))


def state(path: Path) -> tuple[tuple[str, int, int], ...]:
    """Tell a local data set from what it was before: name, time of change (ns) and size (bytes) of its tables.

    Args:
        path: a file or a folder; of one that is not there the state is empty.

    """
    if not path.exists():
        return ()
    described = ((file, file.stat()) for file in ([path] if path.is_file() else _watched(path, _DEPTH)))
    return tuple((str(file), about.st_mtime_ns, about.st_size) for file, about in described)


def _watched(folder: Path, depth: int) -> Iterator[Path]:
    files, folders = _listing(folder, folder.stat().st_mtime_ns)
    yield from filter(Path.is_file, files)
    for inner in folders if depth else ():
        if inner.is_dir():
            yield from _watched(inner, depth - 1)


@functools.lru_cache(maxsize=4096)
def _listing(folder: Path, _mtime_ns: int) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Name what is watched in a folder, and its folders; anew when entries came or went, as that takes long."""
    files, folders = [], []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(_WATCHED):
                    files.append(Path(entry.path))
                elif not entry.name.startswith(".") and entry.is_dir():
                    folders.append(Path(entry.path))
    except PermissionError:  # such as lost+found: no table in it can be opened
        return (), ()
    return tuple(sorted(files)), tuple(sorted(folders))


def fingerprint(files: Sequence[Path]) -> str:
    """Name the content of files by a hash of their sizes and bytes; of files above 256 MiB, of both ends."""
    digest = hashlib.sha256()
    for file in files:
        size = file.stat().st_size
        digest.update(str(size).encode())
        with file.open("rb") as stream:
            if size > _WHOLE_BYTES:
                digest.update(stream.read(_END_BYTES))
                stream.seek(-_END_BYTES, 2)
            while block := stream.read(_END_BYTES):
                digest.update(block)
    return digest.hexdigest()[:16]
