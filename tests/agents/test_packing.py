"""Packed groups against plain padded rows: the same numbers and gradients, on several architectures."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.testing import assert_close
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

import agents
from agents.episodes import Completion, Prompt, StopReason, Turn
from agents.learner.micro_batches import Row, split
from agents.losses import entropy
from agents.messages import user_message
from agents.options.learner import LearnerOptions
from agents.options.model import TrainedModelOptions
from agents.policy import attention
from agents.policy import scores as scores_module
from agents.policy.attention import Pictures, by_length, make_packing, portable, similar
from agents.policy.block_masks import make_block_mask
from agents.policy.transformers_policy import TransformersPolicy
from rlsd_env.errors import ConfigurationError
from tests.agents.architectures import ARCHITECTURES, VOCABULARY, build
from tests.agents.test_learner import alternating, at_step


def policies(name, processor, **options):
    """The same weights, scored packed and scored plain."""
    made = build(name, processor)
    return [
        TransformersPolicy(copy.deepcopy(made[0]), made[1], TrainedModelOptions(scoring=scoring, **options))
        for scoring in ("packed", "plain")
    ]


def workload(sees):
    """Prompts of three lengths, one of them with two pictures of different sizes; responses of 1 to 19 tokens."""
    rng = np.random.default_rng(0)
    small, large = (rng.integers(0, 256, (side, side, 3), dtype=np.uint8) for side in (32, 64))
    texts = ["How many red circles ?", "red", "What is the number of blue squares plus red circles ?"]
    pictures = [(small,), (large,), (large, small)] if sees else [()] * 3
    prompts = [Prompt((user_message("<image>" * len(images) + text),), images) for text, images in zip(texts, pictures)]
    owners = [0, 0, 0, 0, 2, 1, 1, 2]
    responses = [rng.integers(20, 480, length).tolist() for length in (7, 1, 19, 12, 3, 18, 18, 2)]
    return prompts, owners, responses


def scored(policy, prompts, owners, responses):
    scores = policy.score(prompts, owners, responses)
    weights = torch.linspace(-1, 1, scores.logp_NT.numel()).view_as(scores.logp_NT)
    (scores.logp_NT * weights).sum().backward()
    gradients = {n: p.grad for n, p in policy.model.named_parameters() if p.grad is not None}
    return scores, gradients


def distance(a, b):
    return float(sum(((a[n] - b[n]) ** 2).sum() for n in b).sqrt() / sum((b[n] ** 2).sum() for n in b).sqrt())


@pytest.mark.parametrize("options", [{}, {"gradient_checkpointing": True}], ids=["", "checkpointed"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_packed_scores_and_gradients_are_those_of_plain_rows(processor, name, options):
    packed, plain = policies(name, processor, **options)
    assert (packed.packs, plain.packs) == (True, False)
    case = workload(sees=name != "qwen3")
    (a, gradients), (b, expected) = scored(packed, *case), scored(plain, *case)
    assert torch.equal(a.mask_NT, b.mask_NT)
    assert_close(a.logp_NT, b.logp_NT, atol=1e-5, rtol=1e-5)
    assert_close(a.entropy_M, b.entropy_M, atol=1e-5, rtol=1e-5)
    assert gradients.keys() == expected.keys()
    assert len(gradients) > 30
    assert distance(gradients, expected) < 1e-4


@pytest.mark.parametrize("chunk", [2**24, 11 * VOCABULARY], ids=["whole", "chunks"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_equal_responses_are_run_once_and_count_as_often_as_they_are_there(processor, name, chunk, monkeypatch):
    """Against a call for each response: scores, gradients, and how many states there are."""
    monkeypatch.setattr(scores_module, "CHUNK_NUMBERS", chunk)
    prompts, _, responses = workload(sees=name != "qwen3")
    long, short, other, last = responses[2], responses[1], responses[4], responses[0]
    owners = [0, 0, 1, 0, 2, 0, 1]
    responses = [long, short, long, long, other, [*long, 25], last]
    for policy in policies(name, processor):
        scores, gradients = scored(policy, prompts, owners, responses)
        assert len(scores.hidden_KH) == sum(len(ids) for ids in responses) - len(long) == int(scores.mask_NT.sum()) - 19
        policy.model.zero_grad()
        singly = [policy.score(prompts, [owner], [ids]) for owner, ids in zip(owners, responses)]
        weights = torch.linspace(-1, 1, scores.logp_NT.numel()).view_as(scores.logp_NT)
        sum((one.logp_NT[0] * row[: len(one.logp_NT[0])]).sum() for one, row in zip(singly, weights)).backward()
        for one, row in zip(singly, scores.logp_NT):
            assert_close(row[: one.logp_NT.shape[1]], one.logp_NT[0], atol=1e-5, rtol=1e-5)
            assert not row[one.logp_NT.shape[1] :].any()
        assert_close(scores.entropy_M, torch.cat([one.entropy_M for one in singly]), atol=1e-5, rtol=1e-5)
        assert_close(scores.logp_MV, torch.cat([one.logp_MV for one in singly]), atol=1e-5, rtol=1e-5)
        assert_close(scores.reduce(entropy), torch.cat([one.reduce(entropy) for one in singly]), atol=1e-5, rtol=1e-5)
        assert distance(gradients, {n: p.grad for n, p in policy.model.named_parameters() if p.grad is not None}) < 1e-4


def test_checkpointing_changes_nothing(processor):
    case = workload(sees=True)
    model, own = build("qwen3_vl", processor)
    results = []
    for again in (False, True):
        options = TrainedModelOptions(gradient_checkpointing=again)
        policy = TransformersPolicy(copy.deepcopy(model), own, options)
        held = []

        def keep(tensor, held=held):
            held.append(tensor.numel() if tensor.grad_fn is not None else 0)
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            scores = policy.score(*case)
        scores.logp_NT.sum().backward()
        results.append((scores.logp_NT, [p.grad for p in policy.model.parameters()], sum(held)))
    assert torch.equal(results[0][0], results[1][0])
    for a, b in zip(results[0][1], results[1][1]):
        assert (a is None) == (b is None)
        assert a is None or torch.equal(a, b)
    assert results[1][2] < 0.3 * results[0][2]  # what the graph holds


def test_a_copy_of_a_checkpointed_model_runs_its_own_layers(processor):
    model, own = build("qwen3_vl", processor)
    policy = TransformersPolicy(model, own, TrainedModelOptions(gradient_checkpointing=True))
    other = copy.deepcopy(policy.model)
    with torch.no_grad():
        for p in other.parameters():
            p.zero_()
    case = workload(sees=True)
    second = TransformersPolicy(other, own)
    assert not torch.allclose(policy.score(*case).logp_NT, second.score(*case).logp_NT)


def naive(query, key, value, prompt_lengths, response_lengths, owners, window=None, pictures=()):
    """Attention token by token: [L, H, D] with as many key heads as query heads divided by 2."""
    spans, place = [], 0
    for length in [*prompt_lengths, *response_lengths]:
        spans.append(range(place, place + length))
        place += length
    out = torch.zeros_like(query)
    for number, span in enumerate(spans):
        before = [] if number < len(prompt_lengths) else list(spans[owners[number - len(prompt_lengths)]])
        for place in span:
            seen = [*before, *range(span.start, place + 1)]
            if window is not None:
                seen = seen[-window:]
            seen += [other for start, stop in pictures if start <= place < stop for other in range(place + 1, stop)]
            for head in range(query.shape[1]):
                scores = key[seen, head // 2] @ query[place, head] / query.shape[2] ** 0.5
                out[place, head] = scores.softmax(0) @ value[seen, head // 2]
    return out


CASES = [
    ([3, 5], [4, 4, 2, 1], [1, 0, 1, 0]),
    ([4, 4], [3, 3], [0, 1]),
    ([2], [], []),
    ([1, 6], [9, 2, 0], [0, 0, 1]),
]


@pytest.mark.parametrize("window", [None, 1, 3, 100])
@pytest.mark.parametrize(("prompt_lengths", "response_lengths", "owners"), CASES)
def test_the_portable_kernel_token_by_token(prompt_lengths, response_lengths, owners, window):
    generator = torch.Generator().manual_seed(0)
    total = sum(prompt_lengths) + sum(response_lengths)
    query, key, value = (torch.randn(total, heads, 8, generator=generator) for heads in (4, 2, 2))
    packing = make_packing(prompt_lengths, response_lengths, owners, torch.device("cpu"))
    out = portable(query, key, value, packing, 8**-0.5, window)[0]
    expected = naive(query, key, value, prompt_lengths, response_lengths, owners, window)
    assert_close(out, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("everywhere", "window", "heeded"), [(True, None, True), (True, 3, True), (False, 3, True), (False, None, False)]
)
def test_tokens_of_a_picture_see_each_other_both_ways_where_they_should(everywhere, window, heeded):
    prompt_lengths, response_lengths, owners = [6, 2, 5], [3, 2], [0, 2]
    spans = [(1, 3), (4, 6), (9, 11)]
    number_L = torch.tensor([-1, 0, 0, -1, 1, 1, -1, -1, -1, 2, 2, -1, -1])
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(18, heads, 16, generator=generator) for heads in (4, 2, 2))
    device = torch.device("cpu")
    packing = make_packing(prompt_lengths, response_lengths, owners, device, Pictures(number_L, everywhere))
    out = portable(query, key, value, packing, 0.25, window)[0]
    pieces = (prompt_lengths, response_lengths, owners)
    assert_close(out, naive(query, key, value, *pieces, window, spans if heeded else ()), atol=1e-5, rtol=1e-5)
    mask = make_block_mask(*pieces, device, window=window, pictures_L=packing.pictures.of_layer(window))
    assert_close(unfused(query, key, value, mask), out, atol=1e-5, rtol=1e-5)


def unfused(query, key, value, mask):
    """Flex attention as a GPU runs it, but for the fused kernel."""
    from torch.nn.attention.flex_attention import flex_attention

    rows = (x.transpose(0, 1)[None] for x in (query, key, value))
    return flex_attention(*rows, block_mask=mask, enable_gqa=True)[0].transpose(0, 1)


@pytest.mark.parametrize("window", [None, 2])
@pytest.mark.parametrize(("prompt_lengths", "response_lengths", "owners"), CASES)
def test_flex_attentions_mask_is_the_same_attention(prompt_lengths, response_lengths, owners, window):
    """The GPU's kernel, run unfused: its block mask against the portable kernel."""
    generator = torch.Generator().manual_seed(0)
    total = sum(prompt_lengths) + sum(response_lengths)
    query, key, value = (torch.randn(total, heads, 16, generator=generator) for heads in (4, 2, 2))
    device = torch.device("cpu")
    mask = make_block_mask(prompt_lengths, response_lengths, owners, device, window=window)
    packing = make_packing(prompt_lengths, response_lengths, owners, device)
    expected = portable(query, key, value, packing, 0.25, window)[0]
    assert_close(unfused(query, key, value, mask), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("picture", [False, True], ids=["", "picture"])
@pytest.mark.parametrize("window", [None, 20, 150, 400])
def test_blocks_are_those_of_the_whole_mask(window, picture):
    """Against flex attention's own search through a mask of all pairs, and in what comes out of the attention."""
    from torch.nn.attention.flex_attention import create_block_mask

    prompt_lengths, response_lengths, owners = [300, 40, 128], [500, 3, 129, 256, 0, 90], [0, 1, 2, 0, 1, 2]
    device = torch.device("cpu")
    number_L = torch.full((468,), -1)
    number_L[100:260], number_L[310:330] = 0, 1
    pictures = Pictures(number_L, everywhere=True) if picture else None
    numbers = number_L if picture else None
    mask = make_block_mask(prompt_lengths, response_lengths, owners, device, window=window, pictures_L=numbers)
    total = sum(prompt_lengths) + sum(response_lengths)
    expected = create_block_mask(mask.mask_mod, None, None, total, total, device="cpu")
    assert torch.equal(mask.to_dense(), expected.to_dense())
    if window is None and not picture:
        assert torch.equal(mask.full_kv_num_blocks, expected.full_kv_num_blocks)
        assert int(mask.full_kv_num_blocks.sum()) > 3
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(total, heads, 16, generator=generator) for heads in (4, 2, 2))
    packing = make_packing(prompt_lengths, response_lengths, owners, device, pictures)
    expected = portable(query, key, value, packing, 0.25, window)[0]
    assert_close(unfused(query, key, value, mask), expected, atol=1e-5, rtol=1e-5)


