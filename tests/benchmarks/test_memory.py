from __future__ import annotations

import sys

import pytest
import torch

from benchmarks import trl_peer
from benchmarks.memory import Gauge, Options, Setting, measure_apart

linux = pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")


@linux
@pytest.mark.skipif(torch.cuda.is_available(), reason="on a GPU its memory is measured")
def test_the_gauge_sees_what_came_and_went():
    held = torch.ones(2**22)  # 16 MiB before the level is taken
    gauge = Gauge()
    gauge.start()
    passing = torch.ones(2**25)  # 128 MiB
    del passing
    found = gauge.stop()
    assert 120 < found["added_mib"] < 150
    assert found["peak_mib"] == pytest.approx(found["level_mib"] + found["added_mib"])
    del held


@linux
def test_an_update_is_measured_in_a_process_of_its_own():
    options = Options(vocabulary=2000, groups=1, group_size=4, response_tokens=6)
    found = measure_apart(Setting("ours", False, 16384), options)
    assert found["added_mib"] >= found["gradient_and_moments_mib"] > 0
    assert found["above_them_mib"] == pytest.approx(found["added_mib"] - found["gradient_and_moments_mib"])


@linux
@pytest.mark.skipif(not trl_peer.available(), reason="TRL is not installed; make test-peers installs it")
def test_trl_is_measured_as_well():
    options = Options(vocabulary=2000, groups=1, group_size=4, response_tokens=6)
    assert measure_apart(Setting("trl", True, 2), options)["peak_mib"] > 0


def test_both_sides_are_measured_whole_split_and_with_checkpointing():
    names = [setting.name for setting in Options().settings()]
    assert names[:4] == [
        "ours, 16,384 tokens at once",
        "ours, 2,048 tokens at once",
        "ours, 16,384 tokens at once, checkpointing",
        "ours, 2,048 tokens at once, checkpointing",
    ]
    assert (len(names) == 8) == trl_peer.available()
