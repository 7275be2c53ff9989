"""The documented file with a source, a verifier and a tool of the user's own; tests/test_docs.py trains on it."""

from __future__ import annotations

import re
import sys

import gymnasium
import pytest

from tests.agents.commands import run
from tests.conftest import ROOT
from verifiers import AnswerKind, Reference
from verifiers.testing import check_verifier


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    text = (ROOT / "docs" / "own_tasks.md").read_text("utf-8")
    folder = tmp_path_factory.mktemp("own")
    (folder / "my_tasks.py").write_text(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1])
    return folder


def test_the_documented_tasks_validate(folder):
    done = run("rlsd_env", "validate", "my_tasks:mine/Larger-v0", "--limit", "40", cwd=folder)
    assert re.search(r"gold scores 1 +40, of these 40 as asked for \(tags\)", done.stdout)
    assert re.search(r"failed +0", done.stdout)


def test_the_documented_verifier_keeps_the_contract(folder, monkeypatch):
    monkeypatch.syspath_prepend(str(folder))
    import my_tasks

    reference = Reference("31", kind=AnswerKind.INTEGER)
    check_verifier(my_tasks.Exact(), reference, "<answer>31</answer>", "<answer>13</answer>")
    sys.modules.pop("my_tasks")
    gymnasium.registry.pop("mine/Larger-v0")
