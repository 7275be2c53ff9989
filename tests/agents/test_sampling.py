"""The sampling loop against plain forward passes of separate rows, over architectures that it treats differently."""

from __future__ import annotations

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.testing import assert_close
from transformers import (
    DynamicCache,
    Gemma2Config,
    Gemma2ForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from agents.episodes import Prompt, StopReason
from agents.messages import user_message
from agents.policy.base import Request, Sampling
from agents.policy.decoding import SharedDecoder, decoder
from agents.policy.inputs import PromptEncoder
from agents.policy.sampling import sample

WORDS = ("<eos>", "<pad>", "user", "two", "plus", "three", "five", "is", "and", "or", "not")
SIZES = {
    "vocab_size": len(WORDS), "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "eos_token_id": 0, "pad_token_id": 1,
    "initializer_range": 0.5,
}  # fmt: skip
PROMPTS = ("two plus three is", "five", "not two and three or five plus two is", "two and two")


def qwen3():
    return Qwen3ForCausalLM(Qwen3Config(**SIZES))


def llama():
    return LlamaForCausalLM(LlamaConfig(**SIZES))


def windows(tokens=4):
    """Prompts are shorter and longer than the window; full attention in the first layer."""
    sizes = {name: value for name, value in SIZES.items() if name != "head_dim"}
    return Qwen2ForCausalLM(Qwen2Config(**sizes, use_sliding_window=True, sliding_window=tokens, max_window_layers=1))


def wide_windows():
    """The window is longer than all prompts, and than the memory that is taken at first."""
    return windows(70)


def narrowest_windows():
    """Each token sees itself alone."""
    return windows(1)


def soft_caps():  # full attention in all layers, and a cap on its scores
    config = Gemma2Config(
        **SIZES, layer_types=["full_attention"] * 3, attn_logit_softcapping=1.0, query_pre_attn_scalar=8
    )
    config.final_logit_softcapping = None
    return Gemma2ForCausalLM(config)


def parts(make):
    torch.manual_seed(5)
    model = make().eval()
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<eos>", pad_token="<pad>")
    fast.chat_template = "{% for m in messages %}{{ m.content }}{% endfor %}"
    return model, PromptEncoder(fast, model.config)


def play(make, stop_ids=frozenset({0}), tokens=150, n=4, limits=None, on_completion=None):
    model, encoder = parts(make)
    prompts = [Prompt((user_message(text),)) for text in PROMPTS]
    request = Request(prompts, n, Sampling(1.0, tokens), list(range(len(prompts) * n)), limits)
    groups = sample(model, encoder, lambda hidden: model.lm_head(hidden).float(), stop_ids, request, on_completion)
    return model, encoder, prompts, groups


@pytest.mark.parametrize("make", [qwen3, llama, windows, wide_windows, narrowest_windows, soft_caps])
def test_logprobs_are_those_of_separate_plain_rows(make):
    """Prompts of different lengths; completions end at different tokens, from the first to the last."""
    limits = [1 + 9 * (7 * number % 16) for number in range(16)]
    model, encoder, prompts, groups = play(make, frozenset(), 136, limits=limits)
    assert [len(completion.token_ids) for group in groups for completion in group] == limits
    for prompt, group in zip(prompts, groups):
        ids = encoder.token_ids(prompt)
        for completion in group:
            with torch.no_grad():
                logits = model(torch.tensor([[*ids, *completion.token_ids]])).logits[0, len(ids) - 1 : -1]
            plain = logits.log_softmax(-1).gather(-1, torch.tensor(completion.token_ids)[:, None])[:, 0]
            assert_close(torch.tensor(completion.logprobs), plain, atol=1e-4, rtol=1e-4)


def begun(make, n, most):
    """Return what goes on from the prompts, before its first token, and the positions after them."""
    model, encoder = parts(make)
    encoded = encoder.encode([Prompt((user_message(text),)) for text in PROMPTS], model)
    cache = DynamicCache(config=model.config)
    model.model(**encoded.model_inputs, past_key_values=cache, use_cache=True)
    made = decoder(model, cache, encoded.model_inputs["attention_mask"], n, most, three_axes=False)
    return made, encoded.next_position_P.repeat_interleave(n)


@pytest.mark.parametrize(("make", "shared"), [(qwen3, True), (llama, True), (windows, True), (soft_caps, False)])
@torch.no_grad()
def test_prompts_are_held_once_where_the_attention_allows_it(make, shared):
    made, position = begun(make, 8, 5)
    assert isinstance(made, SharedDecoder) is shared
    made.step(torch.full((32,), 3), position)
    held = made.prompts.completions[0].prompt_keys if shared else made.cache.layers[0].keys
    assert held.shape[0] == (4 if shared else 32)


def numbers(tensor):
    """Count what lies in memory for a tensor, parts that it does not show too."""
    return tensor.untyped_storage().nbytes() // tensor.element_size()


@torch.no_grad()
def test_a_layer_with_a_window_holds_what_is_in_it_alone():
    """4 prompts of 9 tokens with padding, 2 key heads of width 8, 32 completions of 100 tokens, a window of 4."""
    made, position = begun(windows, 8, 100)
    full, window = made.prompts.completions[:2]
    assert numbers(full.prompt_keys) == 4 * 2 * 9 * 8
    assert numbers(window.prompt_keys) == 4 * 2 * 3 * 8
    seen = []
    for t in range(99):
        made.step(torch.full((32,), 3), position + t)
        seen.append((window.prompt_keys.shape[2], window.shown.shape[2]))
    assert seen[:4] == [(3, 1), (2, 2), (1, 3), (0, 4)]
    assert set(seen[4:]) == {(0, 4)}
    assert window.get_seq_length() == full.get_seq_length() == 9 + 99
    assert numbers(full.keys) == 32 * 2 * 100 * 8
    assert numbers(window.keys) == 32 * 2 * 64 * 8
    made.keep([0, 9, 10])
    assert numbers(full.prompt_keys) == 2 * 2 * 9 * 8
    assert numbers(window.prompt_keys) == 0


def test_a_completion_ends_with_a_stop_token_or_at_its_limit():
    _, _, _, groups = play(qwen3, frozenset({0, 4}), 20)
    flat = [completion for group in groups for completion in group]
    for completion in flat:
        stopped = completion.token_ids[-1] in (0, 4)
        assert completion.stop_reason is (StopReason.STOP if stopped else StopReason.LENGTH)
        assert stopped or len(completion.token_ids) == 20
        assert not {0, 4} & set(completion.token_ids[:-1])
    assert len({len(completion.token_ids) for completion in flat}) > 3


def test_completions_are_told_of_when_they_end_and_once():
    told = []
    _, _, _, groups = play(qwen3, on_completion=lambda number, completion: told.append((number, completion)))
    flat = [completion for group in groups for completion in group]
    assert sorted(number for number, _ in told) == list(range(16))
    assert all(flat[number] is completion for number, completion in told)
    lengths = [len(completion.token_ids) for _, completion in told]
    assert lengths == sorted(lengths)


def test_the_models_own_attention_is_back_after_sampling():
    model, encoder, prompts, _ = play(qwen3, tokens=3)
    assert model.config._attn_implementation == "sdpa"
    ids = torch.tensor([encoder.token_ids(prompts[0])])
    assert model(ids).logits.shape == (1, 4, len(WORDS))
