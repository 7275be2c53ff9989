"""What all tests share: real data where it is there, one torch thread, no network."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("rlsd", deadline=None)  # a pause of a busy machine is no failure
hypothesis.settings.load_profile("rlsd")
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
