"""Rows with pictures as parquet, for trainers that read it."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import PIL.Image

from rlsd_env.errors import ConfigurationError
from rlsd_env.extras import require
from rlsd_env.task import Image

ROWS_AT_A_TIME = 256


def encoded(images: Iterable[Image]) -> list[dict[str, bytes]]:
    """Return pictures as PNG, in the form of Hugging Face's image columns."""
    made = []
    for image in images:
        buffer = io.BytesIO()
        PIL.Image.fromarray(image).save(buffer, "PNG")
        made.append({"bytes": buffer.getvalue()})
    return made


def write_parquet(path: str | Path, lines: Iterable[Mapping[str, Any]]) -> Path:
    """Write rows of one form, some hundred at a time, and return the file; without `images` where there are none.

    Raises:
        ConfigurationError: pyarrow is not installed, or some rows have pictures and some have none.

    """
    require("the parquet file", "data", "pyarrow")
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    writer: Any = None
    waiting: list[dict[str, Any]] = []
    seen: bool | None = None

    def flush() -> None:
        nonlocal writer
        table = pa.Table.from_pylist(waiting, schema=None if writer is None else writer.schema)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
        waiting.clear()

    try:
        for line in lines:
            seen = bool(line["images"]) if seen is None else seen
            if seen != bool(line["images"]):
                raise ConfigurationError(
                    f"some tasks for {str(path)!r} have pictures and some have none, which its readers do not take; "
                    "write a file of each"
                )
            waiting.append({name: value for name, value in line.items() if seen or name != "images"})
            if len(waiting) == ROWS_AT_A_TIME:
                flush()
        if waiting or writer is None:
            flush()
    finally:
        if writer is not None:
            writer.close()
    return path
