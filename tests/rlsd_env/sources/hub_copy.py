"""Small copies of data sets as the hub hands them out: parquet shards with embedded images."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from PIL import Image


def png(colour: str = "red", size: tuple[int, int] = (8, 6)) -> bytes:
    """A picture of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def write_split(folder: Path, split: str, rows: list[dict[str, Any]], config: str | None = None) -> str:
    """Write one shard with Image features where cells are bytes or lists of bytes; returns the copy's folder."""
    import datasets

    def cell(value: Any) -> Any:
        if isinstance(value, list) and value and isinstance(value[0], bytes):
            return [cell(element) for element in value]
        return {"bytes": value, "path": None} if isinstance(value, bytes) else value

    rows = [{name: cell(value) for name, value in row.items()} for row in rows]
    data = datasets.Dataset.from_list(rows)
    for name in rows[0]:
        values = [row[name] for row in rows if row[name] is not None]
        first = values[0] if values else None
        if isinstance(first, dict) and "bytes" in first:
            data = data.cast_column(name, datasets.Image())
        elif isinstance(first, list) and first and isinstance(first[0], dict):
            data = data.cast_column(name, datasets.Sequence(datasets.Image()))
    target = folder / (config or "data")
    target.mkdir(parents=True, exist_ok=True)
    data.to_parquet(str(target / f"{split}-00000-of-00001.parquet"))
    return str(folder)
