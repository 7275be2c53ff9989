"""The package as a whole: light to import, complete, with examples that run."""

import doctest
import importlib
import subprocess
import sys

import pytest

import verifiers


def test_import_is_light():
    code = "import sys, verifiers; print(*sys.modules)"  # benchmarks.verifiers has the seconds
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(done.stdout.split())
    assert not modules & {"torch", "sympy", "numpy", "transformers", "agents", "rlsd_env"}


def test_everything_public_is_there():
    for name in verifiers.__all__:
        assert getattr(verifiers, name).__doc__


@pytest.mark.parametrize("module", ["verifiers", "verifiers.answers"])
def test_the_examples_in_the_documentation_run(module):
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted > 0
    assert result.failed == 0
