"""Opening a split of a data set: from the hub, from a local copy in the hub's layout, or from one file."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlsd_env.errors import ConfigurationError, DataError
from rlsd_env.extras import require
from rlsd_env.sources.csv_table import CsvTable
from rlsd_env.sources.files import SUFFIXES, fingerprint, tables
from rlsd_env.sources.tables import ArrowTable, JsonArray, JsonLines, Table, Tables

if TYPE_CHECKING:
    import datasets

_HUB_TIMEOUT = 10.0  # seconds in which the hub must have said anything at all
_IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
_NAMED = 5  # files that a message names
_LOOKED_THROUGH = 10_000  # files among which images are looked for, for a message


@dataclass(frozen=True)
class Origin:
    """Where a split comes from.

    Attributes:
        hub_id: the data set's name on the hub; "": it is nowhere but at `path`.
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
        """How to get a local copy, in words for messages; "" where there is nothing to copy."""
        if not self.hub_id:
            return ""
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
        raise ConfigurationError(f"path {str(origin.path)!r} does not exist; {origin.download or 'correct it'}")
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
    if path.suffix == ".csv":
        return CsvTable(path, revision)
    if path.suffix == ".parquet":
        label = str(path) if len(files) == 1 else f"{path} .. {files[-1].name}"
        return ArrowTable(_prepared(files, label), label, revision)
    raise ConfigurationError(f"{path}: what ends in {path.suffix!r} cannot be opened; allowed: {', '.join(SUFFIXES)}")


def _prepared(files: Sequence[Path], label: str) -> datasets.Dataset:
    require(label, "data", "datasets")
    import datasets

    try:
        with _quiet():
            return datasets.load_dataset("parquet", data_files=[str(file) for file in files], split="train")
    except (datasets.exceptions.DatasetsError, OSError, ValueError) as error:
        raise DataError(
            f"{label}: not a readable parquet file ({_cause(error)}); correct it or download it again"
        ) from error


def _open_by_library(origin: Origin) -> Table:
    require(origin.label if origin.path is None else str(origin.path), "data", "datasets")
    return _open_hub(origin) if origin.path is None else _open_folder(origin, origin.path)


def _open_folder(origin: Origin, folder: Path) -> Table:
    """Open what a README or the library's own file patterns describe, or what `save_to_disk` left."""
    import datasets

    if not _names_split(folder, origin.split):
        raise ConfigurationError(_nothing_there(origin, folder))
    try:
        if (folder / "dataset_dict.json").is_file():
            folder = folder / origin.split
        with _quiet():
            if (folder / "state.json").is_file():
                data = datasets.load_from_disk(str(folder))
            else:
                builder = datasets.load_dataset_builder(str(folder), origin.config)
                if builder.name == "csv":
                    raise ValueError(
                        f"in a .csv file it takes texts for numbers: pass the file, or name it {origin.split}.csv"
                    )
                builder.download_and_prepare()
                data = builder.as_dataset(split=origin.split)
    except (datasets.exceptions.DatasetsError, OSError, ValueError) as error:
        raise ConfigurationError(f"{_nothing_there(origin, folder)} ({_cause(error)})") from error
    files = sorted(file for file in folder.rglob("*") if file.suffix in (".parquet", ".arrow", ".json", ".jsonl"))
    return ArrowTable(data, f"{folder} {origin.split}", fingerprint(files))


def _names_split(folder: Path, split: str) -> bool:
    """Whether the library can tell a split in a folder: it would take any file for a row of "train" otherwise."""
    from datasets.data_files import SPLIT_KEYWORDS

    if any((folder / name).is_file() for name in ("dataset_dict.json", "state.json")):
        return True
    card = folder / "README.md"
    if card.is_file() and re.search("^configs:", card.read_text(encoding="utf-8", errors="replace"), re.MULTILINE):
        return True
    words = "|".join(map(re.escape, SPLIT_KEYWORDS.get(split, [split])))
    in_path = re.compile(rf"(?:^|[-._ 0-9/])(?:{words})(?:[-._ 0-9/])")
    return any(in_path.search(file.relative_to(folder).as_posix()) for file in tables(folder))


def _nothing_there(origin: Origin, folder: Path) -> str:
    """Say what was looked for in a folder, and what there is."""
    suffixes = f"{origin.split}{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
    found = [file.relative_to(folder).as_posix() for file in tables(folder)]
    if found:
        holds = f"it has {', '.join(found[:_NAMED])}{', ..' * (len(found) > _NAMED)}"
        if origin.config is None:
            holds += ": pass that file" if len(found) == 1 else ": pass one of them"
    elif any(file.suffix.lower() in _IMAGES for file in itertools.islice(folder.rglob("*"), _LOOKED_THROUGH)):
        holds = "it has images only: put a table of questions and answers beside them"
    else:
        holds = "there is no table in it"
    data_set = " ".join(filter(None, (origin.hub_id, origin.config)))
    return (
        f"path {str(folder)!r} does not hold the split {origin.split!r}{f' of {data_set}' if data_set else ''}: "
        f"no {suffixes}, nor the hub's layout (e.g. data/{origin.split}-00000-of-00001.parquet); {holds}"
        f"{f'. To get a copy {origin.download}' if origin.hub_id else ''}"
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's progress bars away: for local files they say nothing."""
    import datasets

    shown = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()


def _open_hub(origin: Origin) -> Table:
    import datasets

    silence = _hub_silence()
    try:
        with _offline() if silence else contextlib.nullcontext():
            builder = datasets.load_dataset_builder(origin.hub_id, origin.config, revision=origin.revision)
            builder.download_and_prepare()
        data = builder.as_dataset(split=origin.split)
    except (datasets.exceptions.DatasetsError, OSError, ValueError) as error:
        raise ConfigurationError(
            f"{origin.label} is neither in the cache of the library `datasets` nor to be had from the hub "
            f"({_cause(silence or error)}). To get a copy {origin.download}"
        ) from error
    return ArrowTable(data, origin.label, str(builder.hash))


def _hub_silence() -> Exception | None:
    """Ask the hub for anything once: the libraries try six times before they say that it cannot be reached."""
    import datasets
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    if constants.HF_HUB_OFFLINE or datasets.config.HF_HUB_OFFLINE:
        return None
    try:
        get_session().head(datasets.config.HF_ENDPOINT, timeout=_HUB_TIMEOUT)
    except Exception as error:  # whichever client of HTTP the library's version uses
        return error
    return None


@contextlib.contextmanager
def _offline() -> Iterator[None]:
    """Have the libraries look into their caches only."""
    import datasets
    from huggingface_hub import constants

    modules: tuple[Any, ...] = (datasets.config, constants)
    before = [module.HF_HUB_OFFLINE for module in modules]
    try:
        for module in modules:
            module.HF_HUB_OFFLINE = True
        yield
    finally:
        for module, value in zip(modules, before):
            module.HF_HUB_OFFLINE = value


def _cause(error: BaseException) -> str:
    """The innermost error's first line: what the library wraps around it says little."""
    while (inner := error.__cause__) is not None:
        error = inner
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:300]}"
