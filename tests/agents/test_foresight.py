"""Mistakes that names, paths and a config.json tell are found before torch is imported, each in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agents import algorithms, baselines, names
from agents.algorithms.presets import PRESETS
from agents.foresight import check_generates
from rlsd_env.errors import ConfigurationError
from tests.conftest import ROOT

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


MARKS = """
from verifiers import Verifier


class Rigth(Verifier):
    def verify(self, response, reference):
        return 1.0
"""


def run(*commands, path=ROOT):
    """Run commands one after another in one fresh process; return exit code, stderr and heavy imports of each."""
    made = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(commands)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{path}"},
    )
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout.splitlines()[-1])


def test_mistakes_are_found_before_torch(tmp_path):
    names = ("taken", "empty", "text", "adapted", "listed", "stopped", "whisper", "weightless", "file")
    taken, empty, text_only, adapted, listed, stopped, whisper, weightless, file = (tmp_path / name for name in names)
    for folder in (taken, empty, text_only, adapted, listed, stopped, whisper, weightless):
        folder.mkdir()
    (adapted / "adapter_config.json").write_text("{}")
    (listed / "adapter_config.json").write_text("[1]")
    (listed / "adapter_model.safetensors").write_text("")
    for name in ("config.toml", "checkpoint.pt"):
        (stopped / name).write_text("")
    (whisper / "config.json").write_text(json.dumps({"model_type": "whisper", "is_encoder_decoder": True}))
    (weightless / "config.json").write_text(json.dumps({"architectures": ["Qwen3ForCausalLM"]}))
    (text_only / "model.safetensors").write_text("")
    (tmp_path / "my_marks.py").write_text(MARKS)
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
        ("train", *chain, "--policy", str(stopped), *out): "is a run that has not ended; --resume ends it, or",
        ("evaluate", *chain, "--policy", str(stopped)): "is a run that has not ended; --resume ends it, or",
        ("train", *chain, "--policy", str(listed), *out): "cannot be read: it holds a list, not an object",
        ("train", *chain, "--policy", str(tmp_path / "no" / "run"), *out): "an existing checkpoint folder",
        ("train", *chain, "--policy", str(tmp_path), *out): f"has no config.json; did you mean '{text_only}'?",
        ("train", "--env", "rlsd/PictureChain-v0", "--policy", str(text_only), *out): "(qwen3) reads text only",
        ("train", *chain, "--policy", str(whisper), *out): "is a whisper, which does not write on from what it reads",
        ("train", *chain, "--policy", str(weightless), *out): "has no weights; it must hold *.safetensors or *.bin",
        ("train", *chain, "--device", "gpu", *out): "unknown device 'gpu'; did you mean 'cpu'?",
        ("train", *chain, "--agent-kwargs", "lamm=0.2", *out): "unknown option of rlsd 'lamm'; did you mean 'lam'?",
        ("train", *chain, "--agent-kwargs", "lam=high", *out): "rlsd.lam is 'high'; it must be of type float",
        ("compare", *chain, "--agents", "a=rlsd", "--agent-kwargs", "a.lamm=1", *out): "unknown option of rlsd 'lamm'",
        (
            "train",
            *chain,
            "--agent",
            "my_marks:Right",
            *out,
        ): "unknown name in module 'my_marks' 'Right'; allowed: none",
        ("train", *chain, "--env-kwargs", "verifier=my_marks:Rigth", *out): "Rigth.verify returned 1.0 (float)",
        ("train", *chain, "--policy", str(adapted), "--lora-rank", "2", *out): "holds adapters, and a run with",
        ("evaluate", "--env", "rlsd/Clock-v0", "--policy", str(text_only)): "(qwen3) reads text only",
        ("evaluate", *chain, "--out", str(file)): "is a file; give a folder",
        ("evaluate", *chain, "--out", str(taken)): "holds a run already; pass --resume to continue it",
        ("evaluate", *chain, "--out", str(tmp_path)): "is not empty and holds no run",
    }
    for (command, expected), (code, told, heavy) in zip(mistakes.items(), run(*mistakes, path=tmp_path)):
        *warning, error = told.splitlines()
        assert (code, heavy) == (2, []), command
        assert error.startswith("error: "), command
        assert expected in error, command
        assert warning == [] or "is not the library's" in warning[0], command
        assert len(warning) <= 1, command


def test_a_name_in_a_folder_of_runs_is_no_hub_id(tmp_path, monkeypatch):
    from agents.bundled import found_place

    monkeypatch.chdir(tmp_path)
    assert found_place("runs/nope") == "runs/nope"  # for all that is known here
    (tmp_path / "runs" / "one").mkdir(parents=True)
    (tmp_path / "runs" / "one" / "config.toml").write_text("")
    with pytest.raises(ConfigurationError, match="policy 'runs/nope': it must be a bundled model"):
        found_place("runs/nope")
    assert found_place("runs/one") == "runs/one"


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


def test_the_hyperparameters_are_those_that_there_are():
    """`python -m agents.names > agents/hyperparameters.json` makes them so."""
    assert json.loads(names.HYPERPARAMETERS.read_text("utf-8")) == names._hyperparameters()


def test_an_integer_is_a_float():
    names.check_hyperparameters("rlsd/paper", {"lam": 1})
    with pytest.raises(ConfigurationError, match=r"rlsd/paper.decay_steps is 1.5; it must be of type int"):
        names.check_hyperparameters("rlsd/paper", {"decay_steps": 1.5})


def test_every_model_that_transformers_calls_generative_is_let_through():
    from transformers.models.auto import modeling_auto

    of_text = modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    of_both = modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
    refused = []
    for name in [*of_text.values(), *of_both.values()]:
        try:
            check_generates("policy", {"architectures": [name] if isinstance(name, str) else list(name)})
        except ConfigurationError:
            refused.append(name)
    assert refused == []
    for name in ("BertForMaskedLM", "ViTForImageClassification"):
        with pytest.raises(ConfigurationError, match=f"policy 'mine' is a {name}"):
            check_generates("mine", {"architectures": [name]})
