"""Arguments with which every registered id opens here: nothing, or a small copy in the data set's official schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlsd_env.registration import IDS
from tests.conftest import DATA
from tests.rlsd_env.sources import test_benchmarks as paper
from tests.rlsd_env.sources import test_further_sets as further
from tests.rlsd_env.sources import test_mmfinereason as reasoning
from tests.rlsd_env.sources import test_own_table as table
from tests.rlsd_env.sources.hub_copy import png, write_split

_PRO = [paper.PRO_ROW]
_ROWS: dict[str, tuple[list[dict[str, Any]], str, str | None]] = {
    "rlsd/MathVista-v0": ([paper.MATHVISTA], "testmini", None),
    "rlsd/MMMU-v0": ([paper.MMMU_ROW], "validation", "Math"),
    "rlsd/MMMU-dev-v0": ([paper.MMMU_ROW], "dev", "Math"),
    "rlsd/MMMUPro-v0": (_PRO, "test", "standard (10 options)"),
    "rlsd/MMMUPro-standard4-v0": (_PRO, "test", "standard (4 options)"),
    "rlsd/MMMUPro-vision-v0": ([paper.VISION_ROW], "test", "vision"),
    "rlsd/MathVision-v0": ([paper.MATHVISION_ROW], "test", None),
    "rlsd/MathVision-testmini-v0": ([paper.MATHVISION_ROW], "testmini", None),
    "rlsd/ZeroBench-v0": ([paper.ZERO_ROW], "zerobench", None),
    "rlsd/ZeroBench-subquestions-v0": ([paper.ZERO_ROW], "zerobench_subquestions", None),
    "rlsd/WeMath-v0": (paper.WEMATH, "testmini", None),
    "rlsd/MMFineReason-v0": ([reasoning.ROW], "train", None),
    "rlsd/MathVerse-text-v0": ([further.VERSE], "testmini_text_only", "testmini_text_only"),
    "rlsd/Geometry3K-validation-v0": ([further.GEOMETRY], "validation", None),
    **{f"rlsd/{name}": ([row], split, config) for name, split, config, row, *_ in further.SETS},
}
_SUBJECT = {"rlsd/MMMU-v0": {"subject": "Math"}, "rlsd/MMMU-dev-v0": {"subject": "Math"}}
REAL = {
    "rlsd/MathVision-testmini-v0": {"path": "mathvision"},
    "rlsd/WeMath-v0": {"path": "wemath/subset60_with_images.jsonl.gz"},
    "rlsd/MMFineReason-v0": {"path": "mmfinereason/sample220.jsonl.gz"},
    "rlsd/MathVista-v0": {"path": "mathvista/testmini_problems.jsonl.gz", "images": "absent"},
    "rlsd/MMMUPro-v0": {"path": "mmmu_pro/problems_standard10.jsonl.gz", "images": "absent"},
    "rlsd/MathVision-v0": {"path": "mathvision/test.jsonl.gz", "images": "absent"},
}
"""The ids with real data in ../shared/data, relative to it."""


def arguments(id: str, folder: Path) -> dict[str, Any]:
    """Make what an id needs in `folder` and return its arguments."""
    if ".procedural." in IDS[id]["source"]:
        return {}
    images = folder / "images"
    images.mkdir(parents=True)
    (images / "a.png").write_bytes(png())
    if id == "rlsd/Table-v0":
        write_split(folder, "train", [table.ROW])
        return {"path": str(folder / "data" / "train-00000-of-00001.parquet"), "columns": table.COLUMNS}
    if id == "rlsd/DynaMath-v0":
        for variant in range(1, 11):
            write_split(folder, f"sample_variant{variant}", further.dyna_rows(variant))
        return {"path": str(folder)}
    if id.startswith("rlsd/RLSDRelease"):
        (folder / "MMFineReason_images").mkdir()
        for name in ("1", "2"):
            (folder / "MMFineReason_images" / f"{name}.png").write_bytes(png())
        file = folder / f"{IDS[id].get('split', 'train')}.json"
        file.write_text(json.dumps([reasoning.RELEASE]))
        return {"path": str(file)}
    rows, split, config = _ROWS[id]
    return {"path": write_split(folder, split, rows, config)} | _SUBJECT.get(id, {})


def real_arguments(id: str) -> dict[str, Any]:
    """Return the arguments that open an id's real data; skips where they are absent."""
    found = dict(REAL[id])
    path = DATA / found["path"]
    if not path.exists():
        pytest.skip(f"no real data in ../shared/data/{found['path']}")
    return found | {"path": str(path)}
