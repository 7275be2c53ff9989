"""Opening a split of a data set: from the hub, from a local copy in the hub's layout, or from one file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rlsd_env.errors import ConfigurationError, DataError
from rlsd_env.sources.tables import ArrowTable, JsonArray, JsonLines, Table, Tables

if TYPE_CHECKING:
    import datasets

SUFFIXES = (".jsonl", ".jsonl.gz", ".json", ".parquet", ".csv")
"""The files that can be opened."""
_WHOLE_BYTES = 256 * 2**20  # files up to this size are hashed whole
_END_BYTES = 2**20  # of larger ones both ends are


@dataclass(frozen=True)
class Origin:
    """Where a split comes from.

    Attributes:
        hub_id: the data set's name on the hub.
        config: its configuration, None for the only one.
        split: the split's name.
        path: a local copy: a folder or a file; None: the hub, or the library's cache of it.
        revision: a branch, tag or commit on the hub; None: the latest.
        gated: whether the hub asks to accept terms first.

    """

    hub_id: str
    config: str | None
    split: str
    path: Path | None
    revision: str | None
    gated: bool

    @property
    def label(self) -> str:
        """The split in words for messages."""
        return " ".join(filter(None, (self.hub_id, self.config, self.split)))

    @property
    def download(self) -> str:
        """How to get a local copy, in words for messages."""
        terms = (
            f"accept the terms on the page of {self.hub_id} on the Hugging Face hub, log in with `hf auth login`, then "
            if self.gated
            else ""
        )
        return f"{terms}run `hf download {self.hub_id} --repo-type dataset --local-dir FOLDER` and pass path=FOLDER"


def open_tables(origins: Sequence[Origin]) -> Table:
    """Open one split, or the splits of several configurations as one.

    Raises:
        ConfigurationError: it is not there; the message says what to download.
        DataError: a file is broken.

    """
    files = [_files(origin) for origin in origins]
    if files[0] and len(set(files)) == 1:
        return _open_files(files[0])
    tables = [_open_files(found) if found else _open_by_library(origin) for origin, found in zip(origins, files)]
    return tables[0] if len(tables) == 1 else Tables(tables)


def _files(origin: Origin) -> tuple[Path, ...]:
    """Find the files of a split by their names: a single one, or the shards that the hub has."""
    if origin.path is None:
        return ()
    if origin.path.is_file():
        return (origin.path,)
    if not origin.path.is_dir():
        raise ConfigurationError(f"path {str(origin.path)!r} does not exist; {origin.download}")
    for folder in _folders(origin.path, origin.config):
        for suffix in SUFFIXES:
            if (file := folder / f"{origin.split}{suffix}").is_file():
                return (file,)
        if shards := sorted(folder.glob(f"{origin.split}-*-of-*.parquet")):
            return tuple(shards)
    return ()


def _folders(root: Path, config: str | None) -> list[Path]:
    """Where the files of a configuration may lie, the likeliest first."""
    within = [root / config, root / config / "data", root / "data" / config] if config else []
    return [*within, root, root / "data"]


def _open_files(files: Sequence[Path]) -> Table:
    path, revision = files[0], fingerprint(files)
    if path.name.endswith((".jsonl", ".jsonl.gz")):
        return JsonLines(path, revision)
    if path.suffix == ".json":
        return JsonArray(path, revision)
    if path.suffix in (".parquet", ".csv"):
        label = str(path) if len(files) == 1 else f"{path} .. {files[-1].name}"
        return ArrowTable(_prepared(path.suffix[1:], files, label), label, revision)
    raise ConfigurationError(f"{path}: what ends in {path.suffix!r} cannot be opened; allowed: {', '.join(SUFFIXES)}")


def _prepared(builder: str, files: Sequence[Path], label: str) -> datasets.Dataset:
    import datasets

    try:
        return datasets.load_dataset(builder, data_files=[str(file) for file in files], split="train")
    except (datasets.exceptions.DatasetsError, OSError, ValueError) as error:
        raise DataError(f"{label}: not a readable {builder} file ({_cause(error)}); download it again") from error


def _open_by_library(origin: Origin) -> Table:
    return _open_hub(origin) if origin.path is None else _open_folder(origin, origin.path)


def _open_folder(origin: Origin, folder: Path) -> Table:
    """Open what a README or the library's own file patterns describe, or what `save_to_disk` left."""
    import datasets

    try:
        if (folder / "dataset_dict.json").is_file():
            folder = folder / origin.split
        if (folder / "state.json").is_file():
            data = datasets.load_from_disk(str(folder))
        else:
            data = datasets.load_dataset(str(folder), origin.config, split=origin.split)
    except (datasets.exceptions.DatasetsError, OSError, ValueError) as error:
        names = ", ".join(f"{origin.split}{suffix}" for suffix in SUFFIXES)
        raise ConfigurationError(
            f"path {str(origin.path)!r} does not hold the split {origin.split!r} of {origin.label}: none of {names}, "
            f"nor the hub's layout ({_cause(error)}). To get a copy {origin.download}"
        ) from error
    files = sorted(file for file in folder.rglob("*") if file.suffix in (".parquet", ".arrow", ".json", ".jsonl"))
    return ArrowTable(data, f"{folder} {origin.split}", fingerprint(files))


def _open_hub(origin: Origin) -> Table:
    import datasets

    try:
        builder = datasets.load_dataset_builder(origin.hub_id, origin.config, revision=origin.revision)
        builder.download_and_prepare()
        data = builder.as_dataset(split=origin.split)
    except (datasets.exceptions.DatasetsError, OSError, ValueError) as error:
        raise ConfigurationError(
            f"{origin.label} is neither in the cache of the library `datasets` nor to be had from the hub "
            f"({_cause(error)}). To get a copy {origin.download}"
        ) from error
    return ArrowTable(data, origin.label, str(builder.hash))


def _cause(error: BaseException) -> str:
    """The innermost error's first line: what the library wraps around it says little."""
    while (inner := error.__cause__) is not None:
        error = inner
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:300]}"


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
