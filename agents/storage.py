"""Files of a run: written whole or not at all, and readable again."""

from __future__ import annotations

import csv
import io
import json
import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import torch

from agents.config import resolved, to_toml
from rlsd_env.errors import ConfigurationError

CONFIG = "config.toml"


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file beside its place and move it there, so that a kill leaves the old one or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def write_json(path: Path, value: Any) -> None:
    """Write JSON, indented, keys in order; NaN is refused."""
    text = json.dumps(value, indent=2, allow_nan=False) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))


def write_csv(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Write rows under the union of their columns: `step` first, the others sorted; absent values are empty."""
    columns = sorted({name for row in rows for name in row}, key=lambda name: (name != "step", name))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, lambda file: file.write(text.getvalue().encode()))


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint."""
    write_atomically(path, lambda file: torch.save(dict(state), file))


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint of tensors and plain values only.

    Raises:
        ConfigurationError: the file is no checkpoint.

    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError) as error:
        raise ConfigurationError(
            f"checkpoint {str(path)!r} cannot be read ({error}); delete it to start over"
        ) from error


def open_folder(folder: Path, options: Any, resume: bool) -> None:
    """Claim an output folder and store the resolved options in it.

    Raises:
        ConfigurationError: the folder is in use and `resume` is off, or it was made with other options.

    """
    config = folder / CONFIG
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"out {str(folder)!r} is a file; give a folder")
    if config.exists():
        if not resume:
            raise ConfigurationError(
                f"out {str(folder)!r} holds a run already; pass --resume to continue it, or another --out"
            )
        stored = _read(config)
        wanted = resolved(options)
        different = sorted(k for k in stored.keys() | wanted.keys() if stored.get(k) != wanted.get(k))
        if different:
            name = different[0]
            raise ConfigurationError(
                f"out {str(folder)!r} was made with {name} = {stored.get(name)!r}, not {wanted.get(name)!r}; "
                "resume with the stored options, or give another --out"
            )
        return
    if folder.is_dir() and any(folder.iterdir()) and not resume:  # a kill may have come before the options
        raise ConfigurationError(f"out {str(folder)!r} is not empty and holds no run; give another --out")
    folder.mkdir(parents=True, exist_ok=True)
    text = to_toml(options)
    write_atomically(config, lambda file: file.write(text.encode()))


def _read(config: Path) -> dict[str, Any]:
    return tomllib.loads(config.read_text("utf-8"))
