"""The documented game of TextArena trains with the bundled model."""

from __future__ import annotations

import csv
import importlib.util
import sys

import gymnasium
import pytest

from tests.agents.commands import call
from tests.conftest import ROOT
from tests.doc_blocks import blocks

ID = "mine/Guess-v0"


@pytest.mark.skipif(
    importlib.util.find_spec("textarena") is None, reason="TextArena is not installed; make test-peers installs it"
)
@pytest.mark.parametrize("agent", ["grpo", "rlsd"])
def test_guess_the_number(agent, tmp_path, monkeypatch):
    page = blocks((ROOT / "docs" / "own_tasks.md").read_text("utf-8"))
    (text,) = (block.text for block in page if "Saved as guess.py" in block.text)
    (tmp_path / "guess.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    options = "--steps 3 --prompts-per-step 2 --group-size 4 --lr 3e-4 --max-tokens 32 --eval-tasks 4 --eval-samples 1"
    try:
        for out in ("out", "again"):
            call("agents.train", "--env", f"guess:{ID}", "--agent", agent, *options.split(), "--out", out, cwd=tmp_path)
    finally:
        sys.modules.pop("guess", None)
        gymnasium.registry.pop(ID, None)
    with (tmp_path / "out" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    assert all(0 <= float(row["reward"]) <= 1 for row in rows)
    assert any(float(row["grad_norm"]) > 0 for row in rows)
    scored = sum(float(row.get("teacher_tokens_scored") or 0) for row in rows)
    assert (scored > 0) == (agent == "rlsd")
    tables = [(tmp_path / out / "metrics.csv").read_bytes() for out in ("out", "again")]
    assert tables[0] == tables[1]
