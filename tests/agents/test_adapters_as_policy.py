"""`--policy FOLDER` where the folder has adapters as PEFT writes them: merged into the model that they belong to."""

from __future__ import annotations

import json
import shutil

import pytest
from torch.testing import assert_close

from agents.bundled import TINY, whole_model
from agents.export import ExportOptions, run
from agents.options.model import TrainedModelOptions
from agents.policy.loading import load_media, load_policy
from tests.agents.adapted import moved_adapters
from tests.agents.commands import SMALL, call


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What `agents.export --adapter` writes: no config.json."""
    folder = tmp_path_factory.mktemp("adapters")
    moved_adapters(folder / "run")
    run(ExportOptions(str(folder / "run"), folder / "alone", adapter=True))
    return folder / "alone"


def of_base(folder, alone, base, **others):
    """Write adapters alone that say that they belong to another place."""
    shutil.copytree(alone, folder)
    told = json.loads((alone / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(told | {"base_model_name_or_path": base} | others))
    return folder


def weights(place):
    return dict(load_policy(str(place), "cpu").weights())


def test_exported_adapters_are_the_runs_model(alone):
    assert not (alone / "config.json").exists()
    found = weights(alone)
    assert_close(found, weights(alone.parent / "run" / "model"), rtol=0, atol=0)
    plain = weights("tiny")
    name = "model.language_model.layers.0.self_attn.q_proj.weight"
    assert found.keys() == plain.keys()
    assert not found[name].equal(plain[name])
    assert load_media(str(alone)).processor is not None


def test_they_are_trained_on_as_a_whole_model(alone, tmp_path):
    options = [*SMALL, "--agent", "opsd", "--lr", "1e-2", "--env", "rlsd/ShapeCount-v0", "--policy", alone]
    call("agents.train", *options, "--steps", 1, "--out", tmp_path / "run")
    assert (tmp_path / "run" / "model" / "model.safetensors").exists()
    trained, before = weights(tmp_path / "run" / "model"), weights(alone)
    assert any(not trained[name].equal(before[name]) for name in before)
    policy = load_policy(str(alone), "cpu", TrainedModelOptions())
    assert all(parameter.requires_grad for parameter in policy.model.parameters())
    refused = call("agents.train", *options, "--lora-rank", 2, "--out", tmp_path / "other", check=False).stderr
    assert f"merge them first, python -m agents.export {alone} --out FOLDER" in refused
    assert refused.count("\n") == 1
    assert "1,465,696" in call("agents.train", *options, "--dry-run").stdout


def test_adapters_without_a_tokenizer_take_that_of_the_model_below(alone, tmp_path):
    (tmp_path / "bare").mkdir()
    for path in alone.glob("adapter_*"):
        shutil.copy(path, tmp_path / "bare")
    assert_close(weights(tmp_path / "bare"), weights(alone), rtol=0, atol=0)


def test_the_model_below_is_looked_for_from_here_and_then_from_the_adapters(alone, tmp_path, monkeypatch):
    shutil.copytree(TINY, tmp_path / "models" / "base")
    monkeypatch.chdir(tmp_path)
    here = of_base(tmp_path / "here", alone, "models/base")
    assert whole_model(str(here)) == "models/base"
    beside = of_base(tmp_path / "deep" / "beside", alone, "../../models/base")
    assert whole_model(str(beside)) == str(beside / "../../models/base")
    assert_close(weights(beside), weights(alone), rtol=0, atol=0)
    run(ExportOptions(str(here), tmp_path / "elsewhere" / "again", adapter=True))
    monkeypatch.chdir("/")
    assert whole_model(str(tmp_path / "elsewhere" / "again")) == str(tmp_path / "models" / "base")
    assert whole_model(str(of_base(tmp_path / "hub", alone, "owner/model"))) == "owner/model"
    assert whole_model(str(of_base(tmp_path / "bundled", alone, "tiny"))) == str(TINY)
    assert whole_model("owner/model") == "owner/model"


def test_what_cannot_be_merged_is_one_line(alone, tmp_path):
    nowhere = of_base(tmp_path / "nowhere", alone, "/no/such/model")
    nested = of_base(tmp_path / "nested", alone, str(alone))
    revised = of_base(tmp_path / "revised", alone, str(TINY), revision="v2")
    nameless = of_base(tmp_path / "nameless", alone, None)
    other = of_base(tmp_path / "other", alone, str(TINY), target_modules=["linear_fc1"])
    hollow = of_base(tmp_path / "hollow", alone, str(tmp_path))
    cases = {
        nowhere: f"the adapters in '{nowhere}' belong to '/no/such/model', which is no folder here and no hub id; "
        f"write where it is as base_model_name_or_path in '{nowhere / 'adapter_config.json'}'",
        nested: f"belong to '{alone}', which holds adapters itself; merge these first, python -m agents.export {alone}",
        revised: "asks for revision 'v2'",
        nameless: "names no model that the adapters belong to",
        other: "cannot be loaded: UserWarning: Found missing adapter keys",
        hollow: f"policy '{tmp_path}' has no config.json; did you mean '{tmp_path / 'a'}'?",
    }
    shutil.copytree(TINY, tmp_path / "a")
    for folder, message in cases.items():
        told = call("agents.evaluate", "--env", "rlsd/ShapeCount-v0", "--policy", folder, "--limit", 1, check=False)
        assert told.returncode == 2
        assert told.stderr.splitlines()[-1].startswith("error: ")
        assert message in told.stderr.splitlines()[-1]
