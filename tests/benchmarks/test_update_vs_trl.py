from __future__ import annotations

import pytest
import torch

from benchmarks import trl_peer
from benchmarks.families import FAMILIES
from benchmarks.trl_peer import Measured
from benchmarks.update_vs_trl import Options, agreement, agreement_of_ways, apart, measure, measure_methods, rate
from benchmarks.workloads import Workload, random_checkpoint

needs_trl = pytest.mark.skipif(not trl_peer.available(), reason="TRL is not installed; make test-peers installs it")
SMALL = Workload(groups=2, group_size=4, image_tokens=16, response_tokens=8)


def test_the_rate_is_that_of_the_median_and_the_first_update_does_not_count():
    assert rate(Measured(seconds=[9.0, 1.0, 4.0, 2.0]), 100) == 50


def test_the_sweep_keeps_the_number_of_responses():
    workloads = Options(responses=32, group_sizes=(4, 16), response_tokens=(60, 300)).workloads()
    assert [(w.groups, w.group_size, w.response_tokens) for w in workloads] == [
        (8, 4, 60),
        (2, 16, 60),
        (8, 4, 300),
        (2, 16, 300),
    ]


def test_our_side_is_measured_with_or_without_trl(tmp_path):
    checkpoint = str(random_checkpoint(tmp_path, image_tokens=16))
    found = measure(checkpoint, SMALL, Options(repetitions=1, splits=(1,)))
    assert found["plain_ratio"] == found["ours_tokens_per_second"] / found["plain_tokens_per_second"] > 0
    assert ("ratio" in found) == trl_peer.available()
    rates = measure_methods(checkpoint, SMALL, Options(repetitions=1))
    assert set(rates["with pictures"]) == {"GRPO", "RLSD", "RLSD, lam 0", "SDPO"}


@pytest.mark.parametrize("family", FAMILIES)
def test_both_our_ways_make_the_same_update(tmp_path, family):
    checkpoint = str(random_checkpoint(tmp_path, image_tokens=16, family=family))
    found = agreement_of_ways(checkpoint, SMALL)
    assert 0 < found["plain_gradient_difference"] < 1e-4
    assert found["plain_loss_difference"] < 1e-6


def test_how_far_gradients_are_apart():
    a, b = torch.tensor([3.0, 4.0]), torch.tensor([[2.0]])
    assert apart([a, None, b], [a, None, b]) == 0
    # |(0, 1, -1)| / |(3, 3, 3)|; what one side lacks does not count
    assert apart([a, b, b], [torch.full((2,), 3.0), torch.tensor([[3.0]]), None]) == pytest.approx((2 / 27) ** 0.5)


@needs_trl
@pytest.mark.parametrize("family", FAMILIES)
def test_one_update_is_the_same_as_trls(tmp_path, family):
    found = agreement(str(random_checkpoint(tmp_path, image_tokens=16, family=family)), SMALL)
    for aggregation in ("sequence_mean", "token_mean"):
        assert found[f"{aggregation}_gradient_difference"] < 1e-3
        assert found[f"{aggregation}_grad_norm"] == pytest.approx(found[f"{aggregation}_trl_grad_norm"], rel=1e-3)
    # Tokens count alike there, so longer responses weigh more and the mean of the advantages is not 0.
    assert abs(found["token_mean_loss"]) > 1e-3
    assert found["token_mean_loss"] == pytest.approx(found["token_mean_trl_loss"], rel=1e-3)


@needs_trl
def test_trls_gradient_does_not_depend_on_how_it_splits_the_batch(tmp_path):
    from agents.policy.loading import load_policy
    from benchmarks.workloads import make_batch

    checkpoint = str(random_checkpoint(tmp_path, image_tokens=16))
    policy = load_policy(checkpoint, "cpu")
    batch = make_batch(policy, SMALL)
    norms = [trl_peer.grpo(checkpoint, policy, batch, updates=1, splits=s).measured.grad_norms[0] for s in (1, 4)]
    assert norms[0] == pytest.approx(norms[1], rel=1e-4)
