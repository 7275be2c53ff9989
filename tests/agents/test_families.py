"""The contract of every family of models: what a policy over it samples, scores and learns, against transformers alone.

The reference is a model that nothing was done to, run on what its own processor makes of one prompt. `python -m pytest
tests/agents/test_families.py -k NAME` runs one family.
"""

from __future__ import annotations

import copy
import functools

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch.testing import assert_close
from transformers import LogitsProcessor, LogitsProcessorList

import agents
from agents.episodes import Prompt
from agents.messages import user_message
from agents.options.learner import LearnerOptions
from agents.options.model import TrainedModelOptions
from agents.policy import sampling
from agents.policy.base import Request, Sampling
from agents.policy.decoding import decoder
from agents.policy.loading import load_policy
from agents.policy.sampling import inverse_cdf
from agents.policy.transformers_policy import TransformersPolicy
from agents.policy.vllm.weights import as_loaded
from agents.rollouts.collect import collect, completion_seeds
from agents.rollouts.environments import make_group_env
from tests.agents.families import FAMILIES, PACKAGES, build
from tests.agents.test_learner import alternating

TOKENS = 14
"""Of a completion: more than the windows of the families that have one."""


@functools.lru_cache(maxsize=1)
def built(name):
    return build(name)


@pytest.fixture(params=FAMILIES)
def name(request):
    pytest.importorskip(PACKAGES.get(request.param, "transformers"))
    return request.param


def make_policy(name, **options):
    model, processor = built(name)
    return TransformersPolicy(copy.deepcopy(model), processor, TrainedModelOptions(**options))


def picture(number, height=16, width=16):
    made = np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)
    made.setflags(write=False)
    return made


def prompt(text, *images):
    return Prompt((user_message(text),), images)


def turns(processor, *images):
    """Return a conversation that has come to its third turn, with a picture in each of the user's first two."""
    said = "3 red"
    ids = processor.tokenizer(said, add_special_tokens=False)["input_ids"]
    assistant = {"role": "assistant", "content": said, "token_ids": ids}
    opening, look = user_message("<image>How many circles ?"), user_message("<image>Look again")
    return Prompt((opening, assistant, look, assistant, user_message("Sure ?")), images)


def prompts_of(processor):
    """Return prompts by kind, with one picture, several, several sizes and none."""
    return {
        "one": prompt("<image>How many red circles ?", picture(0)),
        "another size": prompt("What is this ?<image>", picture(1, 36, 20)),
        "several": prompt("<image>and<image>differ ?", picture(2), picture(3)),
        "several sizes": prompt("<image><image>Which is larger ?", picture(4, 24, 40), picture(5)),
        "none": prompt("red"),
        "turns": turns(processor, picture(6), picture(7, 20, 16)),
    }


MIXES = {
    "one picture": ("one",),
    "several pictures": ("several",),
    "several sizes": ("another size", "one", "several sizes"),
    "none": ("none",),
    "mixed": ("none", "several sizes", "one", "several"),
    "several turns": ("turns", "none", "one"),
}


def own_inputs(processor, prompt):
    """Return what the family's own processor makes of a prompt, for the model's forward."""
    parts = [
        [{"type": "text", "text": one["content"]}] if isinstance(one["content"], str) else one["content"]
        for one in prompt.messages
    ]
    messages = [{"role": one["role"], "content": content} for one, content in zip(prompt.messages, parts)]
    text = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    images = [[Image.fromarray(image) for image in prompt.images]] if prompt.images else None
    return processor(text=[text], images=images, return_tensors="pt", add_special_tokens=False)


def responses_of(processor, count):
    """Return responses of 1 to 12 tokens, none of which stands for a picture."""
    ids = [id for id in range(20, 300) if id not in processor.tokenizer.all_special_ids]
    rng = np.random.default_rng(1)
    return [rng.choice(ids, length).tolist() for length in (12, 1, 5, 12, 7, 3, 11, 2, 9, 4, 6, 8)[:count]]


def row_scores(processor, model, never, prompt, response):
    """Return the log-probabilities of one row by the model alone."""
    inputs = own_inputs(processor, prompt)
    start = inputs["input_ids"].shape[1]
    answer = torch.tensor([response])
    fill = {"input_ids": answer, "attention_mask": torch.ones_like(answer)}
    for one in ("input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids"):
        if one in inputs:
            inputs[one] = torch.cat([inputs[one], fill.get(one, torch.zeros_like(answer))], dim=1)
    logits = model(**inputs).logits[0, start - 1 : -1].float()
    logits[:, never] = -torch.inf
    return logits.log_softmax(-1).gather(-1, answer[0][:, None])[:, 0]


