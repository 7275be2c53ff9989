"""Vision-language families that are tried when they are loaded: what is taken is held to transformers alone.

Shorter than the contract of `test_families.py`, on prompts and references of the same making.
"""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close
from transformers import AutoModelForImageTextToText, LogitsProcessorList

from agents.options.model import TrainedModelOptions
from agents.policy.base import Request, Sampling
from agents.policy.loading import load_policy
from agents.policy.media import MediaProcessor
from agents.policy.trial import HELD
from agents.policy.vision_cache import FeatureCache
from rlsd_env.errors import ConfigurationError
from tests.agents.families import build
from tests.agents.other_families import FAMILIES, REFUSED, TAKEN
from tests.agents.test_families import (
    TOKENS,
    Draws,
    distance,
    gradients,
    own_inputs,
    picture,
    prompts_of,
    responses_of,
    row_scores,
)
from tests.agents.vllm_families import OTHERS, UNLIKE

PLAIN = {"lfm2_vl"}
"""Those that are scored without packing: convolutions in the language model."""
ALONE = {"minicpmv4_6"}
"""Those whose tower reads one picture in a call."""


PAGE = Path(__file__).parents[2] / "docs" / "models.md"


def folder(place, name):
    model, processor = build(name, FAMILIES)
    model.save_pretrained(place)
    processor.save_pretrained(place)
    return str(place)


