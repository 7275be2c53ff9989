from __future__ import annotations

import numpy as np
import pytest
import torch

from agents.policy.loading import load_policy
from benchmarks.families import FAMILIES
from benchmarks.workloads import Workload, make_batch, random_checkpoint, response_lengths, response_token_count


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("image_tokens", [16, 64])
def test_a_picture_becomes_as_many_tokens_as_are_asked_for(tmp_path, image_tokens, family):
    policy = load_policy(str(random_checkpoint(tmp_path, image_tokens=image_tokens, family=family)), "cpu")
    batch = make_batch(policy, Workload(groups=1, group_size=4, response_tokens=8))
    ids = policy.encoder.token_ids(batch.groups[0].episodes[0].turns[0].prompt)
    assert ids.count(policy.encoder.image_id) == image_tokens


def test_an_impossible_number_of_image_tokens_is_refused(tmp_path):
    with pytest.raises(ValueError, match="60"):
        random_checkpoint(tmp_path, image_tokens=60)


def test_the_same_seed_makes_the_same_model_and_batch(tmp_path):
    made = []
    for name in ("a", "b"):
        policy = load_policy(str(random_checkpoint(tmp_path / name)), "cpu")
        batch = make_batch(policy, Workload(groups=2, group_size=4, response_tokens=10))
        made.append(([e.turns[0].action.token_ids for _, _, e in batch], policy.model.lm_head.weight))
    assert made[0][0] == made[1][0]
    assert torch.equal(made[0][1], made[1][1])


@pytest.mark.parametrize(("size", "least"), [(2, 1), (3, 2), (4, 2), (8, 2), (16, 2)])
def test_every_group_has_right_and_wrong_answers(tmp_path, size, least):
    policy = load_policy(str(random_checkpoint(tmp_path)), "cpu")
    batch = make_batch(policy, Workload(groups=3, group_size=size, image_tokens=0, response_tokens=3))
    for group in batch.groups:
        right = sum(episode.reward for episode in group.episodes)
        assert least <= right <= size - 1
    assert response_token_count(batch) == sum(len(e.turns[0].action.token_ids) for _, _, e in batch)


def test_recorded_log_probabilities_are_the_policys(tmp_path):
    policy = load_policy(str(random_checkpoint(tmp_path)), "cpu")
    episode = make_batch(policy, Workload(groups=1, group_size=4, response_tokens=6)).groups[0].episodes[1]
    turn = episode.turns[0]
    with torch.no_grad():
        logp = policy.score([turn.prompt], [0], [turn.action.token_ids]).logp_NT[0]
    assert turn.action.logprobs == pytest.approx(logp.tolist(), abs=1e-5)


def test_lengths_have_the_mean_and_vary():
    lengths = response_lengths(60, 20_000, np.random.default_rng(1))
    assert np.mean(lengths) == pytest.approx(60, rel=0.02)
    assert np.std(lengths) == pytest.approx(25, rel=0.05)  # 60 * sqrt(exp(.4^2) - 1) = 25.0
    assert min(lengths) >= 2
    assert max(lengths) <= 240
