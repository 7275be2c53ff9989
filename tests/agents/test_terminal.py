"""Text in square brackets, which rich would take for markup, is shown as it is."""

from __future__ import annotations

import sys

import pytest

from agents.bundled import TINY
from agents.terminal import terminal
from benchmarks import verifiers as benchmark
from benchmarks.verifier_rows import ordinary_rows
from tests.agents.commands import call
from tests.conftest import ROOT

BRACKETS = "m[bold]:warning:"


@pytest.fixture
def folder(tmp_path):
    """A folder with the bundled model under a name that is markup."""
    (tmp_path / BRACKETS).symlink_to(TINY, target_is_directory=True)
    return tmp_path


def test_an_estimate_shows_names_and_extras_whole(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    argv = ["--dry-run", "--policy", f"./{BRACKETS}", "--lora-rank", "4", "--assumptions", "gpu_memory_gib=0.1"]
    shown = call("agents.train", *argv, cwd=folder).stdout
    assert f"Estimate: rlsd, ./{BRACKETS} on" in shown
    assert "lora_rank needs peft, which is not installed; pip install 'rlsd[lora]'" in " ".join(shown.split())
    assert "DOES NOT FIT" in shown
    assert "[/bold]" not in shown


def test_an_evaluation_shows_the_policys_name_whole(folder):
    shown = call("agents.evaluate", "--policy", f"./{BRACKETS}", "--limit", "1", "--samples", "1", cwd=folder).stdout
    assert f"./{BRACKETS} on 1 task of" in shown


def test_a_benchmark_names_the_extra_that_it_misses(monkeypatch, capsys):
    def make():
        raise ImportError("No module named 'peer[red]'")

    ours = benchmark.GRADERS["ours"]
    monkeypatch.setattr(benchmark, "GRADERS", {"ours": ours, "a peer": ("rlsd", make)})
    rows = ordinary_rows(4)
    benchmark._compared(terminal(200), "[red] made", rows, 1)
    shown = capsys.readouterr().out
    assert "a peer is not measured: No module named 'peer[red]'. Install it with: pip install 'rlsd[peers]'" in shown
    assert f"{len(rows)} [red] made answers" in shown


def test_every_console_is_the_one_that_shows_text_as_it_is():
    made = [
        path.relative_to(ROOT).as_posix()
        for package in ("agents", "benchmarks")
        for path in (ROOT / package).rglob("*.py")
        if "Console(" in path.read_text("utf-8")
    ]
    assert set(made) - {"agents/report/table.py"} == {"agents/terminal.py"}
