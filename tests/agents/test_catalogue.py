"""The pages of algorithms: made from docstrings, which say formula, source, differences and what is inferred."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agents.algorithms import find, names
from agents.algorithms.catalogue import defaults_of, describe, index, meanings, sources
from tests.conftest import ROOT


def test_the_page_shows_what_there_is():
    page = ROOT / "docs" / "algorithms.md"
    wanted = index()
    assert page.read_text("utf-8") == wanted, "run python -m agents.algorithms --markdown > docs/algorithms.md"


@pytest.mark.parametrize("name", names())
def test_every_option_says_what_it_is(name):
    """On its page; the teacher's rule is explained once for all."""
    cls = find(name)
    unsaid = {field.name for field in dataclasses.fields(cls)} - meanings(cls).keys()
    assert unsaid <= {"teacher"}


def test_the_settings_that_defaults_are():
    assert defaults_of("rlsd") == ["`rlsd/paper` (Self-Distilled RLVR (arXiv 2604.03128), Algorithm 1 and Section 5)"]
    assert [one.partition(" ")[0] for one in defaults_of("sdpo")] == ["`sdpo/official`"]
    assert meanings(find("cepo"))["epsilon"] == meanings(find("rlsd"))["epsilon"]


@pytest.mark.parametrize("name", names())
def test_an_algorithm_is_one_short_file_that_says_what_it_is(name):
    file = Path(sys.modules[find(name).__module__].__file__)
    text = file.read_text("utf-8")
    assert len(text.splitlines()) <= 120
    assert "agents.learner" not in text
    found = describe(name)
    assert "`" in found.body, "no formula"
    assert re.search(r"^1\. ", found.body, re.MULTILINE), "no numbered differences"
    assert sources(name) != "-"


def test_the_command_tells_of_all_and_of_one():
    def said(*words):
        command = [sys.executable, "-m", "agents.algorithms", *words]
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300)

    table = said().stdout
    assert all(name in table for name in names())
    assert "epsilon = 0.2" in said("rlsd").stdout
    wrong = said("rlds")
    assert wrong.returncode == 2
    assert "did you mean 'rlsd'" in wrong.stderr
