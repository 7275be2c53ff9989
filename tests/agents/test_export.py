"""`python -m agents.export`: plain Hugging Face folders that others load, with the same greedy answers."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

from agents.bundled import TINY
from agents.episodes import StopReason
from agents.export import ExportOptions, run
from agents.policy.base import Request, Sampling
from agents.policy.loading import load_policy
from agents.policy.transformers_policy import TransformersPolicy
from rlsd_env.errors import ConfigurationError
from tests.agents import architectures
from tests.agents.adapted import moved_adapters, prompts_of_shapes
from tests.agents.commands import call
from tests.agents.runs_on_disk import write_comparison

TOKENS = 24


@pytest.fixture(scope="module")
def prompts():
    return prompts_of_shapes()


@pytest.fixture(scope="module")
def adapted(tmp_path_factory):
    return moved_adapters(tmp_path_factory.mktemp("lora"))


def ours(place, prompts):
    """Greedy completions of our policy, as token ids without the end."""
    groups = load_policy(str(place), "cpu").generate(Request(prompts, 1, Sampling(0.0, TOKENS), [0] * len(prompts)))
    return [one.token_ids[: -1 if one.stop_reason is StopReason.STOP else None] for (one,) in groups]


def theirs(model, processor, prompts):
    """The same of transformers' generate."""
    return [_generated(model, processor, prompt) for prompt in prompts]


def _generated(model, processor, prompt):
    text = processor.apply_chat_template([*prompt.messages], add_generation_prompt=True, tokenize=False)
    inputs = processor(text=[text], images=[*prompt.images], return_tensors="pt", input_data_format="channels_last")
    made = model.generate(**inputs, do_sample=False, max_new_tokens=TOKENS)[0, inputs["input_ids"].shape[1] :]
    ids = [int(one) for one in made]
    stop = model.generation_config.eos_token_id
    stops = {stop} if isinstance(stop, int) else {*stop}
    return tuple(ids[:-1] if ids[-1] in stops else ids)


def loaded(folder):
    return AutoModelForImageTextToText.from_pretrained(folder), AutoProcessor.from_pretrained(folder)


def less_dtype(table):
    return {key: value for key, value in table.items() if key != "dtype"}


def test_a_merged_model_answers_in_transformers_as_the_run_does(adapted, prompts, tmp_path):
    told = call("agents.export", adapted, "--out", tmp_path / "plain").stdout
    assert told.startswith(f"{tmp_path / 'plain'}: model, LoRA adapters merged, ")
    assert not (tmp_path / "plain" / "adapter_config.json").exists()
    model, processor = loaded(tmp_path / "plain")
    assert not any(".lora_" in name for name in model.state_dict())
    expected = ours(adapted / "model", prompts)
    assert theirs(model, processor, prompts) == expected == ours(tmp_path / "plain", prompts)
    assert expected != ours("tiny", prompts)  # the adapters do something


def test_adapters_alone_answer_as_the_run_does(adapted, prompts, tmp_path):
    told = call("agents.export", adapted, "--adapter", "--out", tmp_path / "alone").stdout
    assert told.startswith(f"{tmp_path / 'alone'}: LoRA adapters alone, ")
    assert [path.name for path in tmp_path.glob("alone/*.safetensors")] == ["adapter_model.safetensors"]
    expected = ours(adapted / "model", prompts)
    from peft import PeftModel

    base, _ = loaded(TINY)
    model = PeftModel.from_pretrained(base, tmp_path / "alone")
    assert theirs(model, AutoProcessor.from_pretrained(tmp_path / "alone"), prompts) == expected
    assert theirs(*loaded(tmp_path / "alone"), prompts) == expected  # transformers finds the base by itself