def test_stretches_of_similar_lengths():
    lengths = [60, 143, 80, 45, 44, 107]
    order = by_length(lengths)
    assert order == [1, 5, 2, 0, 3, 4]
    # 107 < .75 x 143; 80 < .75 x 107; 60 is not below .75 x 80; 45 < .75 x 80
    assert list(similar([lengths[n] for n in order])) == [(0, 1), (1, 2), (2, 4), (4, 6)]
    assert list(similar([])) == list(similar([0, 0])) == []


@pytest.mark.parametrize("packs", [True, False])
def test_equal_responses_stay_in_one_part_and_cost_nothing(packs):
    policy = SimpleNamespace(packs=packs, count_tokens=lambda prompt: 10)
    a, b = (Prompt((user_message(text),), ()) for text in "ab")

    def row(number, prompt, *ids):
        return Row(number, 0, Turn(prompt, Completion(ids, (0.0,) * len(ids), "", StopReason.STOP)), {})

    rows = [row(0, a, 1, 2), row(1, b, 1, 2), row(2, a, 3, 4, 5), row(3, a, 1, 2), row(4, b, 1, 2), row(5, a, 1, 2)]
    # packed: a with its pair 12, b with its pair 12 more, a's triple 3 more; plain: 12 for each of the first two rows
    for budget, expected in ((27 if packs else 39, [[0, 3, 5, 1, 4, 2]]), (24, [[0, 3, 5, 1, 4], [2]]), (1, None)):
        found = [[one.episode for one in part.rows] for part in split(rows, policy, budget)]
        assert found == (expected or [[0, 3, 5], [1, 4], [2]])