def gradients(model):
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def distance(a, b):
    zero = torch.zeros(())
    names = {*a, *b}
    off = sum(((a.get(n, zero) - b.get(n, zero)) ** 2).sum() for n in names)
    return float((off / sum((b[n] ** 2).sum() for n in b)).sqrt())


def test_prompts_are_the_tokens_that_the_processor_makes(name):
    policy = make_policy(name)
    for kind, one in prompts_of(policy.processor).items():
        assert policy.encoder.token_ids(one) == own_inputs(policy.processor, one)["input_ids"][0].tolist(), kind


@pytest.mark.parametrize("scoring", ["auto", "plain"])
@pytest.mark.parametrize("mix", MIXES)
def test_scores_and_gradients_are_those_of_separate_rows(name, mix, scoring):
    policy = make_policy(name, scoring=scoring)
    prompts = [prompts_of(policy.processor)[kind] for kind in MIXES[mix]]
    owners = [place for place in range(len(prompts)) for _ in range(3)]
    responses = responses_of(policy.processor, len(owners))
    scores = policy.score(prompts, owners, responses)
    weights = torch.linspace(-1, 1, scores.logp_NT.numel()).view_as(scores.logp_NT)
    (scores.logp_NT * weights).sum().backward()
    model = copy.deepcopy(built(name)[0])
    for row, (owner, response) in enumerate(zip(owners, responses)):
        expected = row_scores(policy.processor, model, policy.encoder.vision_ids, prompts[owner], response)
        assert_close(scores.logp_NT[row, : len(response)], expected, atol=1e-5, rtol=1e-5)
        assert not scores.logp_NT[row, len(response) :].any()
        (expected * weights[row, : len(response)]).sum().backward()
    assert distance(gradients(policy.model), gradients(model)) < 1e-4


class Draws(LogitsProcessor):
    """Makes `generate` draw what given uniform numbers say."""

    def __init__(self, never, seed):
        self.never, self.uniform = never, np.random.default_rng(seed).random(TOKENS)
        self.tokens = 0

    def __call__(self, input_ids, scores):
        scores = scores.index_fill(-1, torch.tensor(self.never, dtype=torch.long), -torch.inf)
        drawn = inverse_cdf(scores.softmax(-1), torch.tensor(self.uniform[self.tokens : self.tokens + 1]))
        self.tokens += 1
        return torch.full_like(scores, -torch.inf).index_fill(-1, drawn, 0.0)


@pytest.mark.parametrize("temperature", [0.0, 1.0], ids=["greedy", "sampled"])
def test_completions_are_those_of_generate(name, temperature):
    """All prompts in one call, two completions of each, against `generate` on one row at a time."""
    policy, model = make_policy(name), built(name)[0]
    prompts = list(prompts_of(policy.processor).values())
    seeds = list(range(2 * len(prompts)))
    groups = policy.generate(Request(prompts, 2, Sampling(temperature, TOKENS), seeds))
    never = policy.encoder.vision_ids
    for place, (one, group) in enumerate(zip(prompts, groups)):
        inputs = own_inputs(policy.processor, one)
        for number, completion in enumerate(group):
            options = {"do_sample": False, "suppress_tokens": never}
            if temperature:
                draws = LogitsProcessorList([Draws(never, seeds[2 * place + number])])
                options = {"do_sample": True, "top_k": 0, "logits_processor": draws}
            out = model.generate(**copy.copy(inputs), max_new_tokens=TOKENS, **options)
            assert list(completion.token_ids) == out[0, inputs["input_ids"].shape[1] :].tolist()


