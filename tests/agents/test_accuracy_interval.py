from __future__ import annotations

import numpy as np
import pytest

from agents.report.statistics import accuracy_interval


def test_wilson_for_right_and_wrong():
    # p = .5, n = 4, z = 1.96: centre .5, half = 1.96/(1+.9604) sqrt(.0625 + .06003) = .34996
    interval = accuracy_interval(np.array([0.0, 1.0, 1.0, 0.0]))
    assert (interval.mean, interval.low, interval.high) == pytest.approx((0.5, 0.150, 0.850), abs=1e-3)


def test_equal_values_do_not_make_it_certain():
    # p = 0, n = 60: high = z^2/n / (1 + z^2/n) = .06402 / 1.06402
    interval = accuracy_interval(np.zeros(60))
    assert (interval.mean, interval.low, interval.high) == pytest.approx((0.0, 0.0, 0.0602), abs=1e-4)
    assert accuracy_interval(np.full(2, 0.25)).high < 1


def test_shares_stay_within_0_and_1():
    interval = accuracy_interval(np.array([0.0, 0.5, np.nan]))
    # variance .125 / 2, worth .25 x .75 / .0625 = 3 observations, t = 12.706 with one degree of freedom: t^2 = 161.4
    # centre (.25 + 161.4 / 6) / (1 + 161.4 / 3) = .49543, half 12.706 / 54.81 sqrt(.0625 + 161.4 / 36) = .4943
    assert (interval.mean, interval.low, interval.high) == pytest.approx((0.25, 0.0012, 0.9897), abs=1e-4)
    assert np.isnan(accuracy_interval(np.array([np.nan])).mean)