def test_rows_of_a_part_are_shown_the_same_contexts():
    policy = SimpleNamespace(packs=True, count_tokens=lambda prompt: len(prompt.messages[0]["content"]))
    own, hint, other = (Prompt((user_message(text),), ()) for text in ("a", "a longer one", "another"))

    def row(number, contexts):
        return Row(number, 0, Turn(own, Completion((1, number), (0.0,) * 2, "", StopReason.STOP)), contexts)

    rows = [row(0, {}), row(1, {"right": hint}), row(2, {"right": hint, "wrong": other}), row(3, {"right": hint})]
    parts = list(split(rows, policy, 1000))
    assert [(part.kind, [one.episode for one in part.rows]) for part in parts] == [
        (("right", "wrong"), [2]),
        (("right",), [1, 3]),
        ((), [0]),
    ]
    # the longest prompt counts: 12 and two responses of 2 tokens are 16
    assert len(list(split(rows[1:2] + rows[3:], policy, 16))) == 1
    assert len(list(split(rows[1:2] + rows[3:], policy, 15))) == 2


def qwen2_with_windows():
    config = Qwen2Config(
        vocab_size=VOCABULARY, hidden_size=32, intermediate_size=32, num_hidden_layers=3, num_attention_heads=2,
        num_key_value_heads=1, use_sliding_window=True, sliding_window=4, max_window_layers=1, eos_token_id=2,
    )  # fmt: skip
    return Qwen2ForCausalLM(config)


