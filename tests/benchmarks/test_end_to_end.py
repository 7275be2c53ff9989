from __future__ import annotations

import itertools

from benchmarks import end_to_end
from benchmarks.end_to_end import PARTS, Options, Stopwatch, measure


class Sleeper:
    name = "sleeper"

    def nap(self) -> str:
        end_to_end.now()  # a second passes
        return "rested"

    def wake(self) -> str:
        return "awake"


def test_a_stopwatch_passes_on_and_adds_up(monkeypatch):
    """By a clock that goes on by a second whenever it is looked at: 2 s in each of two naps, none outside."""
    monkeypatch.setattr(end_to_end, "now", itertools.count().__next__)
    spent = {"sleep": 0.0}
    watched = Stopwatch(Sleeper(), {"nap": lambda: "sleep"}, spent)
    assert (watched.name, watched.nap(), watched.nap(), watched.wake()) == ("sleeper", "rested", "rested", "awake")
    assert spent == {"sleep": 4}


def test_every_agent_has_its_parts_and_only_those_with_a_teacher_pay_for_one():
    found = measure(Options(agents=("grpo", "rlsd"), prompts=4, group_size=4, steps=1))
    assert list(found) == ["grpo", "rlsd", "rlsd, lam 0"]
    assert found["grpo"]["ratio"] == 1
    assert found["rlsd"]["teacher"] > 0
    assert found["grpo"]["teacher"] == found["rlsd, lam 0"]["teacher"] == 0
    for row in found.values():
        assert 0 < sum(row[part] for part in PARTS) <= row["step"]  # nothing is counted twice
