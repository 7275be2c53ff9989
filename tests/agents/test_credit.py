from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import tensor
from torch.testing import assert_close

from agents import credit

FINITE = st.floats(-30, 30, allow_nan=False, width=32)


def test_rlsd_by_hand():
    # A=1, D=ln 1.1: w=1.1 inside: .5 + .5*1.1 = 1.05
    # A=1, D=2: w=e^2 clipped to 1.2: .5 + .6 = 1.1
    # A=-1, D=2: w=e^-2 clipped to .8: -(.5 + .4) = -.9
    # A=-2, D=-ln 1.1: w=1.1: -2 * 1.05 = -2.1
    advantages = tensor([1.0, 1.0, -1.0, -2.0])
    gain = tensor([math.log(1.1), 2.0, 2.0, -math.log(1.1)])
    assert_close(credit.rlsd_advantages(advantages, gain, lam=0.5, epsilon=0.2), tensor([1.05, 1.1, -0.9, -2.1]))


def test_where_the_printed_equation_16_differs():
    """A = -1, D = -2: Algorithm 1 gives -1.2; Eq. 16 as printed would give -e^2 = -7.39."""
    advantage, gain = tensor([-1.0]), tensor([-2.0])
    assert credit.rlsd_advantages(advantage, gain, lam=1.0, epsilon=0.2).item() == pytest.approx(-1.2)
    printed = advantage * torch.exp(torch.sign(advantage) * gain)
    assert printed.item() == pytest.approx(-7.389, abs=1e-3)


@given(FINITE, FINITE, st.floats(0, 1), st.floats(0, 0.99))
def test_the_verifier_keeps_the_direction_and_the_teacher_stays_within_bounds(a, d, lam, epsilon):
    advantage = tensor([a], dtype=torch.float64)
    got = credit.rlsd_advantages(advantage, tensor([d], dtype=torch.float64), lam, epsilon)
    assert torch.sign(got) == torch.sign(advantage)
    assert (1 - lam * epsilon) * abs(a) - 1e-9 <= got.abs().item() <= (1 + lam * epsilon) * abs(a) + 1e-9


@given(FINITE, FINITE, st.floats(0, 0.99))
def test_lam_0_is_the_advantage_itself_to_the_bit(a, d, epsilon):
    advantage = tensor([a])
    assert torch.equal(credit.rlsd_advantages(advantage, tensor([d]), 0.0, epsilon), advantage)


def test_no_gradient_goes_through_the_weight():
    student = torch.zeros(1, requires_grad=True)
    gain = credit.information_gain(student, torch.ones(1))
    assert not gain.requires_grad
    with pytest.raises(ValueError, match="constant"):
        credit.rlsd_advantages(torch.ones(1), torch.ones(1) - student, 0.5, 0.2)


@pytest.mark.parametrize(("lam", "epsilon"), [(-0.1, 0.2), (1.1, 0.2), (0.5, 1.0), (0.5, -0.1)])
def test_values_that_could_flip_a_sign_are_refused(lam, epsilon):
    with pytest.raises(ValueError, match="must be"):
        credit.rlsd_advantages(torch.ones(1), torch.ones(1), lam, epsilon)


def test_decay():
    # .5 over 50 steps: step 0 .5, step 25 .25, step 50 and later 0
    assert [credit.linear_decay(0.5, step, 50) for step in (0, 25, 50, 51, 1000)] == [0.5, 0.25, 0.0, 0.0, 0.0]


def test_bayes_reading_on_a_tabular_model():
    """Theorem 4: prod_t P_T / P_S = P(r | x, y) / P(r | x), exactly, on a joint table over r and two tokens."""
    generator = torch.Generator().manual_seed(3)
    joint_rab = torch.rand(3, 4, 5, generator=generator, dtype=torch.float64)
    joint_rab /= joint_rab.sum()
    student_ab = joint_rab.sum(0)
    for r in range(3):
        teacher_ab = joint_rab[r] / joint_rab[r].sum()
        first = (teacher_ab.sum(1) / student_ab.sum(1)).log()  # D of the first token
        second = ((teacher_ab / teacher_ab.sum(1, keepdim=True)) / (student_ab / student_ab.sum(1, keepdim=True))).log()
        posterior = joint_rab[r] / student_ab
        assert_close(first[:, None] + second, (posterior / joint_rab[r].sum()).log())
