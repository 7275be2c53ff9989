"""A data set of the tests' own, and copies of it."""

from __future__ import annotations

import json
from typing import ClassVar

from rlsd_env.sources.dataset import DataSource
from rlsd_env.sources.record import Record
from tests.rlsd_env.sources.hub_copy import png
from verifiers import Reference

COLOURS = ("red", "lime", "blue")
RGB = {"red": [255, 0, 0], "lime": [0, 255, 0], "blue": [0, 0, 255]}


class Colours(DataSource):
    """What colour is it? One picture a row; rows of one `family` belong together."""

    hub_id: ClassVar[str] = "nobody/colours"
    splits: ClassVar[tuple[str, ...]] = ("train", "validation")
    withheld: ClassVar[tuple[str, ...]] = ("test",)
    columns: ClassVar[tuple[str, ...]] = ("question", "answer")
    group_columns: ClassVar[tuple[str, ...]] = ("family",)
    filter_columns: ClassVar[tuple[str, ...]] = ("image", "family")
    licence: ClassVar[str] = "CC0"

    def leave_out(self, cells):
        return "of no family" if cells.get("family") == "none" else ""

    def convert(self, row):
        return Record(
            id=self.row_id(row),
            question=f"<image>{row['question']}",
            reference=Reference(str(row["answer"]).strip()),
            pictures=self.required_picture(row, "image"),
            metadata={"family": str(row["family"])},
        )


class Gated(Colours):
    """The same behind terms."""

    gated: ClassVar[bool] = True


def rows(count=3, **changed):
    return [
        {"id": str(n), "question": "Colour?", "answer": COLOURS[n % 3], "family": f"f{n // 2}", **changed}
        for n in range(count)
    ]


def with_bytes(table):
    return [{**row, "image": png(COLOURS[number % 3])} for number, row in enumerate(table)]


def with_files(folder, table):
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for number, row in enumerate(table):
        (folder / "images" / f"{number}.png").write_bytes(png(COLOURS[number % 3]))
        row["image"] = f"images/{number}.png"
    return table


def write_lines(folder, table, name="train.jsonl"):
    (folder / name).write_text("\n".join(json.dumps(row) for row in table), encoding="utf-8")


def json_lines(folder):
    write_lines(folder, with_files(folder, rows()))
    return str(folder)