def mistral_with_windows():
    config = MistralConfig(
        vocab_size=VOCABULARY, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, sliding_window=5, eos_token_id=2, head_dim=16,
    )  # fmt: skip
    return MistralForCausalLM(config)


@pytest.mark.parametrize("make", [qwen2_with_windows, mistral_with_windows])
def test_an_architecture_with_windows_is_packed(processor, make):
    torch.manual_seed(0)
    model = make().eval()
    model.generation_config.eos_token_id = 2
    case = workload(sees=False)
    found = []
    for scoring in ("packed", "plain"):
        policy = TransformersPolicy(copy.deepcopy(model), processor.tokenizer, TrainedModelOptions(scoring=scoring))
        assert policy.packs == (scoring == "packed")
        found.append(scored(policy, *case))
    (a, gradients), (b, expected) = found
    assert_close(a.logp_NT, b.logp_NT, atol=1e-5, rtol=1e-5)
    assert distance(gradients, expected) < 1e-4
    prompts, _, responses = case
    ids = torch.tensor([[*policy.encoder.token_ids(prompts[0]), *responses[2]]])
    logits = model(ids).logits[0, -len(responses[2]) - 1 : -1].log_softmax(-1)
    alone = logits.gather(-1, torch.tensor(responses[2])[:, None])[:, 0]
    assert_close(a.logp_NT[2, : len(responses[2])], alone, atol=1e-5, rtol=1e-5)