@pytest.mark.parametrize("name", TAKEN)
def test_a_family_that_fits_samples_scores_and_learns_as_transformers_does(name, tmp_path):
    """One picture, several of one size and of several, none, and several turns, in one batch."""
    path = folder(tmp_path, name)
    policy = load_policy(path, "cpu", TrainedModelOptions())
    model = AutoModelForImageTextToText.from_pretrained(path).eval()
    assert model.config.model_type not in HELD
    assert (policy.packs, policy.encoder.kept.joins) == (name not in PLAIN, name not in ALONE)
    processor, never = policy.processor, policy.encoder.vision_ids
    prompts = list(prompts_of(processor).values())
    inputs = [own_inputs(processor, one) for one in prompts]
    assert [policy.encoder.token_ids(one) for one in prompts] == [one["input_ids"][0].tolist() for one in inputs]

    responses = responses_of(processor, 2 * len(prompts))
    owners = [number // 2 for number in range(len(responses))]
    scores = policy.score(prompts, owners, responses).logp_NT
    weights = torch.linspace(-1, 1, scores.numel()).view_as(scores)
    (scores * weights).sum().backward()
    for row, (owner, response) in enumerate(zip(owners, responses)):
        expected = row_scores(processor, model, never, prompts[owner], response)
        assert_close(scores[row, : len(response)], expected, atol=1e-5, rtol=1e-5)
        (expected * weights[row, : len(response)]).sum().backward()
    assert distance(gradients(policy.model), gradients(model)) < 1e-4

    for temperature in (0.0, 1.0):
        seeds = list(range(len(prompts)))
        groups = policy.generate(Request(prompts, 1, Sampling(temperature, TOKENS), seeds))
        for seed, shown, (completion,) in zip(seeds, inputs, groups):
            options = {"do_sample": False, "suppress_tokens": never}
            if temperature:
                options = {"do_sample": True, "top_k": 0, "logits_processor": LogitsProcessorList([Draws(never, seed)])}
            out = model.generate(**copy.copy(shown), max_new_tokens=TOKENS, **options)
            assert list(completion.token_ids) == out[0, shown["input_ids"].shape[1] :].tolist()


REASONS = {
    "qwen4_exp": "does not fit: RuntimeError: Sizes of tensors must match",  # caches that transformers does not reorder
    "minimax_m3_vl": r"does not fit: its scores are [\d.]+ from those of transformers",  # padding moves its blocks
    "got_ocr2": "does not fit: ValueError: Nested images are only supported with `multi_page`",
    "paligemma": "does not fit: ValueError: its processor makes other tokens of a prompt with a picture",
    "llama4": "is built otherwise .* below its output head is no `model`; ",
    "ernie4_5_vl_moe": r"does not fit: its scores are [\d.]+ from those of transformers",  # experts of pictures
    "qwen3_omni_moe_thinker": "is built otherwise .* below its output head is no `model` with `get_image_features`; ",
    "mllama": "is built otherwise .* below its output head is no `model` with `get_image_features`; ",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_family_that_does_not_fit_is_refused_in_one_line(name, tmp_path):
    with pytest.raises(ConfigurationError, match=REASONS[name]) as refused:
        load_policy(folder(tmp_path, name), "cpu")
    assert "\n" not in str(refused.value)
    assert str(refused.value).endswith("use a model of docs/models.md")


@pytest.mark.parametrize("name", ["granite4_vision", "minicpmv4_6", "ovis2"])
def test_what_a_frozen_tower_makes_is_kept_whatever_it_is(name, tmp_path):
    """Features for named layers, marks that are of no picture, and pictures that are read one at a time."""
    path = folder(tmp_path, name)
    frozen, free = (load_policy(path, "cpu", TrainedModelOptions(freeze_vision=one)) for one in (True, False))
    prompts, responses = list(prompts_of(frozen.processor).values()), responses_of(frozen.processor, 6)
    for _ in range(2):
        scores = frozen.score(prompts, range(6), responses).logp_NT
    assert frozen.encoder.kept.reused > 0
    assert_close(scores, free.score(prompts, range(6), responses).logp_NT, atol=1e-5, rtol=1e-5)


def test_the_marks_around_a_picture_are_never_said(tmp_path):
    """Ovis2 has other embeddings for them wherever there is a picture, in a response too."""
    policy = load_policy(folder(tmp_path, "ovis2"), "cpu")
    marks = policy.model.config.visual_indicator_token_ids
    assert len(marks) == 5
    assert {*marks, policy.model.config.image_token_id} == set(policy.encoder.vision_ids)


@pytest.mark.parametrize(("fault", "reason"), [("joins", "RuntimeError"), ("numbers", "other tokens of a prompt")])
def test_the_trial_shows_several_pictures(fault, reason, tmp_path, monkeypatch):
    """Of one picture MiniCPM-V reads and writes the same as all others do."""
    path = folder(tmp_path, "minicpmv4_6")
    if fault == "joins":
        monkeypatch.setattr(FeatureCache, "joins", property(lambda self: True, lambda self, value: None), raising=False)
    else:
        monkeypatch.setattr(MediaProcessor, "_numbers", False)
    with pytest.raises(ConfigurationError, match=rf"MiniCPMV4_6ForConditionalGeneration .* not fit: .*{reason}"):
        load_policy(path, "cpu")


class Silent:
    """A processor that does not say what it has written for a picture, as Gemma 3n's."""

    def __init__(self, processor):
        self.processor = processor

    def __call__(self, **inputs):
        output = self.processor(**inputs)
        del output["text_replacement_offsets"]
        return output

    def __getattr__(self, name):
        return getattr(self.processor, name)


@pytest.mark.parametrize("name", ["llava_next", "idefics3", "aya_vision"])
def test_what_a_processor_writes_for_a_picture_is_read_where_it_does_not_say(name):
    model, processor = build(name, FAMILIES)
    shown = [picture(0), picture(1, 24, 40), picture(2, 36, 20)]
    said, read = (MediaProcessor(one, model.config).images(shown) for one in (processor, Silent(processor)))
    assert [one.placeholder for one in read] == [one.placeholder for one in said]
    assert all(one.tokens for one in read)


def test_the_page_says_what_becomes_of_each():
    page = PAGE.read_text("utf-8")
    lines = re.findall(r"^\| `(\w+)` \| (packed|plain|refused) \| (.*?) ?\|", page, re.MULTILINE)
    scored = {name: "plain" if name in PLAIN else "packed" for name in TAKEN} | dict.fromkeys(REFUSED, "refused")
    assert {name: (how, shown) for name, how, shown in lines if name in FAMILIES} == {
        name: (how, "" if how == "refused" else "one, several") for name, how in scored.items()
    }
    classes = dict(re.findall(r"^\| `(\w+)` \| packed \| [^|]*\| (`\w+`[^|]*?) \|", page, re.MULTILINE))
    assert {name: cell for name, cell in classes.items() if name in FAMILIES} == {
        name: served.cell for name, served in OTHERS.items()
    }
    for name in UNLIKE:
        assert re.search(
            rf"^\| `{name}` \| packed \| one, several \| refused: other log-probabilities ", page, re.MULTILINE
        )
