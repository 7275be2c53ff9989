from __future__ import annotations

from benchmarks.scaling import Options, measure, measure_processes
from benchmarks.workloads import Workload, random_checkpoint


def test_packed_and_plain_are_measured(tmp_path):
    workload = Workload(groups=1, group_size=4, image_tokens=16, response_tokens=5)
    found = measure(str(random_checkpoint(tmp_path, image_tokens=16)), workload, repetitions=1)
    assert found["packed_seconds"] > 0
    assert found["plain_seconds"] > 0


def test_one_quantity_is_varied_at_a_time():
    axes = Options(prompts=(3,), group_sizes=(4,), response_tokens=(9,)).axes()
    assert axes == {
        "prompts": [Workload(groups=3)],
        "group size": [Workload(group_size=4)],
        "response tokens": [Workload(response_tokens=9)],
    }


def test_several_processes_share_a_batch(tmp_path):
    found = measure_processes(str(random_checkpoint(tmp_path)), 2, Options(repetitions=1))
    assert found["processes"] == 2
    assert found["seconds"] > 0
