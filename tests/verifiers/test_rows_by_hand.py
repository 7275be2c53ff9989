"""Five hundred responses of twenty kinds, half of them wrong, written and labelled by hand without a look at the code.

What is graded here is what `python -m verifiers grade` grades with, which also takes a bare last line. Labels follow
docs/verifiers.md; that of one row is known not to be met: an integral that is worked out with limits behind a bracket.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from verifiers import AnswerVerifier, Reference

ROWS = [json.loads(line) for line in Path(__file__).with_name("rows_by_hand.jsonl").read_text("utf-8").splitlines()]
MISSED = {"fresh-401"}


def reference(row):
    return Reference(row["gold"], choices=tuple(row.get("choices", ())))


def test_there_are_as_many_of_each_kind():
    assert set(Counter(row["kind"] for row in ROWS).values()) == {25}
    assert sum(row["expected"] for row in ROWS) == 240


@pytest.mark.parametrize("mode", ["strict", "lenient"])
def test_no_wrong_answer_is_taken_for_right_and_the_right_ones_are_read(mode):
    verifier = AnswerVerifier(mode=mode)
    verdicts = {row["id"]: verifier.verify(row["prediction"], reference(row)) for row in ROWS}
    taken = {row["id"] for row in ROWS if verdicts[row["id"]].correct}
    right = {row["id"] for row in ROWS if row["expected"]}
    assert not taken - right
    unstated = {name for name in right if verdicts[name].status.value == "no_answer"}
    assert right - taken - unstated == MISSED
    assert len(unstated) == (15 if mode == "strict" else 0)  # a bare answer is no statement
