"""`agents.export` of a run that was killed: the model that its last checkpoint holds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file
from torch.testing import assert_close

from agents.bundled import TINY, checkpoint_of
from agents.policy.loading import load_policy
from agents.runs.storage import load_checkpoint
from rlsd_env.errors import ConfigurationError
from tests.agents.commands import SMALL, call, leave_at
from tests.agents.test_resume import in_use, wait_until
from tests.conftest import ROOT

TRAIN = [*SMALL, "--agent", "opsd", "--env", "rlsd/ShapeCount-v0", "--lr", "1e-3"]


def test_what_a_checkpoint_holds_is_the_model_of_as_many_steps(tmp_path, monkeypatch):
    call("agents.train", *TRAIN, "--steps", 2, "--out", tmp_path / "two")
    leave_at(3, monkeypatch)
    stopped = [*TRAIN, "--steps", 5, "--checkpoint-every", 2, "--out", tmp_path / "stopped"]
    assert call("agents.train", *stopped, check=False).returncode == 9
    told = call("agents.export", tmp_path / "stopped", "--out", tmp_path / "plain").stdout
    assert told == f"{tmp_path / 'plain'}: model, of a run that has not ended, after step 2 of 5, 5.9 MB\n"
    found, expected = (load_file(tmp_path / of / "model.safetensors") for of in ("plain", "two/model"))
    assert_close(found, expected, rtol=0, atol=0)
    begun = load_file(TINY / "model.safetensors")
    assert any(not found[name].equal(begun[name]) for name in begun)
    refused = call("agents.export", tmp_path / "stopped", "--adapter", "--out", tmp_path / "a", check=False).stderr
    assert "has no LoRA adapters" in refused
    with pytest.raises(ConfigurationError, match=r"has not ended; .* python -m agents.export .*stopped --out FOLDER"):
        checkpoint_of(str(tmp_path / "stopped"))


def test_adapters_of_a_killed_run(tmp_path):
    run = tmp_path / "killed"
    command = [sys.executable, "-m", "agents.train", *TRAIN, "--lora-rank", "2", "--steps", "400", "--out", str(run)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, **quiet)
    metrics = run / "metrics.csv"
    wait_until(lambda: process.poll() or (metrics.exists() and len(metrics.read_text().splitlines()) > 3), 600)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    wait_until(lambda: not in_use(run), 60)
    stored = load_checkpoint(run / "checkpoint.pt")
    assert stored["step"] >= 3
    told = call("agents.export", run, "--adapter", "--out", tmp_path / "alone").stdout
    assert f"LoRA adapters alone, of a run that has not ended, after step {stored['step']} of 400, " in told
    alone = load_file(tmp_path / "alone" / "adapter_model.safetensors")
    weights = stored["agent"]["model"]
    place = "model.language_model.layers.0.self_attn.q_proj"
    down, up = (weights[f"{place}.lora_{side}.default.weight"] for side in "AB")
    assert up.any()
    assert len(alone) == len(weights)
    assert alone[f"base_model.model.{place}.lora_B.weight"].equal(up)
    call("agents.export", run, "--out", tmp_path / "merged")
    merged = load_file(tmp_path / "merged" / "model.safetensors")
    expected = load_file(TINY / "model.safetensors")[f"{place}.weight"] + 2 * up @ down  # alpha is twice the rank
    assert_close(merged[f"{place}.weight"], expected)
    assert_close(dict(load_policy(str(tmp_path / "alone"), "cpu").weights()), merged)
    assert not [*Path(run).glob("model")]
