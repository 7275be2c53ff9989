"""Mistakes that names, paths and a config.json tell are found before torch is imported, each in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agents import algorithms, baselines, names
from agents.algorithms.presets import PRESETS
from rlsd_env.errors import ConfigurationError

SCRIPT = """
import contextlib, io, json, sys
from agents import command_line, compare, evaluate, train
commands = {"train": train.main, "compare": compare.main, "evaluate": evaluate.main}
found = []
for command, *argv in json.loads(sys.argv[1]):
    sys.argv = [command, *argv]
    told = io.StringIO()
    with contextlib.redirect_stderr(told):
        try:
            command_line.main(commands[command])
            code = 0
        except SystemExit as stop:
            code = stop.code
    heavy = [name for name in ("torch", "transformers") if name in sys.modules]
    found.append([code, told.getvalue(), heavy])
print(json.dumps(found))
"""


def run(*commands):
    """Run commands one after another in one fresh process; return exit code, stderr and heavy imports of each."""
    made = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(commands)], capture_output=True, text=True, timeout=300, check=False
    )
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout.splitlines()[-1])


def test_mistakes_are_found_before_torch(tmp_path):
    names = ("taken", "empty", "text", "adapted", "file")
    taken, empty, text_only, adapted, file = (tmp_path / name for name in names)
    for folder in (taken, empty, text_only, adapted):
        folder.mkdir()
    (adapted / "adapter_config.json").write_text("{}")
    (taken / "config.toml").write_text("")
    (text_only / "config.json").write_text(json.dumps({"model_type": "qwen3"}))
    file.write_text("")
    out = ("--out", str(tmp_path / "out"))
    chain = ("--env", "rlsd/Chain-v0")
    mistakes = {
        ("train", "--agent", "rsld", *out): "unknown agent 'rsld'; did you mean 'rlsd'?",
        ("train", "--agent", "rlsd/papr", *out): "unknown preset 'rlsd/papr'; did you mean 'rlsd/paper'?",
        ("train", "--agent", "no.such:Agent", *out): "no module named 'no.such' for 'no.such:Agent'",
        ("compare", *chain, "--agents", "grpo,rsld", *out): "unknown agent 'rsld'",
        ("train", "--out", str(taken)): "holds a run already; pass --resume",
        ("train", "--out", str(tmp_path)): "is not empty and holds no run",
        ("train", "--out", str(file)): "is a file; give a folder",
        ("compare", *chain, "--out", str(file / "runs")): "file' is a file; give another --out",
        ("compare", "--env", "rlsd/Chian-v0", *out): "did you mean 'rlsd/Chain-v0'?",
        ("train", *chain, "--env-kwargs", "difficulty=9", *out): "difficulty",
        ("train", *chain, "--env-kwargs", "dificulty=2", *out): "difficulty",
        ("train", *chain, "--policy", str(tmp_path / "no"), *out): "an existing checkpoint folder",
        ("train", *chain, "--policy", str(empty), *out): "has no config.json, so it is no checkpoint",
        ("train", *chain, "--policy", str(tmp_path), *out): f"has no config.json; did you mean '{text_only}'?",
        ("train", "--env", "rlsd/PictureChain-v0", "--policy", str(text_only), *out): "(qwen3) reads text only",
        ("train", *chain, "--policy", str(adapted), "--lora-rank", "2", *out): "holds LoRA adapters, and a run with",
        ("evaluate", "--env", "rlsd/Clock-v0", "--policy", str(text_only)): "(qwen3) reads text only",
        ("evaluate", *chain, "--out", str(file)): "is a file; give a folder",
        ("evaluate", *chain, "--out", str(taken)): "holds a run already; give another --out",
        ("evaluate", *chain, "--out", str(tmp_path)): "is not empty and holds no run",
    }
    for (command, expected), (code, told, heavy) in zip(mistakes.items(), run(*mistakes)):
        assert (code, heavy) == (2, []), command
        assert told.startswith("error: "), command
        assert expected in told, command
        assert told.count("\n") == 1, command


def test_an_output_folder_that_may_not_be_written(tmp_path, monkeypatch):
    from agents import foresight

    monkeypatch.setattr(foresight.os, "access", lambda path, how: Path(path) != tmp_path)
    with pytest.raises(ConfigurationError, match="may not be written"):
        foresight.check_out(tmp_path / "a" / "b", resume=False)


def test_the_names_are_those_that_there_are():
    assert set(names.ALGORITHMS) <= set(algorithms.names())
    assert {cls.name for cls in algorithms.registry.REGISTERED} == set(names.ALGORITHMS)
    assert set(names.BASELINES) == set(baselines.names())
    assert set(names.PRESETS) == set(PRESETS)
