"""Where the pieces of a packed row lie for a recurrence, and pieces at the limits of what its states know."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.testing import assert_close
from transformers import Qwen2Config, Qwen2ForCausalLM

from agents.episodes import Prompt
from agents.messages import user_message
from agents.options.model import TrainedModelOptions
from agents.policy.linear_attention import chunk_options, gated_layers, make_pieces
from agents.policy.scoring import supports_packing
from agents.policy.transformers_policy import TransformersPolicy
from tests.agents.hybrids import HYBRIDS, hybrid
from tests.agents.test_hybrid import distance, gradients

CPU = torch.device("cpu")


def test_prompts_are_padded_on_the_left_and_responses_on_the_right():
    pieces = make_pieces([2, 3], [4, 3, 1], [1, 0, 1], CPU)
    # the row: prompts at 0, 1 and 2, 3, 4; responses at 5 to 8, 9 to 11 and 12
    assert pieces.prompts.places_NT.tolist() == [[0, 0, 1], [2, 3, 4]]
    assert pieces.mask_PL.tolist() == [[False, True, True], [True, True, True]]
    (long, of_long), (short, of_short) = pieces.responses  # 3 is .75 of 4, 1 is less
    assert long.places_NT.tolist() == [[5, 6, 7, 8], [9, 10, 11, 0]]
    assert short.places_NT.tolist() == [[12]]
    assert (of_long.tolist(), of_short.tolist()) == ([1, 0], [1])
    row = torch.arange(13)[:, None]
    assert pieces.prompts.unpad(pieces.prompts.pad(row)).flatten().tolist() == [0, 1, 2, 3, 4]
    assert long.unpad(long.pad(row)).flatten().tolist() == [5, 6, 7, 8, 9, 10, 11]


def test_prompts_of_one_length_need_no_mask_and_empty_responses_are_not_run():
    pieces = make_pieces([3, 3], [2, 0], [1, 0], CPU)
    assert pieces.mask_PL is None
    assert pieces.prompts.places_NT.tolist() == [[0, 1, 2], [3, 4, 5]]
    ((rows, owner_N),) = pieces.responses
    assert (rows.places_NT.tolist(), owner_N.tolist()) == ([[6, 7]], [1])
    assert make_pieces([3], [0], [0], CPU).responses == ()


@pytest.mark.parametrize(("tokens", "size"), [(1, 1), (20, 20), (32, 32), (33, 17), (60, 30), (64, 32), (65, 22)])
def test_chunks_are_of_one_size_and_not_beyond_the_most(tokens, size):
    assert chunk_options(tokens, CPU) == {"chunk_size": size}
    assert chunk_options(tokens, torch.device("cuda")) == {}


def words(name):
    """A policy whose prompts are their words and nothing else, and a copy of its model."""
    model, tokenizer = hybrid(name)
    tokenizer = copy.deepcopy(tokenizer)
    tokenizer.chat_template = "{% for m in messages %}{{ m.content }}{% endfor %}"
    untouched = copy.deepcopy(model)
    return TransformersPolicy(model, tokenizer, TrainedModelOptions(scoring="packed")), untouched


@pytest.mark.parametrize("name", ["qwen3_5_text", "qwen3_next"])
@pytest.mark.parametrize("lengths", [(1, 1), (2, 7), (3, 3), (4, 1), (5, 2)])
def test_pieces_shorter_than_the_convolution(name, lengths):
    """Prompts of fewer tokens than its kernel of 4 knows; responses of none or one that is run, of two and of more."""
    policy, untouched = words(name)
    prompts = [Prompt((user_message("?" * length),)) for length in lengths]
    assert [len(policy.encoder.token_ids(prompt)) for prompt in prompts] == list(lengths)
    responses = [[11], [12, 13], [14, 15, 16], [17, 18, 19, 20, 21], [30], [31, 32]]
    owners = [0, 1, 0, 1, 1, 0]
    scores = policy.score(prompts, owners, responses)
    scores.logp_NT.sum().backward()
    for row, owner, response in zip(scores.logp_NT, owners, responses):
        ids = torch.tensor([[*policy.encoder.token_ids(prompts[owner]), *response]])
        logp = untouched(ids).logits[0, lengths[owner] - 1 : -1].log_softmax(-1)
        alone = logp.gather(-1, torch.tensor(response)[:, None])[:, 0]
        assert_close(row[: len(response)], alone, atol=1e-5, rtol=1e-5)
        alone.sum().backward()
    assert distance(gradients(policy.model), gradients(untouched)) < 1e-4


@pytest.mark.parametrize("name", HYBRIDS)
def test_which_layers_are_gated(name):
    model, _ = hybrid(name)
    assert list(gated_layers(model)) == [0, 1, 2, 4]
    assert supports_packing(model)


def test_models_without_a_recurrence_have_none_and_one_of_another_kind_is_not_packed():
    sizes = {"vocab_size": 8, "hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 1, "head_dim": 8}
    model = Qwen2ForCausalLM(Qwen2Config(**sizes, num_hidden_layers=2, num_key_value_heads=1))
    assert gated_layers(model) == {}
    assert supports_packing(model)
    model.config.layer_types = ["linear_attention", "full_attention"]  # says so, and is no layer that is known here
    assert not supports_packing(model)
