from __future__ import annotations

import time

import pytest

from benchmarks.end_to_end import PARTS, Options, Stopwatch, measure


class Sleeper:
    name = "sleeper"

    def nap(self) -> str:
        time.sleep(0.02)
        return "rested"

    def wake(self) -> str:
        return "awake"


def test_a_stopwatch_passes_on_and_adds_up():
    spent = {"sleep": 0.0}
    watched = Stopwatch(Sleeper(), {"nap": lambda: "sleep"}, spent)
    assert (watched.name, watched.nap(), watched.nap(), watched.wake()) == ("sleeper", "rested", "rested", "awake")
    assert 0.04 <= spent["sleep"] < 0.2


def test_every_agent_has_its_parts_and_only_those_with_a_teacher_pay_for_one():
    found = measure(Options(agents=("grpo", "rlsd"), prompts=4, group_size=4, steps=1))
    assert list(found) == ["grpo", "rlsd", "rlsd, lam 0"]
    assert found["grpo"]["ratio"] == 1
    assert found["rlsd"]["teacher"] > 0
    assert found["grpo"]["teacher"] == found["rlsd, lam 0"]["teacher"] == 0
    for row in found.values():
        assert row["step"] == pytest.approx(sum(row[part] for part in PARTS), rel=0.2)
