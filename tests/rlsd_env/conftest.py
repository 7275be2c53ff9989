"""An environment of others with something hidden, by its id."""

from __future__ import annotations

import gymnasium
import pytest

from rlsd_env.adapters import foreign
from tests.rlsd_env.adapters.test_foreign_checks import ME


@pytest.fixture
def secret():
    id = "games/Secret-v0"
    foreign.register(id, make=f"{ME}:Secret", privileged=f"{ME}:number", max_turns=3)
    yield id
    gymnasium.registry.pop(id)
