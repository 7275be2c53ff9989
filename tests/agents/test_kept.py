"""What of a run stays on the disk."""

from __future__ import annotations

import pytest

from agents.options.commands import TrainOptions
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
