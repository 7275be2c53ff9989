"""Text models with sliding windows against transformers alone; most are of families that are tried when loaded."""

from __future__ import annotations

import pytest
import torch
import transformers
from torch.testing import assert_close
from transformers import LogitsProcessorList

from agents.episodes import Prompt
from agents.messages import user_message
from agents.policy import sampling
from agents.policy.base import Request, Sampling
from agents.policy.decoding import RepeatedDecoder, SharedDecoder, decoder
from agents.policy.loading import load_policy
from rlsd_env.errors import ConfigurationError
from tests.agents.families import text
from tests.agents.test_families import TOKENS, Draws
from tests.agents.test_families_unknown import folder, words

ASKED = ("red", "How many red circles and blue squares are in the picture ?", "0 1 2 3 4, think first")
"""Prompts of 18 to 40 tokens."""
WINDOW = 6
MIXED = {"num_hidden_layers": 3, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}
EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
CHUNKS = {"num_hidden_layers": 4, "attention_chunk_size": WINDOW, "intermediate_size_mlp": 48}
LAYER_INPUTS = {"hidden_size_per_layer_input": 8, "vocab_size_per_layer_input": 340}
LAST_TWO_SHARE = {"num_hidden_layers": 4, "layer_types": ["sliding_attention", "full_attention"] * 2}
LAST_TWO_SHARE |= {"num_kv_shared_layers": 2, **LAYER_INPUTS}
MODELS = {
    "gemma3_text": (MIXED, "packed", SharedDecoder),
    "gemma4_text": (LAST_TWO_SHARE | {"global_head_dim": 16}, "packed", SharedDecoder),
    "mistral": ({}, "packed", SharedDecoder),  # windows in all layers, which its configuration does not list
    "ministral": (MIXED, "packed", SharedDecoder),
    "olmo3": (MIXED, "packed", SharedDecoder),
    "phi3": ({}, "packed", SharedDecoder),
    "cohere2": (MIXED, "packed", SharedDecoder),  # its logits are scaled
    "gemma2": ({}, "plain", RepeatedDecoder),  # soft caps
    "gpt_oss": (MIXED | EXPERTS, "plain", RepeatedDecoder),  # attention sinks
    "llama4_text": (CHUNKS | EXPERTS, "plain", RepeatedDecoder),  # chunks, whose cache is that of windows
}
REFUSED = {
    "recurrent_gemma": {"num_hidden_layers": 3},  # its recurrence runs over padding and from one response into another
}


def checkpoint(place, name, sizes):
    made = words()
    changes = {"sliding_window": WINDOW, "head_dim": 8, **sizes}
    config = transformers.AutoConfig.for_model(name, **text(made, **changes))
    with torch.random.fork_rng():
        torch.random.default_generator.manual_seed(0)
        model = transformers.AutoModelForCausalLM.from_config(config)
        for parameter in model.parameters():  # sinks start at 0, where they still count
            parameter.data.add_(0.05 * torch.randn(parameter.shape))
    return folder(place, model, made)


@pytest.mark.parametrize("name", MODELS)
def test_a_text_model_with_windows_samples_and_scores_as_transformers_does(name, tmp_path, monkeypatch):
    """Prompts and responses are longer than the window; responses to a prompt end at different tokens."""
    sizes, scored, kind = MODELS[name]
    path = checkpoint(tmp_path, name, sizes)
    policy, model = load_policy(path, "cpu"), transformers.AutoModelForCausalLM.from_pretrained(path).eval()
    assert policy.packs is (scored == "packed")
    made = []
    monkeypatch.setattr(sampling, "decoder", lambda *arguments: made.append(decoder(*arguments)) or made[-1])
    prompts = [Prompt((user_message(asked),)) for asked in ASKED]
    seeds, limits = range(9), [1 + 5 * number % TOKENS for number in range(9)]
    ids = [torch.tensor([policy.encoder.token_ids(one)]) for one in prompts]
    for temperature in (0.0, 1.0):
        groups = policy.generate(Request(prompts, 3, Sampling(temperature, TOKENS), list(seeds), limits))
        flat = [tuple(one.token_ids) for group in groups for one in group]
        for number, said in enumerate(flat):
            row = ids[number // 3]
            options = {"do_sample": False}
            if temperature:
                options = {"do_sample": True, "top_k": 0, "logits_processor": LogitsProcessorList([Draws([], number)])}
            out = model.generate(row, attention_mask=torch.ones_like(row), max_new_tokens=limits[number], **options)
            assert said == tuple(out[0, row.shape[1] :].tolist())
    assert [type(one) for one in made] == [kind] * 2
    with torch.no_grad():
        scores = policy.score(prompts, [number // 3 for number in seeds], flat).logp_NT
        for number, said in enumerate(flat):
            row = torch.cat([ids[number // 3], torch.tensor([said])], dim=1)
            logp = model(row).logits[0, -len(said) - 1 : -1].log_softmax(-1)
            expected = logp.gather(-1, torch.tensor(said)[:, None])[:, 0]
            assert_close(scores[number, : len(said)], expected, atol=1e-4, rtol=1e-4)
            recorded = torch.tensor(groups[number // 3][number % 3].logprobs)
            assert_close(recorded, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", REFUSED)
def test_a_text_model_that_does_not_fit_is_refused_in_one_line(name, tmp_path):
    path = checkpoint(tmp_path, name, REFUSED[name])
    with pytest.raises(ConfigurationError, match=r"does not fit: its scores are [\d.]+ from those of transformers"):
        load_policy(path, "cpu")
