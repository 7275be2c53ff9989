"""What all tests share: real data where it is there, one torch thread, no network."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

ROOT = Path(__file__).parent.parent
DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def mathvision_dir() -> str:
    folder = DATA / "mathvision"
    if not (folder / "images").is_dir():
        pytest.skip("no real MathVision data in ../shared/data/mathvision")
    return str(folder)
