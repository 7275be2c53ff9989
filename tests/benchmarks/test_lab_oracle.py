"""The yardsticks of credit, worked by hand: one who knows which step was wrong, and the student's own surprise."""

from __future__ import annotations

import dataclasses

import torch
from torch import tensor
from torch.testing import assert_close

from agents.algorithms import Signals, make

SURPRISE = "benchmarks.lab.surprise:Surprise"
ORACLE = "benchmarks.lab.oracle:Oracle"
TEXTS = ("3", " +", " 4", " =", " 7", " 8", " 1", " 2", ".")
WRONG_FIRST = [0, 1, 2, 3, 5, 8, 5, 1, 2, 3, 7]  # 3 + 4 = 8. 8 + 4 = 2
WRONG_BOTH = [0, 1, 2, 3, 5, 8, 5, 1, 2, 3, 6]  # 3 + 4 = 8. 8 + 4 = 1
RIGHT = [0, 1, 2, 3, 4, 8, 4, 1, 2, 3, 6]  # 3 + 4 = 7. 7 + 4 = 1


def signals(rows, A):
    mask = torch.ones(len(rows), len(rows[0]), dtype=torch.bool)
    return Signals(
        A_N1=tensor(A)[:, None],
        S_NT=torch.zeros(mask.shape),
        S_old_NT=torch.zeros(mask.shape),
        mask_NT=mask,
        step=0,
        ids_NT=tensor(rows),
        texts_V=lambda: TEXTS,
    )


def test_blame_falls_on_wrong_steps_and_its_sum_stays():
    """11 tokens, 5 of each step: on one step 11/5 each, on both 11/10, on the first of both 11/5; praise stays."""
    three = signals([WRONG_FIRST, WRONG_BOTH, RIGHT], [-1.0, -1.0, 2.0])
    on_first = tensor([-2.2] * 5 + [0.0] * 6)
    on_both = tensor([-1.1] * 5 + [0.0] + [-1.1] * 5)
    for form, second in (("blame", on_both), ("first", on_first)):
        got = make(ORACLE, {"form": form}).credit(three).advantages
        assert_close(got, torch.stack([on_first, second, torch.full((11,), 2.0)]))
        assert_close(got.sum(1), tensor([-11.0, -11.0, 22.0]))
    half = make(ORACLE, {"share": 0.5}).credit(three).advantages
    assert_close(half[0], -0.5 + 0.5 * on_first)


def test_every_step_earns_its_own_rightness():
    """3 of 6 steps are right: .5 and -.5, and A between the steps."""
    three = signals([WRONG_FIRST, WRONG_BOTH, RIGHT], [-1.0, -1.0, 2.0])
    got = make(ORACLE, {"form": "process"}).credit(three).advantages
    assert_close(got[0], tensor([-0.5] * 5 + [-1.0] + [0.5] * 5))
    assert_close(got[2], tensor([0.5] * 5 + [2.0] + [0.5] * 5))


def test_surprise_weighs_around_its_mean_and_keeps_the_sum():
    """-S is (0, .1, .5): over its mean .2 (0, .5, 2.5), bounded (.5, .5, 2), of mean 1: times 3/3."""
    three = signals([[0, 1, 2], [0, 1, 2]], [-1.0, 1.0])
    three = dataclasses.replace(three, S_NT=tensor([[0.0, -0.1, -0.5]] * 2))
    assert_close(make(SURPRISE).credit(three).advantages, tensor([[-0.5, -0.5, -2.0], [0.5, 0.5, 2.0]]))
    only = make(SURPRISE, {"negative_only": True}).credit(three).advantages
    assert_close(only, tensor([[-0.5, -0.5, -2.0], [1.0, 1.0, 1.0]]))
