"""Distributions in chunks: the same numbers and gradients, and nothing of the size tokens x vocabulary."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import agents
from agents.losses import entropy, kl_divergence
from agents.options.learner import LearnerOptions
from agents.policy import scores as module


class Largest(TorchDispatchMode):
    """Remembers the largest tensor that any operation makes."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for value in tree_leaves(result):
            if isinstance(value, torch.Tensor):
                self.numbers = max(self.numbers, value.numel())
        return result


def update(policy, batch, name, **options):
    learner = agents.make(name, policy, learner=LearnerOptions(lr=1e-4), **options).learner
    metrics = learner.update(batch)
    return metrics, [parameter.grad.clone() for parameter in policy.model.parameters()]


@pytest.mark.parametrize(
    ("name", "options"),
    [("grpo", {}), ("opsd", {}), ("sdpo", {"feedback": "always"}), ("grpo+opsd", {}), ("rlsd", {})],
)
def test_an_update_does_not_depend_on_the_chunks(policy, batch, monkeypatch, name, options):
    start = {key: value.clone() for key, value in policy.model.state_dict().items()}
    whole, gradients = update(policy, batch, name, **options)
    policy.model.load_state_dict(start)
    monkeypatch.setattr(module, "CHUNK_NUMBERS", 37 * policy.vocabulary_size)  # 37 tokens at a time
    chunked, others = update(policy, batch, name, **options)
    assert whole.keys() == chunked.keys()
    for key, value in whole.items():
        assert chunked[key] == pytest.approx(value, rel=1e-5, abs=1e-6), key
    for one, other in zip(gradients, others):
        assert_close(one, other, atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize("name", ["grpo", "opsd"])
def test_nothing_of_the_size_tokens_times_vocabulary_is_ever_made(policy, batch, monkeypatch, name):
    """The bundled model with a vocabulary of 20,485: its distributions outweigh all else."""
    policy.model.resize_token_embeddings(20_485, mean_resizing=False)
    vocabulary = policy.vocabulary_size
    monkeypatch.setattr(module, "CHUNK_NUMBERS", 8 * vocabulary)
    tokens = sum(episode.length for _, _, episode in batch)
    weights = max(parameter.numel() for parameter in policy.model.parameters())
    assert weights < 0.5 * tokens * vocabulary
    with Largest() as largest:
        update(policy, batch, name)
    assert largest.numbers <= max(weights, 8 * vocabulary)


def test_numbers_per_token_from_two_distributions(policy, batch, monkeypatch):
    turns = [episode.turns[0] for _, _, episode in batch][:3]
    prompts, responses = [turn.prompt for turn in turns], [turn.action.token_ids for turn in turns]
    with torch.no_grad():
        scores = policy.score(prompts, [0, 1, 2], responses)
        hotter = policy.score(prompts, [0, 1, 2], responses, temperature=2.0)
        expected = kl_divergence(scores.logp_MV, hotter.logp_MV), entropy(scores.logp_MV)
        monkeypatch.setattr(module, "CHUNK_NUMBERS", 5 * policy.vocabulary_size)
        scores = policy.score(prompts, [0, 1, 2], responses)
        hotter = policy.score(prompts, [0, 1, 2], responses, temperature=2.0)
        assert scores.whole_KV is None
        assert_close(scores.reduce(kl_divergence, hotter), expected[0])
        assert_close(scores.reduce(entropy), expected[1])
        scale_M = torch.arange(scores.hidden_MH.shape[0], dtype=torch.float32)
        scaled = scores.reduce(lambda logp_CV, by_C: entropy(logp_CV) * by_C, per_token=(scale_M,))
        assert_close(scaled, expected[1] * scale_M)


def test_distributions_of_equal_responses_are_compared_in_chunks(policy, batch, monkeypatch):
    """Few states, whose distributions are held at once, stand for many tokens."""
    policy.model.resize_token_embeddings(20_485, mean_resizing=False)
    turn = next(iter(batch))[2].turns[0]
    ids = turn.action.token_ids[:6]
    with torch.no_grad():
        alone, other = (policy.score([turn.prompt], [0], [ids], temperature=t) for t in (1.0, 2.0))
        expected = alone.reduce(kl_divergence, other)
        monkeypatch.setattr(module, "CHUNK_NUMBERS", 6 * policy.vocabulary_size)
        many, others = (policy.score([turn.prompt], [0] * 40, [ids] * 40, temperature=t) for t in (1.0, 2.0))
        assert many.whole_KV is not None
        with Largest() as largest:
            found = many.reduce(kl_divergence, others)
    assert_close(found, expected.repeat(40))
    weights = max(parameter.numel() for parameter in policy.model.parameters())
    assert largest.numbers <= max(weights, 6 * policy.vocabulary_size)
