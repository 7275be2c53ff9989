"""Hybrid models against transformers alone: its generate, and its forward pass of separate rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.testing import assert_close
from transformers import DynamicCache

from agents.episodes import Prompt
from agents.messages import user_message
from agents.options.model import TrainedModelOptions
from agents.policy.base import Request, Sampling
from agents.policy.decoding import SharedDecoder, decoder
from agents.policy.transformers_policy import TransformersPolicy
from tests.agents.hybrids import HYBRIDS, SEE, hybrid

WAYS = ("plain", "packed")
RNG = np.random.default_rng(0)
SMALL, WIDE, LARGE = (RNG.integers(0, 256, (*sides, 3), dtype=np.uint8) for sides in ((32, 32), (32, 64), (64, 64)))


def policy_of(name, scoring="auto", **options):
    return TransformersPolicy(*hybrid(name), TrainedModelOptions(scoring=scoring, **options))


def asked(text, *images):
    return Prompt((user_message("<image>" * len(images) + text),), images)


def several_turns(policy, *images):
    """A prompt with what the policy itself said before, as token ids."""
    said = policy.tokenizer("1 plus 2 is 3")["input_ids"]
    messages = (
        user_message("<image>" * len(images) + "How many ?"),
        {"role": "assistant", "content": "", "token_ids": said},
    )
    return Prompt((*messages, user_message("red circles ?")), images)


BATCHES = {
    "one picture": lambda policy: [asked("How many red circles ?", SMALL)],
    "several": lambda policy: [asked("plus ?", SMALL, SMALL), asked("blue squares", SMALL, SMALL)],
    "several sizes": lambda policy: [asked("plus ?", LARGE, SMALL, WIDE), asked("How many ?", WIDE)],
    "none": lambda policy: [asked("How many blue squares are there ?"), asked("?")],
    "mixed": lambda policy: [asked("?", WIDE, LARGE), asked("How many red squares plus circles ?"), asked("is", SMALL)],
    "several turns": lambda policy: [several_turns(policy, LARGE), asked("1", SMALL), several_turns(policy, WIDE)],
    "several turns without": lambda policy: [several_turns(policy), asked("1"), several_turns(policy)],
}
CASES = [(name, kind) for name in HYBRIDS for kind in BATCHES if name in SEE or "without" in kind or kind == "none"]


def inputs_of(policy, prompt, response=()):
    """Make one row's inputs; a prompt of one turn is written and tokenised by transformers alone."""
    if len(prompt.messages) == 1:
        text = policy.processor.apply_chat_template(list(prompt.messages), add_generation_prompt=True, tokenize=False)
        images = {"images": [[image.copy() for image in prompt.images]]} if prompt.images else {}
        inputs = dict(policy.processor(text=[text], return_tensors="pt", **images))
    else:
        ids = torch.tensor([policy.encoder.token_ids(prompt)])
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        if prompt.images:
            pictures = policy.processor.image_processor(images=[i.copy() for i in prompt.images], return_tensors="pt")
            inputs |= dict(pictures) | {"mm_token_type_ids": (ids == policy.encoder.image_id).int()}
    answer = torch.tensor([list(response)], dtype=torch.long)
    inputs["input_ids"] = torch.cat([inputs["input_ids"], answer], 1)
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    if "mm_token_type_ids" in inputs:
        inputs["mm_token_type_ids"] = torch.cat([inputs["mm_token_type_ids"], torch.zeros_like(answer)], 1)
    return inputs


def separately(model, policy, prompt, response):
    """Score one row by transformers alone."""
    logits = model(**inputs_of(policy, prompt, response)).logits[0, -len(response) - 1 : -1].float()
    logits = logits.index_fill(-1, policy.never_ids, -torch.inf)
    return logits.log_softmax(-1).gather(-1, torch.tensor(response)[:, None])[:, 0]


def answers(policy, prompts):
    """Three responses to each prompt, of 1 to 70 tokens, in no order."""
    rng = np.random.default_rng(1)
    ordinary = [i for i in range(7, policy.vocabulary_size) if i not in policy.encoder.vision_ids]
    owners = [number for _ in range(3) for number in range(len(prompts))]
    lengths = [(1, 70, 5, 2, 19, 33, 4, 6, 18)[number % 9] for number in range(len(owners))]
    return owners, [rng.choice(ordinary, length).tolist() for length in lengths]


