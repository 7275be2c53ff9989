"""The examples in docstrings are run."""

from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = [
    "agents.credit", "agents.diagnostics.leakage", "agents.losses", "agents.teacher", "rlsd_env", "rlsd_env.errors",
    "rlsd_env.wrappers", "verifiers",
]  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    found = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted > 0
    assert found.failed == 0
