"""What of a run stays on the disk."""

from __future__ import annotations

import json

import pytest
import torch
from transformers import AutoModelForImageTextToText

from agents.bundled import BUNDLED
from agents.options.commands import TrainOptions
from agents.policy.transformers_policy import TransformersPolicy
from agents.runs import checkpoint
from agents.runs.links import link_equal
from rlsd_env.errors import ConfigurationError


def test_equal_files_are_held_once(tmp_path):
    names = ("a/tokenizer.json", "b/tokenizer.json", "b/other.json", "c/tokenizer.json")
    for name, text in zip(names, ("same", "same", "else", "same")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    paths = [tmp_path / name for name in names]
    assert link_equal(paths) == 8
    assert link_equal(paths) == 0
    assert len({path.stat().st_ino for path in paths}) == 2
    assert [path.read_text() for path in paths] == ["same", "same", "else", "same"]
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == ["other.json", "tokenizer.json"]


def test_a_checkpoint_of_either_kind_is_removed(tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"")
    (tmp_path / "checkpoint.json").write_bytes(b"")
    (tmp_path / "checkpoint-7").mkdir()
    (tmp_path / "metrics.csv").write_bytes(b"")
    checkpoint.remove(tmp_path)
    checkpoint.remove(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"]


def test_what_is_kept_is_one_of_three():
    with pytest.raises(ConfigurationError, match="did you mean 'model'"):
        TrainOptions(keep="modle")


def test_a_model_is_saved_in_the_precision_that_it_came_in(tmp_path):
    """The bundled models are float16: what was changed in float32 is rounded, what was not is the same bytes."""
    policy = TransformersPolicy.from_pretrained(str(BUNDLED["lab-q0"]))
    assert policy.model.dtype == torch.float32
    policy.save(tmp_path / "same")
    weights = "model.safetensors"
    assert (tmp_path / "same" / weights).read_bytes() == (BUNDLED["lab-q0"] / weights).read_bytes()
    assert json.loads((tmp_path / "same" / "config.json").read_text())["dtype"] == "float16"
    with torch.no_grad():
        policy.model.lm_head.weight += 1e-3
    policy.save(tmp_path / "other")
    read = AutoModelForImageTextToText.from_pretrained(tmp_path / "other")
    assert read.dtype == torch.float16
    assert torch.equal(read.lm_head.weight, policy.model.lm_head.weight.half())
    assert str(policy.model.config.dtype).endswith("float32")  # only what is written says otherwise