@pytest.mark.parametrize(
    ("precision", "expected"),
    [
        ("stored", None),
        ("float32", torch.float32),
        ("bfloat16", torch.bfloat16),
        ("float16", torch.float16),
    ],
)
@pytest.mark.parametrize("what", ["model", "adapters merged", "adapters"])
def test_weights_have_the_precision_that_is_asked_for(what, precision, expected, adapted, tmp_path):
    policy = "tiny" if what == "model" else str(adapted)
    stored = AutoConfig.from_pretrained(TINY).dtype
    run(ExportOptions(policy, tmp_path / "out", precision, adapter=what == "adapters"))
    (path,) = (tmp_path / "out").glob("*.safetensors")
    if precision == "stored":
        expected = torch.float32 if what == "adapters" else stored
    assert {tensor.dtype for tensor in load_file(path).values()} == {expected}
    if what != "adapters":
        assert AutoConfig.from_pretrained(tmp_path / "out").dtype == expected


@pytest.mark.parametrize("name", [*architectures.ARCHITECTURES])
def test_any_architecture_comes_out_as_it_went_in(name, processor, tmp_path):
    model, own = architectures.build(name, processor)
    TransformersPolicy(model, own).save(tmp_path / "in")
    run(ExportOptions(str(tmp_path / "in"), tmp_path / "out"))
    before, after = (load_file(tmp_path / side / "model.safetensors") for side in ("in", "out"))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    for file in ("config.json", "tokenizer.json"):
        one, other = (
            json.loads((tmp_path / side / file).read_text(), object_hook=less_dtype) for side in ("in", "out")
        )
        assert one == other


def test_what_cannot_be_written_is_one_line(adapted, tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    (full / "file").touch()
    (tmp_path / "file").touch()
    write_comparison(tmp_path / "comparison")
    cases = {
        ("tiny",): "no folder to write is given; write python -m agents.export RUN_OR_FOLDER --out FOLDER",
        (
            "--out",
            tmp_path / "a",
        ): "no run and no checkpoint is given; write python -m agents.export RUN_OR_FOLDER --out",
        ("tiny", "--adapter", "--out", tmp_path / "a"): "policy 'tiny' has no LoRA adapters",
        ("tiny", "--out", full): f"out '{full}' is not empty; give another --out",
        ("tiny", "--out", tmp_path / "file" / "a"): f"'{tmp_path / 'file'}' is a file; give another --out",
        ("tiny", "--out", tmp_path / "a", "--precision", "bf16"): "unknown precision 'bf16'; did you mean 'bfloat16'?",
        ("tiny", "--adaptor", "--out", tmp_path / "a"): "did you mean '--adapter'?",
        ("./nowhere", "--out", tmp_path / "a"): "policy './nowhere': it must be a bundled model",
        (full, "--out", tmp_path / "a"): "has no config.json, so it is no checkpoint",
    }
    for argv, message in cases.items():
        done = call("agents.export", *argv, check=False)
        assert done.returncode == 2, argv
        assert message in done.stderr, argv
        assert done.stderr.count("\n") == 1, done.stderr
    with pytest.raises(ConfigurationError, match="is a comparison"):
        run(ExportOptions(str(tmp_path / "comparison"), tmp_path / "a"))
    assert not (tmp_path / "a").exists()


def test_adapters_whose_files_are_damaged_are_one_line(adapted, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "adapter_config.json").write_text("{}")
    with pytest.raises(ConfigurationError, match=r"broken' has adapters without weights; it must hold \*.safetensors"):
        run(ExportOptions(str(broken), tmp_path / "out", adapter=True))
    (broken / "adapter_model.safetensors").write_bytes(b"nothing")
    with pytest.raises(ConfigurationError, match="names no model that the adapters belong to"):
        run(ExportOptions(str(broken), tmp_path / "out", adapter=True))
    (broken / "adapter_config.json").write_bytes((adapted / "model" / "adapter_config.json").read_bytes())
    with pytest.raises(ConfigurationError, match=r"the adapters in '.*broken' cannot be read"):
        run(ExportOptions(str(broken), tmp_path / "out", adapter=True))
    assert not (tmp_path / "out").exists()