def test_an_architecture_with_capped_attention_is_scored_plain(processor):
    config = Gemma2Config(
        vocab_size=VOCABULARY, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=16, attn_logit_softcapping=20.0, eos_token_id=2,
    )  # fmt: skip
    model = Gemma2ForCausalLM(config).eval()
    model.generation_config.eos_token_id = 2
    assert not TransformersPolicy(model, processor.tokenizer).packs
    with pytest.raises(ConfigurationError, match="Gemma2ForCausalLM does not support"):
        TransformersPolicy(model, processor.tokenizer, TrainedModelOptions(scoring="packed"))


def test_attention_that_does_more_is_refused():
    packing = make_packing([2], [1], [0], torch.device("cpu"))
    x = torch.zeros(1, 1, 3, 8)
    with pytest.raises(NotImplementedError, match="softcap"):
        attention.packed_attention(None, x, x, x, None, packing=packing, softcap=30.0)


@pytest.mark.parametrize("name", ["grpo", "opsd", "sdpo", "grpo+opsd", "rlsd"])
def test_an_update_is_the_same_on_every_path(policy, batch, name):
    """Packed, plain, checkpointed, in micro-batches of few tokens: the same metrics and gradient."""
    runs = {}
    for path, options, budget in (
        ("packed", TrainedModelOptions(), 10**6),
        ("plain", TrainedModelOptions(scoring="plain"), 10**6),
        ("packed, split", TrainedModelOptions(), 300),
        ("plain, split", TrainedModelOptions(scoring="plain"), 300),
        ("checkpointed", TrainedModelOptions(gradient_checkpointing=True), 900),
    ):
        mine = TransformersPolicy(copy.deepcopy(policy.model), policy.processor, options)
        config = LearnerOptions(lr=1e-3, max_grad_norm=1e9, micro_batch_tokens=budget)
        agent = agents.make(name, policy=mine, learner=config)
        for step in range(2):
            metrics = agent.update(at_step(alternating(batch), step))
        gradient = torch.cat([p.grad.flatten() for p in agent.learner.parameters if p.grad is not None])
        runs[path] = metrics, gradient
    metrics, gradient = runs.pop("packed")
    for path, (others, other) in runs.items():
        assert others.keys() == metrics.keys(), path
        for key, value in metrics.items():
            assert others[key] == pytest.approx(value, rel=1e-4, abs=1e-5), (path, key)
        assert float((other - gradient).norm() / gradient.norm()) < 2e-4, path
