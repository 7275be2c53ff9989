"""Parquet files of single training steps: one per process and step, written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlsd_env.errors import ConfigurationError


def write_step(
    folder: Path,
    step: int,
    columns: Mapping[str, Sequence[Any]],
    types: Mapping[str, Any],
    rank: int = 0,
    processes: int = 1,
) -> Path | None:
    """Write what was kept of a step, in place of what is there.

    Args:
        folder: of all such files.
        step: training step.
        columns: values by name, as many each; of none there is no file.
        types: pyarrow's, of columns whose type does not show.
        rank: number of the process; each writes a file of its own.
        processes: how many there are; the first one removes files of more, which a run before a resume had.

    """
    if rank == 0:
        for path in folder.glob(f"step-{step:06d}-*.parquet"):
            if int(path.stem.rpartition("-")[2]) >= processes:
                path.unlink()
    if not any(columns.values()):
        return None

    import pyarrow as pa
    from pyarrow import parquet

    arrays = {name: pa.array(values, types.get(name)) for name, values in columns.items()}
    path = folder / f"step-{step:06d}-{rank}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    parquet.write_table(pa.table(arrays), partial)
    partial.replace(path)
    return path


def read_steps(folder: Path, step: int | None, how: str) -> list[dict[str, Any]]:
    """Read the rows of a step, or of all steps, in the order of the files' names.

    Args:
        folder: of all such files.
        step: of this step only; None: of all.
        how: what is kept, and how it comes to be, for the message.

    Raises:
        FileNotFoundError: there is none.
        ConfigurationError: a file is damaged.

    """
    from pyarrow import ArrowInvalid, parquet

    pattern = "step-*.parquet" if step is None else f"step-{step:06d}-*.parquet"
    paths = sorted(folder.glob(pattern))
    if not paths:
        raise FileNotFoundError(f"{folder.parent} has no {folder.name} of {pattern}; {how}")
    rows = []
    for path in paths:
        try:
            rows += parquet.read_table(path).to_pylist()
        except ArrowInvalid as error:
            reason = str(error).partition(".")[0]
            raise ConfigurationError(f"{path} is damaged: {reason}; remove it to go on without") from error
    return rows
