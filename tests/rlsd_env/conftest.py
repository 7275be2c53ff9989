"""An environment of others with something hidden, by its id."""

from __future__ import annotations

import gymnasium
import pytest

from rlsd_env.adapters import foreign
from tests.rlsd_env.adapters import secret as module


@pytest.fixture
def secret():
    id, name = "games/Secret-v0", module.__name__
    foreign.register(id, make=f"{name}:Secret", privileged=f"{name}:number", max_turns=3)
    yield id
    gymnasium.registry.pop(id)
