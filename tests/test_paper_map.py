"""docs/paper_map.md names functions and tests that are there."""

from __future__ import annotations

import ast
import re

import pytest

from agents.algorithms import names
from agents.algorithms.catalogue import sources
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "paper_map.md").read_text("utf-8")
ROWS = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ") and "`" in line]
NAMED = re.compile(r"`((?:agents|tests|verifiers)/[\w/]+(?:\.py)?)/?(::?)?(\w+)?`")


def defined(path):
    """The names of functions and classes in a file, not those within others."""
    return {one.name for one in ast.parse((ROOT / path).read_text("utf-8")).body if hasattr(one, "name")}


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]}, {row[1]}"[:40] for row in ROWS])
def test_each_row_names_a_function_and_a_test_that_are_there(row):
    _, _, functions, tests = row
    assert functions.startswith(("`agents/", "`verifiers/"))
    assert "`tests/" in tests
    for cell in (functions, tests):
        named = NAMED.findall(cell)
        assert len(named) == cell.count("`") // 2, f"{cell}: not all of it is PATH:NAME"
        for path, colons, name in named:
            assert (ROOT / path).exists(), path
            if path.endswith(".py"):
                assert colons == ("::" if path.startswith("tests/") else ":")
                assert name in defined(path), f"{path} has no {name}"
            else:
                assert any((ROOT / path).glob("*.py")), path


def test_every_source_of_an_algorithm_is_in_the_map():
    papers = {number for name in names() for number in sources(name).split(", ") if number not in ("ours", "-")}
    assert not {number for number in papers if number not in PAGE}


def test_the_rows_are_read():
    assert len(ROWS) > 30
    assert NAMED.findall("`agents/credit.py:contrast`, `tests/verifiers/official/`") == [
        ("agents/credit.py", ":", "contrast"),
        ("tests/verifiers/official/", "", ""),
    ]
