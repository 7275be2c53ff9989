"""What tests and the examples in docstrings leave behind for others, wherever they stand."""

from __future__ import annotations

import os
from collections.abc import Iterator

import gymnasium
import pytest

from rlsd_env.desk import TOLD


@pytest.fixture(autouse=True)
def _tells_again() -> Iterator[None]:
    """Have warnings that are given once in a command given once in a test."""
    told = os.environ.pop(TOLD, None)
    yield
    os.environ.pop(TOLD, None)
    if told is not None:
        os.environ[TOLD] = told


@pytest.fixture(autouse=True)
def _ids_of_examples(request: pytest.FixtureRequest) -> Iterator[None]:
    """Forget the environments that a docstring registers: their modules are nowhere."""
    known = dict(gymnasium.registry)
    yield
    if isinstance(request.node, pytest.DoctestItem):
        gymnasium.registry.clear()
        gymnasium.registry.update(known)
