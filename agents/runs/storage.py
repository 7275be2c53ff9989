"""Files of a run: written whole or not at all, and readable again."""

from __future__ import annotations

import contextlib
import csv
import fcntl
import io
import json
import os
import pickle
import shutil
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from agents.options.commands import resolved, to_toml
from agents.runs.kept import RESULT, holds_work
from rlsd_env.errors import ConfigurationError

CONFIG = "config.toml"
RESULTS = "results.json"
LOCK = ".lock"
MOST_TOLD = 4
"""Differing options that are told."""
TEMPORARY = ".partial"


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file beside its place and move it there, so that a kill leaves the old one or the new one.

    One process at a time: the folder must be claimed.
    """
    temporary = path.with_name(f".{path.name}{TEMPORARY}")
    with temporary.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def replaced(folder: Path, write: Callable[[Path], object]) -> None:
    """Have a folder written beside its place and move it there, in place of what was there."""
    temporary = folder.with_name(f".{folder.name}{TEMPORARY}")
    if temporary.exists():
        shutil.rmtree(temporary)
    write(temporary)
    if folder.exists():
        shutil.rmtree(folder)
    temporary.rename(folder)


def write_text(path: Path, text: str) -> None:
    """Write a text in UTF-8."""
    write_atomically(path, lambda file: file.write(text.encode()))


def write_json(path: Path, value: Any) -> None:
    """Write JSON, indented, keys in order; NaN is refused."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def write_csv(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Write rows under the union of their columns: `step` first, the others sorted; absent values are empty."""
    columns = sorted({name for row in rows for name in row}, key=lambda name: (name != "step", name))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint."""
    import torch

    write_atomically(path, lambda file: torch.save(dict(state), file))


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint of tensors and plain values only.

    Raises:
        ConfigurationError: the file is no checkpoint.

    """
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError, pickle.UnpicklingError) as error:
        raise ConfigurationError(
            f"checkpoint {str(path)!r} cannot be read ({error}); delete it to start over"
        ) from error


class InUseError(ConfigurationError):
    """Another process is at an output folder."""


@contextlib.contextmanager
def locked(lock: Path) -> Iterator[None]:
    """Hold a lock file for the length of the context; it is let go when the process ends, however it ends.

    Raises:
        InUseError: another process holds it.

    """
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InUseError(f"out {str(lock.parent)!r} is in use by another process; wait for it") from None
        yield


@contextlib.contextmanager
def claimed(folder: Path, options: Any, resume: bool | None) -> Iterator[None]:
    """Claim an output folder for the length of the context, and store the resolved options in it.

    What a kill left half-written is removed. A run that did nothing worth keeping leaves the folder to the next.

    Raises:
        ConfigurationError: see `check_place`; or the folder was made with other options.
        InUseError: another process is at it.

    """
    check_place(folder, resume=resume)
    check_stored(folder, options)
    folder.mkdir(parents=True, exist_ok=True)
    claimed_before = (folder / LOCK).exists()
    with locked(folder / LOCK):
        check_place(folder, resume=resume)  # another process may have been at it until now
        check_stored(folder, options)
        if claimed_before and not holds_work(folder):
            (folder / CONFIG).unlink(missing_ok=True)
            for of_steps in ("samples", "evidence"):
                shutil.rmtree(folder / of_steps, ignore_errors=True)
        for leftover in folder.glob(f".*{TEMPORARY}"):
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        if not (folder / CONFIG).exists():
            write_text(folder / CONFIG, to_toml(options))
        yield


def check_place(folder: Path, *, resume: bool | None) -> None:
    """Refuse a place for a run that is a file, or holds something else, or a run where none is continued.

    Args:
        folder: the place.
        resume: whether a run that is there is continued; None: the command continues none.

    Raises:
        ConfigurationError: see above.

    """
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"out {str(folder)!r} is a file; give a folder")
    if resume or not folder.is_dir() or is_idle(folder):
        return
    if (folder / CONFIG).exists():
        advice = "give another --out" if resume is None else "pass --resume to continue it, or another --out"
        raise ConfigurationError(f"out {str(folder)!r} holds a run already; {advice}")
    if any(folder.iterdir()):
        raise ConfigurationError(f"out {str(folder)!r} is not empty and holds no run; give another --out")


def is_idle(folder: Path) -> bool:
    """Tell whether a folder was claimed by a run that then did nothing worth keeping, so that it may be used again."""
    return (folder / LOCK).exists() and not holds_work(folder)


def check_stored(folder: Path, options: Any, *, final: bool = True) -> None:
    """Refuse to continue a run with other options than it was begun with.

    Args:
        folder: of the run; one that did nothing worth keeping may go on with any.
        options: the options.
        final: whether they are as a run stores them; else what a run fills in may be open: the label, the device,
            hyperparameters that were not given.

    Raises:
        ConfigurationError: an option differs.

    """
    if not (folder / CONFIG).exists() or is_idle(folder):
        return
    stored, wanted = _flat(read_toml(folder / CONFIG)), _flat(resolved(options))
    if not stored.get("lora_rank") and not wanted.get("lora_rank"):  # the others mean nothing
        for name in ("lora_alpha", "lora_targets"):
            stored.pop(name, None)
            wanted.pop(name, None)
    differing = []
    for name in sorted(stored.keys() | wanted.keys()):
        was, given = stored.get(name), wanted.get(name)
        filled_in = name.startswith("agent_kwargs ") or (name, given) in (("device", "auto"), ("label", ""))
        if was != given and (final or not filled_in):
            differing.append(f"{name} = {was!r}, not {given!r}")
    if differing:
        more = f" (and {len(differing) - MOST_TOLD} more)" if len(differing) > MOST_TOLD else ""
        longer = [name for name in differing if name.startswith("steps = ")] and (folder / RESULT).exists()
        raise ConfigurationError(
            f"out {str(folder)!r} was made with {'; '.join(differing[:MOST_TOLD])}{more}; "
            f"resume with the stored options (--config {folder / CONFIG}), or give another --out"
            + (f"; to train its model further, --policy {folder} and another --out" if longer else "")
        )


def _flat(table: Mapping[str, Any]) -> dict[str, Any]:
    """Put the entries of inner tables beside the others, so that what differs is told by its name."""
    found: dict[str, Any] = {}
    for name, value in table.items():
        found |= {f"{name} {key}": of for key, of in value.items()} if isinstance(value, Mapping) else {name: value}
    return found


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file of ours.

    Raises:
        ConfigurationError: it is not JSON.

    """
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ConfigurationError(f"{path}: not JSON ({error}); delete it to have it made again") from error


def read_toml(config: Path) -> dict[str, Any]:
    """Read a TOML file of ours."""
    return tomllib.loads(config.read_text("utf-8"))
