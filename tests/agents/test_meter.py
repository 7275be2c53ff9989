"""Ratios, maxima and quantiles of what is added in parts and in several processes."""

from __future__ import annotations

import math
import pickle

import pytest
import torch

from agents.distributed import World
from agents.learner.histogram import BINS, count_bins, quantile
from agents.learner.meter import Meter


class Both(World):
    """Two processes whose values are given."""

    def gather(self, value):
        return [pickle.loads(pickle.dumps(one)) for one in (self.other, value)]


def filled(values, weights):
    meter = Meter()
    for part, whole in zip(values.split(3), weights.split(3)):
        meter.add("mean", part)
        meter.add_ratio("ratio", part * whole, whole)
        meter.add_largest("largest", part)
        meter.add_logs("weight", part.log(), whole > 0)
    return meter


def test_parts_and_processes_give_the_numbers_of_all_values_at_once():
    values = torch.rand(1000, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 4 + 0.01
    weights = (torch.arange(1000) % 3).double()
    world = Both()
    readings = filled(values[:400], weights[:400]).over(World())
    object.__setattr__(world, "other", readings)
    found = filled(values[400:], weights[400:]).over(world).means()
    assert found["mean"] == pytest.approx(float(values.mean()))
    assert found["ratio"] == pytest.approx(float((values * weights).sum() / weights.sum()))
    assert found["largest"] == float(values.max())
    counted = values[weights > 0].sort().values
    for name, share in (("p1", 0.01), ("p50", 0.5), ("p99", 0.99)):
        assert found[f"weight_{name}"] == pytest.approx(float(counted[math.ceil(share * len(counted)) - 1]), rel=0.0051)


def test_a_ratio_of_nothing_is_left_out():
    meter = Meter()
    meter.add_ratio("ratio", torch.zeros(3), torch.zeros(3))
    meter.add_logs("weight", torch.zeros(3), torch.zeros(3, dtype=torch.bool))
    assert meter.over(World()).means() == {}


def test_a_weight_of_1_has_the_middle_of_a_bin_and_what_is_beyond_all_bins_is_in_the_last():
    bins = count_bins(torch.tensor([0.0, 0.0, 1e9, -1e9]), torch.tensor([True] * 4))
    counts = {number: count for number, count in enumerate(bins.tolist()) if count}
    assert counts == {0: 1, BINS // 2: 2, BINS - 1: 1}
    assert quantile(counts, 0.5) == 1.0
    assert quantile(counts, 1.0) == pytest.approx(math.exp(20))