def gradients(model):
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def distance(a, b):
    assert a.keys() == b.keys()
    return float(sum(((a[n] - b[n]) ** 2).sum() for n in b).sqrt() / sum((b[n] ** 2).sum() for n in b).sqrt())


@pytest.mark.parametrize(("name", "kind"), CASES)
@pytest.mark.parametrize("scoring", WAYS)
def test_scores_and_gradients_are_those_of_separate_rows(name, kind, scoring):
    policy = policy_of(name, scoring)
    prompts = BATCHES[kind](policy)
    owners, responses = answers(policy, prompts)
    scores = policy.score(prompts, owners, responses)
    weights = torch.linspace(-1, 1, scores.logp_NT.numel()).view_as(scores.logp_NT)
    (scores.logp_NT * weights).sum().backward()
    untouched, _ = hybrid(name)
    for row, (owner, response) in enumerate(zip(owners, responses)):
        alone = separately(untouched, policy, prompts[owner], response)
        assert_close(scores.logp_NT[row, : len(response)], alone, atol=1e-5, rtol=1e-5)
        (alone * weights[row, : len(response)]).sum().backward()
    assert distance(gradients(policy.model), gradients(untouched)) < 1e-4


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_greedy_tokens_are_those_of_generate(name, kind):
    """Three of each prompt at once, which all say the same."""
    policy = policy_of(name)
    prompts = BATCHES[kind](policy)
    groups = policy.generate(Request(prompts, 3, Sampling(0.0, 20), list(range(3 * len(prompts)))))
    suppressed = policy.encoder.vision_ids or None
    untouched, _ = hybrid(name)
    for prompt, group in zip(prompts, groups):
        inputs = inputs_of(policy, prompt)
        theirs = untouched.generate(**inputs, max_new_tokens=20, do_sample=False, suppress_tokens=suppressed)
        expected = theirs[0, inputs["input_ids"].shape[1] :].tolist()
        assert [list(completion.token_ids) for completion in group] == [expected] * 3


@pytest.mark.parametrize("name", HYBRIDS)
def test_the_samplers_logprobs_are_the_learners(name):
    """Completions end at different tokens, so rows are dropped while others go on."""
    policy = policy_of(name)
    prompts = BATCHES["mixed" if name in SEE else "none"](policy)
    count = 4 * len(prompts)
    limits = [1 + (7 * number) % 23 for number in range(count)]
    groups = policy.generate(Request(prompts, 4, Sampling(1.0, 23), list(range(count)), limits))
    flat = [completion for group in groups for completion in group]
    assert len({completion.token_ids for completion in flat}) > count / 2
    owners = [number // 4 for number in range(count)]
    scores = policy.score(prompts, owners, [completion.token_ids for completion in flat])
    for row, completion in zip(scores.logp_NT.detach(), flat):
        assert_close(row[: len(completion.token_ids)], torch.tensor(completion.logprobs), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", HYBRIDS)
def test_sampling_runs_and_holds_a_prompt_once(name):
    policy = policy_of(name)
    prompts = BATCHES["none"](policy)
    model = policy.model
    encoded = policy.encoder.encode(prompts, model)
    mask = encoded.model_inputs["attention_mask"]
    cache = DynamicCache(config=model.config.get_text_config())
    with torch.no_grad():
        model.model(**encoded.model_inputs, past_key_values=cache, use_cache=True)
        made = decoder(model, cache, mask, 3, 5, policy.encoder.three_axes)
        assert isinstance(made, SharedDecoder)
        before = cache.layers[0].recurrent_states[0].clone()
        made.step(torch.arange(20, 26), encoded.next_position_P.repeat_interleave(3))
    linear, full = made.prompts.completions[0], made.prompts.completions[3]
    assert full.prompt_keys.shape[0] == len(prompts)
    assert linear.recurrent_states[0].shape[0] == 3 * len(prompts)
    assert torch.equal(cache.layers[0].recurrent_states[0], before)  # the prompts' own state is not gone on from