def test_what_was_recorded_while_sampling_is_what_is_scored(name):
    policy = make_policy(name)
    prompts = list(prompts_of(policy.processor).values())
    groups = policy.generate(Request(prompts, 2, Sampling(0.7, TOKENS), list(range(2 * len(prompts)))))
    flat = [completion for group in groups for completion in group]
    owners = [number // 2 for number in range(len(flat))]
    with torch.no_grad():
        scores = policy.score(prompts, owners, [one.token_ids for one in flat], temperature=0.7)
    for row, one in zip(scores.logp_NT, flat):
        assert_close(row[: len(one.logprobs)], torch.tensor(one.logprobs), atol=1e-4, rtol=1e-4)


def test_the_keys_of_a_prompt_are_held_once_for_all_its_completions(name, monkeypatch):
    """8 completions of each of 3 prompts; through windows of W tokens the last W - 1 of a prompt are held."""
    policy, held = make_policy(name), []

    def noted(*arguments):
        made = decoder(*arguments)
        for layer in made.prompts.completions:
            keys = layer.prompt_keys
            assert keys.untyped_storage().nbytes() == keys.nbytes
            held.append((layer.window, tuple(keys.shape[:3])))
        return made

    monkeypatch.setattr(sampling, "decoder", noted)
    prompts = [prompts_of(policy.processor)[kind] for kind in ("turns", "none", "several sizes")]
    policy.generate(Request(prompts, 8, Sampling(1.0, 2), list(range(24))))
    longest = max(policy.count_tokens(one) for one in prompts)
    heads = policy.model.config.get_text_config().num_key_value_heads
    assert held
    for window, shape in held:
        assert shape == (3, heads, longest if window is None else window - 1)


@pytest.fixture
def batch(name):
    """Rollouts of the family's own model, with right and wrong answers."""
    policy = make_policy(name)
    env = make_group_env("rlsd/ShapeCount-v0", {}, 2, 2)
    return alternating(collect(env, policy, [3, 1], Sampling(1.0, 6), completion_seeds(9, (1, 0), 4), step=0))


@pytest.mark.parametrize("lora_rank", [0, 2], ids=["", "lora"])
@pytest.mark.parametrize("agent", ["rlsd", "opsd", "sdpo"])
def test_an_update_moves_what_is_trained_and_nothing_else(name, batch, agent, lora_rank):
    made = agents.make(agent, policy=make_policy(name, lora_rank=lora_rank), learner=LearnerOptions(lr=1e-3))
    model = made.learner.policy.model
    before = {one: p.detach().clone() for one, p in model.named_parameters()}
    metrics = made.update(batch)
    assert all(np.isfinite(value) for value in metrics.values())
    assert metrics["grad_norm"] > 0
    changed = {one for one, p in model.named_parameters() if not torch.equal(p, before[one])}
    assert changed
    assert all(torch.isfinite(p).all() for p in model.parameters())
    assert lora_rank == 0 or all(".lora_" in one for one in changed)


@pytest.mark.parametrize("lora_rank", [0, 2], ids=["", "lora"])
def test_a_model_that_was_trained_is_saved_and_loaded(name, batch, lora_rank, tmp_path):
    make_policy(name).save(tmp_path / "base")
    policy = load_policy(str(tmp_path / "base"), "cpu", TrainedModelOptions(lora_rank=lora_rank))
    agents.make("rlsd", policy=policy, learner=LearnerOptions(lr=1e-2)).update(batch)
    policy.save(tmp_path / "trained")
    again = load_policy(str(tmp_path / "trained"), "cpu")
    prompts, responses = list(prompts_of(policy.processor).values()), responses_of(policy.processor, 6)
    with torch.no_grad():
        base, trained, read = (
            one.score(prompts, range(6), responses).logp_NT for one in (make_policy(name), policy, again)
        )
    assert_close(trained, read, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(base, trained, atol=1e-4)


def test_experts_are_saved_and_sent_as_they_are_published(tmp_path):
    """Those of Qwen3-VL lie transposed in its checkpoints; transformers reads both ways, and vLLM that one."""
    make_policy("qwen3_vl_moe").save(tmp_path / "base")
    policy = load_policy(str(tmp_path / "base"), "cpu")
    policy.save(tmp_path / "saved")
    again = load_policy(str(tmp_path / "saved"), "cpu")
    held = dict(policy.model.named_parameters())
    for name, shape in (("gate_up_proj", (4, 48, 128)), ("down_proj", (4, 128, 24))):
        name = f"model.language_model.layers.0.mlp.experts.{name}"
        assert held[name].shape == shape
        assert torch.equal(again.model.get_parameter(name), held[name])
        for stored in (
            load_file(tmp_path / "saved" / "model.safetensors"),
            dict(as_loaded(again.model, again.weights())),
        ):
            assert torch.equal(stored[name], held[name].transpose(1, 2))


def test_a_frozen_tower_is_run_once_for_each_picture(name):
    policy, free = make_policy(name, freeze_vision=True), make_policy(name)
    prompts, responses = list(prompts_of(policy.processor).values()), responses_of(policy.processor, 6)
    for _ in range(2):
        scores = policy.score(prompts, range(6), responses)
    assert policy.encoder.kept.reused == policy.encoder.kept.runs > 0
    assert_close(scores.logp_NT, free.score(prompts, range(6), responses).logp_NT, atol=1e-5, rtol=1e-5)


def test_a_checkpointed_model_has_the_same_gradient(name):
    processor = built(name)[1]
    prompts, responses = list(prompts_of(processor).values()), responses_of(processor, 6)
    found = []
    for again in (False, True):
        policy = make_policy(name, gradient_checkpointing=again)
        policy.score(prompts, range(6), responses).logp_NT.sum().backward()
        found.append(gradients(policy.model))
    assert distance(*found) < 1e-6
